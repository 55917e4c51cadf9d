"""Read a submission and check that it is whole, consistent, and that its scores are those of its outputs.

That a file is whole says little about who made it: whoever can write scores can write their hashes. Only
outputs that are handed in, and scored again here, show that the scores are theirs.
"""

from __future__ import annotations

import io
import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import numpy as np
import pandas as pd
from pydantic import BaseModel, ValidationError

from timbrebench.audio.errors import RunError, TimbrebenchError, describe_validation
from timbrebench.audio.executors import LocalExecutor
from timbrebench.audio.storage import write_text
from timbrebench.classifier import Judge, load_content_judge
from timbrebench.datasets import Clip, Dataset
from timbrebench.experiments.configuration import MethodEntry, RunConfiguration, parse_configuration
from timbrebench.experiments.leaderboard import make_leaderboard
from timbrebench.experiments.results import Results, collect
from timbrebench.experiments.runner import Task, base_key
from timbrebench.experiments.scoring import run_scores, score_key
from timbrebench.experiments.store import Store, Transfer
from timbrebench.experiments.submissions.archives import Archive
from timbrebench.experiments.submissions.packing import (
    ABOUT,
    CONFIGURATION_FILE,
    FORMAT,
    JUDGE_FILE,
    LEADERBOARD_FILE,
    OUTPUTS,
    RECORDS_FILE,
    SUITE_FILE,
    About,
    SubmittedMethod,
    leaderboard_text,
)
from timbrebench.experiments.suites.files import frozen_names, load_frozen, parse_frozen
from timbrebench.experiments.suites.suite import Pair, Suite
from timbrebench.metrics.registry import get
from timbrebench.transfer.contract import learns
from timbrebench.transfer.registry import create, method_class, method_names

#: How many outputs are scored again.
SAMPLE = 20

#: By how much a score may differ that another machine computed: relatively, and near 0.
_RELATIVE, _ABSOLUTE = 1e-3, 1e-4

Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True)
class Submission:
    """A submission as it was read.

    Attributes
    ----------
    path : pathlib.Path
        The file.
    about : About
        What it says of itself.
    results : Results
        Read from its records, with the metrics of this machine.
    tasks : tuple of Task
        What it holds records of.
    leaderboard : pandas.DataFrame
        As it was handed in.
    foreign : frozenset of str
        Labels of methods that are not installed here.
    """

    path: Path
    about: About
    results: Results
    tasks: tuple[Task, ...]
    leaderboard: pd.DataFrame
    foreign: frozenset[str]


def read_submission(path: Path) -> Submission:
    """Read a submission.

    Parameters
    ----------
    path : pathlib.Path
        A file of :func:`~timbrebench.experiments.submissions.packing.submit`.

    Returns
    -------
    Submission
        Whose files are all what its list says, and whose metrics and content judge are those of this machine.

    Raises
    ------
    RunError
        If it is no submission, was changed, or was scored by other versions than there are here.
    """
    with Archive(path) as archive:
        about = _parse(About, archive.read(ABOUT), f"{path}: {ABOUT}")
        _refuse_other_versions(path, about)
        frozen = parse_frozen(_text(archive.read(SUITE_FILE)), f"{path}: {SUITE_FILE}")
        configuration, foreign = _configuration(archive.read(CONFIGURATION_FILE), about, str(path))
        suite = frozen.suite(configuration.suite)
        if suite.version != about.suite_version:
            raise RunError(f"{path}: its pairs are not suite {about.suite_version}, as it says")
        # What calls itself a suite of the project has to be that one.
        suite = replace(suite, name=about.suite)
        if about.suite:
            _refuse_other_suite(path, suite)
        tasks = _tasks(configuration, about, suite)
        with tempfile.TemporaryDirectory() as folder:
            records = Path(folder) / RECORDS_FILE
            write_text(records, _text(archive.read(RECORDS_FILE)))
            with Store(records) as store:
                results = collect(configuration, suite, tasks, about.judge, store)
                results = replace(results, compare=pd.DataFrame)
        leaderboard = _table(_text(archive.read(LEADERBOARD_FILE)))
        for name in archive.names():
            archive.read(name)  # compares it with the list
    return Submission(path, about, results, tuple(tasks), leaderboard, foreign)


def _text(content: bytes) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise RunError(f"a file of the submission is no text ({error})") from error


def _parse(model: type[Model], content: bytes, where: str) -> Model:
    try:
        return model.model_validate_json(content)
    except ValidationError as error:
        raise describe_validation(error, where, model.model_fields) from error


def _refuse_other_versions(path: Path, about: About) -> None:
    if about.format != FORMAT:
        raise RunError(f"{path}: layout {about.format}, this version reads {FORMAT}")
    if about.content_judge != load_content_judge().fingerprint:
        raise RunError(f"{path}: was scored by another content judge than this version of timbrebench has")
    for name, version in about.metrics.items():
        here = get(name).specification.version
        if here != version:
            raise RunError(f"{path}: has version {version} of the metric {name}, here is version {here}")


