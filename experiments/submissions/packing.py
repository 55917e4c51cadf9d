"""Pack a run into one file that others can check and put into a leaderboard with theirs."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

from timbrebench.audio.errors import RunError
from timbrebench.classifier import load_content_judge
from timbrebench.experiments.benchmark import CONFIGURATION, ENVIRONMENT, JUDGE, RECORDS, open_suite
from timbrebench.experiments.environment import describe_environment
from timbrebench.experiments.leaderboard import Leaderboard, make_leaderboard
from timbrebench.experiments.results import NOT_SCORED, collect
from timbrebench.experiments.runner import Task, list_tasks, training_key
from timbrebench.experiments.scoring import score_key
from timbrebench.experiments.store import Record, Store
from timbrebench.experiments.submissions.archives import write_archive
from timbrebench.experiments.suites.files import freeze, frozen_names, load_frozen
from timbrebench.experiments.suites.suite import Suite
from timbrebench.metrics.registry import get
from timbrebench.transfer.registry import method_class

#: Version of the layout; readers refuse others.
FORMAT = 1

ABOUT = "submission.json"
SUITE_FILE = "suite.json"
RECORDS_FILE = "records.jsonl"
LEADERBOARD_FILE = "leaderboard.csv"
ENVIRONMENT_FILE = "environment.json"
CONFIGURATION_FILE = "configuration.json"
JUDGE_FILE = "judge/judge.pt"
EVALUATION_FILE = "judge/evaluation.json"
OUTPUTS = "outputs/"


class SubmittedMethod(BaseModel):
    """A method of a submission.

    Attributes
    ----------
    label, method : str
        Its name in results, and the registered one.
    version : int
        Of the method.
    key : str
        What its records are found by.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    label: str
    method: str
    version: int
    key: str


