"""Corruptions of a clip or its notes, by grade.

Definition
----------
Each function takes a `grade` from 0, which changes nothing, to 1, and degrades one thing only, so that a
metric can be shown to respond to it; other grades raise a `ConfigurationError`. Those of :data:`SOUND_LEVEL`
change samples, those of :data:`NOTE_LEVEL` change notes, which then have to be rendered. Draws depend on the
seed and not on the grade: a higher grade makes the same mistakes and more of them, or greater ones.

=================== ==================================================== =====================================
corruption          what a grade means                                   at grade 1
=================== ==================================================== =====================================
``noise``           white noise; 40 dB less of it at grade 0+, linear    as loud as the clip
``lowpass``         cutoff frequency, falling geometrically              nothing much above 500 Hz
``wrong_instrument`` share of the energy that another instrument has     the other instrument alone
``wrong_notes``     share of the notes that are 1 to 4 semitones off     no note is right
``shifted_onsets``  how far each note is early or late                   up to 150 ms
``time_stretch``    how much slower all is played                        a twentieth slower
``transposition``   semitones upwards, whole ones                        a fourth
=================== ==================================================== =====================================

Scales end about where it is as bad as it gets: greater shifts would make notes fall on each other's places,
and at a twentieth slower the notes at the end of a clip of 5 s are a quarter of a second late.

The *invariances* :func:`gain`, :func:`polarity` and :func:`shift` are what most metrics must not notice.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar

import numpy as np
import pandas as pd
import scipy.signal

from timbrebench.audio.clips import Samples, fit_length
from timbrebench.audio.loudness import rms, scale_to_rms
from timbrebench.core.errors import ConfigurationError
from timbrebench.datasets.notes import fold, notes_table, stretch

_Degraded = TypeVar("_Degraded")
_Settings = ParamSpec("_Settings")

#: Corruptions of samples and of notes, by their names among those that metrics can promise to respond to.
SOUND_LEVEL = ("noise", "lowpass", "wrong_instrument")
NOTE_LEVEL = ("wrong_notes", "shifted_onsets", "time_stretch", "transposition")

#: Decibels of the clip over the noise where noise begins; at grade 1 there are none left.
HIGHEST_SNR_DB = 40.0

#: Cutoff frequency in hertz at grade 1: the fundamentals of most notes remain.
LOWEST_CUTOFF_HZ = 500.0

#: By how many semitones a wrong note may be off. An octave would be a right note to some.
_WRONG_BY = (-4, -3, -2, -1, 1, 2, 3, 4)

#: How many seconds early or late a note may be at grade 1.
MOST_SHIFTED_S = 0.15

#: How much longer notes take at grade 1.
SLOWEST = 1.05

#: Semitones at grade 1.
MOST_SEMITONES = 5


def _graded(
    degrade: Callable[Concatenate[_Degraded, float, _Settings], _Degraded],
) -> Callable[Concatenate[_Degraded, float, _Settings], _Degraded]:
    """Check the grade of a corruption, and return a clip or notes as they are at grade 0."""

    @wraps(degrade)
    def checked(
        before: _Degraded, grade: float, /, *arguments: _Settings.args, **options: _Settings.kwargs
    ) -> _Degraded:
        if not 0 <= grade <= 1:
            raise ConfigurationError(f"a grade of corruption lies between 0 and 1, got {grade}")
        return before if grade == 0 else degrade(before, grade, *arguments, **options)

    return checked


@_graded
def noise(samples: Samples, grade: float, *, seed: int) -> Samples:
    """Add white Gaussian noise; the clip's root mean square lies ``40 (1 - grade)`` dB over the noise's.

    The noise of a seed is the same at all grades but for its level. The result is not clipped.

    Examples
    --------
    >>> clip = np.sin(np.arange(22050) / 10).astype(np.float32)
    >>> added = noise(clip, 0.5, seed=0) - clip
    >>> float(round(20 * np.log10(rms(clip) / rms(added)), 2))
    20.0
    """
    drawn = np.random.default_rng(seed).standard_normal(len(samples), dtype=np.float32)
    level = rms(samples) * 10 ** (-HIGHEST_SNR_DB * (1 - grade) / 20)
    return np.asarray(samples + scale_to_rms(drawn, level), dtype=np.float32)


@_graded
def lowpass(samples: Samples, grade: float, *, sample_rate: int) -> Samples:
    """Take high frequencies away, without delay; takes more than 15 samples at a rate above 1,112 Hz.

    The cutoff falls geometrically from 0.45 times the sample rate to 500 Hz. The filter is a Butterworth
    filter of order 4, forwards and backwards: 6 dB down at the cutoff, and 48 dB for each octave above it.
    """
    highest = 0.45 * sample_rate
    cutoff = highest * (LOWEST_CUTOFF_HZ / highest) ** grade
    filters = scipy.signal.butter(4, cutoff, fs=sample_rate, output="sos")
    return np.asarray(scipy.signal.sosfiltfilt(filters, samples), dtype=np.float32)


@_graded
def wrong_instrument(samples: Samples, grade: float, *, other: Samples) -> Samples:
    """Mix a clip with `other`, the same notes on another instrument, whose share of the energy is the grade.

    `other` is cut, or filled up with zeros, to the length of the clip, and its level does not count. The
    result is as loud as the clip, as far as the two are uncorrelated; at grade 1 `other` is alone.
    """
    matched = scale_to_rms(fit_length(other, len(samples)), rms(samples))
    return np.asarray(np.sqrt(1 - grade) * samples + np.sqrt(grade) * matched, dtype=np.float32)


@_graded
def wrong_notes(
    notes: pd.DataFrame, grade: float, *, seed: int, lowest: int = 0, highest: int = 127
) -> pd.DataFrame:
    """Replace notes by wrong ones, 1 to 4 semitones off; the grade is their share, in whole notes.

    The wrong notes of a lower grade are among those of a higher one. What falls outside the MIDI pitches that
    the instrument sounds, `lowest` to `highest`, is moved back by octaves; a note that falls on another is
    merged with it.
    """
    generator = np.random.default_rng(seed)
    order = generator.permutation(len(notes))
    moves = generator.choice(_WRONG_BY, size=len(notes))
    moves[order[round(grade * len(notes)) :]] = 0
    return notes if not moves.any() else fold(notes.assign(pitch=notes.pitch + moves), lowest, highest)


@_graded
def shifted_onsets(notes: pd.DataFrame, grade: float, *, seed: int) -> pd.DataFrame:
    """Play each note somewhat early or late, as long as before.

    Shifts are drawn evenly from 150 ms early to 150 ms late, and multiplied with the grade. No note begins
    before 0 s. One that runs into the next of its pitch is cut there, and two of a pitch that meet are one.
    """
    drawn = np.random.default_rng(seed).uniform(-1, 1, size=len(notes))
    shifts = np.maximum(drawn * grade * MOST_SHIFTED_S, -notes.onset_s)
    moved = (notes.onset_s + shifts, notes.offset_s + shifts, notes.pitch, notes.velocity)
    return notes_table(list(zip(*moved, strict=True)))


@_graded
def time_stretch(notes: pd.DataFrame, grade: float, *, start_s: float = 0.0) -> pd.DataFrame:
    """Play more slowly: everything takes ``1 + 0.05 grade`` times as long.

    The time `start_s`, in seconds, stays where it is; earlier notes are played earlier still.
    """
    slower = stretch(_later(notes, -start_s), 1 + (SLOWEST - 1) * grade)
    return _later(slower, start_s)


@_graded
def transposition(notes: pd.DataFrame, grade: float, *, lowest: int = 0, highest: int = 127) -> pd.DataFrame:
    """Play in another key, ``5 grade`` semitones higher, rounded to whole ones.

    What falls outside `lowest` to `highest` is moved back by octaves, as in :func:`wrong_notes`.
    """
    semitones = round(MOST_SEMITONES * grade)
    return notes if semitones == 0 else fold(notes.assign(pitch=notes.pitch + semitones), lowest, highest)


def gain(samples: Samples, decibels: float) -> Samples:
    """Make a clip louder, or softer where negative; beyond full scale it is not clipped."""
    return np.asarray(samples * 10 ** (decibels / 20), dtype=np.float32)


def polarity(samples: Samples) -> Samples:
    """Turn a clip's sign round, as a loudspeaker with its wires crossed does."""
    return -samples


def shift(samples: Samples, count: int) -> Samples:
    """Delay a clip by some samples, or, where negative, start it later; its length stays, zeros fill up."""
    if count < 0:
        return fit_length(samples[-count:], len(samples))
    return fit_length(np.pad(samples, (count, 0)), len(samples))


def _later(notes: pd.DataFrame, seconds: float) -> pd.DataFrame:
    return notes.assign(onset_s=notes.onset_s + seconds, offset_s=notes.offset_s + seconds)
