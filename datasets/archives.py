"""Unpack archives that strangers made, as if each of them meant harm.

No path leaves the target folder, links and devices are refused, and what unpacks to more than it may is not
unpacked. The target appears whole or not at all.
"""

from __future__ import annotations

import contextlib
import gzip
import lzma
import os
import shutil
import stat
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, cast

from timbrebench.audio.errors import CorpusError
from timbrebench.audio.storage import storage_error

#: Endings of the archives that are understood.
SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz")

#: Bytes that are copied at a time.
_CHUNK = 1 << 16

#: Most bytes that a reader of archives may want at once. Only lists of entries and overlong names are read
#: whole: their length is stated by the archive, and memory for them is taken before it shows to be a lie.
_LARGEST_READ = 64 << 20

#: Longest name of a file or folder, and longest path, that Linux and macOS can write, in bytes; some room is
#: left in the path for the target folder.
_LONGEST_NAME, _LONGEST_PATH = 255, 512

#: What readers of archives raise on damage. Encryption that is not understood is a RuntimeError, another
#: kind of compression a NotImplementedError.
_DAMAGE = (
    tarfile.TarError,
    zipfile.BadZipFile,
    gzip.BadGzipFile,
    lzma.LZMAError,
    zlib.error,
    EOFError,
    LookupError,
    OverflowError,
    RuntimeError,
    ValueError,
)


@dataclass(frozen=True)
class UnpackingLimits:
    """How much an archive may unpack to.

    Attributes
    ----------
    total_bytes : int
        Of all files together. The largest corpus of MIDI files, Lakh's, has about 6 GB.
    files : int
        Entries of any kind. Lakh's corpus has 178,561.
    ratio : float
        Of unpacked to packed bytes. MIDI files are packed to between a half and a twentieth.
    free_bytes : int
        What may be unpacked whatever the ratio is, since a small archive does no harm.
    """

    total_bytes: int = 16 << 30
    files: int = 250_000
    ratio: float = 100.0
    free_bytes: int = 16 << 20


def is_archive(path: Path) -> bool:
    """Tell by its name whether a file is an archive of a kind that is understood."""
    return path.name.lower().endswith(SUFFIXES)


def unpack_archive(
    archive: Path,
    target: Path,
    *,
    suffixes: Collection[str],
    limits: UnpackingLimits = UnpackingLimits(),
) -> None:
    """Unpack the files with certain endings into a new folder.

    Parameters
    ----------
    archive : pathlib.Path
        A ``.zip``, ``.tar``, ``.tar.gz`` or ``.tgz``.
    target : pathlib.Path
        The folder. If it exists, nothing is done: it is whole.
    suffixes : collection of str
        Endings of the files that are wanted, in lower case and with the dot. Others are not written; they are
        checked and count towards the limits all the same.
    limits : UnpackingLimits
        How much may be unpacked.

    Raises
    ------
    CorpusError
        If the archive is damaged, truncated, encrypted or of an unknown kind, has an entry that leads out of
        the folder or is no plain file or folder, or unpacks to more than it may. Nothing is left behind then.
    StorageError
        If it cannot be written.
    """
    if target.is_dir():
        return
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".part-", dir=target.parent) as name:
            folder = Path(name) / "files"
            folder.mkdir()
            _unpack(archive, folder, suffixes, limits)
            folder.rename(target)
    except OSError as error:
        if not target.is_dir():  # another process was faster, and its folder is as good
            raise storage_error(target, error) from error


def _unpack(archive: Path, folder: Path, suffixes: Collection[str], limits: UnpackingLimits) -> None:
    try:
        file = archive.open("rb")
    except OSError as error:
        raise CorpusError(f"{archive}: cannot be read ({error.strerror})") from error
    with file:
        budget = _Budget(archive, os.fstat(file.fileno()).st_size, limits)
        entries = _zip_entries if archive.name.lower().endswith(".zip") else _tar_entries
        try:
            for path, source in entries(archive, file, budget):
                if path.suffix.lower() in suffixes:
                    _write(folder / path, source, archive)
        except _DAMAGE as error:
            told = str(error) or type(error).__name__
            raise CorpusError(
                f"{archive}: damaged, truncated or no archive ({told}): get it again"
            ) from error


