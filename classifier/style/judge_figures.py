"""Figures of a judge: what it takes for what, whether its probabilities hold, how it learned.

Colours are those of Okabe & Ito (2008), which colour-blind readers can tell apart, and a map of one hue.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from timbrebench.classifier.style.style_evaluation import N_BINS, Evaluation

_BLUE, _ORANGE, _GREY = "#0072B2", "#D55E00", "#7F7F7F"


def confusion_figure(evaluation: Evaluation) -> Figure:
    """Draw which labels are taken for which: colours are shares of each row, figures are clips.

    Parameters
    ----------
    evaluation : Evaluation
        Of a judge of single labels.
    """
    counts = np.array(evaluation.confusion)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    size = 2.4 + 0.55 * len(evaluation.labels)
    figure = Figure(figsize=(size + 0.8, size), layout="constrained")
    axes = figure.subplots()
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    places = range(len(evaluation.labels))
    axes.set_xticks(places, evaluation.labels, rotation=45, ha="right", rotation_mode="anchor")
    axes.set_yticks(places, evaluation.labels)
    axes.set(xlabel="given label", ylabel="true label")
    for (row, column), count in np.ndenumerate(counts):
        colour = "white" if shares[row, column] > 0.5 else "black"
        axes.text(column, row, str(count), ha="center", va="center", color=colour)
    bar = figure.colorbar(image, ax=axes, shrink=0.8, format=PercentFormatter(1))
    bar.set_label("share of the true label's clips")
    return figure


def reliability_figure(evaluation: Evaluation) -> Figure:
    """Draw the accuracy of answers over their confidence, and how many answers there are of each."""
    figure = Figure(figsize=(5, 5.6), layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    confidence = np.array([part.confidence for part in evaluation.reliability])
    accuracy = np.array([part.accuracy for part in evaluation.reliability])
    answers = np.array([part.answers for part in evaluation.reliability])
    left = (np.ceil(confidence * N_BINS) - 1).clip(0) / N_BINS
    bars = {"x": left, "width": 1 / N_BINS, "align": "edge", "edgecolor": "white"}
    upper.bar(height=accuracy, color=_BLUE, label="answers", **bars)
    upper.plot([0, 1], [0, 1], color=_GREY, linestyle="--", label="perfect calibration")
    upper.plot(confidence, accuracy, "o", color=_ORANGE, label="mean confidence of a bin")
    upper.set(xlim=(0, 1), ylim=(0, 1.02), ylabel="accuracy")
    upper.set_title(f"expected calibration error {evaluation.calibration_error:.3f}")
    upper.legend(loc="upper left")
    lower.bar(height=answers, color=_GREY, **bars)
    lower.set(xlabel="confidence", ylabel="answers")
    lower.yaxis.set_major_locator(MaxNLocator(4, integer=True))
    return figure


def learning_curve_figure(curve: pd.DataFrame) -> Figure:
    """Draw loss and accuracy over the epochs of a training.

    Parameters
    ----------
    curve : pandas.DataFrame
        ``epoch, train_loss, validation_loss, validation_accuracy``.
    """
    figure = Figure(figsize=(6, 5.4), layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True)
    epochs = curve.epoch.to_numpy() + 1
    best = epochs[curve.validation_loss.to_numpy().argmin()]
    upper.plot(epochs, curve.train_loss, "o-", color=_ORANGE, label="training, varied clips")
    upper.plot(epochs, curve.validation_loss, "s-", color=_BLUE, label="validation, whole clips")
    upper.set(ylabel="loss", ylim=(0, None))
    lower.plot(epochs, curve.validation_accuracy, "s-", color=_BLUE, label="validation")
    lower.set(xlabel="epoch", ylabel="accuracy", ylim=(0, 1.02))
    lower.yaxis.set_major_formatter(PercentFormatter(1))
    lower.xaxis.set_major_locator(MaxNLocator(integer=True))
    for axes in (upper, lower):
        axes.axvline(best, color=_GREY, linestyle="--", label=f"epoch {best}, kept")
        axes.grid(alpha=0.3)
    upper.legend()
    return figure


def bar_figure(names: Sequence[str], accuracies: Sequence[float], notes: Sequence[str]) -> Figure:
    """Draw accuracies as horizontal bars.

    Parameters
    ----------
    names : sequence of str
        What each is of, from top to bottom.
    accuracies : sequence of float
        From 0 to 1.
    notes : sequence of str
        What stands behind each figure: "504 clips".
    """
    figure = Figure(figsize=(7.5, 1 + 0.32 * len(names)), layout="constrained")
    axes = figure.subplots()
    places = range(len(names))
    axes.barh(places, accuracies, color=_BLUE)
    axes.set_yticks(places, names)
    axes.invert_yaxis()
    axes.set(xlabel="accuracy", xlim=(0, 1))
    axes.xaxis.set_major_formatter(PercentFormatter(1))
    axes.spines[["top", "right"]].set_visible(False)
    for place, accuracy, note in zip(places, accuracies, notes, strict=True):
        _label_bar(axes, place, accuracy, f"{accuracy:.3f}  {note}".rstrip())
    return figure


def _label_bar(axes: Axes, place: float, accuracy: float, text: str) -> None:
    """Write on a long bar, and beside a short one."""
    inside = accuracy > 0.5
    axes.annotate(
        text,
        (accuracy, place),
        xytext=(-4 if inside else 4, 0),
        textcoords="offset points",
        ha="right" if inside else "left",
        va="center",
        color="white" if inside else "black",
        fontsize="small",
    )
