"""Multiple comparisons: Holm's correction, and ranks with groups of ties."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

#: Family-wise error rate (alpha).
SIGNIFICANCE = 0.05


def holm(p_values: Floats) -> Floats:
    """Correct p-values for multiple testing.

    The smallest of m is multiplied by m, the next by m - 1 and so on, each at least the one before it (Holm,
    A simple sequentially rejective multiple test procedure, 1979). The family-wise error rate is then at most
    the level, however the tests depend on each other.

    Parameters
    ----------
    p_values : numpy.ndarray, any shape
        0 to 1; NaN where nothing was tested, which is left out.

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
    """Rank scores, with one rank for scores that do not differ significantly from the best of their group.

    From the highest down, a score joins the group unless it differs significantly from the group's first.

    Parameters
    ----------
    point : sequence of float, length n
        Scores, higher is better.
    p_values : numpy.ndarray, shape (n, n)
        Corrected p-values of the pairwise differences.

    Returns
    -------
    list of int
        The rank of each score's group: 1 for the highest, else one more than the number of scores above.
    """
    order = sorted(range(len(point)), key=lambda index: -point[index])
    ranks = [0] * len(point)
    leader, rank = -1, 0
    for position, index in enumerate(order):
        if leader < 0 or p_values[leader, index] < SIGNIFICANCE:
            leader, rank = index, position + 1
        ranks[index] = rank
    return ranks
