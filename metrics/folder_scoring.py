"""Score anyone's audio: arrays in, a dict out; folders in, a table out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import pandas as pd
from numpy.typing import ArrayLike

from timbrebench.audio.clips import read_audio
from timbrebench.audio.decoding import AUDIO_SUFFIXES, measure
from timbrebench.classifier import OWN_CONTENT_JUDGE, Judge, installed_content_judge
from timbrebench.classifier.fitting import one_thread
from timbrebench.core.errors import (
    AudioError,
    ConfigurationError,
    RunError,
    TimbrebenchError,
    UnknownNameError,
)
from timbrebench.core.files import why_no_folder
from timbrebench.core.progress import Tracker, log
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
_LIMITS = Limits(timeout_s=600, memory_mib=8_192)

#: Seconds that a metric takes for a second of audio, and of work that is not worth starting a process for.
_METRIC_S, _SHORT_S = 0.01, 5.0

#: How many files that are left out are named.
_SHOWN = 5


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
        return evaluate(_labelled(trial, content_label, style_label), _metrics(metrics))


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


def score_folders(
    folders: Folders,
    *,
    judge: Judge | None = None,
    second_judge: Judge | None = None,
    content_judge: str = OWN_CONTENT_JUDGE,
    metrics: Iterable[str] | None = None,
) -> pd.DataFrame:
    """Score a folder of outputs.

    Parameters
    ----------
    folders : Folders
        Where everything lies. Files belong together that have one name, whatever follows the dot.
    judge : Judge, optional
        As for :func:`score`; it also predicts the labels.
    second_judge : Judge, optional
        As for :func:`score`.
    content_judge : str
        As for :func:`score`.
    metrics : iterable of str, optional
        Names; by default all that are installed.

    Returns
    -------
    pandas.DataFrame
        One row for each output: ``output``, one column for each metric (NaN where there is no score), and
        ``reasons``, which says why values are missing.

    Raises
    ------
    ConfigurationError
        If a folder holds no audio, or no file for some output: before anything is scored.
    UnknownNameError
        If there is no such metric or content judge.
    MissingResourceError
        If the content judge needs something that is not installed.
    """
    installed_content_judge(content_judge)  # what is wrong with it is said once, before anything is scored
    judges = _Judges(judge, second_judge, content_judge)
    names = [metric.specification.name for metric in _metrics(metrics)]
    jobs = list(_jobs(folders))
    rows: dict[int, dict[str, object]] = {}
    with (
        Tracker("scoring", len(jobs), "outputs") as tracker,
        _executor(jobs, len(names)) as executor,
        executor.batch() as batch,
    ):
        for number, paths in enumerate(jobs):
            batch.submit(Call(_row, (paths, judges, names), "scoring", _LIMITS), number)
        for number, result in batch.results():
            failed = isinstance(result, Failure)
            rows[number] = _row_without_scores(jobs[number], _why(result)) if failed else result
            tracker.advance()
    return pd.DataFrame([rows[number] for number in sorted(rows)], columns=["output", *names, "reasons"])


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

    The clips are brought to the rate of the output. Judges and labels are as for :func:`score`. Raises
    AudioError and DatasetError if a file cannot be read, and RunError if scoring exceeded its limits of time
    and memory.
    """
    installed_content_judge(content_judge)
    paths, judges = _paths(files), _Judges(judge, second_judge, content_judge)
    with _executor([paths], len(metric_names())) as executor, executor.batch() as batch:
        batch.submit(Call(_score_file, (paths, judges, content_label, style_label), "scoring", _LIMITS))
        ((_, result),) = batch.results()
    if isinstance(result, Failure):
        raise RunError(f"{files.outputs}: {_why(result)}")
    scores: FileScores = result
    return scores


class _Judges(NamedTuple):
    """Who scores: the style judges that there are, and the name of the content judge."""

    first: Judge | None
    second: Judge | None
    content: str


def _why(failure: Failure) -> str:
    """Say what scoring one output exceeded, or how it ended."""
    if failure.status == "timeout":
        return f"scoring it took longer than {failure.seconds:g} s: score an excerpt"
    if "memory_mib" in failure.exceeded:
        return f"scoring it took more than {failure.exceeded['memory_mib']:g} MiB of memory: score an excerpt"
    return f"scoring it ended the process: {failure.reason}"


def _paths(folders: Folders) -> dict[str, Path]:
    """Return the paths that are given, by role."""
    paths = {
        "output": folders.outputs,
        "content": folders.contents,
        "style": folders.styles,
        "reference": folders.references,
        "notes": folders.notes,
        "style_notes": folders.style_notes,
    }
    return {role: path for role, path in paths.items() if path is not None}


def _executor(jobs: Iterable[dict[str, Path]], n_metrics: int) -> Executor:
    """Choose where to score: with limits of time and memory, unless all files are known to be short."""
    duration_s = sum(max(map(_duration_s, _audio_of(paths).values())) + 1 for paths in jobs)
    is_short = _METRIC_S * n_metrics * duration_s < _SHORT_S
    return InlineExecutor() if is_short else LocalExecutor(["timbrebench.audio.librosa_modules", __name__])


