"""How much memory a process holds, and how much this one has held at most since it was asked to forget."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

import psutil

_PROCESSES = Path("/proc")
_STATUS, _RESET = _PROCESSES / "self" / "status", _PROCESSES / "self" / "clear_refs"


def forget_peak() -> bool:
    """Begin to watch anew.

    Returns
    -------
    bool
        Whether the system can: Linux does, where its process file system may be written.
    """
    try:
        _RESET.write_text("5", encoding="ascii")  # 5 resets the peak of the resident set (proc(5))
    except OSError:
        return False
    return True


def peak_mib() -> float:
    """Return the largest resident set since :func:`forget_peak` in MiB: all of the process, libraries too."""
    lines = _STATUS.read_text(encoding="ascii").splitlines()
    kib = next(line for line in lines if line.startswith("VmHWM:")).split()[1]
    return int(kib) / 1024


def held_mib(pid: int) -> float:
    """Add up what a process and all that descend from it hold.

    Parameters
    ----------
    pid : int
        The number of the process.

    Returns
    -------
    float
        Sum of their resident sets in MiB, where what they share counts for each; 0 if there is none.
    """
    held = 0
    with suppress(psutil.Error):
        process = psutil.Process(pid)
        held = process.memory_info().rss
        for child in _children(process):
            with suppress(psutil.Error):
                held += child.memory_info().rss
    return held / 2**20


def _children(process: psutil.Process) -> list[psutil.Process]:
    """List all that descend from a process; look at the whole machine only if there are some."""
    lists = _PROCESSES / str(process.pid) / "task"
    with suppress(OSError):
        if not any((lists / thread / "children").read_bytes() for thread in os.listdir(lists)):  # noqa: PTH208
            return []
    found: list[psutil.Process] = process.children(recursive=True)
    return found
