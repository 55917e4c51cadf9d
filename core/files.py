"""Files that are either whole or absent, and their fingerprints."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from timbrebench.core.errors import StorageError, TimbrebenchError
from timbrebench.core.partial_files import partial_file

#: Bytes that are read at a time.
_CHUNK = 1 << 20

#: What may lie where a file is expected, and is not opened: a pipe or a device could be read without end.
_NOT_FILES = (
    (stat.S_ISDIR, errno.EISDIR, "it is a folder, not a file"),
    (stat.S_ISFIFO, errno.EINVAL, "it is a pipe, not a file"),
    (stat.S_ISSOCK, errno.EINVAL, "it is a socket, not a file"),
    (stat.S_ISCHR, errno.EINVAL, "it is a device, not a file"),
    (stat.S_ISBLK, errno.EINVAL, "it is a device, not a file"),
)

_REMEDIES = {
    errno.ENOSPC: "no space left: free some and run again, what was finished is kept",
    errno.EDQUOT: "the disk quota is used up: free some space and run again, what was finished is kept",
    errno.EACCES: "no permission to write there: choose another folder",
    errno.EROFS: "the file system is read-only: choose another folder",
    errno.EISDIR: "there is a folder of that name: remove it or choose another name",
    errno.ENOTDIR: "part of the path is a file, not a folder: choose another path",
}


def storage_error(path: Path, error: OSError) -> StorageError:
    """Say why `path` could not be written and what to do about it."""
    remedy = _REMEDIES.get(error.errno or 0, error.strerror or str(error))
    return StorageError(f"cannot write {path}: {remedy}")


@contextlib.contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path` that takes its place when the block ends well.

    It keeps the suffix of `path`, since writers choose a format by it. The folder is made where missing.
    Raises StorageError if the file cannot be written; `path` is then what it was before. What a killed
    process has left in the folder is removed (:mod:`timbrebench.core.partial_files`).
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with partial_file(path) as temporary:
            yield temporary
            temporary.replace(path)
    except OSError as error:
        raise storage_error(path, error) from error


def try_lock(file: IO[Any], *, shared: bool = False) -> bool:
    """Lock an open file until it is closed, without waiting; return whether it is locked.

    It is not where another process holds a lock that excludes this one. Open for reading is enough. A
    `shared` lock excludes only exclusive ones. The system unlocks the file when the process ends. The library
    ``filelock`` needs the right to write even for a shared lock, which readers may not have.
    """
    try:
        fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


@contextlib.contextmanager
def one_at_a_time(path: Path) -> Iterator[None]:
    """Wait until no other process is in a block that names the same file or folder, which has to be there.

    It is neither read nor written, and the right to read it is enough. Raises OSError if it cannot be opened
    or locked.
    """
    lock = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


@contextlib.contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """Keep other processes out of blocks that lock the same file, which is made for the purpose.

    Raises StorageError if another process is in such a block, or the file cannot be made.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("a")
    except OSError as error:
        raise storage_error(path, error) from error
    with file:
        if not try_lock(file):
            raise StorageError(
                f"{path.parent}: another process is at work in this folder: wait for it or stop it"
            )
        yield


