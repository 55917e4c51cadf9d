"""What a metric may declare and return, and what a trial accepts."""

import math

import numpy as np
import pandas as pd
import pytest

from timbrebench.classifier import Prediction
from timbrebench.core.errors import AudioError, ConfigurationError, DatasetError, JudgeError
from timbrebench.metrics import Score, Unscorable, evaluate, metric

DECLARED = {
    "name": "share",
    "version": 1,
    "unit": "1",
    "lower": 0.0,
    "upper": 1.0,
    "direction": "higher",
    "relevant_change": 0.1,
    "summary": "How much?",
}


def returning(value, **changes):
    """A metric that returns one value, or raises it."""

    @metric(**{**DECLARED, **changes})
    def share(trial):
        if isinstance(value, Exception):
            raise value
        return value

    return share


@pytest.fixture
def trial(make_trial, clips):
    return make_trial(clips["content"])


@pytest.mark.parametrize("value", [0, 0.0, 0.5, 1, True, np.float32(0.25), np.int64(1), np.array(0.5)])
def test_numbers_in_range_are_scores(value, trial):
    assert returning(value)(trial) == Score(float(value))


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, -1e-9, 1.0001])
def test_no_other_number_looks_like_a_score(value, trial):
    score = returning(value)(trial)
    assert math.isnan(score.value)
    assert "share" in score.reason


def test_infinity_is_no_score_even_without_a_bound(trial):
    assert math.isnan(returning(math.inf, upper=math.inf)(trial).value)


def test_unscorable_becomes_its_reason(trial):
    score = returning(Unscorable("the moon is full"))(trial)
    assert math.isnan(score.value)
    assert score.reason == "the moon is full"


def test_faults_of_a_metric_are_not_hidden(trial):
    with pytest.raises(ZeroDivisionError):
        returning(ZeroDivisionError("a fault"))(trial)


@pytest.mark.parametrize(
    ("need", "missing"),
    [
        ("reference", {"reference": None}),
        ("notes", {"notes": None}),
        ("judge", {"judge": None}),
        ("labels", {"content_label": None}),
        ("labels", {"style_label": None}),
    ],
)
def test_needs_are_checked_before_the_metric_is_asked(need, missing, make_trial, clips):
    asked = returning(AssertionError("was asked"), needs=[need])
    score = asked(make_trial(clips["content"], **missing))
    assert math.isnan(score.value)
    assert need in score.reason


@pytest.mark.parametrize(
    "change",
    [
        {"name": "two words"},
        {"name": "Share"},
        {"version": 0},
        {"lower": 1.0},
        {"lower": math.nan},
        {"direction": "up"},
        {"needs": ["refrence"]},
        {"relevant_change": 0.0},
        {"relevant_change": math.inf},
        {"summary": ""},
        {"summary": "Two\nlines?"},
    ],
)
def test_unsound_specifications_are_refused(change):
    with pytest.raises(ConfigurationError, match=r"metric '"):
        returning(0.5, **change)


def test_a_mistyped_need_gets_a_suggestion():
    with pytest.raises(ConfigurationError, match="did you mean 'reference'"):
        returning(0.5, needs=["refrence"])


def test_one_name_cannot_have_two_scores(trial):
    with pytest.raises(ConfigurationError, match="share"):
        evaluate(trial, [returning(0.5), returning(0.6)])


@pytest.mark.parametrize(("value", "reason"), [(math.nan, None), (math.nan, ""), (0.5, "a reason")])
def test_a_score_is_a_number_or_a_reason(value, reason):
    with pytest.raises(ValueError, match="score"):
        Score(value, reason)


@pytest.mark.parametrize("role", ["output", "content", "style", "reference"])
@pytest.mark.parametrize("bad", [np.zeros(0), np.array([0.1, np.nan]), np.arange(5)])
def test_clips_that_are_no_audio_are_refused_by_name(role, bad, make_trial, clips):
    with pytest.raises(AudioError, match=f"the {role}"):
        make_trial(**{"output": clips["content"], role: bad})


def test_stereo_and_double_precision_become_mono_samples(make_trial, clips):
    trial = make_trial(np.stack([clips["content"], clips["content"]]).astype(np.float64))
    np.testing.assert_allclose(trial.output.samples, clips["content"], atol=1e-7)
    assert trial.output.samples.dtype == np.float32


def test_the_sample_rate_is_positive(make_trial, clips):
    with pytest.raises(ConfigurationError, match="sample rate"):
        make_trial(clips["content"], sample_rate=0)


@pytest.mark.parametrize(
    ("notes", "problem"),
    [
        (pd.DataFrame({"onset_s": [0.0], "offset_s": [1.0]}), "pitch"),
        (pd.DataFrame({"onset_s": [1.0], "offset_s": [0.5], "pitch": [60], "velocity": [90]}), "ends before"),
        (pd.DataFrame({"onset_s": [np.nan], "offset_s": [1.0], "pitch": [60], "velocity": [90]}), "finite"),
        (
            pd.DataFrame({"onset_s": [0.0], "offset_s": [1.0], "pitch": [36], "velocity": [90], "drum": [1]}),
            "strokes of drums",
        ),
    ],
)
def test_unsound_notes_are_refused(notes, problem, make_trial, clips):
    with pytest.raises(DatasetError, match=problem):
        make_trial(clips["content"], notes=notes)


class Oracle:
    """A judge with a fixed answer, which counts how often it is asked."""

    labels = ("piano", "trumpet")
    fingerprint = "oracle"

    def __init__(self, answer):
        self.answer, self.asked = answer, 0

    def predict(self, samples, sample_rate):
        self.asked += 1
        if isinstance(self.answer, Exception):
            raise self.answer
        return Prediction(np.array(self.answer), np.zeros(2))


def test_the_judge_is_asked_once(make_trial, clips):
    judge = Oracle([0.1, 0.9])
    trial = make_trial(clips["content"], judge=judge)
    assert trial.output.prediction is trial.output.prediction
    assert judge.asked == 1


@pytest.mark.parametrize("answer", [[1.0], [0.7, 0.7], [1.5, -0.5], [np.nan, 1.0], JudgeError("too short")])
def test_an_unsound_answer_of_the_judge_is_no_answer(answer, make_trial, clips):
    with pytest.raises(Unscorable, match="judge"):
        _ = make_trial(clips["content"], judge=Oracle(answer)).output.prediction
