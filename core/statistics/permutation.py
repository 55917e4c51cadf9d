"""Paired permutation tests: whether a difference between two conditions could be due to chance.

Under the null hypothesis the two conditions are exchangeable, so that the difference of each group may change
its sign. All pairs of one group are flipped together, since they are correlated. The p-value is the share of
sign flips whose difference is at least as large as the observed one. With at most :data:`EXACT_GROUPS` groups
every sign flip is tried and the p-value is exact; with more, sign flips are drawn, and the observed data
count among them, so that the p-value is positive and valid (Phipson & Smyth, Permutation p-values should
never be zero, 2010).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

#: Maximum number of groups for which every sign flip is tried: 32,768, a flip and its opposite being one.
EXACT_GROUPS = 16

#: Sign flips that are drawn for more groups.
_DRAWS = 2 ** (EXACT_GROUPS - 1) - 1

#: Tolerance within which differences count as equal, relative to the largest possible one.
_ROUNDING = 1e-9


def sign_flips(n_groups: int, seed: int) -> Floats:
    """Return the sign of each group in each permutation.

    Parameters
    ----------
    n_groups : int
        At least one.
    seed : int
        Seed of the draws; without effect where every sign flip is tried.

    Returns
    -------
    numpy.ndarray, shape (flips, n_groups)
        -1 for a group whose difference changes its sign, 1 for the others. The first row is the observed
        data, all 1. Where all flips are tried, the opposite of a row is left out.
    """
    if n_groups <= EXACT_GROUPS:
        bits = np.arange(2 ** (n_groups - 1))[:, np.newaxis] >> np.arange(n_groups)
        return np.asarray(1.0 - 2.0 * (bits & 1), dtype=np.float64)
    signs = np.random.default_rng(seed).choice([-1.0, 1.0], size=(_DRAWS, n_groups))
    return np.vstack([np.ones(n_groups), signs])


def sign_flip_p_values(sums: Floats, signs: Floats) -> Floats:
    """Test the null hypothesis that mean differences are 0.

    Parameters
    ----------
    sums : numpy.ndarray, shape (n_groups, k)
        Sum of the differences of each group in each of `k` measures.
    signs : numpy.ndarray, shape (flips, n_groups)
        Of :func:`sign_flips`.

    Returns
    -------
    numpy.ndarray, shape (k,)
        Two-sided p-values.
    """
    drawn, tolerance = np.abs(signs @ sums), _ROUNDING * np.abs(sums).sum(axis=0)
    return np.asarray((drawn >= drawn[0] - tolerance).mean(axis=0), dtype=np.float64)


def sign_flip_p_greater(sums: Floats, signs: Floats) -> Floats:
    """Test the null hypothesis that mean differences are at most 0.

    Parameters
    ----------
    sums, signs : numpy.ndarray
        As in :func:`sign_flip_p_values`.

    Returns
    -------
    numpy.ndarray, shape (k,)
        One-sided p-values.
    """
    drawn, tolerance = signs @ sums, _ROUNDING * np.abs(sums).sum(axis=0)
    observed = drawn[0] - tolerance
    # The opposite of each row counts, too: where all flips are tried, it was left out.
    flipped, opposite = (drawn >= observed).mean(axis=0), (-drawn >= observed).mean(axis=0)
    return np.asarray((flipped + opposite) / 2, dtype=np.float64)


def swap_p_value(first: Floats, second: Floats, score: Callable[[Floats], Floats], signs: Floats) -> float:
    """Test the null hypothesis that two conditions have the same score, where that is not a mean.

    Parameters
    ----------
    first, second : numpy.ndarray, shape (n_groups, k)
        Contribution of each group to the `k` sums that the score is computed from.
    score : callable
        Maps sums of shape (n, k) to `n` scores.
    signs : numpy.ndarray, shape (flips, n_groups)
        Of :func:`sign_flips`; -1 swaps the two conditions in a group.

    Returns
    -------
    float
        Two-sided p-value; NaN where the difference is.
    """
    middle, half = (first + second).sum(axis=0) / 2, signs @ ((first - second) / 2)
    drawn = np.abs(score(middle + half) - score(middle - half))
    if np.isnan(drawn[0]):
        return float("nan")
    # A swap without a score counts as a difference, which makes the p-value larger.
    return float((np.where(np.isnan(drawn), np.inf, drawn) >= drawn[0] - _ROUNDING).mean())
