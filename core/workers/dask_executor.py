"""Calls on a Dask cluster: each thread of each worker makes one at a time, in a process of its own."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from distributed import Client, Future, KilledWorker, as_completed, get_worker
from distributed.worker import thread_state

from timbrebench.core.errors import ConfigurationError, RunError
from timbrebench.core.progress import log
from timbrebench.core.workers.calls import Call
from timbrebench.core.workers.executors import Batch, Executor
from timbrebench.core.workers.processes import Processes

#: Seconds to wait for a scheduler.
_CONNECT_S = 20

#: Seconds between two checks that the cluster has workers, and maximum seconds without any.
_CHECK_S, _WORKERS_S = 5.0, 600.0

_lock = threading.Lock()
_processes: Processes | None = None


class DaskExecutor(Executor):
    """Makes calls on the workers of a Dask cluster. The calls of a worker that is lost are made by another.

    `address` is the scheduler's; each worker imports the modules of `preload` once. Raises ConfigurationError
    if the scheduler is unreachable.
    """

    def __init__(self, address: str, preload: Sequence[str]) -> None:
        self._address, self._preload = address, tuple(preload)
        # Workers keep their processes, which cache what they have read: those files may differ for the next
        # executor, so its calls are of other kinds.
        self._owner = uuid.uuid4().hex
        try:
            self._client = Client(address, timeout=_CONNECT_S, set_as_default=False)
        except (OSError, ValueError) as error:
            raise ConfigurationError(
                f"executor {address}: no Dask scheduler answers there ({error}): "
                "start one with `dask scheduler`, and workers with `dask worker`"
            ) from error

    def batch(self) -> Batch:
        """Open a batch: see :class:`~timbrebench.core.workers.executors.Executor`."""
        return _DaskBatch(self._client, self._address, self._preload, self._owner)

    def close(self) -> None:
        """Disconnect from the cluster; what runs there for this executor is stopped."""
        self._client.close()


class _DaskBatch(Batch):
    """The futures of the calls."""

    def __init__(self, client: Client, address: str, preload: tuple[str, ...], owner: str) -> None:
        super().__init__()
        self._client, self._address, self._preload, self._owner = client, address, preload, owner
        self._completed = as_completed(with_results=True, raise_errors=False, loop=client.loop)
        self._futures: dict[str, tuple[Future, Any]] = {}

    def close(self) -> None:
        if self._futures:
            self._client.cancel([future for future, _ in self._futures.values()])

    def _begin(self, call: Call, tag: object) -> None:
        key = f"timbrebench-{uuid.uuid4().hex}"
        owned = replace(call, kind=f"{self._owner} {call.kind}")
        future = self._client.submit(_make, owned, self._preload, key=key, pure=False)
        self._futures[key] = future, tag
        self._completed.add(future)

    def _next(self) -> tuple[Any, Any]:
        self._wait()
        future, result = next(self._completed)
        _, tag = self._futures.pop(future.key)
        if future.status != "finished":
            raise self._error(future, result)
        # A result that the cluster still held would be computed again if its worker were lost.
        future.release()
        return tag, result

    def _wait(self) -> None:
        """Wait for a result, but only for a time without workers."""
        completed = self._completed
        checked = time.monotonic()
        deserted_since: float | None = None
        while not completed.has_ready():
            with completed.thread_condition:
                if not completed.has_ready():
                    completed.thread_condition.wait(timeout=0.1)  # as it does itself
            now = time.monotonic()
            if now - checked < _CHECK_S:
                continue
            checked = now
            if self._has_workers():
                deserted_since = None
            elif deserted_since is None:
                deserted_since = now
                log(f"executor {self._address}: there are no workers: start some with `dask worker`")
            elif now - deserted_since > _WORKERS_S:
                raise RunError(
                    f"executor {self._address}: there were no workers for {_WORKERS_S:g} s: what is finished "
                    "is kept, start workers with `dask worker` and run again"
                )

    def _has_workers(self) -> bool:
        with suppress(OSError):
            return bool(self._client.nthreads())
        return True  # the scheduler is lost, too, which the futures report

    def _error(self, future: Future, result: Any) -> BaseException:  # noqa: ANN401 - Dask's
        if future.status == "error" and not isinstance(result[1], KilledWorker):
            error: BaseException = result[1]
            return error
        reason = str(result[1]) if future.status == "error" else f"a call was {future.status}"
        return RunError(
            f"executor {self._address}: the cluster has lost work ({reason}): what is finished is kept, "
            "run again when its workers are back"
        )


def _make(call: Call, preload: tuple[str, ...]) -> Any:  # noqa: ANN401 - anything
    """Make a call, in a thread of a worker."""
    global _processes  # noqa: PLW0603 - one set of processes for all threads of a worker
    worker = get_worker()
    with _lock:
        if _processes is None:
            _processes = Processes(worker.state.nthreads, preload)

    def stopped() -> bool:
        task = worker.state.tasks.get(thread_state.key)
        return task is None or task.state == "cancelled"

    return _processes.call(call, stopped=stopped)
