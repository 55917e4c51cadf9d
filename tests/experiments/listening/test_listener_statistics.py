"""Known preferences come out, who does not listen does not count, and what cannot be said is not said."""

import numpy as np
import pandas as pd
import pytest

from timbrebench.core.errors import RunError
from timbrebench.experiments.listening.listening_kinds import KINDS, QUESTIONS
from timbrebench.experiments.listening.listening_reading import read_listening_test
from timbrebench.experiments.listening.ratings_reading import read_ratings
from timbrebench.experiments.listening.screening import screen

KIND_NAMES = sorted(KINDS)


@pytest.fixture
def panel(made, generator):
    """Make up listeners with a bias of their own, to whom the good method is 30 points better."""

    def panel(key, *, listeners=6, better=30.0, noise=4.0):
        def scores(bias):
            def score(question, condition, page):
                if condition not in key.methods:
                    return made.fair(key, question, condition)
                value = (
                    50 + bias + noise * generator.normal() + (better / 2) * (1 if condition == "good" else -1)
                )
                return min(max(value, 0), 100)

            return score

        return [made.ratings(key, f"{number}", scores(5 * generator.normal())) for number in range(listeners)]

    return panel


@pytest.mark.parametrize("kind", KIND_NAMES)
def test_the_better_method_is_known_as_such(made, panel, handed_in, kind):
    key = made.key(kind, pieces=5)
    test = read_listening_test(key, handed_in(*panel(key)))
    assert len(test.excluded) == 0
    comparisons = test.findings.comparisons
    assert list(comparisons.question) == list(QUESTIONS)
    assert (comparisons.p_holm < 0.05).all()
    assert (comparisons.difference > 0).all()
    if kind == "mushra":
        assert np.allclose(comparisons.difference, 30, atol=6)
    assert ((comparisons.low <= comparisons.difference) & (comparisons.difference <= comparisons.high)).all()
    means = test.findings.means.set_index(["question", "condition"])
    for question in QUESTIONS:
        good, poor = means.loc[question, "good"], means.loc[question, "poor"]
        assert good["mean"] > poor["mean"]
        assert good.low <= good["mean"] <= good.high


def test_equal_methods_are_not_told_apart(made, panel, handed_in):
    key = made.key("mushra", pieces=5)
    test = read_listening_test(key, handed_in(*panel(key, better=0.0, noise=10.0)))
    assert (test.findings.comparisons.p_holm > 0.05).all()


def test_a_noisier_panel_needs_more_listeners(made, panel, handed_in):
    key = made.key("mushra", pieces=5)
    calm, noisy = (
        read_listening_test(key, handed_in(*panel(key, noise=noise))).findings.needed for noise in (2.0, 25.0)
    )
    assert (calm.difference == 10).all()
    assert calm.listeners_needed.mean() < noisy.listeners_needed.mean()


def test_agreement_is_that_of_equal_answers(made, handed_in, generator):
    key = made.key("mushra")

    def own(question, condition, page):
        return (
            made.fair(key, question, condition)
            if condition not in key.methods
            else 50 * (condition == "good")
        )

    def random(question, condition, page):
        return (
            made.fair(key, question, condition) if condition not in key.methods else generator.integers(101)
        )

    same = read_listening_test(key, handed_in(*(made.ratings(key, str(number), own) for number in range(4))))
    assert same.findings.agreement.alpha.tolist() == [1.0, 1.0, 1.0]
    other = read_listening_test(
        key, handed_in(*(made.ratings(key, str(number), random) for number in range(4)))
    )
    assert other.findings.agreement.alpha.abs().max() < 0.5


def test_one_listener_says_nothing_about_others(made, panel, handed_in):
    key = made.key("mushra")
    test = read_listening_test(key, handed_in(*panel(key, listeners=1)))
    assert test.findings.means.low.isna().all()
    assert test.findings.comparisons.p.isna().all()
    assert test.findings.needed.listeners_needed.isna().all()


@pytest.mark.parametrize(
    ("kind", "has_truth"),
    [("mushra", True), ("mos", True), ("mos", False), ("abx", True), ("abx", False)],
)
def test_who_does_not_hear_what_is_right_does_not_count(made, panel, handed_in, kind, has_truth):
    key = made.key(kind, has_truth=has_truth)

    def deaf(question, condition, page):
        # Never the same for all, so that it is no straight line.
        of_method = 5 + 3 * (condition == "good")
        return 100 - made.fair(key, question, condition) + (of_method if condition in key.methods else 0)

    listeners = panel(key, listeners=3)
    test = read_listening_test(key, handed_in(*listeners, made.ratings(key, "deaf", deaf)))
    assert list(test.excluded.listener) == ["deaf"]
    assert "what is right" in test.excluded.reason.iloc[0]
    assert set(test.ratings.listener) == {"0", "1", "2"}


def test_the_hidden_reference_may_be_missed_in_15_percent_of_the_items(made, handed_in):
    """BS.1534-3: excluded is who does so in more."""
    key = made.key("mushra", pieces=7)  # 21 items, of which 3 are 14 %

    def missing(number):
        pages = list(key.pages.values())[:number]

        def score(question, condition, page):
            return 89 if page in pages and condition == "reference" else made.fair(key, question, condition)

        return score

    files = [made.ratings(key, f"missed-{number}", missing(number)) for number in (0, 3, 4)]
    screened = screen(read_ratings(key, handed_in(*files)).table, key).set_index("listener")
    assert (screened["items"] == 21).all()
    assert list(screened.reason != "") == [False, False, True]


@pytest.mark.parametrize("kind", KIND_NAMES)
def test_a_straight_line_does_not_count(made, panel, handed_in, kind):
    key = made.key(kind)
    line = made.ratings(key, "line", lambda question, condition, page: 100)
    if kind == "abx":  # always the one that stands first
        for page in line["pages"]:
            for place, rating in enumerate(page["ratings"]):
                rating["score"] = 100 * (place == 0)
    test = read_listening_test(key, handed_in(*panel(key, listeners=2), made.sign(line)))
    assert list(test.excluded.listener) == ["line"]
    assert "straight line" in test.excluded.reason.iloc[0]


def test_without_a_listener_there_is_no_result(made, handed_in):
    key = made.key("mushra")
    with pytest.raises(RunError, match="no listener is left after screening: 7 gave what is right less"):
        read_listening_test(key, handed_in(made.ratings(key, "7", lambda *_: 50)))


def test_pairs_of_one_piece_are_one_observation(made, panel, handed_in):
    key = made.key("mushra", pieces=4)
    files = handed_in(*panel(key))
    apart = read_listening_test(key, files)
    pages = {name: page.model_copy(update={"piece": "one"}) for name, page in key.pages.items()}
    together = read_listening_test(key.model_copy(update={"pages": pages}), files)
    assert (together.findings.means.pieces == 1).all()
    assert together.findings.means.low.isna().all()
    pd.testing.assert_series_equal(apart.findings.means["mean"], together.findings.means["mean"])
