"""Run a third-party program with limits on its time and memory, and kill all that it leaves behind.

Limits are checked from outside. A limit on the address space (RLIMIT_AS) would end programs that reserve far
more than they ever use, as CUDA and many allocators do.
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
from timbrebench.core.workers.calls import describe_excess, describe_exit
from timbrebench.core.workers.memory import tree_rss_mib

#: Seconds between two checks of a program. A shorter peak of memory is not noticed.
_INTERVAL_S = 0.1

#: Bytes of a program's standard error that are kept, and lines of them that an error shows.
_TAIL_BYTES, _SHOWN_LINES = 4000, 5

#: Seconds for which processes of a program are searched for and killed: one may have started another, and
#: one that is blocked in a system call dies late.
_PATIENCE_S = 2.0


def run_limited(arguments: Sequence[str], *, timeout_s: float, memory_mib: float | None) -> str:
    """Run a program to its end, and kill it and all that it started, whatever happens.

    It runs in a session of its own, in the folder and with the environment of this process, without a shell
    and without standard input and output. Processes that it started are known by that session and
    environment: one that has left both lives on, except in a call of a run, whose template finds it.

    It may take `timeout_s` seconds and hold, with the processes it started, `memory_mib` MiB (None for no
    limit): the sum of their resident sets, where shared memory counts for each. Returns the last lines that
    it wrote to standard error, for messages. Raises MethodTimeoutError if it took too long, and MethodError
    if it cannot be started, held too much memory, or ended with another status than 0.
    """
    # Children inherit the mark, so they are found even where they have left their parents and sessions.
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
    tail = _Tail(process.stderr)
    try:
        try:
            _wait(process, Path(arguments[0]).name, timeout_s, memory_mib)
        finally:
            _end(process, mark)
    except MethodError as error:
        raise type(error)(f"{error}{tail.quoted()}") from None
    if process.returncode != 0:
        raise MethodError(f"{arguments[0]}: {describe_exit(process.returncode)}{tail.quoted()}")
    return tail.quoted()


class _Tail(threading.Thread):
    """Reads a stream and keeps only its last bytes: a program may write without end."""

    def __init__(self, stream: IO[bytes] | None) -> None:
        super().__init__(daemon=True)
        assert stream is not None  # noqa: S101 - it was asked for
        self._stream, self._last = stream, b""
        self.start()

    def run(self) -> None:
        with self._stream:
            while chunk := os.read(self._stream.fileno(), 1 << 16):
                self._last = (self._last + chunk)[-_TAIL_BYTES:]

    def quoted(self) -> str:
        """Return the last lines as the end of a message, once the program is gone; empty without any."""
        self.join(timeout=1)
        text = self._last.decode(errors="replace").replace("\r", "\n")
        lines = [
            "".join(sign if sign.isprintable() else " " for sign in line).strip() for line in text.split("\n")
        ]
        shown = [line for line in lines if line][-_SHOWN_LINES:]
        return f"; it wrote: {' | '.join(shown)}" if shown else ""


def _wait(process: subprocess.Popen[bytes], name: str, timeout_s: float, memory_mib: float | None) -> None:
    """Return when the program has ended; raise when it exceeds a limit."""
    started = time.monotonic()
    logged = started - LINE_INTERVAL_S + 1  # the first line comes after a second
    while True:
        now = time.monotonic()
        left = started + timeout_s - now
        if left <= 0:
            raise MethodTimeoutError(
                f"{name}: stopped after {timeout_s:g} s: raise timeout_s, or make it faster"
            )
        if memory_mib is not None and (rss := tree_rss_mib(process.pid)) > memory_mib:
            raise MethodError(f"{name}: {describe_excess(rss, memory_mib)}")
        if now - logged >= LINE_INTERVAL_S:
            log(f"{name}: at work for {now - started:.0f} s, stopped after {timeout_s:g} s")
            logged = now
        if _ends_within(process.pid, min(_INTERVAL_S, left)):
            return


def _ends_within(pid: int, seconds: float) -> bool:
    """Wait for the end of a child without reaping it, so that its PID stays its own."""
    until = time.monotonic() + seconds
    pause = 0.0005
    with suppress(ChildProcessError):  # where this process ignores SIGCHLD
        while os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is None:
            left = until - time.monotonic()
            if left <= 0:
                return False
            pause = min(2 * pause, left, 0.05)
            time.sleep(pause)
    return True


def _end(process: subprocess.Popen[bytes], mark: str) -> None:
    """Kill a program and everything that it started."""
    # Its PID, and so that of its group and session, is its own until it is reaped.
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    started = time.monotonic()
    while (left := _left(process.pid, mark)) and time.monotonic() - started < _PATIENCE_S:
        for descendant in left:
            with suppress(psutil.Error):
                descendant.kill()
        time.sleep(0.01)
    process.wait()


def _left(session: int, mark: str) -> list[psutil.Process]:
    """Find the processes of a session, and those whose environment holds a mark, wherever they are."""
    left = []
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            started = os.getsid(process.pid) == session or mark in process.environ()
            if started and process.status() != psutil.STATUS_ZOMBIE:
                left.append(process)
    return left
