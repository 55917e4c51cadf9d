"""The values of a method pair by pair: seeds averaged first, pairs of one content piece kept together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def average_seeds(rows: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """Return one row for each pair: the mean over the seeds that have a value.

    Seeds tell how much a method's own draws matter. They are no further music, so they may not make an
    interval narrower: they are averaged before pieces are resampled.

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
    """Return a measure's mean over pairs with each seed, of the pairs that have a value with every seed.

    Were a seed's mean over other pairs than another's, pairs would move it, and not the seed alone.

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
    """Return how far a measure's mean over pairs moves when only the seed changes.

    Parameters
    ----------
    rows, name
        As of :func:`seed_means`.

    Returns
    -------
    float
        Standard deviation over seeds (n - 1), of the pairs that have a value with every seed; NaN for fewer
        than two seeds, or without such a pair.
    """
    means = seed_means(rows, name)
    return float(means.std(ddof=1)) if len(means) > 1 else float("nan")


def piece_sums(values: Floats, piece_of: NDArray[np.intp], pieces: int) -> tuple[Floats, Floats]:
    """Add up values piece by piece.

    Parameters
    ----------
    values : numpy.ndarray, shape (n, k)
        `k` measures of each pair; NaN where there is none.
    piece_of : numpy.ndarray, shape (n,)
        Index of each pair's piece.
    pieces : int
        How many there are.

    Returns
    -------
    sums, numbers : numpy.ndarray, shape (pieces, k)
        Sum of the values, and how many there are.
    """
    present = np.isfinite(values)
    sums, numbers = np.zeros((2, pieces, values.shape[1]))
    np.add.at(sums, piece_of, np.where(present, values, 0.0))
    np.add.at(numbers, piece_of, present.astype(np.float64))
    return sums, numbers
