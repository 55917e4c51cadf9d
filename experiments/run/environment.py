"""Where a run was made: versions, machine, command."""

from __future__ import annotations

import os
import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from timbrebench.core.documents import read_json
from timbrebench.core.errors import RunError
from timbrebench.core.files import write_json

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


def record_environment(path: Path) -> list[dict[str, Any]]:
    """Record where a run is made, beside where else it was: the keys of its results hold no versions.

    The file has :func:`describe_environment` as it was at the first start. Where the machine or a version
    differs now, that is added to its list ``later``. Returns all that the file has now, the first start's
    first. Raises RunError if the file is not of that kind, and StorageError if it cannot be written.
    """
    here, known = describe_environment(), read_environments(path)
    if any((start["machine"], start["versions"]) == (here["machine"], here["versions"]) for start in known):
        return known
    first, *later = [*known, here]
    write_json(path, {**first, "later": later} if later else first)
    return read_environments(path)  # in the order of the file, as every later start has it


def read_environments(path: Path) -> list[dict[str, Any]]:
    """Return what :func:`record_environment` has recorded in a file; an empty list where it is missing.

    Raises RunError if the file is not of that kind.
    """
    if not path.is_file():
        return []
    try:
        first = read_json(path, RunError)
        known: list[dict[str, Any]] = [first, *first.pop("later", [])]
        if all(isinstance(start[part], dict) for start in known for part in ("machine", "versions")):
            return known
    except (RunError, TypeError, KeyError):
        pass
    raise RunError(f"{path}: does not say where the run was made: remove it, and the next start records that")


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()
