"""Learned weights: they find what listeners go by, and do not see a study that is left out."""

import numpy as np
import pytest

from timbrebench.experiments.validity.human_validation import learn_weights
from timbrebench.experiments.validity.perceptual_fit import (
    RIDGES,
    WAYS,
    DescribedStudy,
    choose,
    each_left_out,
    learn,
    squared_distances,
)
from timbrebench.metrics.perceptual_timbre import GROUPS

WAY = next(iter(WAYS))


def study(seed, telling="partials", count=7):
    """A study whose listeners go by one group of features alone."""
    generator = np.random.default_rng(seed)
    squares = squared_distances(
        [{group: generator.standard_normal(3) for group in GROUPS} for _ in range(count)]
    )
    rated = np.sqrt(squares[telling])
    name = f"study {seed} {telling}"
    return DescribedStudy(name, squares, rated / rated.max(), frozenset({name}))


@pytest.fixture(scope="module")
def studies():
    return tuple(study(seed) for seed in range(3))


def test_the_group_that_listeners_go_by_gets_the_weight(studies):
    weights = learn(studies, WAY, RIDGES[0])
    assert max(weights.shares, key=weights.shares.get) == "partials"
    assert weights.shares["partials"] > 3 / len(GROUPS)
    assert sum(weights.shares.values()) == pytest.approx(1)


def test_a_great_ridge_makes_weights_equal(studies):
    assert learn(studies, WAY, 1e6).shares == pytest.approx(dict.fromkeys(GROUPS, 1 / len(GROUPS)), abs=1e-3)


def test_a_mean_squared_distance_is_one(studies):
    weights = learn(studies, WAY, RIDGES[0])
    means = [np.square(weights.distances(each))[np.triu_indices(7, 1)].mean() for each in studies]
    assert np.mean(means) == pytest.approx(1)


def test_what_is_left_out_changes_nothing(studies):
    """Listeners of the left-out study may say what they like: its weights stay, those of others do not."""
    other = study(2, telling="attack")
    before, after = (learn_weights((*studies[:2], last)) for last in (studies[2], other))
    assert after.left_out[other.name] == before.left_out[studies[2].name]
    assert after.left_out[studies[0].name] != before.left_out[studies[0].name]
    assert choose((*studies[:2], other)) == after.published


def test_studies_that_share_a_sound_are_left_out_together(studies):
    twin = DescribedStudy("twin", studies[0].squares, studies[0].dissimilarity, studies[0].sounds | {"own"})
    rests = [rest for _, rest in each_left_out((*studies, twin))]
    assert rests == [studies[1:], (studies[0], studies[2], twin), (*studies[:2], twin), studies[1:]]
