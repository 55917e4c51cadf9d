"""The lock on a run's records: several processes may read them, or one may add to them."""

from __future__ import annotations

from pathlib import Path
from typing import IO, Any

from timbrebench.core.errors import RunError
from timbrebench.core.files import try_lock


def lock_records(file: IO[Any], path: Path, *, exclusive: bool) -> None:
    """Lock an open file of records until it is closed; raise RunError if another process holds it.

    An `exclusive` lock is for adding to it, and keeps all others out; else others may read it as well.
    """
    if not try_lock(file, shared=not exclusive):
        raise RunError(f"{path.parent}: another run is at work in this folder: wait for it or stop it")
