from itertools import product

import numpy as np
import pytest
from scipy.stats import permutation_test

from timbrebench.core.statistics.permutation import (
    EXACT_GROUPS,
    sign_flip_p_greater,
    sign_flip_p_values,
    sign_flips,
    swap_p_value,
)


@pytest.mark.parametrize(
    ("alternative", "p_values"), [("two-sided", sign_flip_p_values), ("greater", sign_flip_p_greater)]
)
def test_exact_p_values_are_those_of_scipy(generator, alternative, p_values):
    first, second = generator.normal([[0.6], [0]], 1, size=(2, 9))
    scipys = permutation_test(
        (first, second),
        lambda x, y, axis: (x - y).mean(axis),
        permutation_type="samples",
        n_resamples=np.inf,
        alternative=alternative,
    )
    ours = p_values((first - second)[:, np.newaxis], sign_flips(9, seed=0))
    assert 0 < scipys.pvalue < 0.9
    assert ours == pytest.approx(scipys.pvalue)


@pytest.mark.parametrize("groups", [1, 2, 5, 9])
def test_exact_p_values_equal_those_of_a_loop_over_all_sign_flips(generator, groups):
    sums = np.round(generator.normal(0.4, 1, size=(groups, 3)), 1)  # rounded, so that there are ties
    totals = np.array([np.dot(signs, sums) for signs in product((-1, 1), repeat=groups)])
    two_sided = (np.abs(totals) >= np.abs(sums.sum(axis=0)) - 1e-12).mean(axis=0)
    greater = (totals >= sums.sum(axis=0) - 1e-12).mean(axis=0)
    signs = sign_flips(groups, seed=0)
    assert sign_flip_p_values(sums, signs) == pytest.approx(two_sided)
    assert sign_flip_p_greater(sums, signs) == pytest.approx(greater)


def test_every_sign_flip_or_its_opposite_occurs_once():
    signs = sign_flips(6, seed=0)
    everything = {tuple(row) for row in np.vstack([signs, -signs])}
    assert len(everything) == 2 * len(signs) == 2**6
    assert (signs[0] == 1).all()


def test_drawn_sign_flips_agree_with_all_of_them(generator):
    sums = generator.normal(0.4, 1, size=(EXACT_GROUPS, 1))
    exact = sign_flip_p_values(sums, sign_flips(EXACT_GROUPS, seed=0))
    padded = np.vstack([sums, np.zeros((1, 1))])  # a group without a difference changes nothing
    drawn = sign_flips(EXACT_GROUPS + 1, seed=0)
    assert sign_flip_p_values(padded, drawn) == pytest.approx(exact, abs=0.01)
    assert np.array_equal(drawn, sign_flips(EXACT_GROUPS + 1, seed=0))


def test_no_p_value_is_zero_and_equals_have_one():
    signs = sign_flips(40, seed=0)
    certain, none = sign_flip_p_values(np.stack([np.ones(40), np.zeros(40)], axis=1), signs)
    assert 0 < certain < 1e-4
    assert none == 1


@pytest.mark.parametrize("groups", [8, 24])
def test_false_positives_are_as_rare_as_the_level_says(generator, groups):
    """1,000 comparisons of equals, whatever the spread of a group: one in twenty is a false positive."""
    spread = generator.uniform(0.2, 3, size=(groups, 1))
    sums = spread * generator.standard_t(4, size=(groups, 1000))
    signs = sign_flips(groups, seed=1)[:2000]
    for p_values in (sign_flip_p_values(sums, signs), sign_flip_p_greater(sums, signs)):
        assert 0.03 <= (p_values < 0.05).mean() <= 0.07


def test_a_mean_gives_the_same_p_value_as_a_swap_of_scores(generator):
    first, second = generator.normal(size=(2, 10, 1))
    signs = sign_flips(10, seed=0)
    by_flips = sign_flip_p_values(first - second, signs)[0]
    assert swap_p_value(first, second, lambda sums: sums[:, 0], signs) == pytest.approx(by_flips)


def test_without_a_score_there_is_no_p_value():
    signs = sign_flips(3, seed=0)
    nothing = np.zeros((3, 1))
    assert np.isnan(swap_p_value(nothing, nothing, lambda sums: np.full(len(sums), np.nan), signs))
