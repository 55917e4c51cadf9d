"""Read a submission: its records as results, on the pairs that it says that it is of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TypeVar

import pandas as pd
from pydantic import BaseModel, Field, ValidationError

from timbrebench.classifier import load_content_judge
from timbrebench.classifier.embeddings.embedding import STYLE_JUDGE
from timbrebench.classifier.style.published_judges import load_published, published_name
from timbrebench.core.documents import parse_object
from timbrebench.core.errors import ConfigurationError, DatasetError, RunError, describe_validation
from timbrebench.core.files import decode_text
from timbrebench.core.frozen_model import FrozenModel
from timbrebench.core.tables import parse_csv
from timbrebench.experiments.ranking.results import Results, collect
from timbrebench.experiments.run.layout import CONFIGURATION, LEADERBOARD, RECORDS, SETS
from timbrebench.experiments.run.records import Records
from timbrebench.experiments.run.run_configuration import MethodEntry, RunConfiguration, parse_configuration
from timbrebench.experiments.run.tasks import Task, learned_by
from timbrebench.experiments.submissions.output_table import read_output_table
from timbrebench.experiments.submissions.submission_archive import LARGEST_FILE, Archive
from timbrebench.experiments.submissions.submission_description import (
    ABOUT,
    FORMAT,
    LEARNED_FILE,
    MAX_METHODS,
    MAX_OUTPUTS,
    OUTPUT_TABLE,
    REDUCED,
    SUITE_FILE,
    About,
    name_of,
)
from timbrebench.experiments.submissions.submitted_methods import public_parameters, verifiable_method
from timbrebench.experiments.suites.clip_comparison import as_held
from timbrebench.experiments.suites.frozen_suite import (
    SUITE_BYTES,
    FrozenSuite,
    frozen_names,
    load_frozen,
    parse_frozen,
)
from timbrebench.experiments.suites.suite import Suite, SuiteConfiguration
from timbrebench.metrics.registry import current_names, get, metric_names

#: Columns of tables that hold text, whatever it looks like: a method may be called "NA".
_TEXTS = (
    "method",
    "kind",
    "learned_from",
    "settings",
    "violation",
    "sample",
    "judge_dependent",
    "label",
    "reason",
)

#: Maximum characters of a leaderboard: one with a thousand methods has a million.
_TABLE_CHARACTERS = 4 << 20

#: Maximum bytes of a table of outputs, and of what was learned: of 50,000 outputs it has ten million.
_TABLE_BYTES = 64 << 20

#: Maximum bytes of what a submission says of itself, and of its configuration: a hundred methods, with all
#: their settings, have a tenth of it.
_JSON_BYTES = 4 << 20

#: Maximum of resamples times content pieces: the bootstrap takes three times eight bytes for each. The
#: largest suite has 240 pairs, which is 2.4 million.
_MAX_DRAWS = 30_000_000

#: What the name of a metric is followed by in the other columns about it.
_ENDINGS = ("_low", "_high", "_n", "_seed_sd")

Model = TypeVar("Model", bound=BaseModel)


class _Methods(FrozenModel):
    """The methods of a submission's configuration, which need not be installed here."""

    methods: tuple[MethodEntry, ...] = Field(max_length=MAX_METHODS)


@dataclass(frozen=True, eq=False)
class StatedTables:
    """Leaderboard and comparison of whole sets as a submission states them.

    The latter is empty where the judge had no answers.
    """

    leaderboard: pd.DataFrame
    sets: pd.DataFrame


@dataclass(frozen=True)
class Submission:
    """A submission as it was read.

    Attributes
    ----------
    path : Path
        The file.
    about : About
        What it says of itself.
    results : Results
        Read from its records, with the metrics of this machine.
    tasks : tuple of Task
        What it holds records of.
    records : Records
        What it holds.
    tables : StatedTables or None
        What was handed in beside the records; None for a reduced submission, which has nothing that follows
        from something else.
    foreign : frozenset of str
        Labels of methods that are what the submission states, since that does not follow from their settings
        here (:func:`~timbrebench.experiments.submissions.submitted_methods.verifiable_method`).
    """

    path: Path
    about: About
    results: Results
    tasks: tuple[Task, ...]
    records: Records
    tables: StatedTables | None
    foreign: frozenset[str]


