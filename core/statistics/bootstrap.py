"""Means with intervals.

Clips of one piece resemble each other, so they are no independent evidence. The bootstrap here draws whole
content pieces, with all pairs that have their content from them, and it draws the same pieces for every
method (a paired bootstrap): methods are compared on the same music. Intervals are percentiles of the
resampled means (Efron & Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

#: Share of the resampled means that an interval holds.
COVERAGE = 0.95


def resample_pieces(pieces: int, resamples: int, seed: int) -> Floats:
    """Draw pieces with replacement, time after time.

    Parameters
    ----------
    pieces : int
        How many there are.
    resamples : int
        How many times as many are drawn.
    seed : int
        Seed of the draws.

    Returns
    -------
    numpy.ndarray, shape (resamples, pieces)
        How often each piece was drawn.
    """
    generator = np.random.default_rng(seed)
    counts = generator.multinomial(pieces, np.full(pieces, 1 / pieces), size=resamples)
    return np.asarray(counts, dtype=np.float64)


def resampled_means(values: Floats, piece_of: NDArray[np.intp], counts: Floats) -> Floats:
    """Return the mean of all values in each resample.

    Parameters
    ----------
    values : numpy.ndarray, shape (n,)
        One value for each pair; NaN where there is none.
    piece_of : numpy.ndarray, shape (n,)
        Index of each pair's piece.
    counts : numpy.ndarray, shape (resamples, pieces)
        How often each piece was drawn.

    Returns
    -------
    numpy.ndarray, shape (resamples,)
        NaN where no piece with a value was drawn.
    """
    present = np.isfinite(values)
    pieces = counts.shape[1]
    sums = np.bincount(piece_of[present], weights=values[present], minlength=pieces)
    numbers = np.bincount(piece_of[present], minlength=pieces).astype(np.float64)
    drawn = counts @ numbers
    means: Floats = np.divide(counts @ sums, drawn, out=np.full(len(counts), np.nan), where=drawn > 0)
    return means


def interval(means: Floats) -> tuple[float, float]:
    """Return the middle 95 % of resampled means, or (nan, nan) where there are none."""
    present = means[np.isfinite(means)]
    if not len(present):
        return float("nan"), float("nan")
    tail = (1 - COVERAGE) / 2
    low, high = np.quantile(present, [tail, 1 - tail])
    return float(low), float(high)
