"""The results of a run as tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from timbrebench.experiments.ranking.headline import Headline, HeadlineScale
from timbrebench.experiments.ranking.learning_rules import LearnedFrom, learned_from, rule_violation
from timbrebench.experiments.ranking.listener_scores import ListenerScore
from timbrebench.experiments.run.embedded_clips import recorded_fingerprints
from timbrebench.experiments.run.records import Records
from timbrebench.experiments.run.run_configuration import CONTROLS, RunConfiguration
from timbrebench.experiments.run.run_judges import JudgeFingerprints
from timbrebench.experiments.run.scores import score_key
from timbrebench.experiments.run.sets import EmbeddedSets, collect_sets, compare_sets
from timbrebench.experiments.run.tasks import Barred, Task, barred_by
from timbrebench.experiments.suites.suite import Suite

#: What a transfer took: seconds, seconds for each second of content, and the peak memory in MiB.
COSTS = ("seconds", "realtime_factor", "peak_memory_mib")

#: The reason of a score that is still to be computed.
NOT_SCORED = "not scored yet"

_TRANSFER_COLUMNS = ("label", "pair_id", "piece", "seed", "status", "reason", *COSTS, "output")


@dataclass(frozen=True)
class Results:
    """The results of a run.

    Attributes
    ----------
    configuration : RunConfiguration
        How the run was made.
    suite : Suite
        Its pairs.
    transfers : pandas.DataFrame
        One row for each method, pair and seed: ``label, pair_id, piece, seed, status, reason``, the
        :data:`COSTS`, ``output``. What was not run yet has the status "missing".
    scores : pandas.DataFrame
        The same rows in the same order; one column for each metric, NaN where it could not be computed.
    reasons : pandas.DataFrame
        Like `scores`: why a value is missing, else an empty text.
    violations : mapping of str to str
        What a method shares with a judge, or has learned from against the suite's setting, by label, for
        methods that do.
    embedded : mapping of str to EmbeddedSets
        Embeddings of outputs and real clips, which `sets` follows from, by the embedding's name.
    environments : sequence of mapping
        Where the run was made (:func:`~timbrebench.experiments.run.environment.read_environments`); empty
        without a record of it.
    stated_settings : mapping of str to dict
        The settings to show for methods that are not to be made here, by label: those of submissions.
    second_judge : str
        Fingerprint of the second style judge; empty in a run with one.
    listeners : sequence of ListenerScore
        What listeners say of the outputs, as :mod:`timbrebench.experiments.ranking.listener_scores` reads it;
        empty where nobody was asked.
    learned_from : mapping of str to LearnedFrom
        What each method has learned from, by label
        (:data:`~timbrebench.experiments.ranking.learning_rules.LearnedFrom`).
    """

    configuration: RunConfiguration
    suite: Suite
    transfers: pd.DataFrame
    scores: pd.DataFrame
    reasons: pd.DataFrame
    violations: Mapping[str, str] = field(default_factory=dict)
    embedded: Mapping[str, EmbeddedSets] = field(default_factory=dict)
    environments: Sequence[Mapping[str, Any]] = ()
    stated_settings: Mapping[str, dict[str, Any]] = field(default_factory=dict)
    second_judge: str = ""
    listeners: Sequence[ListenerScore] = ()
    learned_from: Mapping[str, LearnedFrom] = field(default_factory=dict)

    @cached_property
    def headline(self) -> Headline:
        """What the headline is made of, whether or not everything for it was measured."""
        return Headline.of(self.configuration.metrics, has_second_judge=bool(self.second_judge))

    @cached_property
    def sets(self) -> pd.DataFrame:
        """All outputs of a method beside real clips (:func:`~timbrebench.experiments.run.sets.compare_sets`).

        Computed when it is asked for, since its intervals take a second.
        """
        return compare_sets(self.embedded)

    @property
    def first_seed(self) -> pd.DataFrame:
        """The transfers with the first seed, which is what people hear."""
        return self.transfers[self.transfers.seed == self.configuration.seeds[0]]

    def of(self, label: str) -> pd.DataFrame:
        """Return a method's transfers and scores side by side."""
        rows = self.transfers.label == label
        return pd.concat([self.transfers[rows], self.scores[rows]], axis=1)

    def is_complete(self, label: str) -> bool:
        """Return whether a method has an output for every pair and seed."""
        return bool((self.transfers[self.transfers.label == label].status == "ok").all())

    def is_rankable(self, label: str) -> bool:
        """Return whether a method can be ranked, as far as it has a headline.

        It needs an output for every pair and seed, and the metrics of the headline wherever the reference,
        or without references the untouched content, has them: otherwise it could be ranked by the pairs that
        suit it. It violates nothing.
        """
        if not self.is_ranking or not self.is_complete(label) or label in self.violations:
            return False
        own, known = (
            self.of(name).set_index(["pair_id", "seed"])[self.headline.metrics].notna()
            for name in (label, "reference" if self.suite.has_truth else "identity")
        )
        return bool((own | ~known).all(axis=None))

    @property
    def is_ranking(self) -> bool:
        """Whether methods are ranked: right answers tell them apart, and the headline's metrics are there."""
        return self.suite.is_ranking and self.headline.is_measured_by(self.configuration.metrics)

    def headline_scale(self) -> HeadlineScale:
        """Return the scale of the headline; its bounds are NaN where note F1 was not asked for."""
        return self.headline.scale_of({label: self.of(label) for label in CONTROLS})

    @property
    def labels(self) -> list[str]:
        """The methods' labels in the configuration's order, controls first."""
        return [entry.name for entry in self.configuration.entries]