def read_submission(path: Path) -> Submission:
    """Read a file of :func:`~timbrebench.experiments.submissions.submission_packing.submit`.

    Its files are then all what its list says, and metrics and content judge those of this machine. Where its
    pairs are a suite of the project, all else about the suite is the project's as well. Raises RunError if it
    is not a submission, was changed, or was scored by other versions than are installed here.
    """
    with Archive(path) as archive:
        stated = _parse(About, _text(archive, ABOUT, _JSON_BYTES), f"{path}: {ABOUT}")
        names = current_names(stated.metrics)
        versions = {names[name]: version for name, version in stated.metrics.items()}
        about = stated.model_copy(update={"metrics": versions})
        _refuse_other_versions(path, about)
        content = _text(archive, CONFIGURATION, _JSON_BYTES)
        configuration, foreign = _configuration(content, about, names, str(path))
        suite = _suite(archive, about, configuration.suite)
        _refuse_many(configuration, suite, path)
        tasks = _tasks(configuration, about, suite)
        read = _reduced_records if about.is_reduced else _records
        try:
            records = read(archive, tasks, about, names, len(suite.every_clip))
            collected = collect(configuration, suite, tasks, about.judges, records)
        except RunError as error:
            raise RunError(f"{archive.path}: {error}") from error
        results = replace(
            collected,
            stated_settings={
                entry.name: public_parameters(entry)
                for entry in configuration.methods
                if entry.name in foreign
            },
        )
        tables = None if about.is_reduced else _stated_tables(archive, names)
        for name in archive.names():
            archive.read(name)  # compares it with the list
    return Submission(path, about, results, tuple(tasks), records, tables, foreign)


def _stated_tables(archive: Archive, names: Mapping[str, str]) -> StatedTables:
    leaderboard = _table(archive, LEADERBOARD).rename(columns=partial(_renamed, names))
    return StatedTables(leaderboard, _sets(archive) if SETS in archive.names() else pd.DataFrame())


def _sets(archive: Archive) -> pd.DataFrame:
    """Return the comparison of sets. Earlier submissions do not name its embedding, the style judge's."""
    sets = _table(archive, SETS)
    if "label" in sets and "embedding" not in sets:
        sets.insert(list(sets.columns).index("label") + 1, "embedding", STYLE_JUDGE)
    return sets


def _text(archive: Archive, name: str, limit: int) -> str:
    """Return a file of UTF-8 text of at most `limit` bytes, or raise RunError, which names it."""
    content = archive.read(name)
    if len(content) > limit:
        raise RunError(
            f"{archive.path}: {name} has {len(content)} bytes, more than the {limit} that it may have"
        )
    return decode_text(content, f"{archive.path}: {name}", RunError)


def _refuse_many(configuration: RunConfiguration, suite: Suite, path: Path) -> None:
    """Refuse a submission whose tables would take minutes, before any of them is made."""
    outputs = len(configuration.entries) * len(suite.pairs) * len(configuration.seeds)
    draws = configuration.resamples * len({pair.piece for pair in suite.pairs})
    for what, count, limit in (
        ("outputs", outputs, MAX_OUTPUTS),
        ("draws of its resamples", draws, _MAX_DRAWS),
    ):
        if count > limit:
            raise RunError(f"{path}: would have {count} {what}, and a submission may have {limit}")


def _records(
    archive: Archive, tasks: Sequence[Task], about: About, names: Mapping[str, str], clips: int
) -> Records:
    """Return the records of a whole submission."""
    del names  # a record's key has its metric's name
    # A transfer, a prediction and the scores of each output; what others have left may be as much again.
    limit = 2 * (len(tasks) * (2 + len(about.metrics)) + clips + len(about.methods) + 100)
    text = _text(archive, RECORDS, LARGEST_FILE)
    try:
        return Records.parse(text, limit)
    except RunError as error:
        raise RunError(f"{RECORDS}: {error}") from error


def _reduced_records(
    archive: Archive, tasks: Sequence[Task], about: About, names: Mapping[str, str], clips: int
) -> Records:
    """Return the records of a reduced submission, and those of judges that everybody has."""
    del clips  # which it has no predictions for
    if unknown := sorted(set(archive.names()) - {ABOUT, CONFIGURATION, OUTPUT_TABLE, LEARNED_FILE}):
        raise RunError(f"a reduced submission has no {unknown[0]}")
    text = _text(archive, OUTPUT_TABLE, _TABLE_BYTES)
    transfers, scores = read_output_table(text, OUTPUT_TABLE, tasks, names, about.judges)
    learned = Records.parse(_text(archive, LEARNED_FILE, _TABLE_BYTES), len(about.methods) + 2).learned
    published = [name for name in map(published_name, about.style_judges) if name]
    known = [learned_by(load_content_judge()), *(learned_by(load_published(name)) for name in published)]
    return Records.of(transfers, scores, {**learned, **{record.key: record for record in known}})


def parse_table(text: str, where: str) -> pd.DataFrame:
    """Read a leaderboard, or a comparison of sets: an empty cell is a missing figure.

    Raises RunError, which names `where`, if it is not a table or larger than any leaderboard.
    """
    if len(text) > _TABLE_CHARACTERS:
        raise RunError(f"{where}: has {len(text)} characters, more than a leaderboard's {_TABLE_CHARACTERS}")
    table = parse_csv(text.encode(), where, RunError, dict.fromkeys(_TEXTS, "str"))
    texts = [name for name in _TEXTS if name in table]
    table[texts] = table[texts].fillna("")
    return table


def _parse(model: type[Model], text: str, where: str) -> Model:
    try:
        return model.model_validate(parse_object(text, where, RunError))
    except ValidationError as error:
        raise describe_validation(error, where, model.model_fields) from error


