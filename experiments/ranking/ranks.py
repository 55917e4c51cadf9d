"""Ranks by headline, with one rank for methods that it cannot tell apart."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from timbrebench.core.statistics.multiple_testing import holm, tie_groups
from timbrebench.core.statistics.paired import average_seeds
from timbrebench.core.statistics.permutation import sign_flips
from timbrebench.experiments.ranking.headline import Headline, HeadlineScale
from timbrebench.experiments.ranking.results import Results

Floats = NDArray[np.float64]


def tie_ranks(
    results: Results,
    labels: Sequence[str],
    headlines: Sequence[float],
    headline: Headline,
    scale: HeadlineScale,
) -> list[int]:
    """Return the rank of each method by its headline, given what that is made of and its scale.

    Each two are compared by a paired permutation test over content pieces, corrected for the number of tests.
    """
    if not labels:
        return []
    sums = headline_sums(results, labels, headline)
    signs = sign_flips(len(sums[0]), seed=0)
    p_values = np.full((len(labels), len(labels)), np.nan)
    for first, second in combinations(range(len(labels)), 2):
        p_values[first, second] = scale.p_value(sums[first], sums[second], signs)
    corrected = holm(p_values)
    return tie_groups(headlines, np.fmax(corrected, corrected.T))


def headline_sums(results: Results, labels: Sequence[str], headline: Headline) -> list[Floats]:
    """Return what each piece adds to the headline of each method, shape (pieces, 4)."""
    names = np.unique(results.transfers.piece.to_numpy(dtype=str))
    tables = [average_seeds(results.of(label), headline.metrics) for label in labels]
    return [
        headline.sums(table, np.searchsorted(names, table.piece.to_numpy(dtype=str)), len(names))
        for table in tables
    ]
