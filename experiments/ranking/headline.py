"""The headline from sums over pieces, so that it can be resampled, exchanged and taken apart piece by piece.

The headline is no mean of pairs, but follows from two means. Each piece adds to four sums: style accuracies,
their number, note F1 and their number.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from timbrebench.core.statistics.bootstrap import headline
from timbrebench.core.statistics.paired import piece_sums, seed_means
from timbrebench.core.statistics.permutation import exchange_p_value

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
        Of :func:`~timbrebench.core.statistics.permutation.exchange_signs`.

    Returns
    -------
    float
        Two-sided p-value; NaN where a method has no headline.
    """
    return exchange_p_value(first, second, lambda sums: headline_of(sums, chance, ceiling), signs)


def headline_differences(first: Floats, second: Floats, chance: float, ceiling: float) -> Floats:
    """Return the share that each piece has in the difference of two headlines.

    It is what a headline changes by when the first method's outputs on that piece take the place of the
    second's, all other pieces being the mean of both, times the number of pieces. Where both are alike on a
    piece it is 0, which the difference of a jackknife's pseudo-values would not be, since the headline is no
    mean. Of a plain mean it is the difference on the piece.

    Parameters
    ----------
    first, second : numpy.ndarray, shape (pieces, 4)
        Of :func:`headline_sums`.
    chance, ceiling : float
        Note F1 of the style copy and of the reference.

    Returns
    -------
    numpy.ndarray, shape (pieces,)
        Positive where the first is better. Their mean is about the difference of the headlines. NaN where
        there is no headline.
    """
    middle, half = (first + second).sum(axis=0) / 2, (first - second) / 2
    with_first, with_second = (headline_of(middle + part, chance, ceiling) for part in (half, -half))
    return len(first) * (with_first - with_second)


def headline_seed_deviation(rows: pd.DataFrame, chance: float, ceiling: float) -> float:
    """Return how far a headline moves when only the seed changes.

    Parameters
    ----------
    rows : pandas.DataFrame
        One row for each pair and seed of one method, with ``pair_id``, ``seed``, ``style_accuracy`` and
        ``note_f1``.
    chance, ceiling : float
        Note F1 of the style copy and of the reference.

    Returns
    -------
    float
        Standard deviation over seeds (n - 1), of the pairs that have a value with every seed; NaN for fewer
        than two seeds, or without such a pair.
    """
    style, content = seed_means(rows, STYLE), seed_means(rows, CONTENT)
    if len(style) < 2:
        return float("nan")
    bounds = np.full(len(style), chance), np.full(len(style), ceiling)
    return float(headline(style, content, *bounds).std(ddof=1))
