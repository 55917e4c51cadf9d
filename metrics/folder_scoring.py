"""Score a folder of outputs: folders in, a table out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import pandas as pd

from timbrebench.audio.decoding import AUDIO_SUFFIXES
from timbrebench.classifier import OWN_CONTENT_JUDGE, Judge, installed_content_judge
from timbrebench.classifier.fitting import one_thread
from timbrebench.core.errors import ConfigurationError, TimbrebenchError
from timbrebench.core.files import why_no_folder
from timbrebench.core.progress import Tracker, log
from timbrebench.core.workers.calls import Call, Failure
from timbrebench.metrics.contract import evaluate
from timbrebench.metrics.output_scoring import (
    SCORING_LIMITS,
    Folders,
    Judges,
    metrics_named,
    scoring_executor,
    trial_of_files,
    why_not_scored,
)

#: How many files that are left out are named.
_SHOWN = 5


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
    judges = Judges(judge, second_judge, content_judge)
    names = [metric.specification.name for metric in metrics_named(metrics)]
    jobs = list(_jobs(folders))
    rows: dict[int, dict[str, object]] = {}
    with (
        Tracker("scoring", len(jobs), "outputs") as tracker,
        scoring_executor(jobs, len(names)) as executor,
        executor.batch() as batch,
    ):
        for number, paths in enumerate(jobs):
            batch.submit(Call(_row, (paths, judges, names), "scoring", SCORING_LIMITS), number)
        for number, result in batch.results():
            failed = isinstance(result, Failure)
            rows[number] = _row_without_scores(jobs[number], why_not_scored(result)) if failed else result
            tracker.advance()
    return pd.DataFrame([rows[number] for number in sorted(rows)], columns=["output", *names, "reasons"])


def _jobs(folders: Folders) -> Iterator[dict[str, Path]]:
    """Find the files that belong to each output."""
    outputs = _audio_files(folders.outputs)
    sources = {role: path for role, path in folders.by_role.items() if role != "output"}
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


def _row(paths: dict[str, Path], judges: Judges, metrics: list[str]) -> dict[str, object]:
    """Score one output; what cannot be read has no score, and the others go on."""
    try:
        with one_thread():
            scores = evaluate(trial_of_files(paths, judges), metrics_named(metrics))
    except TimbrebenchError as error:
        return _row_without_scores(paths, str(error))
    reasons = "; ".join(f"{name}: {item.reason}" for name, item in scores.items() if item.reason)
    values = {name: item.value for name, item in scores.items()}
    return {"output": paths["output"].name, **values, "reasons": reasons}


def _row_without_scores(paths: dict[str, Path], reason: str) -> dict[str, object]:
    return {"output": paths["output"].name, "reasons": reason}
