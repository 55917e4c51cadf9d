"""Where a command is to write: looked at before any work, so that nothing is lost and nothing is in vain."""

from __future__ import annotations

import errno
import os
from collections.abc import Collection, Iterable
from pathlib import Path

from timbrebench.core.errors import ConfigurationError, StorageError
from timbrebench.core.files import storage_error, why_no_folder
from timbrebench.core.partial_files import partial_file


def check_output_file(
    path: Path, *, inputs: Iterable[Path | None] = (), suffixes: Collection[str] = (), force: bool = False
) -> None:
    """Raise an error unless a file can be written at a path without loss.

    Parameters
    ----------
    path : pathlib.Path
        The file to write. Its folder need not exist.
    inputs : iterable of pathlib.Path or None
        Files that the command reads, which it may never replace; None stands for one that is not given.
    suffixes : collection of str
        What the name has to end in, in lower case and with the dot, such as ``".csv"``; any if empty.
    force : bool, default False
        Whether a file that is there already may be replaced.

    Raises
    ------
    ConfigurationError
        If the name ends otherwise, or the file is an input, also by a link or another spelling.
    StorageError
        If there is a folder of that name, the file exists already, or its folder cannot be written.
    """
    is_there = _is_there(path)
    if is_there and path.is_dir():
        file = f"{path / 'out'}{next(iter(suffixes), '')}"
        raise StorageError(f"{path}: it is a folder: name a file, such as {file}")
    if suffixes and path.suffix.lower() not in suffixes:
        *others, last = suffixes
        listed = f"{', '.join(others)} or {last}" if others else last
        raise ConfigurationError(f"{path}: the name of the file to write must end in {listed}")
    for source in inputs:
        if source is not None and _is_same(path, source):
            raise ConfigurationError(
                f"{path}: is the input {source}, which would be lost: choose another name"
            )
    if is_there and not force:
        raise StorageError(f"{path}: exists already: choose another name, or replace it with --force")
    _check_writable(path)


def check_output_folder(path: Path) -> None:
    """Raise StorageError unless a path is a folder that can be written, or one can be made there."""
    if path.exists() and not path.is_dir():
        raise StorageError(f"{path}: {why_no_folder(path)}: name a folder to write into")
    _check_writable(path / "any")


def _is_same(path: Path, source: Path) -> bool:
    """Whether both are one file: by their place on the disk, so that names and links do not matter."""
    try:
        return path.samefile(source)
    except OSError:  # one of them does not exist
        return False


def _is_there(path: Path) -> bool:
    """Whether there is anything of that name, be it a link to nowhere."""
    try:
        path.lstat()
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR):
            return False
        raise storage_error(path, error) from error  # such as a name that is too long
    return True


def _check_writable(path: Path) -> None:
    """Make an empty file where the first folder of the path's that exists is, and remove it.

    Permissions alone do not say it: root has all of them, and the file system may be read-only.
    """
    folder = path.parent
    while not os.path.lexists(folder):
        folder = folder.parent
    try:
        with partial_file(folder / path.name):
            pass
    except OSError as error:
        raise storage_error(path, error) from error
