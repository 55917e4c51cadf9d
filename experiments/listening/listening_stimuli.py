"""The sounds of a listening test: equally loud, equally long, in a loop that nobody hears close.

Outputs and controls are taken as the run has written them. All that is heard of a pair has one length, the
content's, so that switching between stimuli keeps the place in the music.

**Loudness.** -23 LUFS (EBU R 128; ITU-R BS.1770-4) for each sound. Where that leaves full scale, all sounds
of the pair are turned down alike, so that they stay equally loud.

**Loop.** The last 10 ms are cross-faded into the first 10 ms and cut off: the sample after the last is then
the first, without a step. Longer fades would soften the first attack.

**Low-pass anchor.** BS.1534-3 asks of its 3.5 kHz filter at most 0.1 dB of ripple up to 3.5 kHz and at least
25 dB of attenuation at 4 kHz and 50 dB at 4.5 kHz. A linear-phase filter by the window method of Kaiser, 60
dB from 4 kHz on, has both, and no delay once it is centred.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.signal import fftconvolve, firwin, kaiserord

from timbrebench.audio.clips import Samples, change_rate, fit_length, read_audio
from timbrebench.audio.programme_loudness import BLOCK_S, integrated_loudness, scale_to_loudness
from timbrebench.core.errors import RunError
from timbrebench.experiments.listening.listening_kinds import (
    CONTENT,
    LOW_PASS,
    REFERENCE,
    Conditions,
)
from timbrebench.experiments.listening.listening_test import Role
from timbrebench.experiments.suites.suite import OpenedSuite, Pair

#: Integrated loudness of everything that is heard, in LUFS.
LOUDNESS = -23.0

#: Seconds over which the end of a loop is faded into its start.
CROSSFADE_S = 0.01

#: The low-pass anchor's filter: ends of pass band and transition in hertz, attenuation in decibels.
_PASS_HZ, _STOP_HZ, _ATTENUATION_DB = 3500.0, 4000.0, 60.0


@dataclass(frozen=True)
class PairSounds:
    """What is heard of a pair, ready to be played.

    Attributes
    ----------
    pair : Pair
        The pair.
    stimuli : dict
        Samples of each condition.
    given : dict
        Samples of the clips that pages name openly.
    """

    pair: Pair
    stimuli: dict[str, Samples]
    given: dict[Role, Samples]


def pair_sounds(
    suite: OpenedSuite, pair: Pair, conditions: Conditions, outputs: dict[str, Path], sample_rate: int
) -> PairSounds:
    """Read, level and loop what is heard of a pair.

    Parameters
    ----------
    suite : OpenedSuite
        The run's suite.
    pair : Pair
        One of its pairs.
    conditions : Conditions
        What is heard.
    outputs : dict of str to pathlib.Path
        The output of each condition but the low-pass anchor.
    sample_rate : int
        The rate of the test, in hertz.

    Returns
    -------
    PairSounds
        Every sound at `sample_rate`.

    Raises
    ------
    RunError
        If a sound is too short or too soft for its loudness to be measured.
    AudioError
        If an output cannot be read.
    """
    sounds = {name: read_audio(path, sample_rate)[0] for name, path in outputs.items()}
    length = len(sounds[CONTENT])
    sounds = {name: fit_length(samples, length) for name, samples in sounds.items()}
    sounds[LOW_PASS] = low_pass(sounds[REFERENCE if conditions.has_truth else CONTENT], sample_rate)
    style = change_rate(suite.dataset.samples(pair.style), pair.style.sample_rate, sample_rate)
    for name, samples in {**sounds, "style": style}.items():
        _require_audible(samples, sample_rate, f"{pair.pair_id}: {name}")
    stimuli = {name: _prepared(sounds[name], sample_rate) for name in conditions.all}
    given: dict[Role, Samples] = {"style": _prepared(style, sample_rate), "content": stimuli[CONTENT]}
    if conditions.has_truth:
        given["reference"] = stimuli[REFERENCE]
    peak = max(float(np.abs(samples).max()) for samples in (*stimuli.values(), *given.values()))
    gain = min(1.0, 1 / peak)
    return PairSounds(
        pair,
        {name: samples * np.float32(gain) for name, samples in stimuli.items()},
        {role: samples * np.float32(gain) for role, samples in given.items()},
    )


def _require_audible(samples: Samples, sample_rate: int, name: str) -> None:
    if len(samples) < (BLOCK_S + CROSSFADE_S) * sample_rate:
        raise RunError(f"{name} is shorter than the {BLOCK_S} s over which loudness is measured")
    if not np.isfinite(integrated_loudness(samples, sample_rate)):
        raise RunError(f"{name} is too soft to be heard: nowhere louder than -70 LUFS")


def _prepared(samples: Samples, sample_rate: int) -> Samples:
    return loopable(scale_to_loudness(samples, sample_rate, LOUDNESS), sample_rate)


def loopable(samples: Samples, sample_rate: int) -> Samples:
    """Fade the end of a clip into its start and cut it off, :data:`CROSSFADE_S` of it.

    Examples
    --------
    A ramp jumps where it starts again; in its loop the last sample is followed by the next one.

    >>> looped = loopable(np.arange(2000, dtype=np.float32), 44100)
    >>> float(looped[-1]), float(looped[0])
    (1558.0, 1559.0)
    """
    length = round(CROSSFADE_S * sample_rate)
    body, tail = samples[:-length].copy(), samples[-length:]
    share = np.linspace(0, 1, length, dtype=np.float32)
    body[:length] = share * body[:length] + (1 - share) * tail
    return body


def low_pass(samples: Samples, sample_rate: int) -> Samples:
    """Return the low-pass anchor of a clip; below 8 kHz of rate there is nothing to be cut."""
    if sample_rate <= 2 * _STOP_HZ:
        return samples
    nyquist = sample_rate / 2
    taps, beta = kaiserord(_ATTENUATION_DB, (_STOP_HZ - _PASS_HZ) / nyquist)
    coefficients = firwin(taps | 1, (_PASS_HZ + _STOP_HZ) / 2, window=("kaiser", beta), fs=sample_rate)
    return np.asarray(fftconvolve(samples, coefficients, mode="same"), dtype=np.float32)