class _Budget:
    """Counts what an archive unpacks to, and refuses what goes beyond the limits."""

    def __init__(self, archive: Path, packed_bytes: int, limits: UnpackingLimits) -> None:
        self._archive, self._limits = archive, limits
        self._bytes = self._entries = 0
        self.most_bytes = min(limits.total_bytes, max(limits.free_bytes, int(limits.ratio * packed_bytes)))

    def count(self, size: int) -> None:
        """Count an entry of `size` bytes, before any of them is unpacked."""
        if size < 0:
            raise EOFError("an entry has a negative length")
        self._entries += 1
        self._bytes += size
        if self._entries > self._limits.files:
            raise CorpusError(f"{self._archive}: holds more than {self._limits.files} entries: not unpacked")
        if self._bytes > self.most_bytes:
            self.refuse()

    def refuse(self) -> None:
        """Refuse an archive that unpacks to too much."""
        raise CorpusError(
            f"{self._archive}: unpacks to more than {self.most_bytes} bytes, which is more than "
            f"{self._limits.ratio:g} times its size or {self._limits.total_bytes} bytes: not unpacked"
        )


def _zip_entries(
    archive: Path, file: IO[bytes], budget: _Budget
) -> Iterator[tuple[PurePosixPath, IO[bytes]]]:
    with zipfile.ZipFile(cast("IO[bytes]", _Guarded(file))) as opened:
        for entry in opened.infolist():
            budget.count(entry.file_size)
            path = _safe_path(archive, entry.filename)
            kind = stat.S_IFMT(entry.external_attr >> 16)
            if kind not in {0, stat.S_IFREG, stat.S_IFDIR}:
                raise CorpusError(f"{archive}: {entry.filename!r} is a link or device: not unpacked")
            if entry.flag_bits & 0x1:
                raise CorpusError(f"{archive}: {entry.filename!r} is encrypted: unpack it yourself first")
            if not entry.is_dir():
                with opened.open(entry) as source:
                    yield path, source


def _tar_entries(
    archive: Path, file: IO[bytes], budget: _Budget
) -> Iterator[tuple[PurePosixPath, IO[bytes]]]:
    is_plain = archive.name.lower().endswith(".tar")
    plain = file if is_plain else cast("IO[bytes]", gzip.open(file))  # noqa: SIM115 - closed below
    guarded = _Guarded(plain, budget)
    with contextlib.closing(plain), tarfile.open(fileobj=cast("IO[bytes]", guarded), mode="r:") as opened:
        while (entry := opened.next()) is not None:
            opened.members.clear()  # type: ignore[attr-defined]  # or all entries would stay in memory
            budget.count(entry.size)
            path = _safe_path(archive, entry.name)
            if not (entry.isreg() or entry.isdir()) or entry.issparse():
                raise CorpusError(f"{archive}: {entry.name!r} is a link or device: not unpacked")
            source = opened.extractfile(entry)
            if source is not None:
                yield path, source
        if guarded.last_read.strip(b"\0") or len(guarded.last_read) < tarfile.BLOCKSIZE:
            raise EOFError("the end of the archive is missing")
        while guarded.read(_CHUNK):  # gzip's checksum comes last
            pass


def _safe_path(archive: Path, name: str) -> PurePosixPath:
    """Return an entry's path below the target folder; Windows' separators count as separators."""
    parts = [part for part in name.replace("\\", "/").split("/") if part not in {"", "."}]
    leaves = name.startswith(("/", "\\")) or ".." in parts or (parts and parts[0].endswith(":"))
    if leaves or "\0" in name:
        raise CorpusError(f"{archive}: the entry {name!r} leads out of the folder: not unpacked")
    lengths = [len(os.fsencode(part)) for part in parts]
    if max(lengths, default=0) > _LONGEST_NAME or sum(lengths) + len(lengths) > _LONGEST_PATH:
        raise CorpusError(f"{archive}: the name of {name[:60]!r}… is too long: not unpacked")
    return PurePosixPath(*parts)


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


class _Guarded:
    """A file that readers of archives read from, which does not let them read too much."""

    def __init__(self, file: IO[bytes], budget: _Budget | None = None) -> None:
        self._file, self._budget = file, budget
        self.last_read = b""

    def read(self, size: int = -1) -> bytes:
        """Read bytes; -1 is for all that are left, of which there are few where readers ask for that."""
        self._check(self._file.tell())
        limit = _LARGEST_READ if size == -1 else size
        if not 0 <= limit <= _LARGEST_READ:
            raise EOFError("a list of entries or a name has an impossible length")
        self.last_read = self._file.read(limit)
        return self.last_read

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a place in the file."""
        if whence == os.SEEK_SET:
            self._check(offset)
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        """Return the place in the file."""
        return self._file.tell()

    def seekable(self) -> bool:
        """Return that it can be read anywhere."""
        return True

    def close(self) -> None:
        """Do nothing: who has opened the file closes it."""

    def _check(self, place: int) -> None:
        if place < 0:
            raise EOFError("an entry lies before the beginning")
        # What a compressed archive unpacks to beside its files, which nobody has counted.
        if self._budget is not None and place > 2 * self._budget.most_bytes:
            self._budget.refuse()
