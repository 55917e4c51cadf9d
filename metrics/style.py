"""What the judge hears in the output.

Definition
----------
The judge is asked for the probability of each of its labels, given the whole output. A clip *is heard as* a
label if that label is more probable than every other.

- ``style_accuracy`` is 1 if the output is heard as the style's label, else 0. Its mean over a suite is the
  share of outputs that a method has given the style asked for. Higher is better.
- ``content_label_share`` is 1 if the output is heard as the content's label, else 0: what share of outputs
  still sounds like what it was. Lower is better; that it is low alone says little, since any third label
  will do.
- Range 0 to 1, for one output nothing between. Where two labels share the highest probability, the output
  is heard as neither.
- A silent output has no score, and neither has a label that the judge does not know: it could only be wrong.

A judge's word is worth as much as the judge: its accuracy on real renderings of the same soundfont is the
upper limit of what ``style_accuracy`` can show.

References
----------
Z. Fu et al., "Style transfer in text: exploration and evaluation", AAAI Conference on Artificial
Intelligence, 2018: the share of outputs to which a classifier, trained on real examples, gives the style
asked for is the strength of a transfer.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

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
    if label not in labels:
        raise Unscorable(f"the judge does not know the label {label!r}: it knows {', '.join(labels)}")
    values = np.asarray(probabilities, dtype=np.float64)
    winners = [name for name, value in zip(labels, values, strict=True) if value == values.max()]
    return float(winners == [label])


@metric(
    name="style_accuracy",
    version=1,
    unit="1",
    lower=0.0,
    upper=1.0,
    direction="higher",
    needs=("judge", "labels"),
    relevant_change=0.02,
    summary="Does the output sound like the style's instrument?",
)
def style_accuracy(trial: Trial) -> float:
    """Return 1 if the judge hears the style's label in the output, else 0."""
    return _output_is_heard_as(trial, trial.style_label)


@metric(
    name="content_label_share",
    version=1,
    unit="1",
    lower=0.0,
    upper=1.0,
    direction="lower",
    needs=("judge", "labels"),
    relevant_change=0.02,
    summary="Does the output still sound like the content's instrument?",
)
def content_label_share(trial: Trial) -> float:
    """Return 1 if the judge hears the content's label in the output, else 0."""
    return _output_is_heard_as(trial, trial.content_label)


def _output_is_heard_as(trial: Trial, label: str | None) -> float:
    assert trial.output.judge is not None  # noqa: S101 - declared as needed
    assert label is not None  # noqa: S101 - declared as needed
    if trial.output.is_silent:
        raise Unscorable("the output is silent")
    return is_heard_as(trial.output.impression.probabilities, tuple(trial.output.judge.labels), label)
