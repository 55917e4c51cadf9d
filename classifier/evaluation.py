"""How far a judge can be believed."""

from __future__ import annotations

import numpy as np
from pydantic import BaseModel, ConfigDict
from sklearn.metrics import confusion_matrix

from timbrebench.audio.errors import JudgeError
from timbrebench.classifier.features import Features, compute_features
from timbrebench.classifier.judge import Judge
from timbrebench.classifier.training import JudgeConfiguration, train_judge
from timbrebench.datasets.dataset import Dataset


class Evaluation(BaseModel):
    """A judge's accuracy on pieces that it has never heard.

    Attributes
    ----------
    labels : tuple of str
        In the order of the confusion matrix.
    clips : int
        How many were judged.
    accuracy : float
        Share that were given their label.
    accuracy_by_soundfont, accuracy_by_label : dict
        The same for the clips of each.
    accuracy_without_soundfont : dict
        For each family of soundfonts the accuracy on its clips of a judge that has heard none of them in
        training: what to expect of a timbre that is new. Empty for a dataset with one family.
    confusion : tuple of tuple of int
        Clips by true label (rows) and given label (columns).
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    labels: tuple[str, ...]
    clips: int
    accuracy: float
    accuracy_by_soundfont: dict[str, float]
    accuracy_by_label: dict[str, float]
    accuracy_without_soundfont: dict[str, float] = {}
    confusion: tuple[tuple[int, ...], ...]


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
        Without `accuracy_without_soundfont`, which takes training further judges.

    Raises
    ------
    JudgeError
        If the test split is empty, has a label that the judge does not know, or a piece that it learned from.
    """
    return evaluate_on(judge, compute_features(dataset.select(split="test"), judge.front_end))


def evaluate_on(judge: Judge, test: Features) -> Evaluation:
    """Judge clips that went through the judge's front end; as :func:`evaluate_judge`."""
    manifest = test.manifest
    _check(judge, test)
    truth = test.targets(judge.labels).numpy()
    given = judge.probabilities_of(test.decibels).argmax(axis=1)
    right = truth == given
    matrix = confusion_matrix(truth, given, labels=np.arange(len(judge.labels)))
    return Evaluation(
        labels=judge.labels,
        clips=len(manifest),
        accuracy=float(right.mean()),
        accuracy_by_soundfont=_by(manifest.soundfont.to_numpy(), right),
        accuracy_by_label=_by(manifest.label.to_numpy(), right),
        confusion=tuple(tuple(int(count) for count in row) for row in matrix),
    )


def leave_soundfonts_out(features: Features, configuration: JudgeConfiguration) -> dict[str, float]:
    """Measure the accuracy on each family of soundfonts of a judge that was trained without it.

    Parameters
    ----------
    features : Features
        Clips of all splits.
    configuration : JudgeConfiguration
        How the judges are trained.

    Returns
    -------
    dict of str to float
        Accuracy on the family's test clips, by family; empty where there is only one.
    """
    families = sorted(features.manifest.soundfont_family.unique())
    if len(families) < 2:
        return {}
    accuracies = {}
    for family in families:
        others = features.where(soundfont_family=[name for name in families if name != family])
        training = train_judge(others, configuration, description=f"training without {family}")
        test = features.where(soundfont_family=[family], split=["test"])
        accuracies[family] = evaluate_on(training.judge, test).accuracy
    return accuracies


def _check(judge: Judge, test: Features) -> None:
    if test.manifest.empty:
        raise JudgeError("there is no clip to evaluate on: the test split is empty")
    unknown = sorted(set(test.manifest.label) - set(judge.labels))
    if unknown:
        raise JudgeError(f"the judge does not know {', '.join(unknown)}, only {', '.join(judge.labels)}")
    learned = sorted(set(test.manifest.piece) & set(judge.training_pieces))
    if learned:
        raise JudgeError(f"the judge has learned from {learned[0]}: evaluate it on pieces it has not heard")


def _by(group: np.ndarray, right: np.ndarray) -> dict[str, float]:
    return {str(name): float(right[group == name].mean()) for name in sorted(set(group))}
