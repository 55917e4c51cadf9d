"""Evaluation of a style judge on pieces that it has not learned from.

Precision, recall and F1 are those of scikit-learn. Calibration is the expected calibration error of Guo
et al., "On calibration of modern neural networks", ICML 2017.
"""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from timbrebench.classifier.style.style_features import StyleFeatures, compute_features
from timbrebench.classifier.style.style_judge import Judge
from timbrebench.core.errors import JudgeError
from timbrebench.core.frozen_model import FrozenModel
from timbrebench.datasets.dataset import Dataset

#: Bins of equal width that answers are sorted into by their confidence.
N_BINS = 15

#: Probability from which a multi-label judge gives a label.
_GIVEN = 0.5


class Scores(FrozenModel):
    """Precision, recall and F1 of labels, each from 0 to 1.

    Attributes
    ----------
    precision : float
        Share of the clips given a label that have it; 0 where none is given it.
    recall : float
        Share of the clips with a label that are given it.
    f1 : float
        Harmonic mean of both.
    """

    precision: float
    recall: float
    f1: float


class ReliabilityBin(FrozenModel):
    """Answers of about the same confidence.

    Attributes
    ----------
    confidence : float
        Their mean confidence.
    accuracy : float
        Share of them that are right; for a calibrated judge the same.
    answers : int
        How many.
    """

    confidence: float
    accuracy: float
    answers: int


class Evaluation(FrozenModel):
    """Figures of a judge on clips of pieces that it has not learned from.

    A multi-label judge gives a clip each label whose probability is 0.5 or more.

    Attributes
    ----------
    labels : tuple of str
        In the order of the confusion matrix.
    clips : int
        How many were judged.
    accuracy : float
        Share that were given their label; of a multi-label judge, all their labels and no other.
    accuracy_by_soundfont : dict
        The same for the clips of each soundfont.
    accuracy_by_label : dict
        For each label that clips have, the share of them that were given it.
    by_label : dict of str to Scores
        For each label that clips have.
    micro : Scores
        Of all answers together. A judge of single labels has its accuracy in all three.
    macro : Scores
        Means over the labels that clips have.
    confusion : tuple of tuple of int
        Clips by true label (rows) and given label (columns); empty for a multi-label judge.
    calibration_error : float
        Mean over 15 bins of equal width of the distance between confidence and accuracy, weighted by the
        answers in each: 0 if confidences can be taken at their word. The confidence of an answer is the
        probability of the label given; of a multi-label judge each label of each clip is an answer, its
        confidence the label's probability, and its accuracy whether the clip has the label.
    reliability : tuple of ReliabilityBin
        The bins that hold answers, from low to high confidence.
    mean_average_precision : float or None
        Mean over the labels of the average precision with which clips are ranked; multi-label judges only.
    """

    labels: tuple[str, ...]
    clips: int
    accuracy: float
    accuracy_by_soundfont: dict[str, float]
    accuracy_by_label: dict[str, float]
    by_label: dict[str, Scores]
    micro: Scores
    macro: Scores
    confusion: tuple[tuple[int, ...], ...]
    calibration_error: float
    reliability: tuple[ReliabilityBin, ...]
    mean_average_precision: float | None = None


def evaluate_judge(judge: Judge, dataset: Dataset) -> Evaluation:
    """Judge the test split of a dataset.

    Parameters
    ----------
    judge : Judge
        Any judge that knows the dataset's labels.
    dataset : Dataset
        A dataset with a test split.

    Returns
    -------
    Evaluation
        The same each time.

    Raises
    ------
    JudgeError
        If the test split is empty, has a label that the judge does not know, or a piece that it learned from.
    """
    return evaluate_on(judge, compute_features(dataset.select(split="test"), judge.front_end))


def evaluate_on(judge: Judge, test: StyleFeatures) -> Evaluation:
    """Judge clips that went through the judge's front end; as :func:`evaluate_judge`."""
    _check(judge, test)
    truth = _truth(judge, test)
    probabilities = judge.probabilities_of(test.spectrograms)
    given = _given(judge, probabilities)
    right = (truth == given).all(axis=1)
    by_label = _scores_by_label(judge.labels, truth, given)
    bins = _reliability(*_confidences(judge, probabilities, truth, right))
    answers = sum(part.answers for part in bins)
    return Evaluation(
        labels=judge.labels,
        clips=len(right),
        accuracy=float(right.mean()),
        accuracy_by_soundfont=_by(test.manifest.soundfont.to_numpy(), right),
        accuracy_by_label={label: scores.recall for label, scores in by_label.items()},
        by_label=by_label,
        micro=_scores(
            *_metrics().precision_recall_fscore_support(truth, given, average="micro", zero_division=0)[:3]
        ),
        macro=_mean(list(by_label.values())),
        confusion=() if judge.multi_label else _confusion(truth, given),
        calibration_error=sum(part.answers / answers * abs(part.accuracy - part.confidence) for part in bins),
        reliability=bins,
        mean_average_precision=_mean_average_precision(truth, probabilities) if judge.multi_label else None,
    )


