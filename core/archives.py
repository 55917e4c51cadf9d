"""What strangers' archives may hold, whoever reads them: no path leaves its folder, and no bomb unpacks.

A guard looks at each entry before any of it is unpacked: its path, its kind, its length, and what all entries
come to. A guarded file keeps the readers of archives from reading too much for the lists of entries.
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

#: Most bytes that a reader of archives may want at once. Only lists of entries and overlong names are read
#: whole: their length is stated by the archive, and memory for them is taken before it shows to be a lie.
_LARGEST_READ = 64 << 20

#: Longest name of a file or folder, and longest path, that Linux and macOS can write, in bytes; some room is
#: left in the path for the target folder.
_LONGEST_NAME, _LONGEST_PATH = 255, 512

#: What readers of archives raise on damage. Encryption that is not understood is a RuntimeError, another
#: kind of compression a NotImplementedError.
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
    """How much an archive may unpack to.

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
        What may be unpacked whatever the ratio is, since a small archive does no harm.
    """

    total_bytes: int = 16 << 30
    file_bytes: int = 16 << 30
    files: int = 250_000
    ratio: float = 100.0
    free_bytes: int = 16 << 20


class ArchiveGuard:
    """Looks at the entries of an archive, and refuses it for one that may not be unpacked.

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
        self.most_bytes = min(limits.total_bytes, max(limits.free_bytes, int(limits.ratio * packed_bytes)))

    def zip_entries(self, opened: zipfile.ZipFile) -> Iterator[tuple[PurePosixPath, zipfile.ZipInfo]]:
        """Go through the entries of a zip archive, each with its path below the target folder.

        Raises
        ------
        TimbrebenchError
            If an entry leads out of the folder, is no plain file or folder or is encrypted, or the entries
            up to it unpack to more than they may.
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
        """Do what :meth:`zip_entries` does for a tar archive."""
        while (entry := opened.next()) is not None:
            opened.members.clear()  # type: ignore[attr-defined]  # or all entries would stay in memory
            self._count(entry.name, entry.size)
            path = self._safe_path(entry.name)
            if not (entry.isreg() or entry.isdir()) or entry.issparse():
                self.refuse(entry.name, "it is a link or device")
            yield path, entry

    def refuse(self, name: str, reason: str) -> NoReturn:
        """Refuse the archive for an entry."""
        shown = name if len(name) <= 60 else f"{name[:60]}…"
        raise self._error(f"{self._archive}: holds {shown!r}, which is no plain file inside it: {reason}")

    def refuse_bomb(self) -> NoReturn:
        """Refuse an archive that unpacks to too much."""
        raise self._error(
            f"{self._archive}: unpacks to more than {self.most_bytes} bytes, which is more than "
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
        if self._bytes > self.most_bytes:
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
    """A file that readers of archives read from, which does not let them read too much.

    Parameters
    ----------
    file : file object
        The archive, or what it decompresses to.
    guard : ArchiveGuard, optional
        Of a compressed archive: it is refused for what nobody has counted, beside its files.
    """

    def __init__(self, file: IO[bytes], guard: ArchiveGuard | None = None) -> None:
        self._file, self._guard = file, guard
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
        if self._guard is not None and place > 2 * self._guard.most_bytes:
            self._guard.refuse_bomb()
