"""Guards for untrusted archives: against path traversal and decompression bombs.

A guard checks each entry before any of it is unpacked: its path, its type, its size, and the total size so
far. A guarded file limits what a reader of archives reads at once for the list of entries.
"""

from __future__ import annotations

import gzip
import lzma
import os
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, NoReturn

from timbrebench.core.errors import TimbrebenchError

#: Maximum bytes that a reader of archives may read at once. Only lists of entries and long names are read
#: whole: the archive states their length, and memory is allocated for them before it can prove false.
_LARGEST_READ = 64 << 20

#: Maximum bytes of a file's name, as on Linux and macOS, and of a path below the target folder.
_LONGEST_NAME, _LONGEST_PATH = 255, 512

#: What readers of archives raise on damage. Unsupported encryption is a RuntimeError, unsupported compression
#: a NotImplementedError.
DAMAGE = (
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
    """Maximum size of an archive's content.

    Attributes
    ----------
    total_bytes : int
        Of all files together. The largest corpus of MIDI files, Lakh's, has about 6 GB.
    file_bytes : int
        Of one file.
    files : int
        Entries of any kind. Lakh's corpus has 178,561.
    ratio : float
        Of unpacked to packed bytes. MIDI files are packed to between a half and a twentieth.
    free_bytes : int
        What may be unpacked at any ratio, since a small archive does no harm.
    """

    total_bytes: int = 16 << 30
    file_bytes: int = 16 << 30
    files: int = 250_000
    ratio: float = 100.0
    free_bytes: int = 16 << 20


class ArchiveGuard:
    """Checks the entries of an archive, and raises for one that must not be unpacked.

    Parameters
    ----------
    archive : pathlib.Path
        The archive, for messages.
    packed_bytes : int
        Its size.
    limits : UnpackingLimits
        How much may be unpacked.
    error : type of TimbrebenchError
        What is raised.
    """

    def __init__(
        self, archive: Path, packed_bytes: int, limits: UnpackingLimits, error: type[TimbrebenchError]
    ) -> None:
        self._archive, self._limits, self._error = archive, limits, error
        self._bytes = self._entries = 0
        self.max_bytes = min(limits.total_bytes, max(limits.free_bytes, int(limits.ratio * packed_bytes)))

    def zip_entries(self, opened: zipfile.ZipFile) -> Iterator[tuple[PurePosixPath, zipfile.ZipInfo]]:
        """Iterate over the entries of a zip archive, each with its path below the target folder.

        Raises
        ------
        TimbrebenchError
            If an entry leads out of the folder, is neither a plain file nor a folder, or is encrypted, or the
            entries up to it exceed the limits.
        EOFError
            If an entry is damaged.
        """
        for entry in opened.infolist():
            self._count(entry.filename, entry.file_size)
            path = self._safe_path(entry.filename)
            if stat.S_IFMT(entry.external_attr >> 16) not in {0, stat.S_IFREG, stat.S_IFDIR}:
                self.refuse(entry.filename, "it is a link or device")
            if entry.flag_bits & 0x1:
                self.refuse(entry.filename, "it is encrypted, so unpack it yourself first")
            yield path, entry

    def tar_entries(self, opened: tarfile.TarFile) -> Iterator[tuple[PurePosixPath, tarfile.TarInfo]]:
        """As :meth:`zip_entries`, for a tar archive."""
        while (entry := opened.next()) is not None:
            opened.members.clear()  # type: ignore[attr-defined]  # or all entries would stay in memory
            self._count(entry.name, entry.size)
            path = self._safe_path(entry.name)
            if not (entry.isreg() or entry.isdir()) or entry.issparse():
                self.refuse(entry.name, "it is a link or device")
            yield path, entry

    def refuse(self, name: str, reason: str) -> NoReturn:
        """Raise the guard's error for an entry."""
        shown = name if len(name) <= 60 else f"{name[:60]}…"
        raise self._error(f"{self._archive}: holds {shown!r}, which is not a plain file inside it: {reason}")

    def refuse_bomb(self) -> NoReturn:
        """Raise the guard's error for a decompression bomb."""
        raise self._error(
            f"{self._archive}: unpacks to more than {self.max_bytes} bytes, which is more than "
            f"{self._limits.ratio:g} times its size or {self._limits.total_bytes} bytes: not unpacked"
        )

    def _count(self, name: str, size: int) -> None:
        """Count an entry of `size` bytes, before any of them is unpacked."""
        if size < 0:
            raise EOFError("an entry has a negative length")
        self._entries += 1
        self._bytes += size
        if self._entries > self._limits.files:
            raise self._error(f"{self._archive}: holds more than {self._limits.files} entries: not unpacked")
        if self._bytes > self.max_bytes:
            self.refuse_bomb()
        if size > self._limits.file_bytes:
            raise self._error(f"{self._archive}: {name[:60]!r} unpacks to {size} bytes, too many")

    def _safe_path(self, name: str) -> PurePosixPath:
        """Return an entry's path below the target folder; Windows' separators count as separators."""
        parts = [part for part in name.replace("\\", "/").split("/") if part not in {"", "."}]
        leaves = name.startswith(("/", "\\")) or ".." in parts or (parts and parts[0].endswith(":"))
        if leaves or "\0" in name:
            self.refuse(name, "it leads out of the folder")
        lengths = [len(os.fsencode(part)) for part in parts]
        if max(lengths, default=0) > _LONGEST_NAME or sum(lengths) + len(lengths) > _LONGEST_PATH:
            self.refuse(name, "its name is too long")
        return PurePosixPath(*parts)


class GuardedFile:
    """A file for readers of archives, which limits what they read at once.

    With the guard of a compressed archive it also limits what lies between the files, which no entry counts.
    """

    def __init__(self, file: IO[bytes], guard: ArchiveGuard | None = None) -> None:
        self._file, self._guard = file, guard
        self.last_read = b""

    def read(self, size: int = -1) -> bytes:
        """Read bytes; -1 reads all that is left, which is little where readers of archives ask for it."""
        self._check(self._file.tell())
        limit = _LARGEST_READ if size == -1 else size
        if not 0 <= limit <= _LARGEST_READ:
            raise EOFError("a list of entries or a name has an impossible length")
        self.last_read = self._file.read(limit)
        return self.last_read

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a position in the file."""
        if whence == os.SEEK_SET:
            self._check(offset)
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        """Return the position in the file."""
        return self._file.tell()

    def seekable(self) -> bool:
        """Return true."""
        return True

    def close(self) -> None:
        """Do nothing: the file's owner closes it."""

    def _check(self, place: int) -> None:
        if place < 0:
            raise EOFError("an entry lies before the beginning")
        if self._guard is not None and place > 2 * self._guard.max_bytes:
            self._guard.refuse_bomb()
