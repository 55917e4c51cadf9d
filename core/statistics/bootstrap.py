"""Bootstrap intervals of means of grouped values.

Values of one group are correlated, so they are not independent evidence: the bootstrap draws whole groups
with replacement. With one seed it draws the same groups for every measure and method (a paired bootstrap).
Intervals are percentiles of the resampled means (Efron & Tibshirani, An Introduction to the Bootstrap, 1993,
chapter 13).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

#: Coverage of the intervals.
COVERAGE = 0.95


def resample_groups(n_groups: int, resamples: int, seed: int) -> Floats:
    """Draw groups with replacement.

    Parameters
    ----------
    n_groups : int
        Number of groups, and of draws in a resample.
    resamples : int
        Number of resamples.
    seed : int
        Seed of the draws.

    Returns
    -------
    numpy.ndarray, shape (resamples, n_groups)
        How often each group was drawn; rows sum to `n_groups`.
    """
    generator = np.random.default_rng(seed)
    counts = generator.multinomial(n_groups, np.full(n_groups, 1 / n_groups), size=resamples)
    return np.asarray(counts, dtype=np.float64)


def resampled_means(values: Floats, group_of: NDArray[np.intp], counts: Floats) -> Floats:
    """Return the mean of all values in each resample.

    Parameters
    ----------
    values : numpy.ndarray, shape (n,)
        NaN for missing ones, which are left out.
    group_of : numpy.ndarray, shape (n,)
        Index of each value's group.
    counts : numpy.ndarray, shape (resamples, n_groups)
        How often each group was drawn.

    Returns
    -------
    numpy.ndarray, shape (resamples,)
        NaN where no group with a value was drawn.
    """
    present = np.isfinite(values)
    n_groups = counts.shape[1]
    sums = np.bincount(group_of[present], weights=values[present], minlength=n_groups)
    numbers = np.bincount(group_of[present], minlength=n_groups).astype(np.float64)
    drawn = counts @ numbers
    means: Floats = np.divide(counts @ sums, drawn, out=np.full(len(counts), np.nan), where=drawn > 0)
    return means


def interval(resampled: Floats) -> tuple[float, float]:
    """Return the 2.5 % and 97.5 % quantiles of the finite resampled values; (nan, nan) without any."""
    present = resampled[np.isfinite(resampled)]
    if not len(present):
        return float("nan"), float("nan")
    tail = (1 - COVERAGE) / 2
    low, high = np.quantile(present, [tail, 1 - tail])
    return float(low), float(high)
