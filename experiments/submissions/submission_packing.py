"""Pack a run into one file that others can check and put into a leaderboard with theirs."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from timbrebench.classifier import OWN_CONTENT_JUDGE
from timbrebench.classifier.embeddings.embedding import STYLE_JUDGE
from timbrebench.classifier.style.published_judges import published_name
from timbrebench.core.errors import RunError, suggestion
from timbrebench.core.tables import SIX_DIGITS, csv_text
from timbrebench.datasets.soundfonts.soundfont_finding import recorded_name
from timbrebench.experiments.ranking.leaderboard import make_leaderboard
from timbrebench.experiments.ranking.results import NOT_SCORED, Results, collect
from timbrebench.experiments.report.leaderboard_tables import leaderboard_metrics
from timbrebench.experiments.run.layout import (
    CONFIGURATION,
    LEADERBOARD,
    RECORDS,
    SETS,
)
from timbrebench.experiments.run.opened_run import open_suite
from timbrebench.experiments.run.record_types import LearnedRecord, Record, Transfer
from timbrebench.experiments.run.records import Records, read_records
from timbrebench.experiments.run.run_configuration import CONTROLS, RunConfiguration
from timbrebench.experiments.run.run_judges import JudgeFingerprints, judge_fingerprints
from timbrebench.experiments.run.scores import prediction_key, score_key
from timbrebench.experiments.run.tasks import Task, list_recorded_tasks, training_key
from timbrebench.experiments.submissions.output_table import output_table
from timbrebench.experiments.submissions.submission_archive import write_archive
from timbrebench.experiments.submissions.submission_description import (
    ABOUT,
    FORMAT,
    LEARNED_FILE,
    OUTPUT_TABLE,
    REDUCED,
    SUBMITTER,
    SUITE_FILE,
    About,
    SubmittedMethod,
    name_of,
)
from timbrebench.experiments.submissions.submitted_methods import public_parameters, verifiable_method
from timbrebench.experiments.suites.frozen_suite import freeze, frozen_names, load_frozen
from timbrebench.experiments.suites.suite import OpenedSuite, Suite
from timbrebench.metrics.registry import get
from timbrebench.transfer.registry import method_class


@dataclass(frozen=True)
class FinishedRun:
    """A run that can be handed in: no output and no score is missing.

    Attributes
    ----------
    root : Path
        Its folder.
    configuration : RunConfiguration
        How it was made.
    suite : OpenedSuite
        Its pairs, with their audio.
    tasks : sequence of Task
        What it consists of.
    judges : JudgeFingerprints
        What has scored it.
    training : str
        Fingerprint of what methods that learn have learned from.
    records : Records
        All that it holds.
    results : Results
        The tables of its records.
    """

    root: Path
    configuration: RunConfiguration
    suite: OpenedSuite
    tasks: Sequence[Task]
    judges: JudgeFingerprints
    training: str
    records: Records
    results: Results

    @classmethod
    def read(cls, root: Path) -> FinishedRun:
        """Read a run.

        Raises RunError if there is none, an output is missing or has no scores yet, or it was transcribed by
        another content judge than the one that comes with timbrebench.
        """
        configuration, dataset, judge, suite = open_suite(root)
        if configuration.content_judge.name != OWN_CONTENT_JUDGE:
            raise RunError(
                f"{root}: was transcribed by {configuration.content_judge.name}, and submissions are by the "
                "content judge that comes with timbrebench: run it without [content_judge]"
            )
        records = read_records(root / RECORDS)
        tasks = list_recorded_tasks(configuration, suite, dataset, records)
        judges = judge_fingerprints(configuration, judge, root)
        results = _collected(configuration, suite, tasks, judges, records)
        missing = (results.transfers.status == "missing").sum()
        missing += (results.reasons == NOT_SCORED).to_numpy().sum()
        if missing:
            raise RunError(f"{root}: {missing} outputs or scores are still to be made: finish it first")
        training = training_key(suite, dataset)
        return cls(root, configuration, suite, tasks, judges, training, records, results)

    def reduced(self, label: str) -> FinishedRun:
        """Return the run as if it had one method, and the metrics that a leaderboard shows.

        Raises RunError if no method of the run has the label.
        """
        methods = tuple(entry for entry in self.configuration.methods if entry.name == label)
        if not methods:
            names = [entry.name for entry in self.configuration.methods]
            raise RunError(f"{self.root}: has no method {label!r}{suggestion(label, names)}")
        metrics = leaderboard_metrics(self.results)
        update = {"methods": methods, "metrics": metrics}
        configuration = self.configuration.model_copy(update=update)
        tasks = [task for task in self.tasks if task.entry.name in {*CONTROLS, label}]
        results = _collected(configuration, self.suite, tasks, self.judges, self.records)
        return replace(self, configuration=configuration, tasks=tasks, results=results)

    def describe(self, submitter: str, layout: int) -> About:
        """Return what a submission of it says of itself."""
        suite = self.suite
        return About(
            format=layout,
            submitter=submitter,
            run=self.configuration.name,
            suite=suite.name if suite.name in frozen_names() else name_of(suite),
            suite_version=suite.version,
            setting=self.configuration.suite.setting,
            judge=self.judges.style,
            second_judge=self.judges.second_style,
            content_judge=self.judges.content,
            training=self.training,
            seeds=self.configuration.seeds,
            metrics={name: get(name).specification.version for name in self.configuration.metrics},
            methods=_methods(self.tasks),
        )


def check_submitter(name: str) -> None:
    """Raise RunError for a name that no leaderboard can show."""
    if not re.fullmatch(SUBMITTER, name):
        raise RunError(f"submitter {name!r}: use 1 to 60 letters, digits, . @ + - _, and spaces between them")


def _collected(
    configuration: RunConfiguration,
    suite: OpenedSuite,
    tasks: Sequence[Task],
    judges: JudgeFingerprints,
    records: Records,
) -> Results:
    results = collect(configuration, suite, tasks, judges, records)
    # What others' networks make of clips cannot be checked without their weights.
    return replace(results, embedded={STYLE_JUDGE: results.embedded[STYLE_JUDGE]})


def submit(root: Path | str, out: Path, *, submitter: str, audio: bool = False) -> About:
    """Pack what verifying a run needs into one file; the same run gives the same bytes.

    It holds neither the command line, nor where the run was made, nor paths, nor the reasons of failed pairs,
    which may quote any of these; of methods that are not verifiable by their settings, only numbers.

    `submitter` is who hands it in: letters, digits, spaces and ``. @ + - _``, at most 60. With `audio`
    outputs go with it, so that others can score some of them themselves, and with them the style judge,
    unless it is a published one, which everybody has. Raises RunError as :meth:`FinishedRun.read`, or if the
    submitter's name will not do.
    """
    check_submitter(submitter)
    root = Path(root)
    run = FinishedRun.read(root)
    about = run.describe(submitter, FORMAT)
    packed = _records(run.tasks, run.configuration.metrics, run.judges, run.records)
    packed |= predictions(run.tasks, run.suite, run.judges.style, run.records)
    if unjudged := sum(record is None for record in packed.values()):
        raise RunError(f"{root}: the judge has not judged {unjudged} clips yet: finish the run first")
    unverifiable = [entry for entry in run.configuration.methods if verifiable_method(entry) is None]
    stated = {entry.name: public_parameters(entry) for entry in unverifiable}
    shown = replace(run.results, stated_settings=stated)
    frozen = freeze(run.suite, recipe=load_frozen(about.suite).recipe if about.suite else None)
    files: dict[str, bytes | Path] = {
        ABOUT: _json(about.model_dump(mode="json")),
        SUITE_FILE: frozen.text().encode(),
        RECORDS: _lines(packed).encode(),
        LEADERBOARD: csv_text(make_leaderboard(shown).table, SIX_DIGITS).encode(),
        CONFIGURATION: _json(_configuration(run.configuration)),
    }
    if len(run.results.sets):
        files[SETS] = csv_text(run.results.sets, SIX_DIGITS).encode()
    if audio:
        files |= _outputs(root, run.results.transfers)
        for fingerprint, name in about.style_judges.items():
            if not published_name(fingerprint):
                files[name] = root / name
    write_archive(out, files)
    return about


def pack_reduced(run: FinishedRun, out: Path, *, submitter: str) -> About:
    """Pack a run on a suite of the project into a file that is small enough to lie in a repository.

    It has a row for each output instead of records, no list of pairs, no predictions and no tables: all of
    them follow from it and from what everybody has. Raises RunError if the pairs are no whole suite of the
    project.
    """
    about = run.describe(submitter, REDUCED)
    if run.suite.sample_of:
        raise RunError(
            f"{run.root}: is on a sample, {run.suite.size}: entries are of whole suites, to be ranked"
        )
    if not about.suite:
        raise RunError(
            f"{run.root}: its pairs were drawn for it: run a suite of the project, which "
            "`timbrebench suite list` names"
        )
    learned = _learned(run.tasks, run.records)
    own = {judge for judge in about.style_judges if not published_name(judge)}
    learned |= {key: run.records.learned[key] for key in own if key in run.records.learned}
    write_archive(
        out,
        {
            ABOUT: _json(about.model_dump(mode="json")),
            CONFIGURATION: _json(_configuration(run.configuration)),
            OUTPUT_TABLE: output_table(run.results, run.tasks, run.records).encode(),
            LEARNED_FILE: _lines(learned).encode(),
        },
    )
    return about


def _json(content: Any) -> bytes:  # noqa: ANN401 - anything that JSON can hold
    return (json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode()


def _methods(tasks: Sequence[Task]) -> tuple[SubmittedMethod, ...]:
    by_label = {task.entry.name: task for task in tasks}
    return tuple(
        SubmittedMethod(
            label=label,
            method=task.entry.method,
            version=method_class(task.entry.method).version,
            key=task.method_key,
        )
        for label, task in by_label.items()
    )


def _records(
    tasks: Sequence[Task], metrics: Sequence[str], judges: JudgeFingerprints, records: Records
) -> dict[str, Record | None]:
    """Return what the leaderboard follows from, by key."""
    used: dict[str, Record | None] = {}
    for task in tasks:
        transfer = records.transfers.get(task.key)
        used[task.key] = None if transfer is None else _without_reason(transfer)
        if transfer is not None and transfer.status == "ok":
            for metric in metrics:
                key = score_key(transfer, task.pair, metric, judges)
                used[key] = records.scores.get(key)
    known = {key: records.learned[key] for key in judges if key in records.learned}
    return used | known | _learned(tasks, records)


def _learned(tasks: Iterable[Task], records: Records) -> dict[str, LearnedRecord]:
    """Return what methods have learned from, by key: their records, and what the configuration declares.

    The latter as names alone, so that neither folders are given away nor anything is looked up where a
    submission is read.
    """
    learned: dict[str, LearnedRecord] = {}
    for task in tasks:
        key, declared = task.method_key, set(map(recorded_name, task.entry.learned_from))
        record = learned.get(key) or records.learned.get(key)
        if declared:
            record = record or LearnedRecord(key=key, weights=(), clips=())
            soundfonts = tuple(sorted({*record.soundfonts, *declared}))
            record = record.model_copy(update={"soundfonts": soundfonts})
        if record is not None:
            learned[key] = record
    return learned


def _without_reason(transfer: Transfer) -> Transfer:
    """Leave out why an output is missing: the status says that it is, and reasons may quote anything."""
    return transfer.model_copy(update={"reason": ""})


def predictions(
    tasks: Iterable[Task], suite: Suite, judge: str, records: Records
) -> dict[str, Record | None]:
    """Return what the comparison of sets follows from.

    That is, by key, the style judge's prediction for each output of `tasks` and for each real clip that the
    pairs of the suite were drawn from; None where it is missing.
    """
    transfers = [records.transfers.get(task.key) for task in tasks]
    judged = [transfer.output_sha256 for transfer in transfers if transfer and transfer.status == "ok"]
    keys = [prediction_key(sha256, judge) for sha256 in [*judged, *(clip.sha256 for clip in suite.clips)]]
    return {key: records.predictions.get(key) for key in keys}


def _lines(records: Mapping[str, Record | None]) -> str:
    """Write records sorted by key, each once; the archive's list has the digest of them all."""
    present = [record for _, record in sorted(records.items()) if record is not None]
    return "".join(record.model_dump_json() + "\n" for record in present)


def _configuration(configuration: RunConfiguration) -> dict[str, Any]:
    """Return what results follow from: no dataset, no limits, no paths of files."""
    return {
        "name": configuration.name,
        "suite": {"setting": configuration.suite.setting},
        "methods": [
            {"method": entry.method, "label": entry.label, "parameters": public_parameters(entry)}
            for entry in configuration.methods
        ],
        "metrics": list(configuration.metrics),
        "seeds": list(configuration.seeds),
        "resamples": configuration.resamples,
    }


def _outputs(root: Path, transfers: pd.DataFrame) -> dict[str, bytes | Path]:
    paths = sorted(set(transfers.output[transfers.status == "ok"]))
    missing = [path for path in paths if not (root / path).is_file()]
    if missing:
        raise RunError(f"{root}: {len(missing)} outputs are gone, such as {missing[0]}: run it again")
    return {path: root / path for path in paths}
