"""Calls in processes of their own, which may end in any way without harm to anybody else.

A process is kept for further calls of its kind, and replaced when it was ended. It is forked from one that
has imported what is needed (:mod:`timbrebench.core.workers.process_template`), which takes a fiftieth of a
second.
"""

from __future__ import annotations

import json
import os
import pickle
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any, Literal

from timbrebench.core.errors import RunError, TimbrebenchError
from timbrebench.core.workers.memory import held_mib

#: Libraries that would each start as many threads, or processes, as there are cores, in as many processes.
ONE_THREAD = {f"{library}_NUM_THREADS": "1" for library in ("OMP", "MKL", "OPENBLAS", "NUMBA", "NUMEXPR")} | {
    "VECLIB_MAXIMUM_THREADS": "1",
    "LOKY_MAX_CPU_COUNT": "1",
}

#: Statuses of processes that were ended from outside: by the system where memory is short, or by people.
_FROM_OUTSIDE = {-signal.SIGKILL, -signal.SIGTERM, -signal.SIGINT, -signal.SIGHUP}

#: Seconds between two looks at a process. What holds more memory for a shorter time is not seen.
_INTERVAL_S = 0.1

#: Seconds to wait for the end of a process that was killed. What the system holds up inside a call dies late.
_PATIENCE_S = 2.0

_PROGRAM = Path(__file__).with_name("process_template.py")

_NUMBER = struct.Struct("<q")


@dataclass(frozen=True)
class Limits:
    """What a call may take.

    Attributes
    ----------
    timeout_s : float or None
        Most seconds; None for no limit.
    memory_mib : float or None
        Most memory of its process and of those started by it together, in MiB: the sum of resident sets, with
        the libraries in each. None for no limit.
    """

    timeout_s: float | None = None
    memory_mib: float | None = None


@dataclass(frozen=True)
class Call:
    """A function to be called in a process of its own.

    Attributes
    ----------
    function : callable
        A function of a module, which can be sent by its name.
    arguments : tuple
        Whatever can be pickled.
    kind : str
        A process does calls of one kind only, so that what one leaves behind in it never meets another.
    limits : Limits
        What the call may take; by default as much as it likes.
    """

    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    kind: str
    limits: Limits = field(default_factory=Limits)


@dataclass(frozen=True)
class Ended:
    """What there is instead of a value, if the process did not come back with one.

    Attributes
    ----------
    status : {"failed", "timeout"}
        "timeout" if it took too long.
    reason : str
        What happened.
    seconds : float or None
        How long the call had lasted; None where that says nothing of it.
    broke : Limits
        The limit that it broke; empty where it ended by itself.
    passing : bool
        Whether it may go well another time, since the process was ended from outside.
    """

    status: Literal["failed", "timeout"]
    reason: str
    seconds: float | None
    broke: Limits = field(default_factory=Limits)
    passing: bool = False


