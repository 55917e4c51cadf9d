"""Run methods on pairs, each once, each method in a process of its own.

Outputs are written as files and metrics are computed from the files, so a method's audio can be listened to,
scored again with other metrics, and compared with audio that was made elsewhere.
"""

from __future__ import annotations

import pickle
import time
from collections.abc import Sequence
from functools import lru_cache, partial
from pathlib import Path

from timbrebench.audio.clips import write_audio
from timbrebench.core.errors import MethodTimeoutError, RunError, describe_error, is_transient
from timbrebench.core.files import atomic_path, file_sha256, storage_error
from timbrebench.core.identifiers import path_within
from timbrebench.core.partial_files import remove_abandoned_parts
from timbrebench.core.progress import Tracker, muted
from timbrebench.core.workers.calls import Call, Failure, Limits
from timbrebench.core.workers.executors import Executor
from timbrebench.core.workers.memory import peak_rss_mib, reset_peak_rss
from timbrebench.datasets import Dataset
from timbrebench.experiments.run.record_types import LearnedRecord, Transfer
from timbrebench.experiments.run.records import Records, RecordsFile
from timbrebench.experiments.run.run_configuration import LimitsConfiguration
from timbrebench.experiments.run.tasks import Barred, Task, barred_by, training_set
from timbrebench.experiments.suites.suite import OpenedSuite
from timbrebench.transfer.contract import Method, learns
from timbrebench.transfer.method_calls import apply, query_learned
from timbrebench.transfer.registry import create, method_class

#: Outputs keep 24 bits: 16 would add noise of their own to what is scored.
_SUBTYPE = "PCM_24"

#: Columns of the manifest that say what a method has learned from.
_LEARNED = ("sha256", "soundfont", "program")

#: This process's copy of a dataset, opened once.
_dataset = lru_cache(maxsize=1)(Dataset.open)


def run_transfers(
    tasks: Sequence[Task],
    *,
    dataset: Dataset,
    suite: OpenedSuite,
    limits: LimitsConfiguration,
    root: Path,
    store: RecordsFile,
    executor: Executor,
    beside: Call | None = None,
) -> None:
    """Make the outputs that are missing, and record them as they come.

    A method that fails in any way costs only its own pair. A failure is retried if it is transient, or if the
    limit that it exceeded is now wider. Methods may learn from the part of `dataset` that the suite's
    setting leaves. `beside` is other work, begun first and done on one core while the other cores
    transfer: raises RunError if its process ended before it returned.
    """
    used = {task.dependency for task in tasks if task.dependency is not None}
    store.add(*(record for record in used if store.records.dependencies.get(record.key) != record))
    remove_abandoned_parts(root)
    missing = _missing(tasks, root, store, limits)
    barred = barred_by(suite)
    preparation = Limits(limits.preparation_timeout_s, limits.memory_mib, "preparation_timeout_s")
    with (
        Tracker("transferring", sum(map(len, missing.values())), "pairs") as tracker,
        executor.batch() as batch,
    ):
        # The tag of a call is what to do with its result.
        def finish_preparation(first: Task, result: LearnedRecord | Failure) -> None:
            pairs = missing[first.method_key]
            if isinstance(result, Failure):
                store.add(*(_skipped(task, result) for task in pairs))
                tracker.advance(len(pairs))
                return
            if not result.is_empty and result.key not in store.records.learned:
                store.add(result)
            for task in pairs:
                call = _transfer_call(task, first, suite.dataset, root, limits)
                batch.submit(call, partial(finish_transfer, task))

        def finish_transfer(task: Task, result: Transfer | Failure) -> None:
            store.add(_failed(task, result) if isinstance(result, Failure) else result)
            tracker.advance()

        if beside is not None:
            batch.submit(beside, partial(_require_success, beside.kind))
        for first, *_ in missing.values():
            arguments = first, dataset.root.resolve(), barred, root.resolve()
            call = Call(_prepare, arguments, first.method_key, preparation)
            batch.submit(call, partial(finish_preparation, first))
        for finish, result in batch.results():
            finish(result)


