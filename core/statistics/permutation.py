"""Paired permutation tests, which ask whether chance alone could have made a difference this large.

If two methods were equally good, it would not matter which one's outputs are called the first's. All outputs
on one content piece change hands together, because they resemble each other. The test counts in how many of
all such exchanges the difference is at least as large as it is. With at most :data:`EXACT_PIECES` pieces
every exchange is tried and the p-value is exact; with more, as many are drawn, and the data as they are count
among them, so that a p-value is never 0 and never too small (Phipson & Smyth, Permutation p-values should
never be zero, 2010).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

#: Most pieces for which every exchange is tried: 32,768, since an exchange and its opposite tell the same.
EXACT_PIECES = 16

#: Exchanges that are drawn where there are more pieces.
_DRAWS = 2 ** (EXACT_PIECES - 1) - 1

#: Differences that are equal but for rounding count as equal: this share of the largest possible one.
_ROUNDING = 1e-9


def exchange_signs(pieces: int, seed: int) -> Floats:
    """Return which pieces change hands, time after time.

    Parameters
    ----------
    pieces : int
        How many there are, at least one.
    seed : int
        Seed of the draws; without effect where every exchange is tried.

    Returns
    -------
    numpy.ndarray, shape (exchanges, pieces)
        -1 for a piece that changes hands, 1 for one that does not. The first row leaves all as they are. A
        row's opposite is left out.
    """
    if pieces <= EXACT_PIECES:
        bits = np.arange(2 ** (pieces - 1))[:, np.newaxis] >> np.arange(pieces)
        return np.asarray(1.0 - 2.0 * (bits & 1), dtype=np.float64)
    signs = np.random.default_rng(seed).choice([-1.0, 1.0], size=(_DRAWS, pieces))
    return np.vstack([np.ones(pieces), signs])


def sign_flip_p_values(sums: Floats, signs: Floats) -> Floats:
    """Test whether mean differences are other than 0.

    Parameters
    ----------
    sums : numpy.ndarray, shape (pieces, k)
        For each piece and each of `k` measures the sum of its pairs' differences.
    signs : numpy.ndarray, shape (exchanges, pieces)
        Of :func:`exchange_signs`.

    Returns
    -------
    numpy.ndarray, shape (k,)
        Two-sided p-values.
    """
    drawn, tolerance = np.abs(signs @ sums), _ROUNDING * np.abs(sums).sum(axis=0)
    return np.asarray((drawn >= drawn[0] - tolerance).mean(axis=0), dtype=np.float64)


def sign_flip_p_greater(sums: Floats, signs: Floats) -> Floats:
    """Test whether mean differences are above 0.

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
    least = drawn[0] - tolerance
    return np.asarray(((drawn >= least).mean(axis=0) + (-drawn >= least).mean(axis=0)) / 2, dtype=np.float64)


def exchange_p_value(
    first: Floats, second: Floats, score: Callable[[Floats], Floats], signs: Floats
) -> float:
    """Test whether two methods differ in a score that is no mean, such as the headline.

    Parameters
    ----------
    first, second : numpy.ndarray, shape (pieces, k)
        What each piece adds to the `k` sums that the score is computed from.
    score : callable
        Turns sums of shape (n, k) into `n` scores.
    signs : numpy.ndarray, shape (exchanges, pieces)
        Of :func:`exchange_signs`.

    Returns
    -------
    float
        Two-sided p-value; NaN where the difference is.
    """
    middle, half = (first + second).sum(axis=0) / 2, signs @ ((first - second) / 2)
    drawn = np.abs(score(middle + half) - score(middle - half))
    if np.isnan(drawn[0]):
        return float("nan")
    # An exchange after which there is no score is no evidence of a difference.
    return float((np.where(np.isnan(drawn), np.inf, drawn) >= drawn[0] - _ROUNDING).mean())
