"""Run methods on pairs, each once, each method in a process of its own.

Outputs are written as files and metrics are computed from the files, so a method's audio can be heard, scored
again with other metrics, and compared with audio that was made elsewhere.
"""

from __future__ import annotations

import pickle
import time
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from timbrebench.audio.clips import write_audio
from timbrebench.core.errors import MethodTimeoutError, RunError
from timbrebench.core.files import atomic_path, file_sha256, storage_error
from timbrebench.core.progress import Tracker, muted
from timbrebench.core.raised import describe_error, may_pass
from timbrebench.core.workers.executors import Executor
from timbrebench.core.workers.memory import forget_peak, peak_mib
from timbrebench.core.workers.processes import Call, Ended, Limits
from timbrebench.datasets import Dataset
from timbrebench.experiments.run.layout import OUTPUTS, PREPARED
from timbrebench.experiments.run.records import LearnedRecord, Store, Transfer
from timbrebench.experiments.run.run_configuration import LimitsConfiguration
from timbrebench.experiments.run.tasks import Task, training_set
from timbrebench.experiments.suites.suite import OpenedSuite, SuiteConfiguration
from timbrebench.transfer.contract import Method, learns
from timbrebench.transfer.method_calls import apply, query_learned
from timbrebench.transfer.registry import create, method_class

#: Outputs keep 24 bits: 16 would add noise of their own to what is scored.
_SUBTYPE = "PCM_24"


def run_transfers(
    tasks: Sequence[Task],
    *,
    dataset: Dataset,
    suite: OpenedSuite,
    limits: LimitsConfiguration,
    root: Path,
    store: Store,
    executor: Executor,
    beside: Call | None = None,
) -> None:
    """Make the outputs that are missing. A method that fails in any way costs its own pair.

    What failed is tried again where the reason may have passed, or limits are wider than the one it broke.

    Parameters
    ----------
    tasks : sequence of Task
        What is wanted.
    dataset : Dataset
        What methods may learn from.
    suite : OpenedSuite
        Holds the clips, and decides which part of the dataset that is.
    limits : LimitsConfiguration
        What a method may take.
    root : pathlib.Path
        The run's folder.
    store : Store
        Where results are recorded as they come.
    executor : Executor
        Where methods are run.
    beside : Call, optional
        Other work, begun first and done on one core while the others transfer.

    Raises
    ------
    RunError
        If the process of the other work ended before it was done.
    """
    used = {task.dependency for task in tasks if task.dependency is not None}
    store.add(*(record for record in used if store.dependency(record.key) != record))
    # Two labels may stand for one method with the same settings, and so for the same results.
    wanted = {task.key: task for task in tasks if not _is_made(task, root, store, limits)}
    problems = {key: task.dependency.problem for key, task in wanted.items() if task.dependency is not None}
    untold = {key: problem for key, problem in problems.items() if problem}
    store.add(*(_skipped(wanted.pop(key), Ended("failed", untold[key], None)) for key in untold))
    missing: dict[str, list[Task]] = {}
    for task in wanted.values():
        missing.setdefault(task.method_key, []).append(task)
    _remove_parts(root)
    # Method by method, so that a process that has got a method ready goes on with it.
    firsts = [first for first, *_ in missing.values()]
    preparation = Limits(limits.preparation_timeout_s, limits.memory_mib)
    calls = [beside] if beside is not None else []
    first_method = len(calls)
    calls += [
        Call(
            _prepare,
            (task, dataset.root.resolve(), suite.configuration, root.resolve()),
            task.method_key,
            preparation,
        )
        for task in firsts
    ]
    first_pair = len(calls)
    ready: list[Task] = []
    with Tracker("transferring", sum(map(len, missing.values())), "pairs") as tracker:
        for index, result in executor.run(calls):
            if index < first_method:
                if isinstance(result, Ended):
                    raise RunError(
                        f"{calls[index].kind}: {result.reason}: what is finished is kept, run again"
                    )
                continue
            if index >= first_pair:
                store.add(_recorded(ready[index - first_pair], result))
                tracker.advance()
                continue
            first = firsts[index - first_method]
            waiting = missing[first.method_key]
            if not isinstance(result, Ended):
                if (result.weights or result.clips) and store.learned(result.key) is None:
                    store.add(result)
                ready += waiting
                calls += [_call(task, first, suite.dataset, root, limits) for task in waiting]
            else:
                store.add(*(_skipped(task, result) for task in waiting))
                tracker.advance(len(waiting))


def _is_made(task: Task, root: Path, store: Store, limits: LimitsConfiguration) -> bool:
    """Tell whether there is nothing left to do: the output is there, or would fail again."""
    record = store.transfer(task.key)
    if record is None:
        return False
    if record.status == "ok":
        path = root / record.output
        return path.is_file() and file_sha256(path) == record.output_sha256
    return not record.passing and all(getattr(limits, name) <= limit for name, limit in record.broke.items())


def _remove_parts(root: Path) -> None:
    """Remove what a run that was killed had half written."""
    for part in (*(root / OUTPUTS).rglob(".part-*"), *(root / PREPARED).glob(".part-*")):
        part.unlink(missing_ok=True)


