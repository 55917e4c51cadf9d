"""Verdicts on shares, against exact probabilities of the binomial distribution."""

from __future__ import annotations

import pytest
from scipy.stats import binom

from timbrebench.experiments.studies.share_verdicts import (
    most_verdict,
    nothing_verdict,
    share_interval,
    something_verdict,
)


@pytest.mark.parametrize(("successes", "trials"), [(0, 6), (3, 7), (6, 6), (29, 30)])
def test_beyond_the_interval_what_was_counted_has_a_chance_of_a_fortieth(successes, trials):
    low, high = share_interval(successes, trials)
    if successes > 0:
        assert binom.sf(successes - 1, trials, low) == pytest.approx(0.025)
    if successes < trials:
        assert binom.cdf(successes, trials, high) == pytest.approx(0.025)


def test_without_a_trial_any_share_is_possible():
    assert share_interval(0, 0) == (0, 1)
    assert most_verdict(0, 0) == nothing_verdict([], 0.2) == nothing_verdict([(0, 0)], 0.2) == "not decided"


def test_few_trials_decide_nothing():
    assert nothing_verdict([(0, 5)], 0.2) == "not decided"
    assert nothing_verdict([(0, 6)], 0.2) == "held"
    assert most_verdict(5, 5) == "not decided"
    assert most_verdict(6, 6) == "held"


def test_one_success_leaves_open_what_many_refute():
    assert nothing_verdict([(1, 30), (0, 30)], 0.2) == "not decided"
    assert nothing_verdict([(20, 30), (0, 30)], 0.2) == "did not hold"


def test_more_settings_need_more_successes():
    assert nothing_verdict([(4, 6)], 0.2) == "did not hold"
    assert nothing_verdict([(4, 6), *[(0, 6)] * 11], 0.2) == "not decided"


def test_something_is_the_contrary_of_nothing():
    cases = ([(0, 6)], [(20, 30)], [(1, 30)])
    assert [something_verdict(counts, 0.2) for counts in cases] == ["did not hold", "held", "not decided"]
