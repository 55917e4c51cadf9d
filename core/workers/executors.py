"""Where work is done: on this machine, or on a Dask cluster. The results are the same, to the byte.

Each call is made in a process of its own kind with one thread (:mod:`timbrebench.core.workers.processes`),
here as there, so that a call that hangs, crashes or takes all memory costs itself and nothing else.

What calls read and write goes through the file system: the machines of a cluster need the same version of
this project and of the methods, and the folders of a run under the same paths.
"""

from __future__ import annotations

import queue
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import Any, Self

from joblib import cpu_count

from timbrebench.core.errors import ConfigurationError, MissingResourceError, RunError
from timbrebench.core.workers.processes import Call, Ended, Processes, ProcessesClosedError

#: The name of the executor that needs no address.
LOCAL = "local"

#: What the address of a scheduler begins with. "dask" stands for "tcp", Dask's usual way of talking.
_PROTOCOLS = ("dask", "tcp", "tls", "ucx", "ws", "wss")


class Executor(ABC):
    """Something that makes calls."""

    @abstractmethod
    def run(self, calls: Sequence[Call]) -> Iterator[tuple[int, Any]]:
        """Make calls, as many at a time as there are cores.

        Parameters
        ----------
        calls : sequence of Call
            They are begun in this order. A list may grow while the results are taken: what was added is done
            as well.

        Yields
        ------
        index : int
            Of the call.
        result : object
            What the function returned, or an :class:`~timbrebench.core.workers.processes.Ended` if its
            process ended before. They come in the order in which calls end.

        Raises
        ------
        Exception
            What a function raises; calls that are not over then are stopped, as when the iterator is closed.
        RunError
            If the machines for it are gone, or no process can be started there.
        """

    def map(self, function: Callable[[Any], Any], items: Sequence[Any], kind: str) -> Iterator[Any]:
        """Call a function with each of several items.

        Parameters
        ----------
        function : callable
            A function of one argument.
        items : sequence
            What it is called with.
        kind : str
            Of the calls.

        Yields
        ------
        object
            What the function returned, in the order of `items`.

        Raises
        ------
        Exception
            As :meth:`run`.
        RunError
            If a process ended before its function returned.
        """
        early: dict[int, Any] = {}
        following = 0
        for index, result in self.run([Call(function, (item,), kind) for item in items]):
            if isinstance(result, Ended):
                raise RunError(f"{kind}: {result.reason}: what is finished is kept, run again")
            early[index] = result
            while following in early:
                yield early.pop(following)
                following += 1

    @abstractmethod
    def close(self) -> None:
        """End all processes of the calls, and all that they have started."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class LocalExecutor(Executor):
    """Makes calls on this machine, one at a time on each core.

    Parameters
    ----------
    preload : sequence of str
        Modules that calls need, imported once for all processes.
    workers : int, optional
        How many calls at a time; by default one for each core.
    """

    def __init__(self, preload: Sequence[str], workers: int | None = None) -> None:
        self._preload, self._workers = tuple(preload), workers or cpu_count()
        self._processes = Processes(self._workers, self._preload)

    def run(self, calls: Sequence[Call]) -> Iterator[tuple[int, Any]]:
        """Make calls: see :class:`Executor`."""
        waiting: queue.SimpleQueue[tuple[int, Call] | None] = queue.SimpleQueue()
        done: queue.SimpleQueue[tuple[int, Any, BaseException | None]] = queue.SimpleQueue()
        threads: list[threading.Thread] = []
        begun = ended = 0
        try:
            while ended < len(calls):
                for index in range(begun, len(calls)):
                    waiting.put((index, calls[index]))
                begun = len(calls)
                while len(threads) < min(self._workers, begun):
                    threads.append(
                        threading.Thread(
                            target=self._work, args=(self._processes, waiting, done), daemon=True
                        )
                    )
                    threads[-1].start()
                index, result, error = done.get()
                if error is not None:
                    raise error
                ended += 1
                yield index, result
        finally:
            if ended < begun:
                self.close()
                self._processes = Processes(self._workers, self._preload)
            for _ in threads:
                waiting.put(None)
            for thread in threads:
                thread.join()

    def close(self) -> None:
        """End all processes: see :class:`Executor`."""
        self._processes.close()

    @staticmethod
    def _work(
        processes: Processes,
        waiting: queue.SimpleQueue[tuple[int, Call] | None],
        done: queue.SimpleQueue[tuple[int, Any, BaseException | None]],
    ) -> None:
        """Take calls from one queue and put results into another, in a thread."""
        while (item := waiting.get()) is not None:
            index, call = item
            try:
                done.put((index, processes.call(call), None))
            except ProcessesClosedError:
                return
            except BaseException as error:
                done.put((index, None, error))


def open_executor(address: str, preload: Sequence[str]) -> Executor:
    """Return an executor.

    Parameters
    ----------
    address : str
        ``"local"``, or the address of a Dask scheduler: ``"dask://host:port"``, ``"tcp://host:port"`` or
        whatever else Dask talks over.
    preload : sequence of str
        Modules that calls need, imported once for all processes of a machine.

    Returns
    -------
    Executor
        To be closed after use. A local one starts nothing before the first call.

    Raises
    ------
    ConfigurationError
        If the address is none, or nobody answers there.
    MissingResourceError
        If it is a scheduler's and Dask is not installed.
    """
    if address == LOCAL:
        return LocalExecutor(preload)
    protocol, separator, place = address.partition("://")
    if not separator or not place or protocol not in _PROTOCOLS:
        raise ConfigurationError(
            f"executor {address!r}: write {LOCAL!r} or the address of a Dask scheduler, such as dask://host:8786"
        )
    try:
        from timbrebench.core.workers.dask_executor import DaskExecutor  # noqa: PLC0415 - Dask is an extra
    except ImportError as error:
        raise MissingResourceError(
            f"executor {address!r}: needs Dask: install it with `pip install 'timbrebench[distributed]'`"
        ) from error
    return DaskExecutor(f"tcp://{place}" if protocol == "dask" else address, preload)
