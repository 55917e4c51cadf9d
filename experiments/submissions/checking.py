"""Read a submission, and check that it is whole and that its tables follow from its records."""

from __future__ import annotations

import io
import json
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import numpy as np
import pandas as pd
from pydantic import BaseModel, ValidationError

from timbrebench.audio.errors import RunError, TimbrebenchError, describe_validation
from timbrebench.audio.storage import write_text
from timbrebench.classifier import load_content_judge
from timbrebench.experiments.configuration import MethodEntry, RunConfiguration, parse_configuration
from timbrebench.experiments.leaderboard import make_leaderboard
from timbrebench.experiments.results import Results, collect
from timbrebench.experiments.runner import Task, base_key
from timbrebench.experiments.store import Store
from timbrebench.experiments.submissions.archives import Archive
from timbrebench.experiments.submissions.packing import (
    ABOUT,
    CONFIGURATION_FILE,
    FORMAT,
    LEADERBOARD_FILE,
    RECORDS_FILE,
    SETS_FILE,
    SUITE_FILE,
    About,
    SubmittedMethod,
    table_text,
)
from timbrebench.experiments.suites.files import frozen_names, load_frozen, parse_frozen
from timbrebench.experiments.suites.suite import Suite
from timbrebench.metrics.registry import get
from timbrebench.transfer.contract import learns
from timbrebench.transfer.registry import create, method_class, method_names

#: By how much a figure may differ that another machine computed: relatively, and near 0.
RELATIVE, ABSOLUTE = 1e-3, 1e-4

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
    leaderboard, sets : pandas.DataFrame
        As they were handed in; the comparison of whole sets is empty where the judge had no answers.
    foreign : frozenset of str
        Labels of methods that are not installed here.
    """

    path: Path
    about: About
    results: Results
    tasks: tuple[Task, ...]
    leaderboard: pd.DataFrame
    sets: pd.DataFrame
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
        frozen = parse_frozen(text_of(archive.read(SUITE_FILE)), f"{path}: {SUITE_FILE}")
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
            write_text(records, text_of(archive.read(RECORDS_FILE)))
            with Store(records) as store:
                results = collect(configuration, suite, tasks, about.judge, store)
        leaderboard = _table(archive, LEADERBOARD_FILE)
        sets = _table(archive, SETS_FILE) if SETS_FILE in archive.names() else pd.DataFrame()
        for name in archive.names():
            archive.read(name)  # compares it with the list
    return Submission(path, about, results, tuple(tasks), leaderboard, sets, foreign)


def text_of(content: bytes) -> str:
    """Return the content of a file as text, or raise what says that it is none."""
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


def _table(archive: Archive, name: str) -> pd.DataFrame:
    try:
        return _parsed(text_of(archive.read(name)))
    except ValueError as error:
        raise RunError(f"{archive.path}: {name} cannot be read ({error})") from error


def _parsed(text: str) -> pd.DataFrame:
    return pd.read_csv(io.StringIO(text), dtype={"method": str, "kind": str}, keep_default_na=True)


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
    table = _parsed(table_text(made.table))
    problems += _differences(table, submission.leaderboard, submission.foreign)
    return problems + _differences_of_sets(submission)


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
    others = _other_cells(made, stated, relative=1e-4, absolute=1e-6)
    return [
        f"{made.method[row]} has {stated[column][row]} as {column} in {LEADERBOARD_FILE}, "
        f"records give {made[column][row]}"
        for row, column in others
        if column != "settings" or made.method[row] not in foreign
    ][:5]


def _differences_of_sets(submission: Submission) -> list[str]:
    """Name the first figures in which two comparisons of whole sets differ."""
    found, stated = submission.results.sets, submission.sets
    made = _parsed(table_text(found)) if len(found) else found
    if list(made.columns) != list(stated.columns) or len(made) != len(stated):
        return [f"{SETS_FILE} has other rows or columns than its records give"]
    # Eigenvalues of large matrices stand behind these, which another machine rounds differently.
    others = _other_cells(made, stated, relative=RELATIVE, absolute=ABSOLUTE)
    return [
        f"{made.method[row]}, {made.label[row]}: {column} is {stated[column][row]} in {SETS_FILE}, "
        f"records give {made[column][row]}"
        for row, column in others
    ][:5]


def _other_cells(
    made: pd.DataFrame, stated: pd.DataFrame, *, relative: float, absolute: float
) -> list[tuple[int, str]]:
    """List row and column of the cells in which two tables with the same rows and columns differ."""
    cells = []
    for column in made.columns:
        one, other = made[column], stated[column]
        if pd.api.types.is_numeric_dtype(one) and pd.api.types.is_numeric_dtype(other):
            numbers = one.astype(float), other.astype(float)
            same = np.isclose(*numbers, rtol=relative, atol=absolute, equal_nan=True)
        else:
            same = (one.fillna("").astype(str) == other.fillna("").astype(str)).to_numpy()
        cells += [(int(row), str(column)) for row in np.flatnonzero(~same)]
    return cells