def right_answers(judge: Judge, test: StyleFeatures) -> NDArray[np.bool_]:
    """Tell for each clip whether the judge gives it its label, or all its labels and no other.

    Parameters
    ----------
    judge : Judge
        Any.
    test : StyleFeatures
        Clips through its front end.

    Returns
    -------
    numpy.ndarray, shape (clips,), bool
        Whose mean is :attr:`Evaluation.accuracy`.

    Raises
    ------
    JudgeError
        As :func:`evaluate_judge`.
    """
    _check(judge, test)
    given = _given(judge, judge.probabilities_of(test.spectrograms))
    return np.asarray((_truth(judge, test) == given).all(axis=1))


def _check(judge: Judge, test: StyleFeatures) -> None:
    if test.manifest.empty:
        raise JudgeError("the test split is empty: no clip to evaluate on")
    unknown = sorted(set(test.labels(multi_label=judge.multi_label)) - set(judge.labels))
    if unknown:
        raise JudgeError(f"the judge does not know {', '.join(unknown)}, only {', '.join(judge.labels)}")
    learned = sorted(set(test.manifest.piece) & set(judge.training_pieces))
    if learned:
        raise JudgeError(f"the judge has learned from {learned[0]}: evaluate it on other pieces")


def _truth(judge: Judge, test: StyleFeatures) -> NDArray[np.bool_]:
    """Return which labels clips have: shape (clips, labels)."""
    targets = test.targets(judge.labels, multi_label=judge.multi_label).numpy()
    if judge.multi_label:
        return np.asarray(targets > 0)
    return np.asarray(targets[:, None] == np.arange(len(judge.labels)))


def _metrics() -> ModuleType:
    """Return scikit-learn's metrics, which take long to import and which a judge that is there needs not."""
    return importlib.import_module("sklearn.metrics")


def _given(judge: Judge, probabilities: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return which labels clips are given: shape (clips, labels)."""
    if judge.multi_label:
        return np.asarray(probabilities >= _GIVEN)
    return np.asarray(probabilities.argmax(axis=1)[:, None] == np.arange(len(judge.labels)))


def _scores_by_label(
    labels: tuple[str, ...], truth: NDArray[np.bool_], given: NDArray[np.bool_]
) -> dict[str, Scores]:
    """Return the scores of each label that clips have."""
    table = _metrics().precision_recall_fscore_support(truth, given, average=None, zero_division=0)
    rows = zip(labels, *table, strict=True)
    return {label: _scores(precision, recall, f1) for label, precision, recall, f1, clips in rows if clips}


def _confusion(truth: NDArray[np.bool_], given: NDArray[np.bool_]) -> tuple[tuple[int, ...], ...]:
    matrix = _metrics().confusion_matrix(
        truth.argmax(axis=1), given.argmax(axis=1), labels=np.arange(truth.shape[1])
    )
    return tuple(tuple(int(count) for count in row) for row in matrix)


def _confidences(
    judge: Judge, probabilities: NDArray[np.float64], truth: NDArray[np.bool_], right: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return the confidence of each answer, and whether it is right: shape (answers,)."""
    if judge.multi_label:
        return probabilities.ravel(), truth.ravel()
    return probabilities.max(axis=1), right


def _reliability(confidences: NDArray[np.float64], right: NDArray[np.bool_]) -> tuple[ReliabilityBin, ...]:
    # As in the source, a bin holds its upper end; the first holds 0 as well.
    numbers = np.clip(np.ceil(confidences * N_BINS) - 1, 0, N_BINS - 1)
    return tuple(
        ReliabilityBin(
            confidence=float(confidences[numbers == number].mean()),
            accuracy=float(right[numbers == number].mean()),
            answers=int((numbers == number).sum()),
        )
        for number in np.unique(numbers)
    )


def _mean_average_precision(truth: NDArray[np.bool_], probabilities: NDArray[np.float64]) -> float | None:
    """Return it over the labels that clips have; None if they have none."""
    had = truth.any(axis=0)
    if not had.any():
        return None
    return float(_metrics().average_precision_score(truth[:, had], probabilities[:, had], average="macro"))


def _scores(precision: Any, recall: Any, f1: Any) -> Scores:  # noqa: ANN401 - numbers of scikit-learn
    return Scores(precision=float(precision), recall=float(recall), f1=float(f1))


def _mean(scores: list[Scores]) -> Scores:
    if not scores:
        return Scores(precision=0, recall=0, f1=0)
    names = ("precision", "recall", "f1")
    return _scores(*(np.mean([getattr(part, name) for part in scores]) for name in names))


def _by(group: NDArray[Any], right: NDArray[np.bool_]) -> dict[str, float]:
    return {str(name): float(right[group == name].mean()) for name in sorted(set(group))}