def _missing(
    tasks: Sequence[Task], root: Path, store: RecordsFile, limits: LimitsConfiguration
) -> dict[str, list[Task]]:
    """Return what is left to do by method; record as skipped what a method's problem keeps from being done.

    Method by method, so that a process that holds a prepared method goes on with it.
    """
    missing: dict[str, list[Task]] = {}
    # Two labels may stand for one method with the same settings, and so for the same results.
    wanted = {task.key: task for task in tasks if not _is_made(task, root, store.records, limits)}
    for task in wanted.values():
        if task.dependency is not None and task.dependency.problem:
            store.add(_skipped(task, Failure("failed", task.dependency.problem, None)))
        else:
            missing.setdefault(task.method_key, []).append(task)
    return missing


def _require_success(kind: str, result: object) -> None:
    if isinstance(result, Failure):
        raise RunError(f"{kind}: {result.reason}: what is finished is kept, run again")


def _is_made(task: Task, root: Path, records: Records, limits: LimitsConfiguration) -> bool:
    """Whether nothing is left to do: the output exists, or would fail again."""
    record = records.transfers.get(task.key)
    if record is None:
        return False
    if record.status == "ok":
        path = root / record.output
        return path.is_file() and file_sha256(path) == record.output_sha256
    is_final = all(getattr(limits, name) <= limit for name, limit in record.broke.items())
    return is_final and not record.transient


def _transfer_call(
    task: Task, first: Task, dataset: Dataset, root: Path, limits: LimitsConfiguration
) -> Call:
    root = root.resolve()
    arguments = (task, _prepared_path(first, root), dataset.root.resolve(), root)
    return Call(_transfer, arguments, task.method_key, Limits(limits.timeout_s, limits.memory_mib))


def _prepare(task: Task, dataset_root: Path, barred: Barred, root: Path) -> LearnedRecord | Failure:
    """Prepare a method and pickle it; return what it has learned, or why it cannot be prepared."""
    try:
        method = create(task.entry.method, task.entry.parameters)
    except BaseException as error:  # third-party code may raise anything
        return _unprepared(error)
    workdir = root / task.prepared
    training = None
    if learns(method):
        training = training_set(barred, Dataset.open(dataset_root))
        _make_folder(workdir)
    try:
        if training is not None:
            with muted():
                method.prepare(training, workdir)
        learned = query_learned(method)
        content = pickle.dumps(method)
    except BaseException as error:
        return _unprepared(error)
    with atomic_path(_prepared_path(task, root)) as temporary:
        temporary.write_bytes(content)
    columns = {name: set() if training is None else set(training.manifest[name]) for name in _LEARNED}
    return LearnedRecord(
        key=task.method_key,
        weights=tuple(sorted(learned.weights)),
        clips=tuple(sorted(learned.clips | columns["sha256"])),
        soundfonts=tuple(sorted({*learned.soundfonts, *columns["soundfont"]})),
        programs=tuple(sorted({*learned.programs, *map(int, columns["program"])})),
    )


def _unprepared(error: BaseException) -> Failure:
    return Failure("failed", describe_error(error), None, is_transient=is_transient(error))


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
    status, reason, digest, transient = "ok", "", "", False
    started = time.perf_counter()
    is_measured = False
    try:
        method = _prepared(prepared)
        is_measured = reset_peak_rss()
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
    except BaseException as error:  # third-party code may raise anything; the run goes on
        status = "timeout" if isinstance(error, MethodTimeoutError) else "failed"
        reason, transient = describe_error(error), is_transient(error)
    seconds = time.perf_counter() - started
    memory = peak_rss_mib() if is_measured and "peak_memory_mib" in costs else None
    if status == "ok":
        path = path_within(root, task.output.as_posix())
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
        transient=transient,
    )


def _failed(task: Task, failure: Failure) -> Transfer:
    """Return the record of a pair whose process ended without an output."""
    return _record(
        task,
        status=failure.status,
        reason=failure.reason,
        seconds=failure.seconds if "seconds" in method_class(task.entry.method).costs else None,
        broke=failure.exceeded,
        transient=failure.is_transient,
    )


def _skipped(task: Task, failure: Failure) -> Transfer:
    """Return the record of a pair that was not tried, since the method could not be prepared."""
    reason = f"the method could not be prepared: {failure.reason}"
    return _record(
        task, status="skipped", reason=reason, broke=failure.exceeded, transient=failure.is_transient
    )


def _record(task: Task, **outcome: object) -> Transfer:
    about = {"key": task.key, "label": task.entry.name, "pair_id": task.pair.pair_id, "seed": task.seed}
    return Transfer.model_validate(about | outcome)