def _refuse_other_suite(path: Path, suite: Suite) -> None:
    if suite.name not in frozen_names():
        raise RunError(
            f"{path}: is of the suite {suite.name}, which this version of timbrebench does not have"
        )
    frozen = load_frozen(suite.name)
    if frozen.is_hashed and frozen.suite(suite.configuration).version != suite.version:
        raise RunError(f"{path}: calls its pairs {suite.name}, but they are others")


def _configuration(content: bytes, about: About, where: str) -> tuple[RunConfiguration, frozenset[str]]:
    """Read what results follow from; methods that are not installed here keep their names all the same."""
    try:
        given = json.loads(content)
        methods = [MethodEntry.model_validate(entry) for entry in given["methods"]]
        wanted = {key: given[key] for key in ("name", "metrics", "seeds", "resamples")}
    except (ValueError, KeyError, TypeError) as error:
        raise RunError(f"{where}: {CONFIGURATION_FILE} cannot be read ({error})") from error
    configuration = parse_configuration(wanted, f"{where}: {CONFIGURATION_FILE}")
    configuration = configuration.model_copy(update={"methods": tuple(methods)})
    stated = [(method.label, method.method) for method in about.methods]
    if stated != [(entry.name, entry.method) for entry in configuration.entries]:
        raise RunError(f"{where}: {ABOUT} and {CONFIGURATION_FILE} name different methods")
    if (configuration.seeds, set(configuration.metrics)) != (about.seeds, set(about.metrics)):
        raise RunError(f"{where}: {ABOUT} and {CONFIGURATION_FILE} name different seeds or metrics")
    return configuration, frozenset(entry.name for entry in methods if not _is_installed(entry))


def _is_installed(entry: MethodEntry) -> bool:
    if entry.method not in method_names():
        return False
    try:
        create(entry.method, entry.parameters)
    except TimbrebenchError:  # another version of it, or files that are elsewhere
        return False
    return True


def _tasks(configuration: RunConfiguration, about: About, suite: Suite) -> list[Task]:
    return [
        Task(entry, method.key, pair, seed)
        for entry, method in zip(configuration.entries, about.methods, strict=True)
        for pair in suite.pairs
        for seed in configuration.seeds
    ]


def _table(text: str) -> pd.DataFrame:
    try:
        return pd.read_csv(io.StringIO(text), dtype={"method": str, "kind": str}, keep_default_na=True)
    except ValueError as error:
        raise RunError(f"the submission's {LEADERBOARD_FILE} cannot be read ({error})") from error


def check_submission(submission: Submission) -> list[str]:
    """Compare what a submission says with what follows from its records, and see that the run is valid.

    Parameters
    ----------
    submission : Submission
        As it was read.

    Returns
    -------
    list of str
        What does not agree; empty where all does.
    """
    problems = [
        f"{method.label}: its records are of other settings than {CONFIGURATION_FILE} has"
        for method, entry in zip(
            submission.about.methods, submission.results.configuration.entries, strict=True
        )
        if not _is_of(method, entry, submission)
    ]
    waiting = submission.results.transfers.status == "missing"
    if waiting.any():
        problems.append(f"{int(waiting.sum())} outputs have no record")
    made = make_leaderboard(submission.results)
    problems += [f"the run is not valid: {problem}" for problem in made.problems]
    table = _table(leaderboard_text(made))
    return problems + _differences(table, submission.leaderboard, submission.foreign)


def _is_of(method: SubmittedMethod, entry: MethodEntry, submission: Submission) -> bool:
    """Tell whether a method's key follows from its settings, as far as that can be known here."""
    if method.label in submission.foreign or method.version != method_class(method.method).version:
        return True
    one = create(entry.method, entry.parameters)
    if one.fingerprint():
        return True  # it depends on files, which may be others here
    return method.key == base_key(entry, submission.about.training if learns(one) else "")


def _differences(made: pd.DataFrame, stated: pd.DataFrame, foreign: frozenset[str]) -> list[str]:
    """Name the first figures in which two leaderboards differ."""
    if list(made.columns) != list(stated.columns) or list(made.method) != list(stated.method):
        return [f"{LEADERBOARD_FILE} has other methods, columns or ranks than its records give"]
    problems = []
    for column in made.columns:
        one, other = made[column], stated[column]
        if pd.api.types.is_numeric_dtype(one) and pd.api.types.is_numeric_dtype(other):
            same = np.isclose(one.astype(float), other.astype(float), rtol=1e-4, atol=1e-6, equal_nan=True)
        else:
            same = (one.fillna("").astype(str) == other.fillna("").astype(str)).to_numpy()
        if column == "settings":
            same = same | made.method.isin(foreign).to_numpy()
        problems += [
            f"{made.method[row]} has {other[row]} as {column} in {LEADERBOARD_FILE}, records give {one[row]}"
            for row in np.flatnonzero(~same)
        ]
    return problems[:5]


