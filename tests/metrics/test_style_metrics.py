"""What a judge hears, and what it cannot be asked."""

import math

import numpy as np
import pytest

from timbrebench.classifier import Prediction
from timbrebench.core.errors import ConfigurationError
from timbrebench.metrics import Unscorable, get
from timbrebench.metrics.style_metrics import is_heard_as, transfer_matrix

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


class Sworn:
    """A judge that always gives one label, or says that it knows nothing of the kind."""

    labels, fingerprint = ("piano", "trumpet"), "sworn"

    def __init__(self, *answer, is_unfamiliar=None):
        self._answer = Prediction(np.array(answer), np.zeros(1), is_unfamiliar)

    def predict(self, samples, sample_rate):
        return self._answer


def test_each_judge_is_asked_for_itself(make_trial, clips):
    trial = make_trial(clips["reference"], judge=Sworn(0.1, 0.9), second_judge=Sworn(0.9, 0.1))
    assert get("style_accuracy")(trial).value == 1
    assert get("second_style_accuracy")(trial).value == 0


@pytest.mark.parametrize(("answer", "value"), [(True, 1), (False, 0), (None, math.nan)])
def test_what_the_judge_does_not_know_it_says_or_cannot_tell(answer, value, make_trial, clips):
    score = get("unfamiliar")(make_trial(clips["content"], judge=Sworn(0, 1, is_unfamiliar=answer)))
    assert score.value == pytest.approx(value, nan_ok=True)
    assert (answer is None) == ("cannot tell" in (score.reason or ""))


def test_the_other_label_may_be_unknown_to_the_judge(make_trial, clips):
    assert get("style_accuracy")(make_trial(clips["reference"], content_label="kazoo")).value == 1


def test_confidence_is_what_the_judge_says(make_trial, clips, judge):
    for clip in clips.values():
        probabilities = dict(zip(judge.labels, judge.predict(clip, 22_050).probabilities, strict=True))
        trial = make_trial(clip)
        assert get("style_confidence")(trial).value == pytest.approx(probabilities["trumpet"])


def test_confidence_goes_with_accuracy(make_trial, clips):
    for clip in clips.values():
        trial = make_trial(clip)
        # With two labels, the one that is heard is the one with more than half.
        assert get("style_accuracy")(trial).value == float(get("style_confidence")(trial).value > 0.5)


@pytest.mark.parametrize("change", [{"style_label": "kazoo"}, {"output": "silence"}])
def test_confidence_in_nothing_has_no_score(change, make_trial, clips):
    silent = change.pop("output", None) == "silence"
    score = get("style_confidence")(make_trial(clips["content"] * (0 if silent else 1), **change))
    assert math.isnan(score.value)
    assert ("silent" if silent else "kazoo") in score.reason


def test_a_matrix_holds_the_mean_from_each_label_to_each_other(generator):
    labels = ["organ", "piano", "sax"]
    contents, styles = generator.choice(labels, (2, 60))
    values = generator.random(60)
    matrix = transfer_matrix(list(contents), list(styles), values)
    assert list(matrix.index) == list(matrix.columns) == labels
    for content in labels:
        for style in labels:
            found = [
                v for c, s, v in zip(contents, styles, values, strict=True) if (c, s) == (content, style)
            ]
            assert matrix.loc[content, style] == pytest.approx(np.mean(found))


def test_what_has_no_pair_or_no_score_is_empty_in_a_matrix():
    matrix = transfer_matrix(["piano", "piano", "sax"], ["sax", "sax", "organ"], [1, np.nan, np.nan])
    assert matrix.loc["piano", "sax"] == 1
    assert matrix.notna().to_numpy().sum() == 1
    assert matrix.shape == (3, 3)


def test_a_matrix_of_nothing_is_empty():
    assert transfer_matrix([], [], []).empty


def test_a_matrix_needs_all_three_of_each_output():
    with pytest.raises(ConfigurationError, match="2 labels of contents, 1 of styles and 2 values"):
        transfer_matrix(["piano", "sax"], ["sax"], [1, 0])
