"""Distances between sets: against other implementations, and as statistics would have them."""

import itertools

import numpy as np
import pytest
import scipy.linalg
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics.pairwise import polynomial_kernel

from timbrebench.core.errors import ConfigurationError
from timbrebench.metrics import Unscorable
from timbrebench.metrics.distribution import (
    FrechetDistance,
    KernelDistance,
    bootstrap_interval,
    classifier_score,
    extrapolated_frechet_distance,
    frechet_distance,
    kernel_distance,
)

BOTH = (frechet_distance, kernel_distance)


def by_matrix_roots(x, y):
    root = scipy.linalg.sqrtm(np.cov(x, rowvar=False) @ np.cov(y, rowvar=False)).real
    variance = np.cov(x, rowvar=False).trace() + np.cov(y, rowvar=False).trace() - 2 * root.trace()
    return ((x.mean(0) - y.mean(0)) ** 2).sum() + variance


def by_pairs(x, y):
    """The unbiased estimate, one pair after another."""

    def kernel(a, b):
        return (sum(p * q for p, q in zip(a, b, strict=True)) / len(a) + 1) ** 3

    within = [np.mean([kernel(a, b) for a, b in itertools.permutations(table, 2)]) for table in (x, y)]
    return sum(within) - 2 * np.mean([kernel(a, b) for a in x for b in y])


def two_sets(seed=0, n=60, m=90, d=7):
    generator = np.random.default_rng(seed)
    mixing = generator.standard_normal((d, d))
    return generator.standard_normal((n, d)) + 0.5, generator.standard_normal((m, d)) @ mixing


@given(st.integers(0, 10_000), st.integers(2, 6))
def test_frechet_agrees_with_roots_of_matrices(seed, d):
    x, y = two_sets(seed, d=d)
    assert frechet_distance(x, y) == pytest.approx(by_matrix_roots(x, y), rel=1e-6)


@pytest.mark.parametrize(("n", "m"), [(5, 60), (60, 5), (5, 8), (2, 2)])
def test_frechet_of_fewer_outputs_than_dimensions(n, m):
    # With a little of the identity added, covariances have the roots that they lack, and hardly change.
    x, y = two_sets(1, n, m, d=20)
    ridge = 1e-10 * np.eye(20)
    covariances = [np.cov(table, rowvar=False) + ridge for table in (x, y)]
    root = scipy.linalg.sqrtm(covariances[0])
    common = scipy.linalg.sqrtm(root @ covariances[1] @ root).real.trace()
    expected = ((x.mean(0) - y.mean(0)) ** 2).sum() + sum(map(np.trace, covariances)) - 2 * common
    assert frechet_distance(x, y) == pytest.approx(expected, rel=1e-3)


def test_frechet_of_normal_distributions_is_what_it_is_in_theory(generator):
    x = generator.standard_normal((200_000, 2)) * [1, 2] + [0, 3]
    y = generator.standard_normal((200_000, 2)) * [4, 2]
    assert frechet_distance(x, y) == pytest.approx(9 + (4 - 1) ** 2, rel=0.01)


@given(st.integers(0, 10_000))
def test_kernel_agrees_with_a_loop_over_pairs(seed):
    x, y = two_sets(seed, n=7, m=5, d=3)
    assert kernel_distance(x, y) == pytest.approx(by_pairs(x, y), rel=1e-9, abs=1e-9)


def test_kernel_is_that_of_scikit_learn():
    x, y = two_sets()
    xx, yy, xy = (polynomial_kernel(a, b, degree=3, coef0=1) for a, b in ((x, x), (y, y), (x, y)))
    n, m = len(x), len(y)
    expected = (xx.sum() - xx.trace()) / (n * n - n) + (yy.sum() - yy.trace()) / (m * m - m) - 2 * xy.mean()
    assert kernel_distance(x, y) == pytest.approx(expected)


@pytest.mark.parametrize("distance", BOTH)
def test_symmetric_and_the_same_in_any_axes_and_order(distance, generator):
    x, y = two_sets()
    rotation = scipy.stats.ortho_group.rvs(7, random_state=0)
    expected = distance(x, y)
    assert distance(y, x) == pytest.approx(expected)
    assert distance(x @ rotation, y @ rotation) == pytest.approx(expected)
    assert distance(generator.permutation(x), generator.permutation(y)) == pytest.approx(expected)


def test_frechet_moves_with_neither_set_and_scales_with_the_square_of_both():
    x, y = two_sets()
    assert frechet_distance(x + 100, y + 100) == pytest.approx(frechet_distance(x, y))
    assert frechet_distance(3 * x, 3 * y) == pytest.approx(9 * frechet_distance(x, y))


@pytest.mark.parametrize("n", [3, 90])
def test_frechet_of_the_same_is_zero(n):
    x = two_sets(n=n, d=30)[0]
    assert frechet_distance(x, x) == pytest.approx(0, abs=1e-5)
    assert frechet_distance(x, x + [1.0] * 30) == pytest.approx(30, rel=1e-6)


def test_sets_without_any_spread_differ_by_their_means():
    assert frechet_distance(np.zeros((10, 4)), np.ones((10, 4))) == pytest.approx(4)


def test_kernel_is_unbiased_and_frechet_is_not(generator):
    draws = generator.standard_normal((400, 30, 5))
    found = np.array([kernel_distance(draw[:10], draw[10:]) for draw in draws])
    assert abs(found.mean()) < 3 * found.std() / np.sqrt(len(found))
    assert (found < 0).any()
    assert np.mean([frechet_distance(draw[:10], draw[10:]) for draw in draws]) > 0.5