def _audio_of(paths: dict[str, Path]) -> dict[str, Path]:
    return {role: path for role, path in paths.items() if not role.endswith("notes")}


def _duration_s(path: Path) -> float:
    try:
        length, sample_rate, _ = measure(path, LONGEST_S)
    except AudioError:  # it is not scored
        return 0.0
    return length / sample_rate


def _score_file(
    paths: dict[str, Path], judges: _Judges, content_label: str | None, style_label: str | None
) -> FileScores:
    output, sample_rate = read_audio(paths["output"], max_s=LONGEST_S)
    clips = {
        role: read_audio(path, sample_rate, max_s=LONGEST_S)[0]
        for role, path in _audio_of(paths).items()
        if role != "output"
    }
    notes = {role: read_notes(path) for role, path in paths.items() if role.endswith("notes")}
    trial = Trial.of(
        output,
        content=clips["content"],
        style=clips["style"],
        reference=clips.get("reference"),
        sample_rate=sample_rate,
        notes=notes.get("notes"),
        style_notes=notes.get("style_notes"),
        judge=judges.first,
        second_judge=judges.second,
        content_judge=installed_content_judge(judges.content),
    )
    with one_thread():
        trial = _labelled(trial, content_label, style_label)
        scores = evaluate(trial, _metrics(None))
        return FileScores(scores, clip_predictions(trial), trial.style_label, trial.content_label)


def _metrics(names: Iterable[str] | None) -> list[Metric]:
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


def _jobs(folders: Folders) -> Iterator[dict[str, Path]]:
    """Find the files that belong to each output."""
    outputs = _audio_files(folders.outputs)
    sources = {role: path for role, path in _paths(folders).items() if role != "output"}
    files_of = {role: _files(path, role) for role, path in sources.items()}
    for stem, output in outputs.items():
        paths = {"output": output}
        for role, files in files_of.items():
            if stem not in files and None not in files:
                raise ConfigurationError(
                    f"{sources[role]}: no {role} for {output.name}: give it the same name, {stem}"
                )
            paths[role] = files.get(stem, files.get(None, output))
        yield paths


def _files(path: Path, role: str) -> dict[str | None, Path]:
    """Return the files of a folder by name, or one file for all under None."""
    if path.is_file():
        return {None: path}
    if not path.is_dir():
        raise ConfigurationError(f"{path}: {why_no_folder(path)}")
    if role.endswith("notes"):
        return {item.stem: item for item in sorted(path.glob("*.csv"))}
    return dict(_audio_files(path).items())


def _audio_files(folder: Path) -> dict[str, Path]:
    if not folder.is_dir():
        raise ConfigurationError(f"{folder}: {why_no_folder(folder)}")
    files: dict[str, Path] = {}
    others = []
    # What begins with a dot was not made by whoever made the rest: macOS puts ._a.wav beside a.wav.
    for path in sorted(path for path in folder.iterdir() if not path.name.startswith(".")):
        if path.suffix.lower() not in AUDIO_SUFFIXES:
            others.append(path.name)
        elif path.stem in files:
            raise ConfigurationError(f"{path}: {files[path.stem].name} has the same name: keep one")
        else:
            files[path.stem] = path
    more = f" and {len(others) - _SHOWN} more" if len(others) > _SHOWN else ""
    names = ", ".join(others[:_SHOWN]) + more
    if not files:
        beside = f": {names} have not its extensions" if others else ""
        raise ConfigurationError(f"{folder}: holds no audio (.wav, .flac, .ogg, .mp3 and others){beside}")
    if others:
        log(f"{folder}: left out, not an audio extension: {names}")
    return files


def _row(paths: dict[str, Path], judges: _Judges, metrics: list[str]) -> dict[str, object]:
    """Score one output; what cannot be read has no score, and the others go on."""
    try:
        with one_thread():
            scores = evaluate(_trial(paths, judges), _metrics(metrics))
    except TimbrebenchError as error:
        return _row_without_scores(paths, str(error))
    reasons = "; ".join(f"{name}: {item.reason}" for name, item in scores.items() if item.reason)
    values = {name: item.value for name, item in scores.items()}
    return {"output": paths["output"].name, **values, "reasons": reasons}


def _row_without_scores(paths: dict[str, Path], reason: str) -> dict[str, object]:
    return {"output": paths["output"].name, "reasons": reason}


def _trial(paths: dict[str, Path], judges: _Judges) -> Trial:
    trial = Trial.assemble(
        {role: read_audio(path, max_s=LONGEST_S) for role, path in _audio_of(paths).items()},
        judge=judges.first,
        second_judge=judges.second,
        content_judge=installed_content_judge(judges.content),
        notes=read_notes(paths["notes"]) if "notes" in paths else None,
        style_notes=read_notes(paths["style_notes"]) if "style_notes" in paths else None,
        content_label=None,
        style_label=None,
    )
    return _labelled(trial, None, None)