class About(BaseModel):
    """What a submission says of itself.

    Attributes
    ----------
    format : int
        Version of the layout.
    submitter : str
        Who hands it in; it tells methods of one name apart.
    run : str
        The run's name.
    suite : str
        Name and version of the frozen suite that the pairs are; empty for pairs that are in none.
    suite_version : str
        Version of the pairs (:attr:`~timbrebench.experiments.suites.suite.Suite.version`).
    setting : str
        What methods that learn may have heard.
    judge, content_judge : str
        Fingerprints of the judges.
    training : str
        Fingerprint of what methods that learn have learned from.
    seeds : tuple of int
        Seeds of the methods.
    metrics : dict of str to int
        Version of each metric.
    methods : tuple of SubmittedMethod
        Controls first.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: int = FORMAT
    submitter: str = Field(pattern=r"^[\w .@+-]{1,60}$")
    run: str
    suite: str
    suite_version: str
    setting: str
    judge: str
    content_judge: str
    training: str
    seeds: tuple[int, ...]
    metrics: dict[str, int]
    methods: tuple[SubmittedMethod, ...]


def submit(root: Path | str, out: Path, *, submitter: str, audio: bool = False) -> About:
    """Pack a run into one file.

    Parameters
    ----------
    root : path-like
        A run's folder.
    out : pathlib.Path
        The file to write; the same run gives the same bytes.
    submitter : str
        Who hands it in: letters, digits, spaces and ``. @ + - _``, at most 60.
    audio : bool, default False
        Whether outputs and the style judge go with it, so that others can score some outputs themselves.

    Returns
    -------
    About
        What the submission says of itself.

    Raises
    ------
    RunError
        If there is no run, an output is missing or has no scores yet, or the submitter's name will not do.
    """
    root = Path(root)
    if not re.fullmatch(r"[\w .@+-]{1,60}", submitter):
        raise RunError(f"submitter {submitter!r}: use 1 to 60 letters, digits, spaces, and . @ + - _")
    configuration, dataset, judge, suite = open_suite(root)
    with Store(root / RECORDS) as store:
        tasks = list_tasks(configuration, suite, dataset, store)
        results = collect(configuration, suite, tasks, judge.fingerprint, store)
        waiting = int((results.reasons == NOT_SCORED).to_numpy().sum()) + int(
            (results.transfers.status == "missing").sum()
        )
        if waiting:
            raise RunError(f"{root}: {waiting} outputs or scores are still to be made: finish it first")
        records = _records(tasks, configuration.metrics, judge.fingerprint, store)
    about = About(
        submitter=submitter,
        run=configuration.name,
        suite=suite.name if suite.name in frozen_names() else name_of(suite),
        suite_version=suite.version,
        setting=configuration.suite.setting,
        judge=judge.fingerprint,
        content_judge=load_content_judge().fingerprint,
        training=training_key(suite, dataset),
        seeds=configuration.seeds,
        metrics={name: get(name).specification.version for name in configuration.metrics},
        methods=_methods(tasks),
    )
    frozen = freeze(suite, recipe=load_frozen(about.suite).recipe if about.suite else None)
    files: dict[str, bytes | Path] = {
        ABOUT: _json(about.model_dump(mode="json")),
        SUITE_FILE: frozen.text().encode(),
        RECORDS_FILE: "".join(record.model_dump_json() + "\n" for record in records).encode(),
        LEADERBOARD_FILE: leaderboard_text(make_leaderboard(results)).encode(),
        ENVIRONMENT_FILE: _environment(root),
        CONFIGURATION_FILE: root / CONFIGURATION,
    }
    evaluation = root / JUDGE / "evaluation.json"
    if evaluation.is_file():
        files[EVALUATION_FILE] = evaluation
    if audio:
        files[JUDGE_FILE] = root / JUDGE / "judge.pt"
        files |= _outputs(root, results.transfers)
    write_archive(out, files)
    return about


def name_of(suite: Suite) -> str:
    """Return the frozen suite of the project that has just these pairs, or an empty text."""
    for name in frozen_names():
        frozen = load_frozen(name)
        if frozen.is_hashed and frozen.suite(suite.configuration).version == suite.version:
            return name
    return ""


def leaderboard_text(leaderboard: Leaderboard) -> str:
    """Return a leaderboard as CSV, as runs write it."""
    return leaderboard.table.to_csv(index=False, float_format="%.6g", lineterminator="\n")


def _json(content: Any) -> bytes:  # noqa: ANN401 - anything that JSON can hold
    return (json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode()


def _methods(tasks: Sequence[Task]) -> tuple[SubmittedMethod, ...]:
    firsts = {task.entry.name: task for task in reversed(tasks)}
    ordered = dict.fromkeys(task.entry.name for task in tasks)
    return tuple(
        SubmittedMethod(
            label=label,
            method=firsts[label].entry.method,
            version=method_class(firsts[label].entry.method).version,
            key=firsts[label].method_key,
        )
        for label in ordered
    )


def _records(tasks: Iterable[Task], metrics: Sequence[str], judge: str, store: Store) -> list[Record]:
    """Return what the leaderboard follows from, each record once, in an order of its own."""
    found: dict[str, Record | None] = {
        key: store.learned(key) for key in (judge, load_content_judge().fingerprint)
    }
    for task in tasks:
        found[task.method_key] = store.learned(task.method_key)
        transfer = found[task.key] = store.transfer(task.key)
        if transfer is not None and transfer.status == "ok":
            for metric in metrics:
                key = score_key(transfer, task.pair, metric, judge)
                found[key] = store.score(key)
    return [record for _, record in sorted(found.items()) if record is not None]


def _environment(root: Path) -> bytes:
    """Return where the run was made; of a run that did not note it, where it was packed."""
    path = root / ENVIRONMENT
    if path.is_file():
        return path.read_bytes()
    return _json({"noted": "when packed", **describe_environment()})


def _outputs(root: Path, transfers: pd.DataFrame) -> dict[str, bytes | Path]:
    paths = sorted(set(transfers.output[transfers.status == "ok"]))
    missing = [path for path in paths if not (root / path).is_file()]
    if missing:
        raise RunError(f"{root}: {len(missing)} outputs are gone, such as {missing[0]}: run it again")
    return {path: root / path for path in paths}
