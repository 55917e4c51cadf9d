from itertools import product

import numpy as np
import pytest

from timbrebench.core.statistics.permutation import (
    EXACT_PIECES,
    exchange_p_value,
    exchange_signs,
    sign_flip_p_greater,
    sign_flip_p_values,
)


@pytest.mark.parametrize("pieces", [1, 2, 5, 9])
def test_exact_p_values_equal_those_of_a_loop_over_all_exchanges(generator, pieces):
    sums = np.round(generator.normal(0.4, 1, size=(pieces, 3)), 1)  # rounded, so that there are ties
    totals = np.array([np.dot(signs, sums) for signs in product((-1, 1), repeat=pieces)])
    two_sided = (np.abs(totals) >= np.abs(sums.sum(axis=0)) - 1e-12).mean(axis=0)
    greater = (totals >= sums.sum(axis=0) - 1e-12).mean(axis=0)
    signs = exchange_signs(pieces, seed=0)
    assert sign_flip_p_values(sums, signs) == pytest.approx(two_sided)
    assert sign_flip_p_greater(sums, signs) == pytest.approx(greater)


def test_every_exchange_is_there_once_or_its_opposite_is():
    signs = exchange_signs(6, seed=0)
    everything = {tuple(row) for row in np.vstack([signs, -signs])}
    assert len(everything) == 2 * len(signs) == 2**6
    assert (signs[0] == 1).all()


def test_drawn_exchanges_agree_with_all_of_them(generator):
    sums = generator.normal(0.4, 1, size=(EXACT_PIECES, 1))
    exact = sign_flip_p_values(sums, exchange_signs(EXACT_PIECES, seed=0))
    padded = np.vstack([sums, np.zeros((1, 1))])  # a piece without a difference changes nothing
    drawn = exchange_signs(EXACT_PIECES + 1, seed=0)
    assert sign_flip_p_values(padded, drawn) == pytest.approx(exact, abs=0.01)
    assert np.array_equal(drawn, exchange_signs(EXACT_PIECES + 1, seed=0))


def test_no_p_value_is_zero_and_equals_have_one():
    signs = exchange_signs(40, seed=0)
    certain, none = sign_flip_p_values(np.stack([np.ones(40), np.zeros(40)], axis=1), signs)
    assert 0 < certain < 1e-4
    assert none == 1


@pytest.mark.parametrize("pieces", [8, 24])
def test_false_positives_are_as_rare_as_the_level_says(generator, pieces):
    """1,000 comparisons of equals, whatever the spread of a piece: one in twenty is found different."""
    spread = generator.uniform(0.2, 3, size=(pieces, 1))
    sums = spread * generator.standard_t(4, size=(pieces, 1000))
    signs = exchange_signs(pieces, seed=1)[:2000]
    for p_values in (sign_flip_p_values(sums, signs), sign_flip_p_greater(sums, signs)):
        assert 0.03 <= (p_values < 0.05).mean() <= 0.07


def test_a_mean_gives_the_same_p_value_as_an_exchange_of_scores(generator):
    first, second = generator.normal(size=(2, 10, 1))
    signs = exchange_signs(10, seed=0)
    by_flips = sign_flip_p_values(first - second, signs)[0]
    assert exchange_p_value(first, second, lambda sums: sums[:, 0], signs) == pytest.approx(by_flips)


def test_without_a_score_there_is_no_p_value():
    signs = exchange_signs(3, seed=0)
    nothing = np.zeros((3, 1))
    assert np.isnan(exchange_p_value(nothing, nothing, lambda sums: np.full(len(sums), np.nan), signs))