def check_outputs(submission: Submission, dataset: Path | None) -> tuple[list[str], str]:
    """Compare the outputs that came with a submission with its records, and score some of them again.

    Parameters
    ----------
    submission : Submission
        As it was read.
    dataset : pathlib.Path, optional
        A dataset that holds the suite's clips; without it nothing is scored.

    Returns
    -------
    problems : list of str
        What does not agree; empty where all does.
    summary : str
        What was compared.

    Raises
    ------
    RunError
        If the submission has no outputs, or the dataset does not hold the clips.
    """
    rows = submission.results.transfers.itertuples()
    done = [task for task, row in zip(submission.tasks, rows, strict=True) if row.status == "ok"]
    with Archive(submission.path) as archive, tempfile.TemporaryDirectory() as folder:
        if not archive.names(OUTPUTS):
            raise RunError(f"{submission.path}: came without outputs (`timbrebench submit --audio`)")
        write_text(Path(folder) / RECORDS_FILE, _text(archive.read(RECORDS_FILE)))
        with Store(Path(folder) / RECORDS_FILE) as store:
            found = [(task, store.transfer(task.key)) for task in done]
        transfers = [(task, transfer) for task, transfer in found if transfer is not None]
        problems = [
            f"{one.label}, {one.pair_id}: the output is not the one of its record"
            for _, one in transfers
            if archive.manifest.get(one.output) != one.output_sha256
        ]
        summary = f"{len(transfers)} outputs are those of the records"
        if dataset is None or problems:
            return problems, summary
        places = np.linspace(0, len(transfers) - 1, min(SAMPLE, len(transfers))).astype(int)
        sample = [transfers[place] for place in sorted(set(places.tolist()))]
        problems = _score_again(submission, archive, sample, Dataset.open(dataset), Path(folder) / "again")
    return problems, f"{summary}; {len(sample)} of them were scored again"


def _score_again(
    submission: Submission,
    archive: Archive,
    sample: Sequence[tuple[Task, Transfer]],
    dataset: Dataset,
    folder: Path,
) -> list[str]:
    """Score outputs, and name the scores that are not those that were handed in."""
    clips = _found(submission, dataset)
    with Store(folder / RECORDS_FILE) as store:
        judge = folder / "judge.pt"
        judge.write_bytes(archive.read(JUDGE_FILE))
        if Judge.load(judge).fingerprint != submission.about.judge:
            raise RunError(f"{submission.path}: {JUDGE_FILE} is not the judge that its scores name")
        for number, (_, transfer) in enumerate(sample):
            # Under a name of ours, wherever the record says that it lay.
            name = f"{number:04d}.flac"
            (folder / name).write_bytes(archive.read(transfer.output))
            store.add(transfer.model_copy(update={"output": name}))
        tasks = [replace(task, pair=_with_clips(task.pair, clips)) for task, _ in sample]
        with LocalExecutor(["timbrebench.experiments.scoring"]) as executor:
            run_scores(
                tasks,
                submission.results.configuration.metrics,
                dataset=dataset,
                judge_path=judge,
                root=folder,
                store=store,
                executor=executor,
            )
        return _other_scores(submission, tasks, store)


def _found(submission: Submission, dataset: Dataset) -> dict[str, Clip]:
    """Find the clips of a submission's pairs in a dataset, by their SHA-256."""
    clips = {clip.sha256: clip for clip in dataset.clips()}
    pairs = submission.results.suite.pairs
    wanted = {one.sha256 for pair in pairs for one in (pair.content, pair.style, pair.reference) if one}
    missing = len(wanted - set(clips))
    if missing:
        raise RunError(f"{dataset.root}: lacks {missing} of {len(wanted)} clips of the submission's pairs")
    return clips


def _with_clips(pair: Pair, clips: dict[str, Clip]) -> Pair:
    return replace(
        pair,
        content=clips[pair.content.sha256],
        style=clips[pair.style.sha256],
        reference=None if pair.reference is None else clips[pair.reference.sha256],
    )


def _other_scores(submission: Submission, tasks: Sequence[Task], store: Store) -> list[str]:
    """Compare scores that were made here with those that were handed in."""
    row_of = {task.key: number for number, task in enumerate(submission.tasks)}
    stated, judge = submission.results.scores, submission.about.judge
    problems = []
    for task in tasks:
        transfer = store.transfer(task.key)
        for name in stated.columns:
            score = None if transfer is None else store.score(score_key(transfer, task.pair, name, judge))
            here = np.nan if score is None or score.value is None else score.value
            there = float(stated[name].iloc[row_of[task.key]])
            if not np.isclose(here, there, rtol=_RELATIVE, atol=_ABSOLUTE, equal_nan=True):
                problems.append(
                    f"{task.entry.name}, {task.pair.pair_id}: {name} is {here:.6g} here, "
                    f"{there:.6g} in the records"
                )
    return problems
