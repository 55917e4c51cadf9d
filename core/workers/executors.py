"""Where calls are made: on this machine, or on a Dask cluster. The results are the same, to the byte.

Each call is made in a single-threaded process of its own kind (:mod:`timbrebench.core.workers.processes`), so
that a call that hangs, crashes or exhausts memory costs only itself.

Calls read and write through the file system: all machines of a cluster need the same version of this project
and of the methods, and a run's folder under the same path.
"""

from __future__ import annotations

import queue
import threading
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self

from joblib import cpu_count

from timbrebench.core.errors import RunError
from timbrebench.core.workers.calls import Call, Failure
from timbrebench.core.workers.processes import Processes

#: Seconds that processes take to start and to import what calls need.
_START_S = 5.0


class _Closable(ABC):
    """What is closed when the block that it is the context manager of is left."""

    @abstractmethod
    def close(self) -> None: ...

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Batch(_Closable):
    """Calls that are submitted to an executor, and their results. Use it as a context manager.

    Leaving the block stops the calls that have not ended.
    """

    def __init__(self) -> None:
        self._pending = 0

    def submit(self, call: Call, tag: object = None) -> None:
        """Queue a call, also while results are read; calls begin in the order in which they are submitted.

        The tag comes back with the result.
        """
        self._begin(call, tag)
        self._pending += 1

    def results(self) -> Iterator[tuple[Any, Any]]:
        """Yield tag and result of each call, in the order in which calls end, until no call is pending.

        A result is the function's return value, or a :class:`~timbrebench.core.workers.calls.Failure` if its
        process ended without one. Raises what a function raises, and RunError if the workers are lost or no
        process can be started.
        """
        while self._pending:
            tag, result = self._next()
            self._pending -= 1
            yield tag, result

    @abstractmethod
    def close(self) -> None:
        """Stop the calls that have not ended."""

    @abstractmethod
    def _begin(self, call: Call, tag: object) -> None: ...

    @abstractmethod
    def _next(self) -> tuple[Any, Any]:
        """Wait for the next call that ends; return its tag and result, or raise what it raised."""


class Executor(_Closable):
    """Makes calls, as many at a time as it has cores. Use it as a context manager."""

    @abstractmethod
    def batch(self) -> Batch:
        """Open a batch of calls, to which calls are submitted and whose results are read."""

    def map(self, function: Callable[[Any], Any], items: Sequence[Any], kind: str) -> Iterator[Any]:
        """Call a function with each item, in calls of one kind.

        Yields return values in the order of `items`. Raises as :meth:`Batch.results` does, and RunError if a
        process ended before its function returned.
        """
        early: dict[int, Any] = {}
        following = 0
        with self.batch() as batch:
            for index, item in enumerate(items):
                batch.submit(Call(function, (item,), kind), index)
            for index, result in batch.results():
                if isinstance(result, Failure):
                    raise RunError(f"{kind}: {result.reason}: what is finished is kept, run again")
                early[index] = result
                while following in early:
                    yield early.pop(following)
                    following += 1

    @abstractmethod
    def close(self) -> None:
        """End all processes of the calls, and all that they have started."""


class InlineExecutor(Executor):
    """Makes calls one after the other in this process, without limits.

    For calls within a call, which has one core, and for work that is shorter than starting a process.
    """

    def batch(self) -> Batch:
        """Open a batch: see :class:`Executor`."""
        return _InlineBatch()

    def close(self) -> None:
        """Do nothing: no process was started."""


class _InlineBatch(Batch):
    def __init__(self) -> None:
        super().__init__()
        self._queue: deque[tuple[Call, Any]] = deque()

    def close(self) -> None:
        self._queue.clear()

    def _begin(self, call: Call, tag: object) -> None:
        self._queue.append((call, tag))

    def _next(self) -> tuple[Any, Any]:
        call, tag = self._queue.popleft()
        return tag, call.function(*call.arguments)


class LocalExecutor(Executor):
    """Makes calls on this machine, one at a time on each core.

    The modules of `preload` are imported once for all processes. At most `workers` calls are made at a time;
    by default as many as there are usable cores.
    """

    def __init__(self, preload: Sequence[str], workers: int | None = None) -> None:
        self._workers = workers or cpu_count()
        self._processes = Processes(self._workers, preload)

    def batch(self) -> Batch:
        """Open a batch: see :class:`Executor`."""
        return _LocalBatch(self._processes, self._workers)

    def close(self) -> None:
        """End all processes: see :class:`Executor`."""
        self._processes.close()


class _LocalBatch(Batch):
    """A queue of calls, and a thread for each call at a time."""

    def __init__(self, processes: Processes, workers: int) -> None:
        super().__init__()
        self._processes, self._workers = processes, workers
        self._waiting: queue.SimpleQueue[tuple[Call, Any] | None] = queue.SimpleQueue()
        self._ended: queue.SimpleQueue[tuple[Any, Any, BaseException | None]] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._is_closed = False

    def close(self) -> None:
        self._is_closed = True
        for _ in self._threads:
            self._waiting.put(None)
        for thread in self._threads:
            thread.join()

    def _begin(self, call: Call, tag: object) -> None:
        self._waiting.put((call, tag))
        if len(self._threads) < min(self._workers, self._pending + 1):
            self._threads.append(threading.Thread(target=self._work, daemon=True))
            self._threads[-1].start()

    def _next(self) -> tuple[Any, Any]:
        tag, result, error = self._ended.get()
        if error is not None:
            raise error
        return tag, result

    def _work(self) -> None:
        while (item := self._waiting.get()) is not None and not self._is_closed:
            call, tag = item
            try:
                self._ended.put((tag, self._processes.call(call, stopped=lambda: self._is_closed), None))
            except BaseException as error:
                self._ended.put((tag, None, error))


@contextmanager
def executor_for(
    seconds: float, preload: Sequence[str], executor: Executor | None = None
) -> Iterator[Executor]:
    """Choose where to do work that takes `seconds` on one core, roughly, and may be short.

    Yields an executor of this process where starting others would take longer than the work, or where there
    is one core only, as within a call; else the one given, or by default one on all cores of this machine,
    whose processes import the modules of `preload`.
    """
    if seconds < _START_S or (executor is None and cpu_count() == 1):
        yield InlineExecutor()
    elif executor is not None:
        yield executor
    else:
        with LocalExecutor(preload) as local:
            yield local
