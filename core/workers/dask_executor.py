"""Calls on a Dask cluster: each thread of each worker makes one at a time, in a process of its own."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from distributed import Client, Future, KilledWorker, as_completed, get_worker
from distributed.worker import thread_state

from timbrebench.core.errors import ConfigurationError, RunError
from timbrebench.core.progress import log
from timbrebench.core.workers.executors import Executor
from timbrebench.core.workers.processes import Call, Processes

#: Seconds to wait for a scheduler.
_CONNECT_S = 20

#: Seconds between two looks whether there are workers, and for which they are waited for.
_LOOK_S, _WORKERS_S = 5.0, 600.0

_lock = threading.Lock()
_processes: Processes | None = None


class DaskExecutor(Executor):
    """Makes calls on the workers of a Dask cluster. Work of a worker that is lost is done by another.

    Parameters
    ----------
    address : str
        The scheduler's.
    preload : sequence of str
        Modules that calls need, imported once in each worker.

    Raises
    ------
    ConfigurationError
        If nobody answers there.
    """

    def __init__(self, address: str, preload: Sequence[str]) -> None:
        self._address, self._preload = address, tuple(preload)
        # Workers keep their processes, which hold what they have read: files may be others for the next one.
        self._owner = uuid.uuid4().hex
        try:
            self._client = Client(address, timeout=_CONNECT_S, set_as_default=False)
        except (OSError, ValueError) as error:
            raise ConfigurationError(
                f"executor {address}: no Dask scheduler answers there ({error}): "
                "start one with `dask scheduler`, and workers with `dask worker`"
            ) from error

    def run(self, calls: Sequence[Call]) -> Iterator[tuple[int, Any]]:
        """Make calls: see :class:`~timbrebench.core.workers.executors.Executor`."""
        completed = as_completed(with_results=True, raise_errors=False, loop=self._client.loop)
        indices: dict[str, int] = {}
        futures: dict[str, Future] = {}
        ended = 0
        try:
            while ended < len(calls):
                for index in range(len(indices), len(calls)):
                    key = f"timbrebench-{uuid.uuid4().hex}"
                    call = replace(calls[index], kind=f"{self._owner} {calls[index].kind}")
                    future = self._client.submit(_make, call, self._preload, key=key, pure=False)
                    indices[key], futures[key] = index, future
                    completed.add(future)
                self._wait(completed)
                future, result = next(completed)
                del futures[future.key]
                if future.status != "finished":
                    raise self._error(future, result)
                # A result that is still the cluster's would be worked out again if its worker were lost.
                future.release()
                ended += 1
                yield indices[future.key], result
        finally:
            if futures:
                self._client.cancel(list(futures.values()))

    def close(self) -> None:
        """Let go of the cluster; what runs there for this one is stopped."""
        self._client.close()

    def _wait(self, completed: as_completed) -> None:
        """Wait for a result; without workers not for ever."""
        looked = time.monotonic()
        alone_since: float | None = None
        while not completed.has_ready():
            with completed.thread_condition:
                if not completed.has_ready():
                    completed.thread_condition.wait(timeout=0.1)  # as it does itself
            now = time.monotonic()
            if now - looked < _LOOK_S:
                continue
            looked = now
            if self._has_workers():
                alone_since = None
            elif alone_since is None:
                alone_since = now
                log(f"executor {self._address}: there are no workers: start some with `dask worker`")
            elif now - alone_since > _WORKERS_S:
                raise RunError(
                    f"executor {self._address}: there were no workers for {_WORKERS_S:g} s: what is finished "
                    "is kept, start workers with `dask worker` and run again"
                )

    def _has_workers(self) -> bool:
        with suppress(OSError):
            return bool(self._client.nthreads())
        return True  # the scheduler is gone, too, which futures tell

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
