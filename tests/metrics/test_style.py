"""What a judge hears, and what it cannot be asked."""

import math

import numpy as np
import pytest

from timbrebench.metrics import Unscorable, get
from timbrebench.metrics.style import is_heard_as

LABELS = ("organ", "piano", "sax")


def test_only_the_most_probable_label_is_heard():
    assert [is_heard_as([0.4, 0.35, 0.25], LABELS, label) for label in LABELS] == [1.0, 0.0, 0.0]


def test_labels_that_tie_are_not_heard():
    assert [is_heard_as([0.4, 0.4, 0.2], LABELS, label) for label in LABELS] == [0.0, 0.0, 0.0]


def test_an_unknown_label_names_those_the_judge_knows():
    with pytest.raises(Unscorable, match=r"'kazoo'.*organ, piano, sax"):
        is_heard_as([0.4, 0.4, 0.2], LABELS, "kazoo")


def test_agrees_with_sorting(generator):
    for probabilities in generator.dirichlet(np.ones(3), size=50):
        heard = LABELS[np.argsort(probabilities)[-1]]
        assert [is_heard_as(probabilities, LABELS, label) for label in LABELS] == [
            float(label == heard) for label in LABELS
        ]


def test_a_third_label_is_neither(make_trial, clips):
    # An output that the judge hears as a trumpet, in a trial that has nothing to do with trumpets.
    trial = make_trial(clips["reference"], content_label="piano", style_label="piano")
    assert get("style_accuracy")(trial).value == 0
    assert get("content_label_share")(trial).value == 0


@pytest.mark.parametrize(
    ("name", "role"), [("style_accuracy", "style_label"), ("content_label_share", "content_label")]
)
def test_a_label_that_the_judge_does_not_know_has_no_score(name, role, make_trial, clips):
    score = get(name)(make_trial(clips["content"], **{role: "kazoo"}))
    assert math.isnan(score.value)
    assert "kazoo" in score.reason
    assert "trumpet" in score.reason


def test_the_other_label_may_be_unknown_to_the_judge(make_trial, clips):
    assert get("style_accuracy")(make_trial(clips["reference"], content_label="kazoo")).value == 1
