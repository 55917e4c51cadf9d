"""Methods that have learned, their outputs for pairs of the suite, and the scores of these."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

from timbrebench.audio.clips import Samples
from timbrebench.classifier import load_content_judge
from timbrebench.core.errors import MethodError
from timbrebench.core.progress import log, muted
from timbrebench.experiments.studies.study import StudyContext
from timbrebench.experiments.suites.suite import Pair
from timbrebench.metrics import Trial, get
from timbrebench.metrics.contract import evaluate
from timbrebench.transfer import Method, apply, create
from timbrebench.transfer.contract import learns

_Method = TypeVar("_Method", bound=Method)


def prepared(context: StudyContext, name: str, parameters: Mapping[str, object]) -> Method:
    """Make a method, and have it learn if it does (:func:`taught`)."""
    return taught(context, create(name, dict(parameters)))


def taught(context: StudyContext, method: _Method) -> _Method:
    """Have a method learn, if it does, from the training pieces of the context's dataset, and return it.

    What is learned is kept in the context's workdir.
    """
    if learns(method):
        training = context.on_soundfonts(context.dataset.select(split="train"))
        folder = context.learning_folder / method.name
        folder.mkdir(parents=True, exist_ok=True)
        method.prepare(training, folder)
    return method


def transfer(
    method: Method, content: Samples, style: Samples, sample_rate: int, *, seed: int = 0
) -> Samples | None:
    """Return a method's output, without showing the method's own progress.

    Parameters
    ----------
    method : Method
        Ready to transfer.
    content, style : numpy.ndarray, shapes (n,) and (m,)
        Mono samples in [-1, 1].
    sample_rate : int
        Their rate in hertz.
    seed : int, default 0
        Seed of the method's draws.

    Returns
    -------
    numpy.ndarray, shape (n,), float32, or None
        The output; None where it is refused, such as silence, so that a study goes on without it. The reason
        is logged.
    """
    try:
        with muted():
            return apply(method, content, style, sample_rate=sample_rate, seed=seed)
    except MethodError as error:
        log(f"{method.name}: {error}")
        return None


def score_pair(
    context: StudyContext, pair: Pair, output: Samples | None, metrics: Sequence[str]
) -> dict[str, float]:
    """Score an output.

    Parameters
    ----------
    context : StudyContext
        Whose dataset and judge are used; notes are read by the content judge that comes with the package.
    pair : Pair
        A pair of the suite.
    output : numpy.ndarray, shape (n,), or None
        What was made of it, at the rate of its content; None where it was refused.
    metrics : sequence of str
        Names of metrics that are 0 where there is neither style nor notes.

    Returns
    -------
    dict of str to float
        Their values; NaN where a metric cannot be computed, 0 for an output that was refused.
    """
    if output is None:
        return dict.fromkeys(metrics, 0.0)
    return metric_values(
        untouched_trial(context, pair).with_output(output, pair.content.sample_rate), metrics
    )


def score_method(
    context: StudyContext, method: Method, pair: Pair, *, metrics: Sequence[str]
) -> dict[str, float]:
    """Score a method's output for a pair (:func:`transfer`, :func:`score_pair`)."""
    content, style = (context.clips.samples(clip) for clip in (pair.content, pair.style))
    output = transfer(method, content, style, pair.content.sample_rate)
    return score_pair(context, pair, output, metrics)


def metric_values(trial: Trial, metrics: Iterable[str]) -> dict[str, float]:
    """Return the values of metrics by their names; NaN where a metric cannot be computed."""
    scores = evaluate(trial, [get(name) for name in metrics])
    return {name: score.value for name, score in scores.items()}


def untouched_trial(context: StudyContext, pair: Pair) -> Trial:
    """Return the trial of a pair whose output is its content."""
    return Trial.of_clips(
        context.clips,
        content=pair.content,
        style=pair.style,
        reference=pair.target,
        judge=context.judge,
        content_judge=load_content_judge(),
    )
