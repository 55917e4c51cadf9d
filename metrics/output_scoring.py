"""Score one output: arrays in, or files in; its scores out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import pandas as pd
from numpy.typing import ArrayLike

from timbrebench.audio.clips import read_audio
from timbrebench.audio.decoding import measure
from timbrebench.classifier import OWN_CONTENT_JUDGE, Judge, installed_content_judge
from timbrebench.classifier.fitting import one_thread
from timbrebench.core.errors import AudioError, RunError, UnknownNameError
from timbrebench.core.workers.calls import Call, Failure, Limits
from timbrebench.core.workers.executors import Executor, InlineExecutor, LocalExecutor
from timbrebench.datasets.notes import read_notes
from timbrebench.metrics.clip_predictions import FileScores, clip_predictions
from timbrebench.metrics.contract import Metric, Score, evaluate
from timbrebench.metrics.registry import get, metric_names
from timbrebench.metrics.sound import Sound, Unscorable
from timbrebench.metrics.trial import Trial

#: Maximum seconds of a file that is scored: metrics are made for excerpts, and take 10 MiB of memory and 0.3
#: seconds for each second at 22,050 Hz, and in proportion more at higher rates.
LONGEST_S = 600.0

#: What scoring one output may take: a second is usual, and a song of six minutes at 44.1 kHz fits in.
SCORING_LIMITS = Limits(timeout_s=600, memory_mib=8_192)

#: Seconds that a metric takes for a second of audio, and of work that is not worth starting a process for.
_METRIC_S, _SHORT_S = 0.01, 5.0


def score(
    output: ArrayLike,
    *,
    content: ArrayLike,
    style: ArrayLike,
    sample_rate: int,
    reference: ArrayLike | None = None,
    notes: pd.DataFrame | None = None,
    style_notes: pd.DataFrame | None = None,
    judge: Judge | None = None,
    second_judge: Judge | None = None,
    content_judge: str = OWN_CONTENT_JUDGE,
    content_label: str | None = None,
    style_label: str | None = None,
    metrics: Iterable[str] | None = None,
) -> dict[str, Score]:
    """Score one output by every metric that what is given allows.

    Parameters
    ----------
    output, content, style, reference : array_like, shape (n,) or (channels, n)
        Floats in [-1, 1] of one rate; lengths may differ.
    sample_rate : int
        Their rate in hertz.
    notes, style_notes : pandas.DataFrame, optional
        True notes of content and style, as in :class:`~timbrebench.metrics.trial.Trial`.
    judge : Judge, optional
        Predicts the instrument.
    second_judge : Judge, optional
        Predicts it as well, for ``second_style_accuracy``; it has to know the labels.
    content_judge : str
        Name of the content judge, which transcribes the notes
        (:func:`~timbrebench.classifier.content.installed_content_judges.installed_content_judge`); by default
        the one that comes with the package.
    content_label, style_label : str, optional
        Labels of content and style; by default the judge's predictions.
    metrics : iterable of str, optional
        Names; by default all that are installed.

    Returns
    -------
    dict of str to Score
        By the metrics' names: a value, or NaN with the reason.

    Raises
    ------
    AudioError
        If an array is not audio.
    UnknownNameError
        If there is no such metric or content judge, or the judge knows no such label.
    MissingResourceError
        If the content judge needs something that is not installed.

    Examples
    --------
    >>> import numpy as np
    >>> tone = 0.1 * np.sin(2 * np.pi * 440 * np.arange(44100) / 22050)
    >>> scores = score(tone, content=tone, style=tone, sample_rate=22050, metrics=["xcorr_content"])
    >>> round(scores["xcorr_content"].value, 3)
    1.0
    """
    trial = Trial.of(
        output,
        content=content,
        style=style,
        sample_rate=sample_rate,
        reference=reference,
        notes=notes,
        style_notes=style_notes,
        judge=judge,
        second_judge=second_judge,
        content_judge=installed_content_judge(content_judge),
    )
    with one_thread():
        return evaluate(_labelled(trial, content_label, style_label), metrics_named(metrics))


@dataclass(frozen=True)
class Folders:
    """Where the clips of outputs lie: each a folder with a file of the output's name, or one file for all.

    Attributes
    ----------
    outputs : pathlib.Path
        Folder of what is scored.
    contents, styles : pathlib.Path
        What it was made from.
    references : pathlib.Path, optional
        The true targets.
    notes, style_notes : pathlib.Path, optional
        True notes, as CSV with ``onset_s, offset_s, pitch, velocity``.
    """

    outputs: Path
    contents: Path
    styles: Path
    references: Path | None = None
    notes: Path | None = None
    style_notes: Path | None = None

    @property
    def by_role(self) -> dict[str, Path]:
        """The paths that are given, by "output", "content", "style", "reference", "notes", "style_notes"."""
        paths = {
            "output": self.outputs,
            "content": self.contents,
            "style": self.styles,
            "reference": self.references,
            "notes": self.notes,
            "style_notes": self.style_notes,
        }
        return {role: path for role, path in paths.items() if path is not None}


class Judges(NamedTuple):
    """Who scores: the style judges that there are, and the name of the content judge."""

    first: Judge | None
    second: Judge | None
    content: str


def score_file(
    files: Folders,
    *,
    judge: Judge | None,
    second_judge: Judge | None,
    content_judge: str,
    content_label: str | None,
    style_label: str | None,
) -> FileScores:
    """Score one output by every metric; every path of `files` is that of a file.

    Judges and labels are as for :func:`score`. Raises AudioError and DatasetError if a file cannot be read,
    and RunError if scoring exceeded its limits of time and memory.
    """
    installed_content_judge(content_judge)
    paths, judges = files.by_role, Judges(judge, second_judge, content_judge)
    with scoring_executor([paths], len(metric_names())) as executor, executor.batch() as batch:
        batch.submit(
            Call(_score_file, (paths, judges, content_label, style_label), "scoring", SCORING_LIMITS)
        )
        ((_, result),) = batch.results()
    if isinstance(result, Failure):
        raise RunError(f"{files.outputs}: {why_not_scored(result)}")
    scores: FileScores = result
    return scores


def why_not_scored(failure: Failure) -> str:
    """Say what scoring one output exceeded, or how it ended."""
    if failure.status == "timeout":
        return f"scoring it took longer than {failure.seconds:g} s: score an excerpt"
    if "memory_mib" in failure.exceeded:
        return f"scoring it took more than {failure.exceeded['memory_mib']:g} MiB of memory: score an excerpt"
    return f"scoring it ended the process: {failure.reason}"


def scoring_executor(jobs: Iterable[dict[str, Path]], n_metrics: int) -> Executor:
    """Choose where to score: with limits of time and memory, unless all files are known to be short."""
    duration_s = sum(max(map(_duration_s, _audio_of(paths).values())) + 1 for paths in jobs)
    is_short = _METRIC_S * n_metrics * duration_s < _SHORT_S
    return InlineExecutor() if is_short else LocalExecutor(["timbrebench.audio.librosa_modules", __name__])


def _audio_of(paths: Mapping[str, Path]) -> dict[str, Path]:
    return {role: path for role, path in paths.items() if not role.endswith("notes")}


def _duration_s(path: Path) -> float:
    try:
        length, sample_rate, _ = measure(path, LONGEST_S)
    except AudioError:  # it is not scored
        return 0.0
    return length / sample_rate


def trial_of_files(
    paths: Mapping[str, Path],
    judges: Judges,
    *,
    content_label: str | None = None,
    style_label: str | None = None,
) -> Trial:
    """Read the files of one output, by role; labels that are not given are the judge's predictions.

    Raises AudioError and DatasetError if one cannot be read, UnknownNameError for an unknown label.
    """
    notes = {role: read_notes(path) for role, path in paths.items() if role.endswith("notes")}
    trial = Trial.assemble(
        {role: read_audio(path, max_s=LONGEST_S) for role, path in _audio_of(paths).items()},
        judge=judges.first,
        second_judge=judges.second,
        content_judge=installed_content_judge(judges.content),
        notes=notes.get("notes"),
        style_notes=notes.get("style_notes"),
        content_label=None,
        style_label=None,
    )
    return _labelled(trial, content_label, style_label)


def _score_file(
    paths: Mapping[str, Path], judges: Judges, content_label: str | None, style_label: str | None
) -> FileScores:
    with one_thread():
        trial = trial_of_files(paths, judges, content_label=content_label, style_label=style_label)
        scores = evaluate(trial, metrics_named(None))
        return FileScores(scores, clip_predictions(trial), trial.style_label, trial.content_label)


def metrics_named(names: Iterable[str] | None) -> list[Metric]:
    """Return the metrics of these names, or all that are installed. Raises UnknownNameError."""
    return [get(name) for name in (metric_names() if names is None else names)]


def _labelled(trial: Trial, content_label: str | None, style_label: str | None) -> Trial:
    """Fill in unknown labels with the judge's predictions."""
    return replace(
        trial,
        content_label=_label(content_label, trial.content),
        style_label=_label(style_label, trial.style),
    )


def _label(given: str | None, sound: Sound) -> str | None:
    if sound.judge is None:
        return given
    if given is not None and given not in sound.judge.labels:
        raise UnknownNameError("label of the judge", given, sound.judge.labels)
    try:
        return given or sound.judge.labels[int(sound.prediction.probabilities.argmax())]
    except Unscorable:
        return None
