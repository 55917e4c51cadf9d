import numpy as np
import pytest
import torch
from sklearn.metrics import accuracy_score, average_precision_score, confusion_matrix, f1_score

from timbrebench.classifier import Evaluation, evaluate_judge, train_judge
from timbrebench.classifier.style.style_evaluation import evaluate_on, right_answers
from timbrebench.core.errors import JudgeError


@pytest.fixture(scope="module")
def evaluation(judge, dataset):
    return evaluate_judge(judge, dataset)


@pytest.fixture(scope="module")
def answers(judge, dataset):
    """True and given labels, and the confidence, each clip asked by itself."""
    test = dataset.select(split="test")
    found = []
    for clip in test.clips():
        probabilities = judge.predict(test.samples(clip), clip.sample_rate).probabilities
        found.append((clip.label, judge.labels[probabilities.argmax()], probabilities.max()))
    return tuple(np.array(column) for column in zip(*found, strict=True))


@pytest.fixture(scope="module")
def multi_label(multi_label_features, brief):
    """A judge of several labels, the truth and its probabilities for the test clips, and its evaluation."""
    judge = train_judge(multi_label_features, brief.model_copy(update={"multi_label": True})).judge
    test = multi_label_features.where(split=["test"])
    truth = test.targets(judge.labels, multi_label=True).numpy()
    return judge, truth, judge.probabilities_of(test.spectrograms), evaluate_on(judge, test)


def with_spectrograms(features, value):
    return type(features)(
        torch.full_like(features.spectrograms, value), features.manifest, features.front_end
    )


def test_every_test_clip_is_counted_once(evaluation, dataset):
    clips = len(dataset.select(split="test"))
    assert evaluation.clips == clips
    assert np.sum(evaluation.confusion) == clips
    assert sum(part.answers for part in evaluation.reliability) == clips


def test_the_figures_are_those_of_scikit_learn(evaluation, answers):
    truth, given, _ = answers
    expected = confusion_matrix(truth, given, labels=evaluation.labels)
    np.testing.assert_array_equal(evaluation.confusion, expected)
    assert evaluation.accuracy == pytest.approx(accuracy_score(truth, given))
    recalls = dict(zip(evaluation.labels, expected.diagonal() / expected.sum(axis=1), strict=True))
    assert evaluation.accuracy_by_label == pytest.approx(recalls)
    assert evaluation.macro.f1 == pytest.approx(f1_score(truth, given, average="macro"))
    for label, scores in evaluation.by_label.items():
        assert scores.f1 == pytest.approx(f1_score(truth == label, given == label))


def test_of_single_labels_all_micro_scores_are_the_accuracy(evaluation):
    micro = evaluation.micro
    assert (micro.precision, micro.recall, micro.f1) == pytest.approx((evaluation.accuracy,) * 3)


def test_the_calibration_error_is_that_of_its_definition(evaluation, answers):
    truth, given, confidence = answers
    error = 0.0
    for number in range(15):
        inside = (confidence > number / 15) & (confidence <= (number + 1) / 15)
        if inside.any():
            distance = (truth == given)[inside].mean() - confidence[inside].mean()
            error += inside.mean() * abs(distance)
    assert evaluation.calibration_error == pytest.approx(error, abs=2e-3)


def test_a_judge_that_hears_no_difference_is_as_wrong_as_it_is_sure(judge, features):
    # All clips look alike, so that all are given one label, with one confidence; half have it.
    alike = evaluate_on(judge, with_spectrograms(features.where(split=["test"]), -40.0))
    [only] = alike.reliability
    assert alike.accuracy == 0.5
    assert alike.calibration_error == pytest.approx(abs(only.confidence - 0.5))
    assert sorted(alike.accuracy_by_label.values()) == [0, 1]
    assert sorted(scores.precision for scores in alike.by_label.values()) == [0, 0.5]


def test_one_soundfont_has_the_accuracy_of_all(evaluation):
    assert evaluation.accuracy_by_soundfont == {"TimGM6mb": evaluation.accuracy}


def test_right_answers_are_those_that_count(evaluation, judge, features):
    right = right_answers(judge, features.where(split=["test"]))
    assert right.mean() == pytest.approx(evaluation.accuracy)


def test_a_label_without_clips_has_no_scores(judge, features):
    evaluation = evaluate_on(judge, features.where(split=["test"], label=["piano"]))
    assert set(evaluation.by_label) == set(evaluation.accuracy_by_label) == {"piano"}
    assert evaluation.macro == evaluation.by_label["piano"]


def test_an_evaluation_survives_json(evaluation, multi_label):
    for each in (evaluation, multi_label[-1]):
        assert Evaluation.model_validate_json(each.model_dump_json()) == each


def test_of_several_labels_the_figures_are_those_of_scikit_learn(multi_label):
    _, truth, probabilities, evaluation = multi_label
    given = probabilities >= 0.5
    assert evaluation.micro.f1 == pytest.approx(f1_score(truth, given, average="micro", zero_division=0))
    assert evaluation.macro.f1 == pytest.approx(f1_score(truth, given, average="macro", zero_division=0))
    assert evaluation.accuracy == pytest.approx(accuracy_score(truth, given))
    precision = average_precision_score(truth, probabilities, average="macro")
    assert evaluation.mean_average_precision == pytest.approx(precision)
    assert evaluation.confusion == ()


def test_of_several_labels_every_label_of_every_clip_is_an_answer(multi_label):
    _, truth, probabilities, evaluation = multi_label
    assert sum(part.answers for part in evaluation.reliability) == truth.size
    mean = sum(part.answers * part.confidence for part in evaluation.reliability) / truth.size
    assert mean == pytest.approx(probabilities.mean())


def test_clips_without_a_label_have_no_average_precision(multi_label, multi_label_features):
    test = multi_label_features.where(split=["test"])
    nameless = test.select(test.manifest.label.isna().to_numpy(copy=True))
    evaluation = evaluate_on(multi_label[0], nameless)
    assert evaluation.mean_average_precision is None
    assert evaluation.by_label == {}


def test_pieces_that_were_learned_from_are_refused(judge, features):
    with pytest.raises(JudgeError, match="learned from"):
        evaluate_on(judge, features.where(split=["judge"]))


def test_an_unknown_label_is_named(judge, features):
    test = features.where(split=["test"])
    manifest = test.manifest.assign(label="tuba")
    with pytest.raises(JudgeError, match="tuba"):
        evaluate_on(judge, type(test)(test.spectrograms, manifest, test.front_end))


def test_without_test_clips_there_is_no_evaluation(judge, features):
    with pytest.raises(JudgeError, match="empty"):
        evaluate_on(judge, features.where(split=["none"]))