def test_extrapolation_takes_most_of_the_bias_of_few_outputs_away(generator):
    real = generator.standard_normal((5000, 10))
    outputs = 0.2 + generator.standard_normal((100, 100, 10))
    plain = np.mean([FrechetDistance(table, real)(np.ones(100)) for table in outputs])
    extrapolated = np.mean([extrapolated_frechet_distance(table, real, seed=0) for table in outputs])
    truth = 10 * 0.2**2
    assert abs(extrapolated - truth) < 0.25 * (plain - truth)


def test_extrapolation_repeats_with_its_seed():
    x, y = two_sets()
    found = [extrapolated_frechet_distance(x, y, seed=seed) for seed in (0, 0, 1)]
    assert found[0] == found[1] != found[2]


def test_too_few_to_extrapolate():
    with pytest.raises(Unscorable, match="9 outputs: at least 10"):
        extrapolated_frechet_distance(two_sets(n=9)[0], two_sets()[1], seed=0)


@pytest.mark.parametrize("kind", [FrechetDistance, KernelDistance])
def test_weights_are_repeats_and_none(kind, generator):
    x, y = two_sets()
    weights = generator.integers(0, 3, len(x)).astype(float)
    plain = kind(np.repeat(x, weights.astype(int), axis=0), y)
    if kind is FrechetDistance:
        assert kind(x, y)(weights) == pytest.approx(plain(np.ones(plain.outputs)), rel=1e-9)
    once = np.minimum(weights, 1)
    chosen = kind(x[once > 0], y)
    assert kind(x, y)(once) == pytest.approx(chosen(np.ones(chosen.outputs)), rel=1e-9)


@pytest.mark.parametrize("kind", [FrechetDistance, KernelDistance])
def test_intervals_hold_what_other_outputs_would_give(kind, generator):
    real = generator.standard_normal((1000, 4))
    draws = generator.standard_normal((100, 80, 4)) * 1.2 + 0.3
    distances = [kind(draw, real) for draw in draws]
    expected = np.mean([distance(np.ones(80)) for distance in distances])
    intervals = [bootstrap_interval(distance, resamples=100, seed=0) for distance in distances]
    held = np.mean([low <= expected <= high for low, high in intervals])
    assert 0.85 <= held <= 1
    assert all(
        low <= distance(np.ones(80)) <= high
        for distance, (low, high) in zip(distances, intervals, strict=True)
    )


def test_intervals_repeat_with_their_seed():
    distance = FrechetDistance(*two_sets())
    found = [bootstrap_interval(distance, resamples=50, seed=seed) for seed in (0, 0, 1)]
    assert found[0] == found[1] != found[2]


def test_clips_of_one_piece_are_no_further_evidence(generator):
    # Ten outputs that are all there six times: as many as sixty, and as uncertain as ten.
    x = np.repeat(generator.standard_normal((10, 4)), 6, axis=0)
    distance = FrechetDistance(x, generator.standard_normal((100, 4)))
    alone = np.diff(bootstrap_interval(distance, resamples=200, seed=0))
    in_pieces = np.diff(
        bootstrap_interval(distance, resamples=200, seed=0, pieces=np.repeat(np.arange(10), 6))
    )
    assert in_pieces > 1.5 * alone


def test_one_piece_has_no_interval():
    assert np.isnan(
        bootstrap_interval(FrechetDistance(*two_sets()), resamples=9, seed=0, pieces=["a"] * 60)
    ).all()


@pytest.mark.parametrize(
    ("change", "words"), [({"pieces": [1, 2]}, "one piece"), ({"resamples": 0}, "resamples")]
)
def test_intervals_of_nothing_are_refused(change, words):
    with pytest.raises(ConfigurationError, match=words):
        bootstrap_interval(FrechetDistance(*two_sets()), **{"resamples": 5, "seed": 0, **change})


@pytest.mark.parametrize("distance", BOTH)
def test_what_is_no_set_is_refused(distance):
    x, y = two_sets()
    for outputs, error, words in (
        (x[:1], Unscorable, "got 1 outputs"),
        (x[:, :3], ConfigurationError, "3 and 7 numbers"),
        (x[0], ConfigurationError, "table"),
        (np.where(np.arange(60)[:, None] == 3, np.nan, x), ConfigurationError, "NaN"),
    ):
        with pytest.raises(error, match=words):
            distance(outputs, y)


@given(st.integers(1, 30), st.integers(2, 6), st.integers(0, 10_000))
def test_classifier_score_agrees_with_entropies(n, labels, seed):
    answers = np.random.default_rng(seed).dirichlet(np.full(labels, 0.5), size=n)
    # The mean divergence is the mutual information: entropy of the mean less the mean entropy.
    expected = scipy.stats.entropy(answers.mean(axis=0)) - scipy.stats.entropy(answers, axis=1).mean()
    found = classifier_score(answers)
    assert found == pytest.approx(np.exp(expected), rel=1e-9)
    assert 1 <= found <= labels + 1e-9


def test_classifier_score_counts_labels():
    assert classifier_score(np.eye(6)) == pytest.approx(6)
    assert classifier_score(np.eye(6)[[2] * 9]) == 1
    assert classifier_score(np.full((9, 6), 1 / 6)) == 1
    assert classifier_score(np.eye(6)[[0, 1] * 5]) == pytest.approx(2)


@pytest.mark.parametrize("rows", [[[0.5, 0.6]], [[-0.5, 1.5]], [0.5, 0.5], [[np.nan, 1.0]]])
def test_what_is_no_distribution_is_refused(rows):
    with pytest.raises(ConfigurationError):
        classifier_score(rows)


def test_no_output_has_no_classifier_score():
    with pytest.raises(Unscorable, match="no outputs"):
        classifier_score(np.zeros((0, 6)))
