"""Folders of the user: the home, and the files below a folder, behind links to folders as well."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable
from pathlib import Path

from timbrebench.core.progress import log


def expand_home(path: str) -> Path:
    """Return a path with the user's home for ``~``, or as it is where nobody knows a home."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        return Path(path)


def is_visible(name: str) -> bool:
    """Return whether a file or folder is part of a collection, by its name, rather than beside it.

    Hidden ones are not: macOS puts ``._a.wav`` beside ``a.wav``, and ``__MACOSX`` into archives.
    """
    return not name.startswith(".") and name != "__MACOSX"


def files_below(root: Path, enter: Callable[[str], bool]) -> list[str]:
    """List what lies below a folder and is not a folder itself.

    Collections are often put together by links to folders on other disks, so links are followed. Each folder
    is listed once, by its own place rather than by a link to it: the same recording under two names would be
    two pieces, and links in a circle have no end. What is passed over is said in a line.

    Parameters
    ----------
    root : pathlib.Path
        The folder, which may be a link itself.
    enter : callable
        Whether a folder, or a link to one, is looked into, by its name.

    Returns
    -------
    list of str
        Paths relative to the folder with ``/`` between their parts, sorted. Links to nowhere are among them.
    """
    files: list[str] = []
    repeated: list[str] = []
    listed: set[tuple[int, int]] = set()
    folders, links = [""], deque[str]()
    while folders or links:
        below = folders.pop() if folders else links.popleft()  # links last: places before links to them
        try:
            status = (root / below).stat()
            if (status.st_dev, status.st_ino) in listed:
                repeated.append(below)
                continue
            listed.add((status.st_dev, status.st_ino))
            entries = sorted(os.scandir(root / below), key=lambda entry: entry.name)
        except OSError as error:
            log(f"{root / below}: passed over, it cannot be read ({error.strerror})")
            continue
        for entry in entries:
            path = f"{below}/{entry.name}" if below else entry.name
            if not _is_folder(entry):
                files.append(path)
            elif enter(entry.name):
                (links if entry.is_symlink() else folders).append(path)
    if repeated:
        log(
            f"{root}: {len(repeated)} links passed over, since they lead to folders that are listed already, "
            f"such as {repeated[0]}"
        )
    return sorted(files)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False
