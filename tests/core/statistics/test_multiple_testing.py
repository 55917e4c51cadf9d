import numpy as np
import pytest
from statsmodels.stats.multitest import multipletests

from timbrebench.core.statistics.multiple_testing import holm, tie_groups


def test_holm_against_values_worked_out_by_hand():
    """0.005 x 4; 0.01 x 3; 0.03 x 2; 0.04 x 1, which may not be less than the one before."""
    assert holm(np.array([0.01, 0.04, 0.03, 0.005])) == pytest.approx([0.03, 0.06, 0.06, 0.02])


@pytest.mark.parametrize("number", [1, 2, 30])
def test_holm_is_that_of_statsmodels(generator, number):
    p_values = np.round(generator.uniform(size=number) ** 3, 2)  # rounded, so that there are ties
    assert holm(p_values) == pytest.approx(multipletests(p_values, method="holm")[1])


def test_holm_counts_what_was_tested_and_ends_at_one():
    assert holm(np.array([np.nan, 0.02, 0.7, 0.8])) == pytest.approx([np.nan, 0.06, 1, 1], nan_ok=True)
    table = holm(np.array([[np.nan, 0.01], [np.nan, np.nan]]))
    assert table == pytest.approx(np.array([[np.nan, 0.01], [np.nan, np.nan]]), nan_ok=True)


def test_holm_keeps_the_order_and_never_helps(generator):
    p_values = generator.uniform(size=30) ** 3
    corrected = holm(p_values)
    assert (corrected >= p_values).all()
    assert (np.diff(corrected[np.argsort(p_values)]) >= 0).all()


def test_the_family_wise_error_rate_is_the_level(generator):
    """2,000 families of 20 true null hypotheses: at most one in twenty families has a false positive."""
    errors = [(holm(generator.uniform(size=20)) < 0.05).any() for _ in range(2000)]
    assert 0.035 <= np.mean(errors) <= 0.065


def symmetric(size, **pairs):
    table = np.full((size, size), np.nan)
    for key, value in pairs.items():
        one, other = int(key[1]), int(key[2])
        table[one, other] = table[other, one] = value
    return table


def test_scores_that_do_not_differ_significantly_share_a_rank():
    table = symmetric(3, p01=0.01, p02=0.02, p12=0.6)
    assert tie_groups([0.5, 0.8, 0.795], table) == [3, 1, 1]


def test_a_small_but_certain_difference_separates():
    assert tie_groups([0.52, 0.5], symmetric(2, p01=0.001)) == [1, 2]


def test_a_group_is_held_together_by_its_best():
    """The third differs from the first and not from the second: it opens a group of its own."""
    assert tie_groups([0.9, 0.8, 0.7], symmetric(3, p01=0.2, p02=0.01, p12=0.4)) == [1, 1, 3]
