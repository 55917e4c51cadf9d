import numpy as np
import pytest
from scipy.stats import norm, ttest_rel

from timbrebench.core.statistics.effect_sizes import (
    cohens_dz,
    least_pieces,
    pieces_needed,
    superiority,
)
from timbrebench.core.statistics.permutation import exchange_signs, sign_flip_p_values


def test_d_z_is_the_t_statistic_by_the_root_of_n(generator):
    first, second = generator.normal(size=(2, 12))
    expected = ttest_rel(first, second).statistic / np.sqrt(12)
    assert cohens_dz(first - second) == pytest.approx(expected)


def test_d_z_of_the_corners():
    assert cohens_dz(np.zeros(5)) == 0
    assert cohens_dz(np.full(5, -0.3)) == -np.inf
    assert np.isnan(cohens_dz(np.ones(1)))


def test_superiority_counts_pieces_and_halves_ties():
    assert superiority(np.array([0.1, 3.0, -0.2, 0.0])) == pytest.approx(2.5 / 4)
    assert superiority(np.zeros(3)) == 0.5
    assert np.isnan(superiority(np.empty(0)))


def test_superiority_of_normal_differences_follows_from_d_z(generator):
    differences = generator.normal(0.5, 1, size=20_000)
    assert superiority(differences) == pytest.approx(norm.cdf(cohens_dz(differences)), abs=0.01)


@pytest.mark.parametrize("d_z", [0.45, 0.7, 1.0])
def test_the_pieces_needed_give_the_power_that_was_asked_for(generator, d_z):
    """Simulated: the permutation test on that many pieces finds the difference about four times in five."""
    pieces = int(pieces_needed(d_z))
    differences = generator.normal(d_z, 1, size=(pieces, 1000))
    power = (sign_flip_p_values(differences, exchange_signs(pieces, seed=0)[:2000]) < 0.05).mean()
    assert 0.76 <= power <= 0.86


def test_pieces_needed_by_hand():
    """(1.95996 + 0.84162)**2 / 0.25 + 1.92073 = 33.3 for half a standard deviation."""
    assert pieces_needed(0.5) == pieces_needed(-0.5) == 34
    assert pieces_needed(0) == np.inf
    assert np.isnan(pieces_needed(np.nan))


def test_no_effect_is_so_large_that_too_few_pieces_could_show_it():
    """Six pieces: 2 of 64 exchanges are as extreme as the most extreme one, 0.031; of five, 2 of 32."""
    assert least_pieces() == 6
    assert least_pieces(two_sided=False) == 5
    assert pieces_needed(np.inf) == 6
    for pieces, found in ((5, False), (6, True)):
        p_value = sign_flip_p_values(np.ones((pieces, 1)), exchange_signs(pieces, seed=0))[0]
        assert (p_value < 0.05) == found
