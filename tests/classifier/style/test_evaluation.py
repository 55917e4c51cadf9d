import numpy as np
import pytest
from sklearn.metrics import accuracy_score, confusion_matrix

from timbrebench.audio.errors import JudgeError
from timbrebench.classifier import Evaluation, evaluate_judge
from timbrebench.classifier.style.evaluation import evaluate_on, leave_soundfonts_out


@pytest.fixture(scope="module")
def evaluation(judge, dataset):
    return evaluate_judge(judge, dataset)


@pytest.fixture(scope="module")
def answers(judge, dataset):
    """True and given labels, each clip asked by itself."""
    test = dataset.select(split="test")
    pairs = [(clip.label, judge.predict(test.samples(clip), clip.sample_rate)) for clip in test.clips()]
    return tuple(zip(*pairs, strict=True))


def test_every_test_clip_is_counted_once(evaluation, dataset):
    clips = len(dataset.select(split="test"))
    assert evaluation.clips == clips
    assert np.sum(evaluation.confusion) == clips


def test_the_figures_are_those_of_scikit_learn(evaluation, answers):
    truth, given = answers
    expected = confusion_matrix(truth, given, labels=evaluation.labels)
    np.testing.assert_array_equal(evaluation.confusion, expected)
    assert evaluation.accuracy == pytest.approx(accuracy_score(truth, given))
    recalls = dict(zip(evaluation.labels, expected.diagonal() / expected.sum(axis=1), strict=True))
    assert evaluation.accuracy_by_label == pytest.approx(recalls)


def test_one_soundfont_has_the_accuracy_of_all(evaluation):
    assert evaluation.accuracy_by_soundfont == {"TimGM6mb": evaluation.accuracy}


def test_an_evaluation_survives_json(evaluation):
    assert Evaluation.model_validate_json(evaluation.model_dump_json()) == evaluation


def test_with_one_soundfont_none_can_be_left_out(features, quick):
    assert leave_soundfonts_out(features, quick) == {}


def test_each_family_is_left_out_in_turn(features, quick):
    # The same clips under two names: a judge that has not heard one of them has heard its like.
    manifest = features.manifest.copy()
    manifest["soundfont_family"] = np.where(np.arange(len(manifest)) % 2, "odd", "even")
    renamed = type(features)(features.decibels, manifest, features.front_end)
    accuracies = leave_soundfonts_out(renamed, quick)
    assert set(accuracies) == {"even", "odd"}
    assert all(0.5 < accuracy <= 1 for accuracy in accuracies.values())


def test_pieces_that_were_learned_from_are_refused(judge, features):
    with pytest.raises(JudgeError, match="learned from"):
        evaluate_on(judge, features.where(split=["train"]))


def test_an_unknown_label_is_named(judge, features):
    test = features.where(split=["test"])
    manifest = test.manifest.assign(label="tuba")
    with pytest.raises(JudgeError, match="tuba"):
        evaluate_on(judge, type(test)(test.decibels, manifest, test.front_end))


def test_without_test_clips_there_is_no_evaluation(judge, features):
    with pytest.raises(JudgeError, match="empty"):
        evaluate_on(judge, features.where(split=["none"]))
