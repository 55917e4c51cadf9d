import numpy as np
import pytest
from scipy.stats import norm, ttest_rel

from timbrebench.core.statistics.effect_sizes import (
    cohens_dz,
    groups_needed,
    min_groups,
    superiority,
)
from timbrebench.core.statistics.permutation import sign_flip_p_values, sign_flips


def test_d_z_is_the_t_statistic_by_the_root_of_n(generator):
    first, second = generator.normal(size=(2, 12))
    expected = ttest_rel(first, second).statistic / np.sqrt(12)
    assert cohens_dz(first - second) == pytest.approx(expected)


def test_d_z_of_the_corners():
    assert cohens_dz(np.zeros(5)) == 0
    assert cohens_dz(np.full(5, -0.3)) == -np.inf
    assert np.isnan(cohens_dz(np.ones(1)))


def test_superiority_counts_groups_and_halves_ties():
    assert superiority(np.array([0.1, 3.0, -0.2, 0.0])) == pytest.approx(2.5 / 4)
    assert superiority(np.zeros(3)) == 0.5
    assert np.isnan(superiority(np.empty(0)))


def test_superiority_of_normal_differences_follows_from_d_z(generator):
    differences = generator.normal(0.5, 1, size=20_000)
    assert superiority(differences) == pytest.approx(norm.cdf(cohens_dz(differences)), abs=0.01)


@pytest.mark.parametrize("d_z", [0.45, 0.7, 1.0])
def test_the_groups_needed_give_the_statistical_power(generator, d_z):
    """Simulated: the permutation test on that many groups detects the difference about four times in five."""
    groups = int(groups_needed(d_z))
    differences = generator.normal(d_z, 1, size=(groups, 1000))
    power = (sign_flip_p_values(differences, sign_flips(groups, seed=0)[:2000]) < 0.05).mean()
    assert 0.76 <= power <= 0.86


def test_groups_needed_by_hand():
    """(1.95996 + 0.84162)**2 / 0.25 + 1.92073 = 33.3 for half a standard deviation."""
    assert groups_needed(0.5) == groups_needed(-0.5) == 34
    assert groups_needed(0) == np.inf
    assert np.isnan(groups_needed(np.nan))


def test_no_effect_is_so_large_that_too_few_groups_could_show_it():
    """Six groups: 2 of 64 sign flips are as extreme as the most extreme one, 0.031; of five, 2 of 32."""
    assert min_groups() == 6
    assert min_groups(two_sided=False) == 5
    assert groups_needed(np.inf) == 6
    for groups, is_significant in ((5, False), (6, True)):
        p_value = sign_flip_p_values(np.ones((groups, 1)), sign_flips(groups, seed=0))[0]
        assert (p_value < 0.05) == is_significant