def _refuse_other_versions(path: Path, about: About) -> None:
    if about.format not in (FORMAT, REDUCED):
        raise RunError(f"{path}: layout {about.format}, this version reads {FORMAT} and {REDUCED}")
    if about.content_judge != load_content_judge().fingerprint:
        raise RunError(f"{path}: was scored by another content judge than this version of timbrebench has")
    known = metric_names()
    for name, version in about.metrics.items():
        if name not in known:
            raise RunError(
                f"{path}: has the metric {name}, which is not installed here: install the package that has it"
            )
        here = get(name).specification.version
        if here != version:
            raise RunError(f"{path}: has version {version} of the metric {name}, here is version {here}")


def _suite(archive: Archive, about: About, configuration: SuiteConfiguration) -> Suite:
    """Return the pairs of a submission.

    Those of a suite of the project are read from the project's own file, under whatever name they were handed
    in: the version is of the pairs alone, and figures follow from the clips' length and from real clips too.
    """
    path = archive.path
    if about.is_reduced:  # without a list of pairs
        suite = _known_suite(about.suite, path).suite(configuration)
    else:
        given = parse_frozen(_text(archive, SUITE_FILE, SUITE_BYTES), f"{path}: {SUITE_FILE}")
        suite = replace(given.suite(configuration), name="")
        if not (name := about.suite or name_of(suite)):
            if suite.version != about.suite_version:
                raise RunError(f"{path}: its pairs are not suite {about.suite_version}, as it says")
            return suite
        try:
            whole = _known_suite(name, path)
            frozen = whole.first(len(given.pairs)) if given.sample_of else whole
            suite = as_held(frozen, given).suite(configuration)
        except (DatasetError, ConfigurationError) as error:
            raise RunError(f"{path}: calls its pairs {name}, but they do not match it ({error})") from error
    if suite.version != about.suite_version:
        raise RunError(f"{path}: calls its pairs {suite.name}, but they do not match it")
    return suite


def _known_suite(name: str, path: Path) -> FrozenSuite:
    if name not in frozen_names():
        raise RunError(f"{path}: is of the suite {name}, which this version of timbrebench does not have")
    return load_frozen(name)


def _configuration(
    content: str, about: About, names: Mapping[str, str], where: str
) -> tuple[RunConfiguration, frozenset[str]]:
    """Read what results follow from; methods that are not installed here keep their names all the same."""
    given = parse_object(content, f"{where}: {CONFIGURATION}", RunError)
    try:
        methods = _Methods.model_validate({"methods": given.get("methods")}).methods
    except ValidationError as error:
        raise describe_validation(error, f"{where}: {CONFIGURATION}", MethodEntry.model_fields) from error
    if any(entry.learned_from for entry in methods):  # which may be paths, and would be looked up
        raise RunError(f"{where}: {CONFIGURATION} has learned_from: records say it in a submission")
    try:
        wanted = {key: given[key] for key in ("name", "metrics", "seeds", "resamples")}
        wanted["metrics"] = [names.get(name, name) for name in wanted["metrics"]]
        wanted["metric_versions"] = about.metrics
        wanted["suite"] = {"setting": given["suite"]["setting"]}
    except (KeyError, TypeError) as error:
        raise RunError(f"{where}: {CONFIGURATION} lacks {error}, or has another type there") from error
    configuration = parse_configuration(wanted, f"{where}: {CONFIGURATION}")
    configuration = configuration.model_copy(update={"methods": methods})
    labels = [entry.name for entry in configuration.entries]
    if repeated := sorted({label for label in labels if labels.count(label) > 1}):
        raise RunError(f"{where}: the label {repeated[0]!r} stands for two methods in {CONFIGURATION}")
    entries = [(entry.name, entry.method) for entry in configuration.entries]
    compared = {
        "methods": ([(method.label, method.method) for method in about.methods], entries),
        "seeds": (about.seeds, configuration.seeds),
        "metrics": (set(about.metrics), set(configuration.metrics)),
        "settings of the suite": (about.setting, configuration.suite.setting),
    }
    for what, (stated, configured) in compared.items():
        if stated != configured:
            raise RunError(f"{where}: {ABOUT} and {CONFIGURATION} name different {what}")
    return configuration, frozenset(entry.name for entry in methods if verifiable_method(entry) is None)


def _tasks(configuration: RunConfiguration, about: About, suite: Suite) -> list[Task]:
    return [
        Task(entry, method.key, pair, seed)
        for entry, method in zip(configuration.entries, about.methods, strict=True)
        for pair in suite.pairs
        for seed in configuration.seeds
    ]


def _renamed(names: Mapping[str, str], column: str) -> str:
    """Return a leaderboard's column with its metric's name of today, before the ending of an interval."""
    ending = next((end for end in _ENDINGS if column.endswith(end)), "")
    metric = column.removesuffix(ending)
    return names.get(metric, metric) + ending


def _table(archive: Archive, name: str) -> pd.DataFrame:
    return parse_table(_text(archive, name, 4 * _TABLE_CHARACTERS), f"{archive.path}: {name}")
