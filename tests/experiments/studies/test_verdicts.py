"""Verdicts follow from intervals, and from nothing less."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import ttest_1samp

from timbrebench.experiments.studies.verdicts import (
    all_positive,
    interval_verdict,
    mean_interval,
    pooled_intervals,
)


def test_an_interval_is_that_of_scipy():
    values = np.random.default_rng(0).normal(1.0, 2.0, 7)
    expected = ttest_1samp(values, 0.0).confidence_interval(0.9)
    assert mean_interval(values, 0.9) == pytest.approx((expected.low, expected.high))


@pytest.mark.parametrize("values", [[], [1.0], [1.0, math.nan, 2.0]])
def test_without_repetition_nothing_is_decided(values):
    assert all(math.isnan(end) for end in mean_interval(values))
    assert interval_verdict(*mean_interval(values)) == "not decided"
    assert all_positive([values, [1.0, 1.1, 1.2]]) == "not decided"


def test_no_groups_decide_nothing():
    assert all_positive([]) == "not decided"


def test_one_group_that_is_not_above_zero_is_enough():
    above, below, around = [1.0, 1.1, 1.2], [-1.0, -1.1, -1.2], [-1.0, 0.0, 1.0]
    assert all_positive([above]) == all_positive([above, above]) == "held"
    assert all_positive([above, around]) == "not decided"
    assert all_positive([above, around, below]) == "did not hold"


def test_many_groups_around_zero_seldom_count_as_below():
    """Of 20 groups without any difference one has an interval below 0 in two of five studies; not here."""
    generator = np.random.default_rng(0)
    studies = [generator.normal(size=(20, 4)) for _ in range(300)]
    plain = sum(any(mean_interval(group)[1] < 0 for group in study) for study in studies)
    assert plain > 90
    assert sum(all_positive(study) == "did not hold" for study in studies) < 20


def test_groups_that_share_a_deviation_need_few_measurements_each():
    generator = np.random.default_rng(0)
    groups = generator.normal(3.0, 1.0, (40, 2))
    low, high = pooled_intervals(groups, 0.95)
    assert np.allclose(high - low, (high - low)[0])
    assert (high - low)[0] == pytest.approx(2 * 2.02 * 1.0 / np.sqrt(2), rel=0.2)
    alone = pooled_intervals(groups[:1], 0.9)
    assert [end[0] for end in alone] == pytest.approx(mean_interval(groups[0], 0.9))


def test_groups_without_repetition_or_with_a_gap_have_no_intervals():
    assert np.isnan(pooled_intervals(np.ones((3, 1)), 0.95)).all()
    assert np.isnan(pooled_intervals(np.array([[1.0, 2.0], [1.0, np.nan]]), 0.95)).all()
