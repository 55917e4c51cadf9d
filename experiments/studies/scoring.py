"""Methods that have learned, their outputs for pairs of the suite, and the scores of these."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from timbrebench.audio.clips import Samples
from timbrebench.audio.progress import muted
from timbrebench.classifier import load_content_judge
from timbrebench.experiments.studies.study import StudyContext
from timbrebench.experiments.suites.suite import Pair
from timbrebench.metrics import Trial, get
from timbrebench.metrics.contract import evaluate
from timbrebench.transfer import Method, apply, create
from timbrebench.transfer.contract import learns


def prepared(
    context: StudyContext, name: str, parameters: Mapping[str, object], *, all_soundfonts: bool
) -> Method:
    """Make a method, and have it learn if it does.

    Parameters
    ----------
    context : StudyContext
        Whose dataset's training pieces are learned from; what is learned is kept in its workdir.
    name : str
        Name of the method.
    parameters : mapping of str to object
        Its parameters.
    all_soundfonts : bool
        Whether it learns from clips of all soundfonts, or of the suite's alone.

    Returns
    -------
    Method
        Ready to transfer.
    """
    method = create(name, dict(parameters))
    if learns(method):
        training = context.dataset.select(split="train")
        if not all_soundfonts:
            training = training.select(soundfont=context.suite.configuration.soundfont)
        folder = context.learning_folder / name
        folder.mkdir(parents=True, exist_ok=True)
        method.prepare(training, folder)
    return method


def transfer_pair(context: StudyContext, pair: Pair, method: Method) -> Samples:
    """Return a method's output for a pair, with the seed 0 and without showing the method's own progress."""
    content, style = (context.clips.samples(clip) for clip in (pair.content, pair.style))
    with muted():
        return apply(method, content, style, sample_rate=pair.content.sample_rate, seed=0)


def score_pair(
    context: StudyContext, pair: Pair, output: Samples, metrics: Sequence[str]
) -> dict[str, float]:
    """Score an output.

    Parameters
    ----------
    context : StudyContext
        Whose dataset and judge are used; notes are read by the content judge that comes with the package.
    pair : Pair
        A pair of the suite.
    output : numpy.ndarray, shape (n,)
        What was made of it, at the rate of its content.
    metrics : sequence of str
        Names of metrics.

    Returns
    -------
    dict of str to float
        Their values; NaN where one has no answer.
    """
    dataset = context.clips
    content, style, reference = (dataset.samples(clip) for clip in (pair.content, pair.style, pair.target))
    trial = Trial.of(
        output,
        content=content,
        style=style,
        reference=reference,
        sample_rate=pair.content.sample_rate,
        judge=context.judge,
        content_judge=load_content_judge(),
        notes=dataset.notes(pair.content),
        style_notes=dataset.notes(pair.style),
        content_label=pair.content.label,
        style_label=pair.style.label,
    )
    found = evaluate(trial, [get(name) for name in metrics])
    return {name: score.value for name, score in found.items()}
