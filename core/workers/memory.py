"""Resident memory: of a process tree, and the peak of this process since it was reset."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

import psutil

_PROCESSES = Path("/proc")
_STATUS, _RESET = _PROCESSES / "self" / "status", _PROCESSES / "self" / "clear_refs"


def reset_peak_rss() -> bool:
    """Reset the peak resident set of this process, and return whether the system can.

    Linux can, where ``/proc`` is writable.
    """
    try:
        _RESET.write_text("5", encoding="ascii")  # 5 resets the peak of the resident set (proc(5))
    except OSError:
        return False
    return True


def peak_rss_mib() -> float:
    """Return the peak resident set since :func:`reset_peak_rss`, in MiB, libraries included."""
    lines = _STATUS.read_text(encoding="ascii").splitlines()
    kib = next(line for line in lines if line.startswith("VmHWM:")).split()[1]
    return int(kib) / 1024


def tree_rss_mib(pid: int) -> float:
    """Sum the resident sets of a process and all its descendants, in MiB; 0 if there is no such process.

    Shared memory counts for each process.
    """
    rss = 0
    with suppress(psutil.Error):
        process = psutil.Process(pid)
        rss = process.memory_info().rss
        for child in _children(process):
            with suppress(psutil.Error):
                rss += child.memory_info().rss
    return rss / 2**20


def _children(process: psutil.Process) -> list[psutil.Process]:
    """List the descendants of a process; scan the whole machine only if it has children."""
    lists = _PROCESSES / str(process.pid) / "task"
    with suppress(OSError):
        if not any((lists / thread / "children").read_bytes() for thread in os.listdir(lists)):  # noqa: PTH208
            return []
    descendants: list[psutil.Process] = process.children(recursive=True)
    return descendants
