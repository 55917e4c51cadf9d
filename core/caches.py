"""Folders for caches where the usual ones cannot be written: no home, a read-only disk, another's folder.

Libraries keep what they have compiled or looked up in the user's folders, and some end a program where they
cannot: numba raises, for each function that librosa compiles. Whatever they need is decided here, before they
are imported: by commands, and by ``timbrebench.audio`` for those who import the packages. Processes that are
started later inherit it.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import platformdirs

from timbrebench.core.compiled_functions import fill_cache_one_at_a_time
from timbrebench.core.errors import StorageError
from timbrebench.core.progress import log


def use_writable_caches() -> None:
    """Let all caches be written, in a temporary folder if need be, and say in a line how to keep them.

    Where the user's folder of caches (``XDG_CACHE_HOME``, by default ``~/.cache``) cannot be written, what is
    there can be read as before. The folder is removed when the process ends. Variables that the user has set
    to a folder that can be written stay as they are. Processes fill numba's cache one at a time.

    Raises
    ------
    StorageError
        If there is no place for temporary files either.
    """
    fill_cache_one_at_a_time()
    caches = _users(platformdirs.user_cache_dir, "~/.cache")
    settings = Path(
        os.environ.get("MPLCONFIGDIR") or _users(platformdirs.user_config_dir, "~/.config") / "matplotlib"
    )
    unusable = []
    if not _can_be_written(caches / "timbrebench"):
        unusable.append("XDG_CACHE_HOME")
    if not _numba_can_write(caches):
        unusable.append("NUMBA_CACHE_DIR")
    if not _can_be_written(settings):
        unusable.append("MPLCONFIGDIR")
    if not unusable:
        return
    temporary = _temporary_folder()
    if "XDG_CACHE_HOME" in unusable:
        _link_files(caches / "timbrebench", temporary / "timbrebench")
    os.environ.update(dict.fromkeys(unusable, str(temporary)))
    log(
        f"caches are in a temporary folder, which is removed at the end, since {caches} or {settings} cannot "
        f"be written: set {', '.join(unusable)} to a folder of yours to keep them"
    )


def _users(folder: Callable[[], str], usual: str) -> Path:
    """Return a folder of the user; by its usual name, under which nothing is written, if there is no home."""
    try:
        return Path(folder())
    except RuntimeError:
        return Path(usual)


def _numba_can_write(caches: Path) -> bool:
    """Whether numba can keep what it compiles: in one folder for all, or beside each package."""
    chosen = os.environ.get("NUMBA_CACHE_DIR")
    common = [*([Path(chosen)] if chosen else []), caches / "numba"]
    return any(map(_can_be_written, common)) or all(
        spec is not None
        and spec.origin is not None
        and _can_be_written(Path(spec.origin).parent / "__pycache__")
        for spec in map(find_spec, ("librosa.core", "timbrebench.audio"))
    )


def _can_be_written(folder: Path) -> bool:
    """Whether files can be written to a folder, or it can be made."""
    while not folder.exists():
        if folder == folder.parent:
            return False
        folder = folder.parent
    # Where there is no home, "~" stays what it is, and no folder of that name is to be made.
    return folder.is_absolute() and folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)


def _temporary_folder() -> Path:
    try:
        folder = tempfile.mkdtemp(prefix="timbrebench-caches-")
    except OSError as error:
        raise StorageError(
            f"no place for temporary files ({error}): set TMPDIR to a folder that can be written"
        ) from error
    atexit.register(_remove_own, folder, os.getpid())
    return Path(folder)


def _remove_own(folder: str, owner: int) -> None:
    """Remove a folder, unless this is a forked child of the process that made it."""
    if os.getpid() == owner:
        shutil.rmtree(folder, ignore_errors=True)


def _link_files(source: Path, target: Path) -> None:
    """Link the files of a cache that can only be read; a cache is a tree of files that never change."""
    for place, _, files in os.walk(source):
        folder = target / Path(place).relative_to(source)
        folder.mkdir(parents=True, exist_ok=True)
        for name in files:
            (folder / name).symlink_to(Path(place, name))
