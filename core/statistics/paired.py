"""Values of pairs that are grouped by piece: averages over seeds, and sums over the pairs of each group."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def average_seeds(rows: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """Return one row for each pair: the mean over the seeds that have a value.

    Repetitions with other seeds are not independent evidence, and must not make an interval narrower: they
    are averaged before groups are resampled.

    Parameters
    ----------
    rows : pandas.DataFrame
        One row for each pair and seed of one method, with ``pair_id``, ``piece`` and the columns `names`.
    names : sequence of str
        Measures.

    Returns
    -------
    pandas.DataFrame
        Index ``pair_id``, in the order of `rows`; ``piece`` and `names`, NaN where no seed has a value.
    """
    pairs = rows.groupby("pair_id", sort=False)
    return pd.concat([pairs.piece.first(), pairs[list(names)].mean()], axis=1)


def seed_means(rows: pd.DataFrame, name: str) -> Floats:
    """Return a measure's mean over pairs for each seed.

    Only pairs that have a value with every seed count, so that means of two seeds differ by the seed alone.

    Parameters
    ----------
    rows : pandas.DataFrame
        One row for each pair and seed of one method, with ``pair_id``, ``seed`` and the column `name`.
    name : str
        The measure.

    Returns
    -------
    numpy.ndarray, shape (seeds,)
        NaN without such a pair.
    """
    wide = rows.set_index(["pair_id", "seed"])[name].unstack().dropna()  # noqa: PD010 - no cell is twice
    return wide.mean().to_numpy(dtype=np.float64)


def seed_deviation(rows: pd.DataFrame, name: str) -> float:
    """Return the standard deviation over seeds (n - 1) of :func:`seed_means`.

    It is NaN for fewer than two seeds, or without a pair that has a value with every seed.
    """
    means = seed_means(rows, name)
    return float(means.std(ddof=1)) if len(means) > 1 else float("nan")


def group_sums(values: Floats, group_of: NDArray[np.intp], n_groups: int) -> tuple[Floats, Floats]:
    """Sum the values of each group.

    Parameters
    ----------
    values : numpy.ndarray, shape (n, k)
        `k` measures of each pair; NaN for missing ones.
    group_of : numpy.ndarray, shape (n,)
        Index of each pair's group.
    n_groups : int
        Number of groups.

    Returns
    -------
    sums, numbers : numpy.ndarray, shape (n_groups, k)
        Sum and number of the values that are not missing.
    """
    present = np.isfinite(values)
    sums, numbers = np.zeros((2, n_groups, values.shape[1]))
    np.add.at(sums, group_of, np.where(present, values, 0.0))
    np.add.at(numbers, group_of, present.astype(np.float64))
    return sums, numbers
