"""Non-negative matrix factorisation: a magnitude spectrogram as templates times activations.

Conventions
-----------
A spectrogram has the shape (bins, frames), templates (bins, components), activations (components, frames);
all hold finite numbers that are not negative. What is lowered is the generalised Kullback-Leibler divergence

    D(V | Y) = sum of V log(V / Y) - V + Y  over all bins and frames,  with Y = templates @ activations,

by the multiplicative updates of Lee & Seung, none of which raises it. A component or frame without energy
gets zeros, never NaN.

References
----------
D. D. Lee and H. S. Seung, "Algorithms for non-negative matrix factorization", NIPS 2000.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import rel_entr

from timbrebench.core.progress import Tracker

Matrix = NDArray[np.float32]

#: Keeps quotients finite: smaller than any audible magnitude, larger than what float32 rounds to 0.
TINY = np.float32(1e-12)


def kl_divergence(spectrogram: Matrix, model: Matrix) -> float:
    """Return the generalised Kullback-Leibler divergence of a model from a spectrogram.

    Parameters
    ----------
    spectrogram, model : numpy.ndarray, shape (bins, frames)
        What is modelled, and the product of templates and activations.

    Returns
    -------
    float
        Not negative, 0 for equal matrices; in the unit of the magnitudes. Infinite where the model is zero
        and the spectrogram is not.
    """
    wanted, given = spectrogram.astype(np.float64), model.astype(np.float64)
    return float(np.sum(rel_entr(wanted, given) - wanted + given))


def update_activations(spectrogram: Matrix, templates: Matrix, activations: Matrix) -> Matrix:
    """Return activations that fit as well or better, for the same templates.

    Parameters
    ----------
    spectrogram : numpy.ndarray, shape (bins, frames)
        What is modelled.
    templates : numpy.ndarray, shape (bins, components)
        The templates.
    activations : numpy.ndarray, shape (components, frames)
        Activations to start from; a zero stays one.

    Returns
    -------
    numpy.ndarray, shape (components, frames)
        The updated activations.
    """
    ratio = _ratio(spectrogram, templates, activations)
    weights = np.maximum(templates.sum(axis=0), TINY)
    updated: Matrix = activations * (templates.T @ ratio) / weights[:, None]
    return updated


def update_templates(spectrogram: Matrix, templates: Matrix, activations: Matrix) -> Matrix:
    """Return templates that fit as well or better, for the same activations.

    A component that is never active gets zeros.
    """
    ratio = _ratio(spectrogram, templates, activations)
    weights = np.maximum(activations.sum(axis=1), TINY)
    updated: Matrix = templates * (ratio @ activations.T) / weights
    return updated


def activate(
    spectrogram: Matrix, templates: Matrix, iterations: int, *, tracker: Tracker | None = None
) -> Matrix:
    """Estimate activations of fixed templates.

    The divergence is convex in the activations, so every start leads to the same value. Here it is what is
    the same for all components and explains the energy of each frame.

    Parameters
    ----------
    spectrogram : numpy.ndarray, shape (bins, frames)
        What is modelled.
    templates : numpy.ndarray, shape (bins, components)
        The templates.
    iterations : int
        Number of updates.
    tracker : Tracker, optional
        Advances with every update.

    Returns
    -------
    numpy.ndarray, shape (components, frames), float32
        The activations.
    """
    energy = spectrogram.sum(axis=0) / max(float(templates.sum()), float(TINY))
    activations: Matrix = np.tile(energy.astype(np.float32), (templates.shape[1], 1))
    for _ in range(iterations):
        activations = update_activations(spectrogram, templates, activations)
        if tracker is not None:
            tracker.advance()
    return activations


def move_pitch(spectra: Matrix, semitones: float) -> Matrix:
    """Move magnitude spectra along the logarithmic frequency axis.

    Parameters
    ----------
    spectra : numpy.ndarray, shape (bins, n)
        Spectra on a linear frequency axis from 0 to half the sample rate.
    semitones : float
        How far: negative for down. What leaves the axis at its upper end is lost, and what would come in is
        zero.

    Returns
    -------
    numpy.ndarray, shape (bins, n), float32
        Spectra interpolated linearly between bins.
    """
    last = len(spectra) - 1
    places = np.arange(len(spectra)) * 2.0 ** (-semitones / 12)
    below = np.minimum(places.astype(int), last)
    above = np.minimum(below + 1, last)
    share = (places - below)[:, None]
    moved = (1 - share) * spectra[below] + share * spectra[above]
    moved[places > last] = 0
    return np.asarray(moved, dtype=np.float32)


def _ratio(spectrogram: Matrix, templates: Matrix, activations: Matrix) -> Matrix:
    ratio: Matrix = spectrogram / np.maximum(templates @ activations, TINY)
    return ratio
