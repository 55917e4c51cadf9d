"""What a run has to do: methods, pairs and seeds, each with the key of its result."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from timbrebench.classifier import InstalledContentJudge, Judge
from timbrebench.core.files import fingerprint
from timbrebench.datasets import Dataset
from timbrebench.datasets.soundfonts.soundfont_finding import family_of
from timbrebench.experiments.run.layout import OUTPUTS, PREPARED
from timbrebench.experiments.run.record_types import DependencyRecord, LearnedRecord
from timbrebench.experiments.run.records import Records
from timbrebench.experiments.run.run_configuration import MethodEntry, RunConfiguration
from timbrebench.experiments.suites.suite import Pair, Suite
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


class Barred(NamedTuple):
    """What methods may not learn from beside a suite's pieces: families of soundfonts, and programs."""

    families: frozenset[str] = frozenset()
    programs: frozenset[int] = frozenset()


def families_of(suite: Suite) -> frozenset[str]:
    """Return the families of the soundfonts that play a suite."""
    clips = [clip for pair in suite.pairs for clip in (pair.content, pair.style)]
    return frozenset(map(family_of, {clip.soundfont for clip in clips}))


def barred_by(suite: Suite) -> Barred:
    """Return what the setting of a suite keeps from methods."""
    setting = suite.configuration.setting
    if setting == "known-timbre":
        return Barred()
    programs = {pair.style.program for pair in suite.pairs} if setting == "one-shot" else ()
    return Barred(families_of(suite), frozenset(programs))


def training_set(barred: Barred, dataset: Dataset) -> Dataset:
    """Select what a method may learn from: training pieces, and of these only what is not barred."""
    training = dataset.select(split="train")
    for column, unwanted in zip(("soundfont_family", "program"), barred, strict=True):
        if unwanted:
            training = training.select(**{column: set(training.manifest[column]) - unwanted})
    return training


def training_key(suite: Suite, dataset: Dataset) -> str:
    """Return the fingerprint of all that methods of a run may learn from."""
    return fingerprint(training_set(barred_by(suite), dataset).manifest.sha256.tolist())


def learned_by(judge: Judge | InstalledContentJudge) -> LearnedRecord:
    """Return the record of what a judge has learned, to compare with those of methods."""
    return LearnedRecord(
        key=judge.fingerprint, weights=(judge.weights_sha256,), clips=tuple(sorted(judge.training_clips))
    )
