"""Verdicts follow from intervals, and from nothing less."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import ttest_1samp

from timbrebench.experiments.studies.verdicts import all_positive, interval_verdict, mean_interval


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