def write_text(path: Path, text: str) -> None:
    """Write a UTF-8 text file, whole or not at all."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file, whole or not at all."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(content)


def write_json(path: Path, value: Any) -> None:  # noqa: ANN401 - anything that JSON can hold
    """Write `value` as indented JSON with sorted keys, whole or not at all."""
    write_text(path, json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n")


def why_no_file(path: Path) -> str:
    """Say what is at a path that is not a file that can be read, such as "it is a folder, not a file"."""
    try:
        open_regular(path).close()
    except OSError as error:
        return _problem(error, "file")
    return "it is a file"


def why_no_folder(path: Path) -> str:
    """Say what is at a path that is not a folder that can be read, such as "it is a pipe, not a folder"."""
    try:
        open_regular(path).close()
    except IsADirectoryError:
        try:
            os.scandir(path).close()
        except OSError as error:
            return _problem(error, "folder")
        return "it is a folder"
    except OSError as error:
        return _problem(error, "folder")
    return "it is a file, not a folder"


def _problem(error: OSError, wanted: str) -> str:
    reason = str(error.strerror or error)
    if reason == os.strerror(errno.ENOENT):
        return f"no such {wanted}"
    is_named = reason.startswith("it is ")  # by what opens files
    return reason.replace("not a file", f"not a {wanted}") if is_named else f"cannot be read ({reason})"


def open_regular(path: Path) -> IO[bytes]:
    """Open a regular file for reading, and nothing else; it never waits.

    Raises OSError, whose ``strerror`` says what is there instead, for a folder, pipe, socket or device, and
    as :meth:`pathlib.Path.open` does. A link to a file is followed.
    """
    try:
        _refuse_others(path, path.stat())  # before it is opened: opening some devices has effects
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except ValueError as error:  # a NUL in the name
        raise OSError(errno.EINVAL, "no file can have that name", str(path)) from error
    except FileNotFoundError as error:
        if path.is_symlink():
            reason = f"it is a link to {path.readlink()}, which does not exist"
            raise FileNotFoundError(errno.ENOENT, reason, str(path)) from error
        raise
    file = os.fdopen(descriptor, "rb")
    try:
        _refuse_others(path, os.fstat(descriptor))  # what was opened may be another file by now
    except OSError:
        file.close()
        raise
    return file


def _refuse_others(path: Path, status: os.stat_result) -> None:
    for is_that, number, reason in _NOT_FILES:
        if is_that(status.st_mode):
            raise OSError(number, reason, str(path))


def _chunks(path: Path, file: IO[bytes]) -> Iterator[bytes]:
    """Read an open file, which is as long as it was when it was opened: files of /proc may never end."""
    left = os.fstat(file.fileno()).st_size
    while chunk := file.read(min(_CHUNK, left) or 1):
        if not left:
            raise OSError(errno.EINVAL, "it is not a plain file, or is being written", str(path))
        left -= len(chunk)
        yield chunk


def read_bytes(path: Path, limit: int, error: type[TimbrebenchError]) -> bytes:
    """Read a whole file of at most `limit` bytes.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    limit : int
        Maximum size in bytes, which is compared before anything is read.
    error : type of TimbrebenchError
        What is raised.

    Returns
    -------
    bytes
        Its content.

    Raises
    ------
    TimbrebenchError
        Of the type `error`: if it cannot be read, is not a regular file, or is larger.
    """
    try:
        with open_regular(path) as file:
            size = os.fstat(file.fileno()).st_size
            if size > limit:
                raise error(f"{path}: has {size} bytes, more than the {limit} that such a file may have")
            return b"".join(_chunks(path, file))
    except OSError as problem:
        raise error(f"{path}: cannot be read ({problem.strerror or problem})") from problem


def read_text(path: Path, limit: int, error: type[TimbrebenchError]) -> str:
    """Read a whole UTF-8 text file of at most `limit` bytes, as :func:`read_bytes`.

    A byte-order mark at its beginning, as some editors write, is left out. Raises `error` for invalid UTF-8
    as well.
    """
    return decode_text(read_bytes(path, limit, error), str(path), error)


def decode_text(content: bytes, where: str, error: type[TimbrebenchError]) -> str:
    """Decode UTF-8, with or without a byte-order mark; raise `error`, which names `where`, for others."""
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        raise error(f"{where}: not UTF-8 text ({problem}): save it as UTF-8") from problem


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a regular file's content as 64 hexadecimal digits; raise OSError for others."""
    digest = hashlib.sha256()
    with open_regular(path) as file:
        for chunk in _chunks(path, file):
            digest.update(chunk)
    return digest.hexdigest()


def fingerprint(value: Any) -> str:  # noqa: ANN401 - anything that JSON can hold
    """Return the SHA-256 of `value` in canonical JSON: equal values have equal fingerprints."""
    canonical = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(canonical.encode()).hexdigest()
