"""The lock on a run's records: several processes may read them, or one may add to them."""

from __future__ import annotations

import fcntl
from pathlib import Path
from typing import IO, Any

from timbrebench.core.errors import RunError


def lock_records(file: IO[Any], path: Path, *, exclusive: bool) -> None:
    """Lock an open file of records until it is closed.

    Parameters
    ----------
    file : file object
        The file.
    path : pathlib.Path
        Its path.
    exclusive : bool
        Whether to add to it, which keeps all others out; else others may read it as well.

    Raises
    ------
    RunError
        If another process holds it.
    """
    try:
        fcntl.flock(file, (fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH) | fcntl.LOCK_NB)
    except OSError as error:
        raise RunError(
            f"{path.parent}: another run is at work in this folder: wait for it or stop it"
        ) from error
