"""Where a run was made: versions, machine, command."""

from __future__ import annotations

import os
import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

#: What figures depend on.
_PACKAGES = (
    "timbrebench",
    "torch",
    "numpy",
    "scipy",
    "librosa",
    "mir_eval",
    "soundfile",
    "soxr",
    "scikit-learn",
)


def installed_versions() -> dict[str, str]:
    """Return the versions of what figures depend on, by name; what is not installed is not in it."""
    versions = {"python": platform.python_version()}
    for name in _PACKAGES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return versions


def describe_environment() -> dict[str, Any]:
    """Return the versions of what figures depend on, the machine, and the command, fit for JSON.

    Names of people, machines and folders outside the command's own words are not in it.
    """
    return {
        "command": [Path(sys.argv[0]).name, *sys.argv[1:]],
        "machine": {
            "system": platform.system(),
            "architecture": platform.machine(),
            "processor": _processor(),
            "cores": os.cpu_count() or 1,
        },
        "versions": installed_versions(),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()
