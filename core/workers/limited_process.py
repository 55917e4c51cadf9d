"""A program of others, run with limits: on its time, on its memory, and nothing of it is left afterwards.

Limits are watched from outside. A limit on the address space, which the system would keep, ends programs that
reserve far more than they ever use, as CUDA and many allocators do.
"""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
import uuid
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

import psutil

from timbrebench.core.errors import MethodError, MethodTimeoutError
from timbrebench.core.progress import LINE_INTERVAL_S, log
from timbrebench.core.workers.memory import held_mib

#: Seconds between two looks at a program. What holds more memory for a shorter time is not seen.
_INTERVAL_S = 0.1

#: Bytes of a program's standard error that are kept, and lines of them that an error shows.
_KEPT_BYTES, _SHOWN_LINES = 4000, 5

#: Seconds for which what is left of a program is looked for and killed: one may have started another, and
#: what the system holds up in the middle of a call dies late.
_PATIENCE_S = 2.0


def run_limited(arguments: Sequence[str], *, timeout_s: float, memory_mib: float | None) -> str:
    """Run a program to its end. Whatever happens, it and all that it started are gone afterwards.

    It runs in a session of its own, in the folder and with the environment of this process, with nothing to
    read and nowhere to write but its standard error. What it started is known by that session and that
    environment: outside of a run, whose processes find the rest, what leaves both behind lives on.

    Parameters
    ----------
    arguments : sequence of str
        The program and its arguments. No shell reads them.
    timeout_s : float
        Most seconds that it may take.
    memory_mib : float or None
        Most memory that it and the processes it started may hold together, in MiB: the sum of their resident
        sets, where what they share counts for each. None for no limit.

    Returns
    -------
    str
        What it wrote to standard error last, for messages.

    Raises
    ------
    MethodTimeoutError
        If it took too long.
    MethodError
        If it cannot be started, held too much memory, or ended with another status than 0.
    """
    # Children inherit the mark, so they can be found even where they have left their parents and sessions.
    mark = f"TIMBREBENCH_PROGRAM_{uuid.uuid4().hex}"
    try:
        process = subprocess.Popen(  # noqa: S603 - running it is what it is for
            arguments,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env={**os.environ, mark: "1"},
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        raise MethodError(f"{arguments[0]}: cannot be started ({error}): check the command") from error
    words = _LastWords(process.stderr)
    try:
        try:
            _wait(process, Path(arguments[0]).name, timeout_s, memory_mib)
        finally:
            _end(process, mark)
    except MethodError as error:
        raise type(error)(f"{error}{words.quoted()}") from None
    if process.returncode != 0:
        raise MethodError(f"{arguments[0]}: {_how_it_ended(process.returncode)}{words.quoted()}")
    return words.quoted()


class _LastWords(threading.Thread):
    """Reads a stream to its end and keeps the end alone: a program may write without end."""

    def __init__(self, stream: IO[bytes] | None) -> None:
        super().__init__(daemon=True)
        assert stream is not None  # noqa: S101 - it was asked for
        self._stream, self._kept = stream, b""
        self.start()

    def run(self) -> None:
        with self._stream:
            while chunk := os.read(self._stream.fileno(), 1 << 16):
                self._kept = (self._kept + chunk)[-_KEPT_BYTES:]

    def quoted(self) -> str:
        """Return the last lines as the end of a message, once the program is gone; empty without any."""
        self.join(timeout=1)
        text = self._kept.decode(errors="replace").replace("\r", "\n")
        lines = [
            "".join(sign if sign.isprintable() else " " for sign in line).strip() for line in text.split("\n")
        ]
        shown = [line for line in lines if line][-_SHOWN_LINES:]
        return f"; it wrote: {' | '.join(shown)}" if shown else ""


def _wait(process: subprocess.Popen[bytes], name: str, timeout_s: float, memory_mib: float | None) -> None:
    """Return when the program has ended; raise when it breaks a limit."""
    started = told = time.monotonic()
    while True:
        now = time.monotonic()
        left = started + timeout_s - now
        if left <= 0:
            raise MethodTimeoutError(
                f"{name}: stopped after {timeout_s:g} s: raise timeout_s, or make it faster"
            )
        if memory_mib is not None and (held := held_mib(process.pid)) > memory_mib:
            raise MethodError(
                f"{name}: stopped when it held {held:.0f} MiB of memory, more than the {memory_mib:g} MiB "
                "that it may: raise memory_mib, or make it need less"
            )
        if now - told >= LINE_INTERVAL_S:
            log(f"{name}: at work for {now - started:.0f} s, stopped after {timeout_s:g} s")
            told = now
        if _ends_within(process.pid, min(_INTERVAL_S, left)):
            return


def _ends_within(pid: int, seconds: float) -> bool:
    """Wait for the end of a child, which keeps its number: nobody has asked for its status yet."""
    until = time.monotonic() + seconds
    pause = 0.0005
    with suppress(ChildProcessError):  # where this process has asked not to be told of its children
        while os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is None:
            left = until - time.monotonic()
            if left <= 0:
                return False
            pause = min(2 * pause, left, 0.05)
            time.sleep(pause)
    return True


def _end(process: subprocess.Popen[bytes], mark: str) -> None:
    """Kill a program and everything that it started."""
    # Its number, and so that of its group and session, is its own until its status is asked for.
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    started = time.monotonic()
    while (left := _left(process.pid, mark)) and time.monotonic() - started < _PATIENCE_S:
        for one in left:
            with suppress(psutil.Error):
                one.kill()
        time.sleep(0.01)
    process.wait()


def _left(session: int, mark: str) -> list[psutil.Process]:
    """Find the processes of a session, and those whose environment holds a mark, wherever they are."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            started = os.getsid(process.pid) == session or mark in process.environ()
            if started and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def _how_it_ended(status: int) -> str:
    if status > 0:
        return f"ended with status {status}"
    name = signal.Signals(-status).name if -status in set(signal.Signals) else f"signal {-status}"
    return f"was ended by {name}" + (" (was memory short?)" if name == "SIGKILL" else "")
