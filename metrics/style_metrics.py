"""What the judge hears in the output.

Definition
----------
The judge is asked for the probability of each of its labels, given the whole output. A clip *is heard as* a
label if that label is more probable than every other.

- ``style_accuracy`` is 1 if the output is heard as the style's label, else 0. Its mean over a suite is the
  share of outputs that a method has given the style asked for. Higher is better.
- ``second_style_accuracy`` is the same, asked of a second judge, of another front end and network: where the
  two part, a figure hangs on the judge and not on the output.
- ``content_label_share`` is 1 if the output is heard as the content's label, else 0: what share of outputs
  still sounds like what it was. Lower is better; that it is low alone says little, since any third label
  will do.
- ``style_confidence`` is the probability of the style's label itself, so that outputs that nearly make it, or
  hardly do, can be told apart. Higher is better.
- ``unfamiliar`` is 1 if the output resembles nothing that the judge has learned
  (:attr:`~timbrebench.classifier.Prediction.is_unfamiliar`), else 0: no label of such an output can be
  believed. Lower is better. A judge that cannot tell gives no score.
- Range 0 to 1; of all but ``style_confidence``, for one output, nothing between. Where two labels share the
  highest probability, the output is heard as neither.
- A silent output has no score, and neither has a label that the judge does not know: it could only be wrong.

A judge's word is worth as much as the judge: its accuracy on real renderings of the same soundfont is the
upper limit of what ``style_accuracy`` can show. Its probabilities are as good as their calibration.

Any of these by the labels of content and style (:func:`transfer_matrix`) shows between which instruments a
method works.

References
----------
Z. Fu et al., "Style transfer in text: exploration and evaluation", AAAI Conference on Artificial
Intelligence, 2018: the share of outputs to which a classifier, trained on real examples, gives the style
asked for is the strength of a transfer. C. Guo et al., "On calibration of modern neural networks",
International Conference on Machine Learning, 2017: what a network's probabilities are worth.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from timbrebench.core.errors import ConfigurationError
from timbrebench.metrics.contract import metric
from timbrebench.metrics.sound import Unscorable
from timbrebench.metrics.trial import Trial


def is_heard_as(probabilities: ArrayLike, labels: tuple[str, ...], label: str) -> float:
    """Tell whether one label is more probable than every other.

    Parameters
    ----------
    probabilities : array_like, shape (labels,)
        Probability of each label.
    labels : tuple of str
        The labels, in the same order.
    label : str
        The one in question.

    Returns
    -------
    float
        1 if it is, else 0.

    Raises
    ------
    Unscorable
        If `label` is not among `labels`.

    Examples
    --------
    >>> is_heard_as([0.2, 0.7, 0.1], ("organ", "piano", "sax"), "piano")
    1.0
    """
    _index(labels, label)
    values = np.asarray(probabilities, dtype=np.float64)
    winners = [name for name, value in zip(labels, values, strict=True) if value == values.max()]
    return float(winners == [label])


@metric(
    direction="higher",
    needs=("judge", "labels"),
    relevant_change=0.02,
    summary="Does the output sound like the style's instrument?",
    responds={"noise": "falls", "wrong_instrument": "falls"},
)
def style_accuracy(trial: Trial) -> float:
    """Return 1 if the judge predicts the style's label for the output, else 0."""
    return _output_is_heard_as(trial, trial.style_label)


@metric(
    direction="higher",
    needs=("second_judge", "labels"),
    relevant_change=0.02,
    summary="Does the output sound like the style's instrument to a second judge?",
    responds={"noise": "falls", "wrong_instrument": "falls"},
)
def second_style_accuracy(trial: Trial) -> float:
    """Return 1 if the second judge predicts the style's label for the output, else 0."""
    judge = trial.output.second_judge
    assert judge is not None  # noqa: S101 - declared as needed
    assert trial.style_label is not None  # noqa: S101 - declared as needed
    _check_audible(trial)
    probabilities = trial.output.second_prediction.probabilities
    return is_heard_as(probabilities, tuple(judge.labels), trial.style_label)


