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
``holes``           share of the time in which nothing sounds            half of the clip
``burst``           peak of noise in the last 20 ms, in decibels         20 dB over the clip's peak
``smear``           how far each phase is turned at random               by up to half a turn each way
``ring``            depth of a modulation of the level at 70 Hz          the level falls to 0
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

import math
from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar

import librosa
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
SOUND_LEVEL = ("noise", "lowpass", "wrong_instrument", "holes", "burst", "smear", "ring")
NOTE_LEVEL = ("wrong_notes", "shifted_onsets", "time_stretch", "transposition")

#: Decibels of the clip over the noise where noise begins; at grade 1 there are none left.
HIGHEST_SNR_DB = 40.0

#: Cutoff frequency in hertz at grade 1: the fundamentals of most notes remain.
LOWEST_CUTOFF_HZ = 500.0

#: Seconds of a hole and the share of holes at grade 1; seconds of a burst and its decibels at grade 1.
HOLE_S, MAX_HOLES = 0.05, 0.5
BURST_S, HIGHEST_BURST_DB = 0.02, 20.0

#: Hertz at which the level is modulated.
RING_HZ = 70.0

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
    """Add white Gaussian noise.

    Parameters
    ----------
    samples : numpy.ndarray, shape (n,)
        Mono samples.
    grade : float
        0 to 1: the clip's root mean square lies ``40 (1 - grade)`` dB over the noise's; 0 adds none.
    seed : int
        Seed of the noise, which at all grades is the same but for its level.

    Returns
    -------
    numpy.ndarray, shape (n,), float32
        Not clipped.

    Raises
    ------
    ConfigurationError
        If the grade lies outside 0 to 1.

    Examples
    --------
    >>> clip = np.sin(np.arange(22050) / 10).astype(np.float32)
    >>> added = noise(clip, 0.5, seed=0) - clip
    >>> round(float(20 * np.log10(rms(clip) / rms(added))), 2)
    20.0
    """
    drawn = np.random.default_rng(seed).standard_normal(len(samples), dtype=np.float32)
    level = rms(samples) * 10 ** (-HIGHEST_SNR_DB * (1 - grade) / 20)
    return np.asarray(samples + scale_to_rms(drawn, level), dtype=np.float32)


@_graded
def lowpass(samples: Samples, grade: float, *, sample_rate: int) -> Samples:
    """Take high frequencies away, without delay.

    Parameters
    ----------
    samples : numpy.ndarray, shape (n,)
        Mono samples, more than 15.
    grade : float
        0 to 1: the cutoff falls geometrically from 0.45 times the sample rate to 500 Hz; 0 takes nothing.
    sample_rate : int
        In hertz, above 1,112.

    Returns
    -------
    numpy.ndarray, shape (n,), float32
        Filtered by a Butterworth filter of order 4 forwards and backwards: 6 dB down at the cutoff, and 48 dB
        for each octave above it.

    Raises
    ------
    ConfigurationError
        If the grade lies outside 0 to 1.
    """
    highest = 0.45 * sample_rate
    cutoff = highest * (LOWEST_CUTOFF_HZ / highest) ** grade
    filters = scipy.signal.butter(4, cutoff, fs=sample_rate, output="sos")
    return np.asarray(scipy.signal.sosfiltfilt(filters, samples), dtype=np.float32)


@_graded
def wrong_instrument(samples: Samples, grade: float, *, other: Samples) -> Samples:
    """Mix a clip with another that plays the same.

    Parameters
    ----------
    samples : numpy.ndarray, shape (n,)
        Mono samples.
    grade : float
        0 to 1: the share of the energy that `other` has. At 1 it is alone.
    other : numpy.ndarray, shape (m,)
        The same notes on another instrument; cut, or filled up with zeros, to n samples. Its level does not
        count.

    Returns
    -------
    numpy.ndarray, shape (n,), float32
        As loud as `samples`, as far as the two are uncorrelated.

    Raises
    ------
    ConfigurationError
        If the grade lies outside 0 to 1.
    """
    matched = scale_to_rms(fit_length(other, len(samples)), rms(samples))
    return np.asarray(np.sqrt(1 - grade) * samples + np.sqrt(grade) * matched, dtype=np.float32)