class Processes:
    """Processes for calls, of which at most so many are kept as calls are made at a time.

    Parameters
    ----------
    most : int
        How many threads will make calls.
    preload : sequence of str
        Modules that calls need, imported once.
    """

    def __init__(self, most: int, preload: Sequence[str]) -> None:
        self._most, self._preload = most, tuple(preload)
        self._lock = threading.Lock()
        self._template: _Template | None = None
        self._idle: list[_Process] = []
        self._busy: set[_Process] = set()
        self._closed = False

    def call(self, call: Call, *, stopped: Callable[[], bool] = lambda: False) -> Any:  # noqa: ANN401
        """Make a call and wait for its end.

        Parameters
        ----------
        call : Call
            Function, arguments, kind and limits.
        stopped : callable
            Asked again and again whether the value is not wanted any more; the process is then killed.

        Returns
        -------
        object
            The value, or an :class:`Ended`.

        Raises
        ------
        Exception
            What the function raises, if it does.
        RunError
            If no process can be started.
        """
        try:
            return self._call(call, stopped)
        except _TemplateLostError:
            if self._closed:
                raise ProcessesClosedError("the processes were closed before the call was over") from None
        # One of the calls has killed the template, and with it all that was forked from it. Alone, the guilty
        # one does it again and the others do not.
        alone = Processes(1, self._preload)
        try:
            return alone._call(call, lambda: self._closed or stopped())
        except _TemplateLostError as error:
            return Ended("failed", str(error), None, passing=True)
        finally:
            alone.close()

    def close(self) -> None:
        """End all processes, whatever they are doing, and all that they have started."""
        self._closed = True
        while not self._lock.acquire(timeout=0.05):
            # Who holds the lock may be waiting for a template that is still importing.
            if (template := self._template) is not None:
                template.close()
        try:
            while self._idle:
                self._idle.pop().end()
            if self._template is not None:
                self._template.close()
        finally:
            self._lock.release()

    def _call(self, call: Call, stopped: Callable[[], bool]) -> Any:  # noqa: ANN401 - anything
        process = self._take(call.kind)
        try:
            return process.call(call, stopped)
        except _TemplateLostError:
            with self._lock:
                if not self._closed and self._template is process.template:
                    self._template.close()
                    self._template = None
            raise
        finally:
            with self._lock:
                self._busy.discard(process)
                if process.alive and not self._closed:
                    self._idle.append(process)
                else:
                    process.end()

    def _take(self, kind: str) -> _Process:
        with self._lock:
            self._refuse_if_closed()
            process = self._idle_one(kind)
            if process is None:
                while self._idle and len(self._idle) + len(self._busy) >= self._most:
                    self._idle.pop(0).end()
                process = self._fork(kind)
            self._busy.add(process)
            return process

    def _refuse_if_closed(self) -> None:
        if self._closed:
            raise ProcessesClosedError("the processes are closed: no call can be made any more")

    def _idle_one(self, kind: str) -> _Process | None:
        """Take a process of a kind that waits for work, if there is one; let go of those that have ended."""
        while (process := next((one for one in self._idle if one.kind == kind), None)) is not None:
            self._idle.remove(process)
            if not process.has_ended():  # what a call has left behind may end its process later
                return process
            process.end()
        return None

    def _fork(self, kind: str) -> _Process:
        """Start a process, from a new template where the old one is gone."""
        if self._template is not None:
            with suppress(_TemplateLostError):
                return self._template.fork(kind)
            self._template.close()
            self._template = None
            self._refuse_if_closed()
        self._template = _Template(self._preload)
        try:
            return self._template.fork(kind)
        except _TemplateLostError:
            status = self._template.close()
            self._template = None
            self._refuse_if_closed()
            raise RunError(
                f"the process that imports {', '.join(self._preload) or 'nothing'} and starts those of calls "
                f"{_how_it_ended(status)}: what it printed says why; what is finished is kept"
            ) from None


class ProcessesClosedError(TimbrebenchError):
    """A call that was made, or not over yet, when processes were closed."""


class _TemplateLostError(Exception):
    """The process that others are forked from is gone."""


