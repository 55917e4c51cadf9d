"""Calls in processes of their own, which may end in any way without harm to other calls.

A process is kept for further calls of its kind, and replaced when it has ended. It is forked from a template
that has imported what is needed (:mod:`timbrebench.core.workers.process_template`), which takes 20 ms.
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
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

from timbrebench.core.errors import RunError, TimbrebenchError
from timbrebench.core.workers.calls import Call, Failure, Limits, describe_excess, describe_exit
from timbrebench.core.workers.memory import tree_rss_mib

#: Libraries that would each start a thread or process for each core, in as many processes.
ONE_THREAD = {f"{library}_NUM_THREADS": "1" for library in ("OMP", "MKL", "OPENBLAS", "NUMBA", "NUMEXPR")} | {
    "VECLIB_MAXIMUM_THREADS": "1",
    "LOKY_MAX_CPU_COUNT": "1",
}

#: Statuses of processes that were killed from outside: by the system where memory is short, or by people.
_KILLED = {-signal.SIGKILL, -signal.SIGTERM, -signal.SIGINT, -signal.SIGHUP}

#: Seconds between two checks of a process. A shorter peak of memory is not noticed.
_INTERVAL_S = 0.1

#: Seconds to wait for the end of a killed process: one that is blocked in a system call dies late.
_PATIENCE_S = 2.0

_PROGRAM = Path(__file__).with_name("process_template.py")

_NUMBER = struct.Struct("<q")


class Processes:
    """Processes for calls, which import the modules of `preload` once.

    At most `maximum` are kept: as many as threads that make calls.
    """

    def __init__(self, maximum: int, preload: Sequence[str]) -> None:
        self._maximum, self._preload = maximum, tuple(preload)
        self._lock = threading.Lock()
        self._template: _Template | None = None
        self._idle: list[_Process] = []
        self._busy: set[_Process] = set()
        self._closed = False

    def call(self, call: Call, *, stopped: Callable[[], bool] = lambda: False) -> Any:  # noqa: ANN401
        """Make a call and wait for its end; return the function's value, or a :class:`Failure`.

        Once `stopped`, which is polled, returns true, the process is killed. Raises what the function raises,
        and RunError if no process can be started.
        """
        try:
            return self._call(call, stopped)
        except _TemplateLostError:
            if self._closed:
                raise ProcessesClosedError("the processes were closed before the call was over") from None
        # One of the calls has killed the template, and with it all that was forked from it. In a template of
        # its own, only the guilty one does it again.
        alone = Processes(1, self._preload)
        try:
            return alone._call(call, lambda: self._closed or stopped())
        except _TemplateLostError as error:
            return Failure("failed", str(error), None, is_transient=True)
        finally:
            alone.close()

    def close(self) -> None:
        """End all processes, whatever they are doing, and all that they have started."""
        self._closed = True
        while not self._lock.acquire(timeout=0.05):
            # The thread that holds the lock may be waiting for a template that is still importing.
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
            process = self._take_idle(kind)
            if process is None:
                while self._idle and len(self._idle) + len(self._busy) >= self._maximum:
                    self._idle.pop(0).end()
                process = self._fork(kind)
            self._busy.add(process)
            return process

    def _refuse_if_closed(self) -> None:
        if self._closed:
            raise ProcessesClosedError("the processes are closed: no call can be made any more")

    def _take_idle(self, kind: str) -> _Process | None:
        """Take an idle process of a kind, if there is one; release those that have ended."""
        for process in [process for process in self._idle if process.kind == kind]:
            self._idle.remove(process)
            if not process.has_ended():  # what a call has left behind may end its process later
                return process
            process.end()
        return None

    def _fork(self, kind: str) -> _Process:
        """Start a process, from a new template where the old one has ended."""
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
                f"{describe_exit(status)}: what it printed says why; what is finished is kept"
            ) from None


class ProcessesClosedError(TimbrebenchError):
    """A call that was made, or had not ended, when processes were closed."""


class _TemplateLostError(Exception):
    """The process that others are forked from has ended."""


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
        """Start a process; not thread-safe."""
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
            raise _TemplateLostError("the process that starts others has ended")
        raise RunError(
            f"no process can be started ({os.strerror(-number)}): what is finished is kept, "
            "run again when there are fewer processes, or more memory"
        )

    def close(self) -> int:
        """Have all forked processes and their descendants killed; return the template's exit status."""
        # Both directions at once, whichever process may still hold the socket.
        with suppress(OSError):
            self._control.shutdown(socket.SHUT_RDWR)
        try:
            self._process.wait(_PATIENCE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()  # still importing, or blocked; its children die with it
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
        """Make a call; return its value, or the failure of its process."""
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
            failure = self._check(call.limits, time.monotonic() - started)
            if failure is not None:
                self.kill()
                return failure
            if stopped():
                self.kill()
                raise ProcessesClosedError("the call was stopped: its value is no longer needed")

    def kill(self) -> None:
        """Kill the process and its group; whatever else it has started goes with it."""
        for kill in (os.killpg, os.kill):
            with suppress(ProcessLookupError, PermissionError):
                kill(self._number, signal.SIGKILL)
        wait([self._end], _PATIENCE_S)
        self.end()

    def has_ended(self) -> bool:
        """Whether the process has ended between calls, when nothing else makes it readable."""
        return bool(wait([self._connection, self._end], 0))

    def end(self) -> None:
        """Close the connection, at which the process ends."""
        if self.alive:
            self.alive = False
            self._connection.close()
            os.close(self._end)

    def _send(self, message: object) -> None:
        with suppress(OSError):  # a dead process is noticed when its answer is read
            self._connection.send_bytes(pickle.dumps(message))

    def _receive(self) -> tuple[bool, Any] | None:
        try:
            answer: tuple[bool, Any] = pickle.loads(self._connection.recv_bytes())  # noqa: S301 - our own
        except (EOFError, OSError):
            return None
        return answer

    def _ended(self, seconds: float) -> Failure:
        """Describe how the process ended by itself: its template, which is its parent, reports the status."""
        if not wait([self._end], _PATIENCE_S):
            self.kill()
            return Failure("failed", "its process closed its connection to this one", seconds)
        report = os.read(self._end, _NUMBER.size)
        self.end()
        if len(report) < _NUMBER.size:
            raise _TemplateLostError("its process ended together with the one that starts others")
        status = _NUMBER.unpack(report)[0]
        return Failure(
            "failed", f"its process {describe_exit(status)}", seconds, is_transient=status in _KILLED
        )

    def _check(self, limits: Limits, seconds: float) -> Failure | None:
        """Return a failure if the call exceeds a limit."""
        timeout, memory = limits.timeout_s, limits.memory_mib
        if timeout is not None and seconds > timeout:
            reason = f"stopped after {timeout:g} s: raise {limits.timeout_name}, or make it faster"
            return Failure("timeout", reason, timeout, {limits.timeout_name: timeout})
        if memory is not None and (rss := tree_rss_mib(self._number)) > memory:
            return Failure("failed", describe_excess(rss, memory), seconds, {"memory_mib": memory})
        return None
