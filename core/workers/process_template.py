"""The template process: it imports what calls need once, forks processes for them, and outlives them all.

Run as a program with one argument, JSON: ``fd`` (a socket), ``path`` (of modules) and ``preload`` (names of
modules to import). Each message on the socket carries two file descriptors: a new process receives calls on
the first, and its exit status is written to the second. The answer is the PID, or the negative errno if the
fork failed. When the other end of the socket is closed, which the system does however the process there ends,
all descendants of this one are killed.

It is run as a file and imports nothing of this project itself, so that it starts at once.
Nothing here may start a thread: after a fork, only the forking thread exists.
"""

from __future__ import annotations

import ctypes
import errno
import importlib
import json
import os
import pickle
import select
import signal
import socket
import struct
import sys
import time
import traceback
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from types import FrameType
from typing import Any

import psutil

#: Requests of prctl(2).
_SET_DEATH_SIGNAL, _SET_CHILD_SUBREAPER = 1, 36

#: Seconds between two checks of the socket while modules are imported.
_CHECK_S = 0.2

_NUMBER = struct.Struct("<q")


def main(arguments: str) -> None:
    """Import modules, then fork on request until the socket is closed."""
    settings = json.loads(arguments)
    sys.path[:] = settings["path"]
    # Orphaned descendants become children of this process, and so can be found.
    _prctl(_SET_CHILD_SUBREAPER, 1)
    # Methods may print; a command's standard output is for its result.
    os.dup2(2, 1)
    control = socket.socket(fileno=settings["fd"])
    _preload(settings["preload"], control)
    wake, woken = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.signal(signal.SIGCHLD, _nothing)
    signal.set_wakeup_fd(woken, warn_on_full_buffer=False)
    ends: dict[int, int] = {}
    try:
        while True:
            ready, _, _ = select.select([control.fileno(), wake], [], [])
            if wake in ready:
                _drain(wake)
                _reap(ends)
            if control.fileno() in ready and not _answer(control, ends):
                return
    finally:
        while numbers := _children():
            _kill(numbers)
            time.sleep(0.01)
            _reap(ends)


def _preload(names: list[str], control: socket.socket) -> None:
    """Import modules; exit early if the socket is closed meanwhile."""

    def check(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - as signals call it
        with suppress(BlockingIOError):
            if not control.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT):
                os._exit(0)

    signal.signal(signal.SIGALRM, check)
    signal.setitimer(signal.ITIMER_REAL, _CHECK_S, _CHECK_S)
    for name in names:
        importlib.import_module(name)
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)


def _nothing(number: int, frame: FrameType | None) -> None:
    """Handle a signal that only has to wake this process up."""


def _drain(wake: int) -> None:
    with suppress(BlockingIOError):
        while os.read(wake, 4096):
            pass


def _answer(control: socket.socket, ends: dict[int, int]) -> bool:
    """Fork a process on request; return false once the socket is closed."""
    try:
        message, descriptors, _, _ = socket.recv_fds(control, 1, 2)
    except ConnectionError:
        return False
    if not message:
        return False
    calls, end = descriptors
    try:
        number = os.fork()
    except OSError as error:  # too many processes, too little memory: the others live on
        os.close(calls)
        os.close(end)
        _send(control, -(error.errno or errno.EAGAIN))
        return True
    if number == 0:
        status = 1
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            control.close()
            for other in (end, *ends.values()):
                os.close(other)
            _serve(calls)
            status = 0
        finally:
            os._exit(status)
    os.close(calls)
    ends[number] = end
    _send(control, number)
    return True


def _send(control: socket.socket, number: int) -> None:
    with suppress(ConnectionError):  # noticed at the next read of the socket
        control.sendall(_NUMBER.pack(number))


def _serve(descriptor: int) -> None:
    """Answer calls until the connection is closed."""
    _prctl(_SET_DEATH_SIGNAL, signal.SIGKILL)
    os.setsid()
    # Where memory is short, the system is to kill this process and not the one that holds the results.
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")
    number = os.getpid()
    connection: Connection[Any, Any] = Connection(descriptor)
    settings = pickle.loads(connection.recv_bytes())  # noqa: S301 - from the process that started this one
    sys.path[:] = settings["path"]
    os.environ.clear()
    os.environ.update(settings["environment"])
    os.chdir(settings["folder"])
    while True:
        try:
            message = connection.recv_bytes()
        except (EOFError, OSError):
            return
        answer = _answer_call(message)
        if os.getpid() != number:  # the function has forked, and this is its child
            os._exit(0)
        try:
            connection.send_bytes(answer)
        except OSError:
            return


def _answer_call(message: bytes) -> bytes:
    """Run a call; the answer is whether it returned, and its value or what it raised."""
    try:
        function, arguments = pickle.loads(message)  # noqa: S301 - from the process that started this one
        return pickle.dumps((True, function(*arguments)))
    except BaseException as error:
        error.add_note(traceback.format_exc())
        return _pack_error(error)


def _pack_error(error: BaseException) -> bytes:
    """Pickle an error; one that cannot be pickled becomes a RuntimeError with its name and message."""
    try:
        packed = pickle.dumps((False, error))
        pickle.loads(packed)  # noqa: S301 - our own
    except Exception:
        return pickle.dumps((False, RuntimeError(f"{type(error).__name__}: {error}")))
    return packed


def _reap(ends: dict[int, int]) -> None:
    """Report how processes have ended; kill their descendants, which by then are children of this one."""
    while True:
        try:
            number, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            break
        if number == 0:
            break
        if number in ends:
            end = ends.pop(number)
            with suppress(OSError):
                os.write(end, _NUMBER.pack(os.waitstatus_to_exitcode(status)))
            os.close(end)
    _kill(_children() - set(ends))


def _children() -> set[int]:
    return {child.pid for child in psutil.Process().children()}


def _kill(numbers: set[int]) -> None:
    for number in numbers:
        with suppress(ProcessLookupError):
            os.kill(number, signal.SIGKILL)


def _prctl(request: int, value: int) -> None:
    """Call prctl(2), which only Linux has: other systems leave more processes behind when they are killed."""
    with suppress(AttributeError):
        ctypes.CDLL(None).prctl(request, value, 0, 0, 0)


if __name__ == "__main__":
    main(sys.argv[1])
