"""What a run has to do: methods, pairs and seeds, each with the key of its result."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from timbrebench.classifier import InstalledContentJudge, Judge
from timbrebench.core.files import fingerprint
from timbrebench.datasets import Dataset
from timbrebench.datasets.soundfonts.soundfont_finding import family_of, recorded_name
from timbrebench.experiments.run.layout import OUTPUTS, PREPARED
from timbrebench.experiments.run.record_types import DependencyRecord, LearnedRecord
from timbrebench.experiments.run.records import Records
from timbrebench.experiments.run.run_configuration import MethodEntry, RunConfiguration
from timbrebench.experiments.suites.suite import Pair, Suite, SuiteConfiguration
from timbrebench.transfer.contract import learns
from timbrebench.transfer.method_calls import query_fingerprint
from timbrebench.transfer.registry import create


@dataclass(frozen=True)
class Task:
    """A method, a pair and a seed.

    Attributes
    ----------
    entry : MethodEntry
        The method as configured.
    method_key : str
        Fingerprint of method, version and parameters, for one that learns of what it learned from, and of
        the files that its outputs depend on.
    pair : Pair
        What it is run on.
    seed : int
        Seed of its draws.
    dependency : DependencyRecord or None
        The files that its outputs depend on, where there are any, or why that could not be queried.
    """

    entry: MethodEntry
    method_key: str
    pair: Pair
    seed: int
    dependency: DependencyRecord | None = None

    @property
    def key(self) -> str:
        """Fingerprint of everything that the output depends on."""
        return fingerprint(["transfer", self.method_key, self.pair.fingerprint, self.seed])

    @property
    def prepared(self) -> Path:
        """The folder for what the method learns, relative to the run's folder."""
        return Path(PREPARED) / f"{self.entry.name}-{self.method_key[:8]}"

    @property
    def output(self) -> Path:
        """Where the output is written, relative to the run's folder."""
        folder = f"{self.entry.name}-{self.method_key[:8]}"
        return Path(OUTPUTS) / folder / f"{self.pair.pair_id}-seed{self.seed}.flac"


def list_tasks(configuration: RunConfiguration, suite: Suite, dataset: Dataset) -> list[Task]:
    """List all tasks of a run that is to be run: methods, then pairs, then seeds.

    They have the same keys as long as nothing has changed that outputs depend on: the dataset, which methods
    learn from, counts, and files count as they are now.
    """
    return _tasks(configuration, suite, dataset, _present_dependency)


def list_recorded_tasks(
    configuration: RunConfiguration, suite: Suite, dataset: Dataset, records: Records
) -> list[Task]:
    """List all tasks of a run that is to be read, as it was run, whatever has become of files since."""

    def recorded(entry: MethodEntry, key: str) -> DependencyRecord | None:
        return records.dependencies.get(key) or _present_dependency(entry, key)

    return _tasks(configuration, suite, dataset, recorded)


def _present_dependency(entry: MethodEntry, key: str) -> DependencyRecord | None:
    """Return the files that a method depends on as they are now, if it depends on any."""
    value, problem = query_fingerprint(create(entry.method, entry.parameters))
    return DependencyRecord(key=key, fingerprint=value, problem=problem) if value or problem else None


def _tasks(
    configuration: RunConfiguration,
    suite: Suite,
    dataset: Dataset,
    dependency_of: Callable[[MethodEntry, str], DependencyRecord | None],
) -> list[Task]:
    tasks = []
    for entry in configuration.entries:
        key = method_key(entry, suite, dataset)
        dependency = dependency_of(entry, key)
        if dependency is not None:
            key = fingerprint([key, dependency.fingerprint or dependency.problem])
        tasks += [
            Task(entry, key, pair, seed, dependency) for pair in suite.pairs for seed in configuration.seeds
        ]
    return tasks


def method_key(entry: MethodEntry, suite: Suite, dataset: Dataset) -> str:
    """Return the fingerprint of a method as configured, whatever the files that it is given hold."""
    method = create(entry.method, entry.parameters)
    return base_key(entry, training_key(suite, dataset) if learns(method) else "")


def base_key(entry: MethodEntry, learned: str) -> str:
    """Return the fingerprint of a method as configured.

    `learned` is of :func:`training_key` for one that learns, else empty.
    """
    method = create(entry.method, entry.parameters)
    return fingerprint([entry.method, method.version, method.parameters.model_dump(mode="json"), learned])


def training_set(suite: SuiteConfiguration, dataset: Dataset) -> Dataset:
    """Select what a method may learn from: training pieces, in a new timbre none of the suite's family."""
    training = dataset.select(split="train")
    if suite.setting == "known-timbre":
        return training
    others = set(training.manifest.soundfont_family) - {family_of(recorded_name(suite.playing_soundfont))}
    return training.select(soundfont_family=others)


def training_key(suite: Suite, dataset: Dataset) -> str:
    """Return the fingerprint of all that methods of a run may learn from."""
    return fingerprint(training_set(suite.configuration, dataset).manifest.sha256.tolist())


def learned_by(judge: Judge | InstalledContentJudge) -> LearnedRecord:
    """Return the record of what a judge has learned, to compare with those of methods."""
    return LearnedRecord(
        key=judge.fingerprint, weights=(judge.weights_sha256,), clips=tuple(sorted(judge.training_clips))
    )