def _call(task: Task, first: Task, dataset: Dataset, root: Path, limits: LimitsConfiguration) -> Call:
    root = root.resolve()
    arguments = (task, _prepared_path(first, root), dataset.root.resolve(), root)
    return Call(_transfer, arguments, task.method_key, Limits(limits.timeout_s, limits.memory_mib))


def _prepare(task: Task, dataset_root: Path, suite: SuiteConfiguration, root: Path) -> LearnedRecord | Ended:
    """Prepare a method and keep it in a file; return what it has learned, or why it cannot be prepared."""
    try:
        method = create(task.entry.method, task.entry.parameters)
    except BaseException as error:  # a method is anybody's code, which may raise what nobody should
        return _failure(error)
    workdir = root / task.prepared
    training = None
    if learns(method):
        training = training_set(suite, Dataset.open(dataset_root))
        _make_folder(workdir)
    try:
        if training is not None:
            with muted():
                method.prepare(training, workdir)
        told = query_learned(method)
        content = pickle.dumps(method)
    except BaseException as error:
        return _failure(error)
    with atomic_path(_prepared_path(task, root)) as temporary:
        temporary.write_bytes(content)
    given = set() if training is None else set(training.manifest.sha256)
    return LearnedRecord(
        key=task.method_key, weights=tuple(sorted(told.weights)), clips=tuple(sorted(told.clips | given))
    )


def _failure(error: BaseException) -> Ended:
    return Ended("failed", describe_error(error), None, passing=may_pass(error))


def _make_folder(path: Path) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise storage_error(path, error) from error


def _prepared_path(task: Task, root: Path) -> Path:
    folder = root / task.prepared
    return folder.with_name(f"{folder.name}.pickle")


@lru_cache(maxsize=1)
def _prepared(path: Path) -> Method:
    """Return this process's copy of a prepared method."""
    method: Method = pickle.loads(path.read_bytes())  # noqa: S301 - written by this run
    return method


def _transfer(task: Task, prepared: Path, dataset_root: Path, root: Path) -> Transfer:
    """Run a method on a pair."""
    pair, costs = task.pair, method_class(task.entry.method).costs
    dataset = _dataset(dataset_root)
    content, style = (dataset.samples(clip) for clip in (pair.content, pair.style))
    reference = None if pair.reference is None else dataset.samples(pair.reference)
    status, reason, digest, passing = "ok", "", "", False
    started = time.perf_counter()
    watched = False
    try:
        method = _prepared(prepared)
        watched = forget_peak()
        started = time.perf_counter()
        with muted():
            samples = apply(
                method,
                content,
                style,
                sample_rate=pair.content.sample_rate,
                seed=task.seed,
                reference=reference,
            )
    except BaseException as error:  # a method is anybody's code; the run goes on
        status = "timeout" if isinstance(error, MethodTimeoutError) else "failed"
        reason, passing = describe_error(error), may_pass(error)
    seconds = time.perf_counter() - started
    memory = peak_mib() if watched and "peak_memory_mib" in costs else None
    if status == "ok":
        path = root / task.output
        write_audio(path, samples, pair.content.sample_rate, subtype=_SUBTYPE)
        digest = file_sha256(path)
    return _record(
        task,
        status=status,
        reason=reason,
        seconds=seconds if "seconds" in costs else None,
        peak_memory_mib=memory,
        output=task.output.as_posix() if digest else "",
        output_sha256=digest,
        passing=passing,
    )


@lru_cache(maxsize=1)
def _dataset(root: Path) -> Dataset:
    """Return this process's copy of a dataset, opened once."""
    return Dataset.open(root)


def _recorded(task: Task, result: Transfer | Ended) -> Transfer:
    """Return the record of a pair: the one that came back, or one of how the process ended."""
    if isinstance(result, Transfer):
        return result
    seconds = result.seconds if "seconds" in method_class(task.entry.method).costs else None
    return _record(
        task,
        status=result.status,
        reason=result.reason,
        seconds=seconds,
        broke=_names(result.broke),
        passing=result.passing,
    )


def _skipped(task: Task, result: Ended) -> Transfer:
    """Record that a pair was not tried, since the method could not be prepared."""
    reason, broke = result.reason, _names(result.broke)
    if result.broke != Limits():
        reason = reason.replace("timeout_s", "preparation_timeout_s")
        broke = {name.replace("timeout", "preparation_timeout"): value for name, value in broke.items()}
    return _record(
        task,
        status="skipped",
        reason=f"the method could not be prepared: {reason}",
        broke=broke,
        passing=result.passing,
    )


def _names(broke: Limits) -> dict[str, float]:
    limits = {"timeout_s": broke.timeout_s, "memory_mib": broke.memory_mib}
    return {name: value for name, value in limits.items() if value is not None}


def _record(task: Task, **outcome: object) -> Transfer:
    return Transfer.model_validate(
        {
            "key": task.key,
            "label": task.entry.name,
            "pair_id": task.pair.pair_id,
            "seed": task.seed,
            **outcome,
        }
    )
