"""What a table of timings says of the machine that they were measured on."""

from __future__ import annotations

import os
import platform
from pathlib import Path


def describe_machine(*software: str) -> str:
    """Name processor, cores, architecture, Python and further software, for a page of timings."""
    details = ", ".join((platform.machine(), f"Python {platform.python_version()}", *software))
    return f"{cpu_model()}, {os.cpu_count()} cores ({details})"


def cpu_model() -> str:
    """Return the name of the processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or "an unnamed processor"