@metric(
    direction="lower",
    needs=("judge",),
    relevant_change=0.02,
    summary="Does the output resemble nothing that the judge has learned?",
    invariant_to=(),  # how it is measured is each judge's own, and some cannot tell
)
def unfamiliar(trial: Trial) -> float:
    """Return 1 if the judge has learned nothing that resembles the output, else 0."""
    _check_audible(trial)
    answer = trial.output.prediction.is_unfamiliar
    if answer is None:
        raise Unscorable("the judge cannot tell what resembles nothing that it has learned")
    return float(answer)


@metric(
    direction="lower",
    needs=("judge", "labels"),
    relevant_change=0.02,
    summary="Does the output still sound like the content's instrument?",
    responds={"wrong_instrument": "rises"},
)
def content_label_share(trial: Trial) -> float:
    """Return 1 if the judge predicts the content's label for the output, else 0."""
    return _output_is_heard_as(trial, trial.content_label)


@metric(
    direction="higher",
    needs=("judge", "labels"),
    relevant_change=0.02,
    summary="How sure is the judge that it hears the style's instrument?",
    responds={"noise": "falls", "wrong_instrument": "falls"},
)
def style_confidence(trial: Trial) -> float:
    """Return the probability that the judge gives the style's label."""
    assert trial.output.judge is not None  # noqa: S101 - declared as needed
    assert trial.style_label is not None  # noqa: S101 - declared as needed
    _check_audible(trial)
    index = _index(tuple(trial.output.judge.labels), trial.style_label)
    return float(trial.output.prediction.probabilities[index])


def transfer_matrix(
    content_labels: Sequence[str], style_labels: Sequence[str], values: ArrayLike
) -> pd.DataFrame:
    """Return the mean of a metric from each label to each other.

    Parameters
    ----------
    content_labels, style_labels : sequence of str, length n
        Labels of content and style of each output.
    values : array_like, shape (n,)
        A metric's value for each output, in any unit; NaN where it has no score.

    Returns
    -------
    pandas.DataFrame, shape (labels, labels)
        Rows are the content's label, columns the style's, both all labels, sorted. Means are over the
        outputs that have a score; NaN where there is none, as in the diagonal of most suites.

    Raises
    ------
    ConfigurationError
        If the lengths differ.

    Examples
    --------
    >>> transfer_matrix(["piano", "piano", "sax"], ["sax", "sax", "piano"], [1, 0, 1]).loc["piano", "sax"]
    np.float64(0.5)
    """
    scores = np.asarray(values, dtype=np.float64)
    if not len(content_labels) == len(style_labels) == len(scores):
        raise ConfigurationError(
            f"{len(content_labels)} labels of contents, {len(style_labels)} of styles and {len(scores)} "
            "values: one of each for every output is needed"
        )
    labels = pd.Index(sorted({*content_labels, *style_labels}))
    table = pd.DataFrame({"content": list(content_labels), "style": list(style_labels), "value": scores})
    means = table.groupby(["content", "style"])["value"].mean().unstack("style")  # noqa: PD010 - keys are unique
    return means.reindex(index=labels.rename("content"), columns=labels.rename("style"))


def _output_is_heard_as(trial: Trial, label: str | None) -> float:
    assert trial.output.judge is not None  # noqa: S101 - declared as needed
    assert label is not None  # noqa: S101 - declared as needed
    _check_audible(trial)
    return is_heard_as(trial.output.prediction.probabilities, tuple(trial.output.judge.labels), label)


def _check_audible(trial: Trial) -> None:
    if trial.output.is_silent:
        raise Unscorable("the output is silent")


def _index(labels: tuple[str, ...], label: str) -> int:
    if label not in labels:
        raise Unscorable(f"the judge does not know the label {label!r}: it knows {', '.join(labels)}")
    return labels.index(label)