def collect(
    configuration: RunConfiguration,
    suite: Suite,
    tasks: Sequence[Task],
    judges: JudgeFingerprints,
    records: Records,
    *,
    environments: Sequence[Mapping[str, Any]] = (),
) -> Results:
    """Make a run's tables of its records: one row for each task, one column for each metric configured.

    There may be records of more than belongs to the run. `environments` is where the run was made.
    """
    transfers, scores, reasons = [], [], []
    for task in tasks:
        record = records.transfers.get(task.key)
        status, reason, output, costs = "missing", "not run yet", "", (np.nan, np.nan, np.nan)
        values: dict[str, float] = dict.fromkeys(configuration.metrics, np.nan)
        why = dict.fromkeys(configuration.metrics, "no output")
        if record is not None:
            status, reason, output = record.status, record.reason, record.output
            memory = np.nan if record.peak_memory_mib is None else record.peak_memory_mib
            seconds = np.nan if record.seconds is None else record.seconds
            costs = (seconds, seconds / task.pair.content.duration_s, memory)
        if record is not None and record.status == "ok":
            for metric in configuration.metrics:
                score = records.scores.get(score_key(record, task.pair, metric, judges))
                if score is not None:
                    values[metric] = np.nan if score.value is None else score.value
                why[metric] = NOT_SCORED if score is None else score.reason
        piece = task.pair.piece
        row = (task.entry.name, task.pair.pair_id, piece, task.seed, status, reason, *costs, output)
        transfers.append(row)
        scores.append(values)
        reasons.append(why)
    columns = list(configuration.metrics)
    return Results(
        configuration,
        suite,
        pd.DataFrame(transfers, columns=list(_TRANSFER_COLUMNS)),
        pd.DataFrame(scores, columns=columns, dtype=np.float64),
        pd.DataFrame(reasons, columns=columns, dtype=str),
        _violations(tasks, judges, records, barred_by(suite)),
        collect_sets(
            tasks, suite, judges.style, records, recorded_fingerprints(configuration.embeddings, records)
        ),
        environments,
        second_judge=judges.second_style,
        learned_from=_learned_from(tasks, records, suite),
    )


def _violations(
    tasks: Sequence[Task], judges: Sequence[str], records: Records, barred: Barred
) -> dict[str, str]:
    """Compare what each method has learned with what each judge has, and with what the setting bars."""
    known = [records.learned[judge] for judge in judges if judge in records.learned]
    violations = {}
    for label, task in _first_tasks(tasks).items():
        learned = records.learned.get(task.method_key)
        shared = {learned.shares(judge) for judge in known} if learned else set()
        problems = [*sorted(shared), rule_violation(task.entry, learned, barred)]
        if any(problems):
            violations[label] = "; ".join(filter(None, problems))
    return violations


def _learned_from(tasks: Sequence[Task], records: Records, suite: Suite) -> dict[str, LearnedFrom]:
    return {
        label: learned_from(task.entry, records.learned.get(task.method_key), suite)
        for label, task in _first_tasks(tasks).items()
    }


def _first_tasks(tasks: Sequence[Task]) -> dict[str, Task]:
    """Return a task of each method, by label."""
    return {task.entry.name: task for task in reversed(tasks)}