class _Template:
    """The process that others are forked from."""

    def __init__(self, preload: Sequence[str]) -> None:
        self._control, remote = socket.socketpair()
        settings = {"fd": remote.fileno(), "path": sys.path, "preload": list(preload)}
        # Without -P the folder that this was started in would be searched for modules.
        command = [sys.executable, "-P", str(_PROGRAM), json.dumps(settings)]
        with remote:
            self._process = subprocess.Popen(  # noqa: S603 - it is this package
                command,
                stdin=subprocess.DEVNULL,
                pass_fds=[remote.fileno()],
                env={**os.environ, **ONE_THREAD},
                start_new_session=True,  # Ctrl-C is for the process that was asked to do the work
            )

    def fork(self, kind: str) -> _Process:
        """Start a process; the caller sees to it that no two are started at once."""
        calls, remote = socket.socketpair()
        end, remote_end = os.pipe()
        try:
            socket.send_fds(self._control, [b"f"], [remote.fileno(), remote_end])
            answer = self._control.recv(_NUMBER.size, socket.MSG_WAITALL)
        except OSError:
            answer = b""
        finally:
            remote.close()
            os.close(remote_end)
        number = _NUMBER.unpack(answer)[0] if len(answer) == _NUMBER.size else 0
        if number > 0:
            return _Process(self, number, kind, Connection(calls.detach()), end)
        calls.close()
        os.close(end)
        if number == 0:
            raise _TemplateLostError("the process that starts others is gone")
        raise RunError(
            f"no process can be started ({os.strerror(-number)}): what is finished is kept, "
            "run again when there are fewer processes, or more memory"
        )

    def close(self) -> int:
        """Have everything killed that was forked, and what that has started; return how it has ended."""
        # Both directions at once, whoever may still hold the socket.
        with suppress(OSError):
            self._control.shutdown(socket.SHUT_RDWR)
        try:
            self._process.wait(_PATIENCE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()  # still importing, or stuck; what it has forked dies with it
            self._process.wait()
        return self._process.returncode


class _Process:
    """One process: one call at a time, of one kind."""

    def __init__(
        self, template: _Template, number: int, kind: str, connection: Connection[Any, Any], end: int
    ) -> None:
        self.template, self.kind, self.alive = template, kind, True
        self._number, self._connection, self._end = number, connection, end
        self._send({"path": sys.path, "environment": {**os.environ, **ONE_THREAD}, "folder": str(Path.cwd())})

    def call(self, call: Call, stopped: Callable[[], bool]) -> Any:  # noqa: ANN401 - anything
        """Make a call; return its value or how the process ended."""
        started = time.monotonic()
        self._send((call.function, call.arguments))
        while True:
            ready = wait([self._connection, self._end], _INTERVAL_S)
            if self._connection in ready and (answer := self._receive()) is not None:
                is_value, value = answer
                if is_value:
                    return value
                raise value
            if ready:
                return self._ended(time.monotonic() - started)
            broken = self._broken_limit(call.limits, time.monotonic() - started)
            if broken is not None:
                self.kill()
                return broken
            if stopped():
                self.kill()
                raise ProcessesClosedError("the call was stopped: its value is not wanted any more")

    def kill(self) -> None:
        """Kill the process and its group; whatever else it has started goes with it."""
        for kill in (os.killpg, os.kill):
            with suppress(ProcessLookupError, PermissionError):
                kill(self._number, signal.SIGKILL)
        wait([self._end], _PATIENCE_S)
        self.end()

    def has_ended(self) -> bool:
        """Tell whether the process is gone while nobody had called it: else it says nothing."""
        return bool(wait([self._connection, self._end], 0))

    def end(self) -> None:
        """Let the process go: with nobody left to call it, it ends."""
        if self.alive:
            self.alive = False
            self._connection.close()
            os.close(self._end)

    def _send(self, message: object) -> None:
        with suppress(OSError):  # one that is dead is noticed where its answer is waited for
            self._connection.send_bytes(pickle.dumps(message))

    def _receive(self) -> tuple[bool, Any] | None:
        try:
            answer: tuple[bool, Any] = pickle.loads(self._connection.recv_bytes())  # noqa: S301 - our own
        except (EOFError, OSError):
            return None
        return answer

    def _ended(self, seconds: float) -> Ended:
        """Say how the process ended by itself. Only its template can know, and tells."""
        if not wait([self._end], _PATIENCE_S):
            self.kill()
            return Ended("failed", "its process closed its connection to this one", seconds)
        told = os.read(self._end, _NUMBER.size)
        self.end()
        if len(told) < _NUMBER.size:
            raise _TemplateLostError("its process ended together with the one that starts others")
        status = _NUMBER.unpack(told)[0]
        return Ended(
            "failed", f"its process {_how_it_ended(status)}", seconds, passing=status in _FROM_OUTSIDE
        )

    def _broken_limit(self, limits: Limits, seconds: float) -> Ended | None:
        timeout, memory = limits.timeout_s, limits.memory_mib
        if timeout is not None and seconds > timeout:
            reason = f"stopped after {timeout:g} s: raise timeout_s, or make it faster"
            return Ended("timeout", reason, timeout, Limits(timeout_s=timeout))
        if memory is not None and (held := held_mib(self._number)) > memory:
            reason = (
                f"stopped when it held {held:.0f} MiB of memory, more than the {memory:g} MiB that it may: "
                "raise memory_mib, or make it need less"
            )
            return Ended("failed", reason, seconds, Limits(memory_mib=memory))
        return None


def _how_it_ended(status: int) -> str:
    if status >= 0:
        return f"ended itself with status {status}"
    name = signal.Signals(-status).name if -status in set(signal.Signals) else f"signal {-status}"
    return f"was ended by {name}" + (" (was memory short?)" if name == "SIGKILL" else "")