@_graded
def holes(samples: Samples, grade: float, *, sample_rate: int, seed: int) -> Samples:
    """Silence parts of a clip, each 50 ms long.

    Parameters
    ----------
    samples : numpy.ndarray, shape (n,)
        Mono samples.
    grade : float
        0 to 1: twice the share of the parts, rounded up to whole ones. Those of a lower grade are among those
        of a higher one.
    sample_rate : int
        In hertz.
    seed : int
        Seed of which parts.

    Returns
    -------
    numpy.ndarray, shape (n,), float32
        With zeros in the holes.

    Raises
    ------
    ConfigurationError
        If the grade lies outside 0 to 1.
    """
    length = max(1, round(HOLE_S * sample_rate))
    parts = -(-len(samples) // length)
    chosen = np.random.default_rng(seed).permutation(parts)[: math.ceil(grade * MAX_HOLES * parts)]
    is_hole = np.isin(np.arange(len(samples)) // length, chosen)
    return np.where(is_hole, np.float32(0), samples)


@_graded
def burst(samples: Samples, grade: float, *, sample_rate: int, seed: int) -> Samples:
    """Let a clip end with a burst of white noise of 20 ms.

    Parameters
    ----------
    samples : numpy.ndarray, shape (n,)
        Mono samples.
    grade : float
        0 to 1: the burst's peak lies ``20 grade`` dB over the clip's.
    sample_rate : int
        In hertz.
    seed : int
        Seed of the noise, which at all grades is the same but for its level.

    Returns
    -------
    numpy.ndarray, shape (n,), float32
        Not clipped.

    Raises
    ------
    ConfigurationError
        If the grade lies outside 0 to 1.
    """
    length = min(len(samples), max(1, round(BURST_S * sample_rate)))
    drawn = np.random.default_rng(seed).standard_normal(length, dtype=np.float32)
    peak = np.abs(samples).max() * 10 ** (HIGHEST_BURST_DB * grade / 20)
    louder = samples.astype(np.float32, copy=True)
    louder[-length:] = drawn * (peak / np.abs(drawn).max())
    return louder


@_graded
def smear(samples: Samples, grade: float, *, seed: int) -> Samples:
    """Turn the phases of a clip's short-time spectrum (2,048 samples, 512 apart) at random.

    Parameters
    ----------
    samples : numpy.ndarray, shape (n,)
        Mono samples.
    grade : float
        0 to 1: each phase is turned by ``grade`` times an angle from half a turn back to half a turn on.
    seed : int
        Seed of the angles, which are the same at all grades.

    Returns
    -------
    numpy.ndarray, shape (n,), float32
        Somewhat softer.

    Raises
    ------
    ConfigurationError
        If the grade lies outside 0 to 1.
    """
    spectrum = librosa.stft(samples, n_fft=2048, hop_length=512)
    angles = np.random.default_rng(seed).uniform(-np.pi, np.pi, size=spectrum.shape)
    turned = spectrum * np.exp(1j * grade * angles).astype(np.complex64)
    return np.asarray(librosa.istft(turned, hop_length=512, length=len(samples)), dtype=np.float32)


@_graded
def ring(samples: Samples, grade: float, *, sample_rate: int) -> Samples:
    """Modulate a clip's level at 70 Hz.

    Parameters
    ----------
    samples : numpy.ndarray, shape (n,)
        Mono samples.
    grade : float
        0 to 1: by how much the level falls, as a share of it.
    sample_rate : int
        In hertz.

    Returns
    -------
    numpy.ndarray, shape (n,), float32
        The level moves between 1 and ``1 - grade`` of what it was.

    Raises
    ------
    ConfigurationError
        If the grade lies outside 0 to 1.
    """
    wave = 0.5 - 0.5 * np.cos(2 * np.pi * RING_HZ * np.arange(len(samples)) / sample_rate)
    return np.asarray(samples * (1 - grade * wave), dtype=np.float32)


@_graded
def wrong_notes(
    notes: pd.DataFrame, grade: float, *, seed: int, lowest: int = 0, highest: int = 127
) -> pd.DataFrame:
    """Replace notes by wrong ones, 1 to 4 semitones off.

    Parameters
    ----------
    notes : pandas.DataFrame
        A table of notes.
    grade : float
        0 to 1: the share of the notes, rounded to whole ones. The notes of a lower grade are among those of a
        higher one.
    seed : int
        Seed of which, and by how much.
    lowest, highest : int
        MIDI pitches that the instrument sounds; what falls outside is moved back by octaves.

    Returns
    -------
    pandas.DataFrame
        The notes. One that falls on another is merged with it.

    Raises
    ------
    ConfigurationError
        If the grade lies outside 0 to 1.
    """
    generator = np.random.default_rng(seed)
    order = generator.permutation(len(notes))
    moves = generator.choice(_WRONG_BY, size=len(notes))
    moves[order[round(grade * len(notes)) :]] = 0
    return notes if not moves.any() else fold(notes.assign(pitch=notes.pitch + moves), lowest, highest)


@_graded
def shifted_onsets(notes: pd.DataFrame, grade: float, *, seed: int) -> pd.DataFrame:
    """Play each note somewhat early or late, as long as before.

    Parameters
    ----------
    notes : pandas.DataFrame
        A table of notes.
    grade : float
        0 to 1: shifts are drawn evenly from 150 ms early to 150 ms late, and multiplied with the grade.
    seed : int
        Seed of the shifts.

    Returns
    -------
    pandas.DataFrame
        The notes, none before 0 s. One that runs into the next of its pitch is cut there, and two of a pitch
        that meet are one.

    Raises
    ------
    ConfigurationError
        If the grade lies outside 0 to 1.
    """
    drawn = np.random.default_rng(seed).uniform(-1, 1, size=len(notes))
    shifts = np.maximum(drawn * grade * MOST_SHIFTED_S, -notes.onset_s)
    moved = (notes.onset_s + shifts, notes.offset_s + shifts, notes.pitch, notes.velocity)
    return notes_table(list(zip(*moved, strict=True)))


@_graded
def time_stretch(notes: pd.DataFrame, grade: float, *, start_s: float = 0.0) -> pd.DataFrame:
    """Play more slowly.

    Parameters
    ----------
    notes : pandas.DataFrame
        A table of notes.
    grade : float
        0 to 1: everything takes ``1 + 0.05 grade`` times as long.
    start_s : float, default 0
        The time in seconds that stays where it is; earlier notes are played earlier still.

    Returns
    -------
    pandas.DataFrame
        The notes.

    Raises
    ------
    ConfigurationError
        If the grade lies outside 0 to 1.
    """
    slower = stretch(_later(notes, -start_s), 1 + (SLOWEST - 1) * grade)
    return _later(slower, start_s)


@_graded
def transposition(notes: pd.DataFrame, grade: float, *, lowest: int = 0, highest: int = 127) -> pd.DataFrame:
    """Play in another key.

    Parameters
    ----------
    notes : pandas.DataFrame
        A table of notes.
    grade : float
        0 to 1: the notes are moved upwards by ``5 grade`` semitones, rounded to whole ones.
    lowest, highest : int
        MIDI pitches that the instrument sounds; what falls outside is moved back by octaves.

    Returns
    -------
    pandas.DataFrame
        The notes.

    Raises
    ------
    ConfigurationError
        If the grade lies outside 0 to 1.
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
