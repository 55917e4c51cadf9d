"""What is written lies beside its place under a temporary name until it is whole.

A process that is killed leaves such a part behind. Its writer has locked it, and the system unlocks it when
the writer ends, however it ends and on whichever machine of a shared file system: a part that can be locked
is nobody's, and is removed by whoever writes there next.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import stat
import uuid
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path, PurePath

#: How the names of parts begin; nothing else in a folder of the project begins with it.
PREFIX = ".part-"


def is_part(path: PurePath) -> bool:
    """Whether a path is that of a part, or lies in one.

    >>> is_part(PurePath("audio/.part-1.flac")), is_part(PurePath("audio/1.flac"))
    (True, False)
    """
    return any(name.startswith(PREFIX) for name in path.parts)


@contextlib.contextmanager
def partial_file(path: Path) -> Iterator[Path]:
    """Make an empty part beside `path`, in a folder that exists; what is not moved from there is removed.

    It keeps the suffix of `path`, since writers choose a format by it. Raises OSError if it cannot be made.
    """
    _remove_once(path.parent)
    part, lock = _locked_file(path)
    try:
        yield part
    finally:
        part.unlink(missing_ok=True)
        os.close(lock)


@contextlib.contextmanager
def partial_folder(path: Path) -> Iterator[Path]:
    """Make an empty folder as a part beside `path`, in a folder that exists; it is removed in the end.

    Raises OSError if it cannot be made.
    """
    _remove_once(path.parent)
    part = path.with_name(f"{PREFIX}{uuid.uuid4().hex}")
    part.mkdir()
    lock = os.open(part, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with contextlib.suppress(OSError):
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield part
    finally:
        shutil.rmtree(part, ignore_errors=True)
        os.close(lock)


def remove_abandoned_parts(folder: Path) -> None:
    """Remove all parts in a folder and below whose writers are gone; those of others at work stay.

    Parts that may not be removed stay as well, and a folder that does not exist has none.
    """
    for place, folders, files in os.walk(folder):
        parts = [name for name in (*folders, *files) if name.startswith(PREFIX)]
        folders[:] = [name for name in folders if not name.startswith(PREFIX)]
        for name in parts:
            _remove_if_abandoned(Path(place, name))


@lru_cache(maxsize=4096)
def _remove_once(folder: Path) -> None:
    """Remove the abandoned parts of a folder, the first time that this process writes there.

    Once is enough: it is about processes that were there before. Listing a folder for each of its files
    would take a time that grows with their square.
    """
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith(PREFIX):
                _remove_if_abandoned(Path(entry.path))


def _locked_file(path: Path) -> tuple[Path, int]:
    """Make an empty part and lock it; return it and the open file that holds the lock."""
    while True:
        part = path.with_name(f"{PREFIX}{uuid.uuid4().hex}{path.suffix}")
        # With the mode that the user's umask asks for; those of tempfile are private.
        lock = os.open(part, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o666)
        # A file system without locks has no parts that could be taken for abandoned.
        with contextlib.suppress(OSError):
            fcntl.flock(lock, fcntl.LOCK_EX)
        if part.exists():
            return part, lock
        os.close(lock)  # between the two lines another process has taken it for abandoned


def _remove_if_abandoned(part: Path) -> None:
    with contextlib.suppress(OSError):
        mode = part.lstat().st_mode
        if stat.S_ISDIR(mode):
            flags = os.O_RDONLY | os.O_DIRECTORY
        elif stat.S_ISREG(mode):
            flags = os.O_RDWR  # what a network's file system wants for an exclusive lock
        else:
            return
        lock = os.open(part, flags | os.O_NOFOLLOW)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if stat.S_ISDIR(mode):
                shutil.rmtree(part, ignore_errors=True)
            else:
                part.unlink()
        finally:
            os.close(lock)
