"""How a judge learns, what it confuses, and how much that owes to the pieces it is tested on.

The multi-instrument report (2023) trains its network of four blocks on mel bands to a loss of 1.20 and finds
folds of a cross-validation with accuracies of 0.602, 0.916, 0.603 and 0.919. Both are tested here, with the
report's network and folds that are split by piece:

- whether folds differ that much, when no piece is in two of them;
- whether a loss of 1.20 is what a well-trained network has if its probabilities go through a softmax once
  more before the cross-entropy is taken: that cannot fall below ln(e + n - 1) - 1 for n labels, 1.04 for six.

The small setting learns from the suite's soundfont alone.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch.nn.functional import cross_entropy

from timbrebench.classifier.style.cross_validation import cross_validate
from timbrebench.classifier.style.judge_configuration import JudgeConfiguration
from timbrebench.classifier.style.style_augmentation import Augmentation
from timbrebench.classifier.style.style_evaluation import Evaluation, evaluate_on
from timbrebench.classifier.style.style_features import StyleFeatures, compute_features
from timbrebench.classifier.style.style_front_end import MelFrontEnd
from timbrebench.classifier.style.style_judge import Judge
from timbrebench.experiments.studies.study import Study, StudyContext, StudyFinding, StudyResult
from timbrebench.experiments.studies.study_wording import counted, format_distinct, listed
from timbrebench.experiments.studies.verdicts import decided

#: What the report has: accuracy of each fold, and the loss.
PUBLISHED_FOLDS = (0.602, 0.916, 0.603, 0.919)
PUBLISHED_LOSS = 1.20

#: Difference between folds from which they count as differing as much.
_MUCH = 0.3

#: Maximum number of equally frequent confusions that are named.
_NAMED = 3


@dataclass(frozen=True)
class JudgeSettings:
    """How much is done: maximum passes of each training, and folds of the cross-validation."""

    max_epochs: int
    folds: int


SMALL = JudgeSettings(max_epochs=12, folds=4)
PAPER = JudgeSettings(max_epochs=60, folds=4)


def run(context: StudyContext, settings: JudgeSettings) -> StudyResult:
    """Train the report's network on the dataset's own split, and once for each fold."""
    from timbrebench.classifier.style.style_training import train_judge  # noqa: PLC0415 - Lightning takes seconds

    configuration = JudgeConfiguration(
        front_end=MelFrontEnd(),
        network="four-block",
        augmentation=Augmentation(share=0, shift_semitones=0),
        max_epochs=settings.max_epochs,
    )
    features = compute_features(context.on_soundfonts(context.judged), configuration.front_end)
    training = train_judge(features, configuration, description="training the report's network")
    test = features.where(split=["test"]).first_programs()
    own = evaluate_on(training.judge, test)
    folder = context.learning_folder / "judge"
    folds = cross_validate(features, configuration, folder, folds=settings.folds)
    named = {"dataset's split": own} | {f"fold {number}": fold for number, fold in enumerate(folds, start=1)}
    table = pd.DataFrame([{"tested_on": name, **_figures(evaluation)} for name, evaluation in named.items()])
    losses = softmax_losses(training.judge, test)
    table.loc[0, ["loss", "loss_with_second_softmax"]] = losses[:2]
    confusion = pd.DataFrame(own.confusion, columns=list(own.labels))
    confusion.insert(0, "true_label", own.labels)
    return StudyResult(
        table,
        _figure(training.curve, own, folds),
        _text(table, confusion, training.curve),
        findings(tuple(fold.accuracy for fold in folds), losses),
        {"learning-curve": training.curve, "confusion": confusion},
    )


def _figures(evaluation: Evaluation) -> dict[str, object]:
    return {
        "clips": evaluation.clips,
        "accuracy": evaluation.accuracy,
        "macro_precision": evaluation.macro.precision,
        "macro_recall": evaluation.macro.recall,
        "macro_f1": evaluation.macro.f1,
        "calibration_error": evaluation.calibration_error,
    }


def softmax_losses(judge: Judge, clips: StyleFeatures) -> tuple[float, float, int]:
    """Return the cross-entropy of a judge's answers, that after one softmax too many, and how many labels.

    Both are in nats, for a judge of single labels; the second cannot fall below ln(e + n - 1) - 1 for n
    labels.
    """
    logits = judge.logits_of(clips.spectrograms)
    targets = clips.targets(judge.labels)
    once = float(cross_entropy(logits, targets))
    twice = float(cross_entropy(torch.softmax(logits, dim=1), targets))
    return once, twice, len(judge.labels)


def _figure(curve: pd.DataFrame, own: Evaluation, folds: tuple[Evaluation, ...]) -> Figure:
    figure = Figure(figsize=(13, 4), layout="constrained")
    learning, confusion, validation = figure.subplots(1, 3)
    _draw_curve(learning, curve)
    _draw_confusion(confusion, own)
    _draw_folds(validation, folds)
    return figure


def _draw_curve(axes: Axes, curve: pd.DataFrame) -> None:
    for column, colour, label in (
        ("train_loss", "#0072B2", "training loss"),
        ("validation_loss", "#D55E00", "validation loss"),
        ("validation_accuracy", "#009E73", "validation accuracy"),
    ):
        axes.plot(curve.epoch + 1, curve[column], marker="o", markersize=4, color=colour, label=label)
    axes.axhline(PUBLISHED_LOSS, ls=":", color="#7F7F7F", label="the report's loss")
    axes.set(xlabel="pass through the clips", ylim=(0, None))
    axes.legend(frameon=False)


def _draw_confusion(axes: Axes, own: Evaluation) -> None:
    counts = np.array(own.confusion)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    places = range(len(own.labels))
    axes.set_xticks(places, own.labels, rotation=45, ha="right", rotation_mode="anchor")
    axes.set_yticks(places, own.labels)
    axes.set(xlabel="given label", ylabel="true label")
    for (row, column), count in np.ndenumerate(counts):
        colour = "white" if shares[row, column] > 0.5 else "black"
        axes.text(column, row, str(count), ha="center", va="center", color=colour, fontsize=8)


def _draw_folds(axes: Axes, folds: tuple[Evaluation, ...]) -> None:
    for offset, accuracies, colour, label in (
        (-0.2, [fold.accuracy for fold in folds], "#0072B2", "here, folds parted by piece"),
        (0.2, PUBLISHED_FOLDS, "#BBBBBB", "the report's"),
    ):
        axes.bar(np.arange(len(accuracies)) + 1 + offset, accuracies, 0.38, color=colour, label=label)
    axes.set(xlabel="fold", ylabel="accuracy", ylim=(0, 1.25))
    axes.set_xticks(range(1, max(len(folds), len(PUBLISHED_FOLDS)) + 1))
    axes.legend(frameon=False, loc="upper center", ncols=2, fontsize=8)


def _spread(accuracies: tuple[float, ...]) -> float:
    return max(accuracies) - min(accuracies)


def findings(accuracies: tuple[float, ...], losses: tuple[float, float, int]) -> tuple[StudyFinding, ...]:
    """Judge what the report found by the accuracies of the folds, and by :func:`softmax_losses`."""
    once, twice, labels = losses
    floor = math.log(math.e + labels - 1) - 1
    here = ", ".join(f"{accuracy:.3f}" for accuracy in accuracies)
    spread, _ = format_distinct(_spread(accuracies), _MUCH, decimals=3)
    return (
        StudyFinding(
            f"Accuracies differ from fold to fold by {_MUCH} and more (multi-instrument report 2023)",
            decided(_spread(accuracies) >= _MUCH),
            f"Here {here}, which differ by {spread}; the report's differ by {_spread(PUBLISHED_FOLDS):.3f}.",
        ),
        StudyFinding(
            f"A loss of {PUBLISHED_LOSS:.2f} fits a trained network with one softmax too many rather than "
            "one without",
            decided(abs(twice - PUBLISHED_LOSS) < abs(once - PUBLISHED_LOSS)),
            f"On the test clips the loss is {once:.3f}, with a second softmax {twice:.3f}, which cannot fall "
            f"below {floor:.3f}.",
        ),
    )


def _text(table: pd.DataFrame, confusion: pd.DataFrame, curve: pd.DataFrame) -> str:
    own, confused = table.iloc[0], _confused(confusion.set_index("true_label"))
    folds = table.accuracy[1:]
    best = curve.iloc[int(curve.validation_loss.argmin())]
    return (
        f"The network of four blocks on mel bands gets {own.accuracy:.3f} of {own.clips} test clips right, "
        f"of pieces that it has not heard; {confused}. Its validation loss "
        f"was lowest, {best.validation_loss:.3f}, in pass {int(best.epoch) + 1} of {len(curve)}. Over "
        f"{len(folds)} folds the accuracy is {folds.mean():.3f} on average, with a standard deviation of "
        f"{folds.std():.3f}."
    )


def _confused(counts: pd.DataFrame) -> str:
    """Say what is taken for what most often, by the clips of each true label (rows) and given label."""
    labels = list(map(str, counts.columns))
    wrong = {
        (labels[row], labels[column]): int(count)
        for (row, column), count in np.ndenumerate(counts.to_numpy())
        if row != column
    }
    maximum = max(wrong.values())
    if maximum == 0:
        return "it confuses none"
    frequent = [pair for pair, count in wrong.items() if count == maximum]
    if len(frequent) > _NAMED:
        return (
            f"no confusion stands out: {len(frequent)} are as frequent, with {counted(maximum, 'clip')} each"
        )
    names = listed([f"{true} for {given}" for true, given in frequent])
    if len(frequent) > 1:
        return f"most often it takes {names} ({counted(maximum, 'clip')} each)"
    clips = int(counts.loc[frequent[0][0]].to_numpy().sum())
    return f"most often it takes {names} ({maximum} of {counted(clips, 'clip')})"


STUDY = Study(
    name="judge",
    question="How does a judge learn, what does it confuse, and how much does it owe to the pieces?",
    source="multi-instrument report 2023",
    run=run,
    small=SMALL,
    paper=PAPER,
    check=lambda context: context.judged,
)
