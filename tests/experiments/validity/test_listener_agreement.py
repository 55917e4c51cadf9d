"""Agreement with listeners: against scipy, and counted by hand."""

import numpy as np
import pytest
import scipy.stats

from timbrebench.experiments.validity.listener_agreement import (
    MEASURES,
    agreement_by_anchor,
    rank_correlations,
)


def symmetric(n, seed):
    upper = np.triu(np.random.default_rng(seed).random((n, n)), 1)
    return (upper + upper.T) / upper.max()


@pytest.mark.parametrize("seed", range(3))
def test_rank_correlations_are_those_of_scipy_ties_included(seed):
    distances, rated = np.round(symmetric(9, seed), 1), symmetric(9, seed + 10)
    expected = [
        scipy.stats.spearmanr(
            np.delete(distances[anchor], anchor), np.delete(rated[anchor], anchor)
        ).statistic
        for anchor in range(9)
    ]
    assert rank_correlations(distances, rated) == pytest.approx(expected)
    assert agreement_by_anchor(distances, rated)[:, 0] == pytest.approx(expected)


def test_triplets_are_counted_where_listeners_are_sure():
    rated = np.array([[0, 0.2, 0.25, 1.0], [0.2, 0, 0.5, 0.5], [0.25, 0.5, 0, 0.5], [1.0, 0.5, 0.5, 0]])
    distances = np.array([[0, 3, 1, 2], [3, 0, 1, 1], [1, 1, 0, 1], [2, 1, 1, 0]], dtype=float)
    # From the first sound: 0.2 and 0.25 are no order; 1.0 is farther than both; 3 > 2 is wrong, 1 < 2 right.
    assert agreement_by_anchor(distances, rated)[0, MEASURES.index("triplets")] == 0.5


def test_the_right_order_is_perfect_and_the_opposite_is_not():
    rated = symmetric(7, 0)
    assert agreement_by_anchor(rated**3, rated) == pytest.approx(np.ones((7, 4)))
    opposite = agreement_by_anchor(-rated, rated).mean(axis=0)
    assert opposite[:3] == pytest.approx([-1, -1, 0])
    assert opposite[3] < 1


def test_equal_distances_agree_with_nothing():
    flat = np.ones((5, 5)) - np.eye(5)
    assert agreement_by_anchor(flat, symmetric(5, 1))[:, :3] == pytest.approx(0)
