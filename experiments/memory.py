"""How much memory this process has held at most, since it was last asked to forget."""

from __future__ import annotations

from pathlib import Path

_STATUS, _RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")


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
