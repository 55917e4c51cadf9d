"""Score anyone's audio: arrays in, a dict out; folders in, a table out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd
from numpy.typing import ArrayLike

from timbrebench.audio.clips import read_audio
from timbrebench.classifier import Judge, load_content_judge
from timbrebench.classifier.fitting import one_thread
from timbrebench.core.errors import ConfigurationError, TimbrebenchError, UnknownNameError
from timbrebench.core.progress import Tracker
from timbrebench.datasets.notes import read_notes
from timbrebench.metrics.contract import Metric, Score, evaluate
from timbrebench.metrics.registry import get, metric_names
from timbrebench.metrics.sound import Sound, Unscorable
from timbrebench.metrics.trial import Trial

#: Files of a folder that are taken for audio.
_SUFFIXES = frozenset({".wav", ".flac", ".ogg", ".mp3", ".aiff", ".aif", ".opus"})


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
        Predicts the instrument. Notes are transcribed by the content judge that comes with the package.
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
        If there is no such metric, or the judge knows no such label.

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
        content_judge=load_content_judge(),
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
    folders: Folders, *, judge: Judge | None = None, metrics: Iterable[str] | None = None
) -> pd.DataFrame:
    """Score a folder of outputs.

    Parameters
    ----------
    folders : Folders
        Where everything lies. Files belong together that have one name, whatever follows the dot.
    judge : Judge, optional
        As for :func:`score`; it also predicts the labels.
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
        If there is no such metric.
    """
    chosen = _metrics(metrics)
    jobs = list(_jobs(folders))
    rows = []
    with Tracker("scoring", len(jobs), "outputs") as tracker, one_thread():
        for paths in jobs:
            rows.append(_row(paths, judge, chosen))
            tracker.advance()
    columns = ["output", *(metric.specification.name for metric in chosen), "reasons"]
    return pd.DataFrame(rows, columns=columns)


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
    sources = {
        "content": folders.contents,
        "style": folders.styles,
        "reference": folders.references,
        "notes": folders.notes,
        "style_notes": folders.style_notes,
    }
    files_of = {role: _files(path, role) for role, path in sources.items() if path is not None}
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
    if role.endswith("notes"):
        return {item.stem: item for item in sorted(path.glob("*.csv"))}
    return dict(_audio_files(path).items())


def _audio_files(folder: Path) -> dict[str, Path]:
    if not folder.is_dir():
        raise ConfigurationError(f"{folder}: no such folder")
    files: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() in _SUFFIXES:
            if path.stem in files:
                raise ConfigurationError(f"{path}: {files[path.stem].name} has the same name: keep one")
            files[path.stem] = path
    if not files:
        raise ConfigurationError(f"{folder}: holds no audio ({', '.join(sorted(_SUFFIXES))})")
    return files


def _row(paths: dict[str, Path], judge: Judge | None, metrics: list[Metric]) -> dict[str, object]:
    """Score one output; what cannot be read has no score, and the others go on."""
    try:
        scores = evaluate(_trial(paths, judge), metrics)
    except TimbrebenchError as error:
        return {"output": paths["output"].name, "reasons": str(error)}
    reasons = "; ".join(f"{name}: {item.reason}" for name, item in scores.items() if item.reason)
    values = {name: item.value for name, item in scores.items()}
    return {"output": paths["output"].name, **values, "reasons": reasons}


def _trial(paths: dict[str, Path], judge: Judge | None) -> Trial:
    trial = Trial.assemble(
        {role: read_audio(path) for role, path in paths.items() if not role.endswith("notes")},
        judge=judge,
        content_judge=load_content_judge(),
        notes=read_notes(paths["notes"]) if "notes" in paths else None,
        style_notes=read_notes(paths["style_notes"]) if "style_notes" in paths else None,
        content_label=None,
        style_label=None,
    )
    return _labelled(trial, None, None)
