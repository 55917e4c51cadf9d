"""Unpack untrusted archives (guarded by :mod:`timbrebench.core.archives`), whole or not at all."""

from __future__ import annotations

import contextlib
import gzip
import os
import shutil
import tarfile
import zipfile
from collections.abc import Collection, Iterator
from pathlib import Path, PurePosixPath
from typing import IO, cast

from timbrebench.core.archives import DAMAGE, ArchiveGuard, GuardedFile, UnpackingLimits
from timbrebench.core.errors import CorpusError
from timbrebench.core.files import open_regular, storage_error
from timbrebench.core.partial_files import partial_folder

#: File extensions of the supported archives.
SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz")

#: Bytes that are copied at a time.
_CHUNK = 1 << 16

#: Limits for corpora of music.
_LIMITS = UnpackingLimits()


def is_archive(path: Path) -> bool:
    """Whether a file is a supported archive, by its name."""
    return path.name.lower().endswith(SUFFIXES)


def unpack_archive(
    archive: Path,
    target: Path,
    *,
    suffixes: Collection[str],
    limits: UnpackingLimits = _LIMITS,
) -> None:
    """Unpack the files with certain extensions into a new folder.

    Where `target` exists nothing is done: it is whole. `suffixes` are in lower case and with the dot; other
    files are checked, and count towards the limits. Raises CorpusError if the archive is damaged, truncated,
    encrypted or of an unknown kind, has an entry that leads out of the folder or is neither a plain file nor
    a folder, or exceeds the limits, and leaves nothing behind; StorageError if it cannot be written.
    """
    if target.is_dir():
        return
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with partial_folder(target) as part:
            folder = part / "files"
            folder.mkdir()
            _unpack(archive, folder, suffixes, limits)
            folder.rename(target)
    except OSError as error:
        if not target.is_dir():  # another process was faster, and its folder is as good
            raise storage_error(target, error) from error


def _unpack(archive: Path, folder: Path, suffixes: Collection[str], limits: UnpackingLimits) -> None:
    try:
        file = open_regular(archive)
    except OSError as error:
        raise CorpusError(f"{archive}: cannot be read ({error.strerror})") from error
    with file:
        guard = ArchiveGuard(archive, os.fstat(file.fileno()).st_size, limits, CorpusError)
        kind = archive.name.lower()
        entries = _zip_files(file, guard) if kind.endswith(".zip") else _tar_files(kind, file, guard)
        try:
            for path, source in entries:
                if path.suffix.lower() in suffixes:
                    _write(folder / path, source, archive)
        except DAMAGE as error:
            reason = str(error) or type(error).__name__
            raise CorpusError(
                f"{archive}: damaged, truncated or not an archive ({reason}): get it again"
            ) from error


def _zip_files(file: IO[bytes], guard: ArchiveGuard) -> Iterator[tuple[PurePosixPath, IO[bytes]]]:
    with zipfile.ZipFile(cast("IO[bytes]", GuardedFile(file))) as opened:
        for path, entry in guard.zip_entries(opened):
            if not entry.is_dir():
                with opened.open(entry) as source:
                    yield path, source


def _tar_files(kind: str, file: IO[bytes], guard: ArchiveGuard) -> Iterator[tuple[PurePosixPath, IO[bytes]]]:
    plain = file if kind.endswith(".tar") else cast("IO[bytes]", gzip.open(file))  # noqa: SIM115 - closed below
    guarded = GuardedFile(plain, guard)
    with contextlib.closing(plain), tarfile.open(fileobj=cast("IO[bytes]", guarded), mode="r:") as opened:
        for path, entry in guard.tar_entries(opened):
            source = opened.extractfile(entry)
            if source is not None:
                yield path, source
        if guarded.last_read.strip(b"\0") or len(guarded.last_read) < tarfile.BLOCKSIZE:
            raise EOFError("the end of the archive is missing")
        while guarded.read(_CHUNK):  # gzip's checksum comes last
            pass


def _write(path: Path, source: IO[bytes], archive: Path) -> None:
    """Write a file; of two with one name the last counts, as it does for tar and unzip."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("wb")
    except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
        raise CorpusError(
            f"{archive}: {path.name!r} is a file in one place and a folder in another"
        ) from error
    with file:
        shutil.copyfileobj(source, file, _CHUNK)
