"""Many comparisons at once: Holm's correction, and ranks that are shared by what cannot be told apart."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

#: Chance of finding any difference among equals that is put up with.
SIGNIFICANCE = 0.05


def holm(p_values: Floats) -> Floats:
    """Correct p-values for their number.

    The smallest of m is multiplied by m, the next by m - 1 and so on, and none may fall below the one before
    it (Holm, A simple sequentially rejective multiple test procedure, 1979). The chance that any of the true
    null hypotheses is rejected is then at most the level, however the tests depend on each other.

    Parameters
    ----------
    p_values : numpy.ndarray, any shape
        0 to 1; NaN where nothing was tested, which does not count.

    Returns
    -------
    numpy.ndarray, same shape
        Corrected p-values, at most 1; NaN where `p_values` is.
    """
    flat = np.asarray(p_values, dtype=np.float64).ravel()
    corrected = np.full_like(flat, np.nan)
    tested = np.flatnonzero(np.isfinite(flat))
    order = tested[np.argsort(flat[tested], kind="stable")]
    factors = np.arange(len(order), 0, -1)
    corrected[order] = np.minimum(np.maximum.accumulate(flat[order] * factors), 1)
    return corrected.reshape(np.shape(p_values))


def tie_groups(point: Sequence[float], p_values: Floats) -> list[int]:
    """Rank scores and put those together that cannot be told apart.

    From the best down, a group takes in every next one that differs from the group's first by no more than
    chance may make.

    Parameters
    ----------
    point : sequence of float, length n
        A score for each method, higher is better.
    p_values : numpy.ndarray, shape (n, n)
        Corrected p-value of each two methods' difference.

    Returns
    -------
    list of int
        For each method the rank that its group shares: 1 for the best, then one more than stand above.
    """
    order = sorted(range(len(point)), key=lambda index: -point[index])
    ranks = [0] * len(point)
    leader, rank = -1, 0
    for position, index in enumerate(order):
        if leader < 0 or p_values[leader, index] < SIGNIFICANCE:
            leader, rank = index, position + 1
        ranks[index] = rank
    return ranks
