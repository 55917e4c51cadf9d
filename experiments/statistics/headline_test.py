"""The headline from sums over pieces, so that it can be resampled, exchanged and taken apart piece by piece.

The headline is no mean of pairs, but follows from two means. Each piece adds to four sums: style accuracies,
their number, note F1 and their number.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from timbrebench.experiments.statistics.bootstrap import headline
from timbrebench.experiments.statistics.paired import piece_sums
from timbrebench.experiments.statistics.permutation import exchange_p_value

Floats = NDArray[np.float64]

#: The metrics that the headline is made of.
STYLE, CONTENT = "style_accuracy", "note_f1"


def headline_sums(pairs: pd.DataFrame, piece_of: NDArray[np.intp], pieces: int) -> Floats:
    """Return what each piece adds to a method's headline.

    Parameters
    ----------
    pairs : pandas.DataFrame
        One row for each pair, with the columns ``style_accuracy`` and ``note_f1``.
    piece_of : numpy.ndarray, shape (n,)
        Index of each pair's piece.
    pieces : int
        How many there are.

    Returns
    -------
    numpy.ndarray, shape (pieces, 4)
        Sum and number of the style accuracies, sum and number of the note F1.
    """
    sums, numbers = piece_sums(pairs[[STYLE, CONTENT]].to_numpy(dtype=np.float64), piece_of, pieces)
    return np.stack([sums[:, 0], numbers[:, 0], sums[:, 1], numbers[:, 1]], axis=1)


def headline_of(sums: Floats, chance: Floats | float, ceiling: Floats | float) -> Floats:
    """Return the headline of summed pieces.

    Parameters
    ----------
    sums : numpy.ndarray, shape (n, 4)
        As many sums of what :func:`headline_sums` returns.
    chance, ceiling : float or numpy.ndarray, shape (n,)
        Note F1 of the style copy and of the reference.

    Returns
    -------
    numpy.ndarray, shape (n,)
        0 to 1; NaN where there is no value.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        style, content = sums[:, 0] / sums[:, 1], sums[:, 2] / sums[:, 3]
    low, high = (np.broadcast_to(np.asarray(end, dtype=np.float64), style.shape) for end in (chance, ceiling))
    return headline(style, content, low, high)


def headline_p_value(first: Floats, second: Floats, chance: float, ceiling: float, signs: Floats) -> float:
    """Test whether two methods differ in their headline, with the controls as they are.

    Parameters
    ----------
    first, second : numpy.ndarray, shape (pieces, 4)
        Of :func:`headline_sums`.
    chance, ceiling : float
        Note F1 of the style copy and of the reference.
    signs : numpy.ndarray, shape (exchanges, pieces)
        Of :func:`~timbrebench.experiments.statistics.permutation.exchange_signs`.

    Returns
    -------
    float
        Two-sided p-value; NaN where a method has no headline.
    """
    return exchange_p_value(first, second, lambda sums: headline_of(sums, chance, ceiling), signs)


def headline_by_piece(sums: Floats, chance: float, ceiling: float) -> Floats:
    """Return the share that each piece has in a headline: the pseudo-values of the jackknife.

    A pseudo-value is n times the headline of all n pieces less n - 1 times that of all others (Efron &
    Tibshirani, An Introduction to the Bootstrap, 1993, section 11.5). Of a plain mean they are the values.

    Parameters
    ----------
    sums : numpy.ndarray, shape (pieces, 4)
        Of :func:`headline_sums`.
    chance, ceiling : float
        Note F1 of the style copy and of the reference.

    Returns
    -------
    numpy.ndarray, shape (pieces,)
        Not bound to 0 to 1; NaN where the others have no headline.
    """
    total, number = sums.sum(axis=0, keepdims=True), len(sums)
    whole = headline_of(total, chance, ceiling)
    return number * whole - (number - 1) * headline_of(total - sums, chance, ceiling)


def headline_seed_deviation(rows: pd.DataFrame, chance: float, ceiling: float) -> float:
    """Return how far a headline moves when only the seed changes.

    Parameters
    ----------
    rows : pandas.DataFrame
        One row for each pair and seed of one method, with ``seed``, ``style_accuracy`` and ``note_f1``.
    chance, ceiling : float
        Note F1 of the style copy and of the reference.

    Returns
    -------
    float
        Standard deviation over seeds (n - 1); NaN for fewer than two.
    """
    means = rows.groupby("seed")[[STYLE, CONTENT]].mean().to_numpy(dtype=np.float64)
    if len(means) < 2:
        return float("nan")
    bounds = np.full(len(means), chance), np.full(len(means), ceiling)
    return float(headline(means[:, 0], means[:, 1], *bounds).std(ddof=1))
