"""Templates of a known timbre fitted to a clip of an unseen one.

The timbre that explains the clip best is where it starts from. A smooth filter takes its templates to the
long-term spectrum of the clip; then the templates of the notes that the clip holds are fitted to it, each the
more, the longer the note sounds (a gamma prior around where they started: Cemgil 2009); and notes that the
clip does not hold get the spectrum of the nearest that it does hold, moved to their pitch.

A known timbre does not need this, and is degraded by it. The divergence of a clip from its templates decides:
of 15 clips of a soundfont that templates had been learned from, 0.07 to 0.16 of the sum of
magnitudes, and of 15 that none had been learned from, 0.20 to 0.87.

References
----------
A. T. Cemgil, "Bayesian inference for nonnegative matrix factorisation models", Computational Intelligence and
Neuroscience, 2009.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from timbrebench.audio.spectra import Spectrogram
from timbrebench.transfer.algorithms.nmf import TINY, Matrix, move_pitch, update_activations

#: Share of a clip's magnitudes up to which the templates that leave it unexplained count as the clip's own.
KNOWN_SHARE = 0.18

#: Width of the filter's features, in octaves, and how far it goes, in decibels.
FILTER_OCTAVES, FILTER_DB = 0.5, 12.0

#: Below this the filter is constant, in hertz: there are few bins there, and little sounds.
_LOWEST_HZ = 60.0

#: Frames at full activation after which a note's fitted template weighs as much as what it started from.
_PRIOR_FRAMES = 0.5

#: Updates of templates and activations.
_UPDATES = 10

#: Frames at full activation from which on a note counts as present, and semitones that its spectrum is moved.
_PRESENT_FRAMES, _FARTHEST = 3.0, 12


def fit_templates(
    style: Spectrogram, templates: Matrix, activations: Matrix, shape: tuple[int, int, int]
) -> Matrix:
    """Fit the templates of a timbre to a clip of another.

    Parameters
    ----------
    style : numpy.ndarray, shape (bins, frames)
        Magnitudes of the clip.
    templates : numpy.ndarray, shape (bins, stages * pitches)
        Templates of the timbre, stage by stage.
    activations : numpy.ndarray, shape (stages * pitches, frames)
        Which notes the clip holds.
    shape : tuple of int
        Stages, pitches, and the rate of the clip in hertz.

    Returns
    -------
    numpy.ndarray, shape (bins, stages * pitches), float32
        Templates. If nothing is active, what was given.
    """
    stages, pitches, sample_rate = shape
    tone = smooth_filter(style, templates @ activations, sample_rate)
    start: Matrix = templates * tone[:, None]
    modelled = float((start @ activations).sum())
    if modelled <= 0:
        return templates
    start = start * np.float32(style.sum() / modelled)
    fitted, active = start, activations
    for _ in range(_UPDATES):
        ratio = style / np.maximum(fitted @ active, TINY)
        weights = active.sum(axis=1) + np.float32(_PRIOR_FRAMES)
        fitted = (fitted * (ratio @ active.T) + np.float32(_PRIOR_FRAMES) * start) / weights
        active = update_activations(style, fitted, active)
    present = activations.sum(axis=1).reshape(stages, pitches) >= _PRESENT_FRAMES
    by_stage = zip(
        *(array.reshape(-1, stages, pitches).swapaxes(0, 1) for array in (fitted, start)),
        present,
        strict=True,
    )
    spread = [_spread(of_stage, before, known) for of_stage, before, known in by_stage]
    return np.ascontiguousarray(np.stack(spread, axis=1).reshape(len(style), -1))


def _spread(fitted: Matrix, start: Matrix, present: NDArray[np.bool_]) -> Matrix:
    """Give absent notes the spectrum of the nearest present one, as loud as their own."""
    filled, known = fitted.copy(), np.flatnonzero(present)
    for pitch in np.flatnonzero(~present) if len(known) else []:
        nearest = known[np.argmin(np.abs(known - pitch))]
        if abs(nearest - pitch) <= _FARTHEST:
            moved = move_pitch(fitted[:, [nearest]], float(pitch - nearest))[:, 0]
            filled[:, pitch] = moved * (start[:, pitch].sum() / max(float(moved.sum()), float(TINY)))
    return filled


def smooth_filter(wanted: Spectrogram, made: Matrix, sample_rate: int) -> NDArray[np.float32]:
    """Return the gain of each bin that brings one long-term spectrum to another.

    Parameters
    ----------
    wanted, made : numpy.ndarray, shapes (bins, frames) and (bins, frames)
        Magnitudes of two clips of the same music; their levels do not matter.
    sample_rate : int
        Rate of both in hertz.

    Returns
    -------
    numpy.ndarray, shape (bins,), float32
        Gains whose median is 1, smoothed over :data:`FILTER_OCTAVES` and limited to :data:`FILTER_DB` up and
        down; all 1 where one of the two is silent.
    """
    frequencies = np.linspace(0, sample_rate / 2, len(wanted))
    octaves = np.log2(np.maximum(frequencies, _LOWEST_HZ))
    weights = np.exp(-0.5 * ((octaves[:, None] - octaves) / FILTER_OCTAVES) ** 2)
    spectra = [weights @ clip.sum(axis=1, dtype=np.float64) for clip in (wanted, made)]
    floors = [1e-4 * float(spectrum.max()) for spectrum in spectra]
    if min(floors) <= 0:
        return np.ones(len(wanted), dtype=np.float32)
    gain = (spectra[0] + floors[0]) / (spectra[1] + floors[1])
    limit = 10 ** (FILTER_DB / 20)
    return np.asarray(np.clip(gain / np.median(gain), 1 / limit, limit), dtype=np.float32)
