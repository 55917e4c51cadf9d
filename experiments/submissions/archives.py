"""The file of a submission: a zip archive with a list of what is in it.

The same content gives the same bytes. Archives come from strangers: what is read of one is checked against
the list and against limits of size, and nothing is ever unpacked under a name that the archive chose.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import Self

from timbrebench.audio.errors import RunError
from timbrebench.audio.storage import atomic_path, file_sha256

MANIFEST = "manifest.json"

#: Most bytes that a file of an archive may unpack to. A minute of audio takes a tenth of it, the records of
#: 10,000 outputs a third.
LARGEST_FILE = 256 * 2**20

#: Most bytes that a whole archive may unpack to, and most files.
LARGEST_ARCHIVE, MOST_FILES = 32 * 2**30, 200_000

#: What zip files can hold at the earliest: no file has a time of its own, or the same run would give others.
_TIME = (1980, 1, 1, 0, 0, 0)


def write_archive(path: Path, files: Mapping[str, bytes | Path]) -> None:
    """Write an archive, whole or not at all.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    files : mapping of str to bytes or pathlib.Path
        Content, or the file that has it, by name within the archive. ``manifest.json`` is added.

    Raises
    ------
    StorageError
        If the file cannot be written.
    """
    listed = {name: _about(content) for name, content in sorted(files.items())}
    manifest = (json.dumps(listed, indent=1) + "\n").encode()
    with atomic_path(path) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        for name, content in [(MANIFEST, manifest), *sorted(files.items())]:
            info = zipfile.ZipInfo(name, _TIME)
            # Audio is packed already.
            info.compress_type = zipfile.ZIP_STORED if name.endswith(".flac") else zipfile.ZIP_DEFLATED
            info.external_attr = 0o644 << 16
            data = content.read_bytes() if isinstance(content, Path) else content
            archive.writestr(info, data)


def _about(content: bytes | Path) -> dict[str, object]:
    if isinstance(content, Path):
        return {"sha256": file_sha256(content), "bytes": content.stat().st_size}
    return {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}


class Archive:
    """An archive that is read. Use it as a context manager.

    Parameters
    ----------
    path : pathlib.Path
        The file.

    Raises
    ------
    RunError
        If it is no submission, names files that lead elsewhere, is too large, or holds something other than
        its list says.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._archive = zipfile.ZipFile(path)
        except (OSError, zipfile.BadZipFile) as error:
            raise RunError(f"{path}: cannot be read as a submission ({error})") from error
        try:
            self._infos = self._check_names()
            self.manifest = self._read_manifest()
        except BaseException:
            self._archive.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._archive.close()

    def _check_names(self) -> dict[str, zipfile.ZipInfo]:
        infos = self._archive.infolist()
        if len(infos) > MOST_FILES or sum(info.file_size for info in infos) > LARGEST_ARCHIVE:
            raise RunError(f"{self.path}: unpacks to more than a submission may hold")
        for info in infos:
            parts = PurePosixPath(info.filename)
            is_link = (info.external_attr >> 28) == 0o12
            if (
                parts.is_absolute()
                or ".." in parts.parts
                or "\\" in info.filename
                or is_link
                or info.is_dir()
            ):
                raise RunError(f"{self.path}: holds {info.filename!r}, which is no plain file inside it")
            if info.file_size > LARGEST_FILE:
                raise RunError(f"{self.path}: {info.filename} unpacks to {info.file_size} bytes, too many")
        named = {info.filename: info for info in infos}
        if len(named) < len(infos):
            raise RunError(f"{self.path}: holds two files of one name")
        return named

    def _read_manifest(self) -> dict[str, str]:
        if MANIFEST not in self._infos:
            raise RunError(f"{self.path}: no submission, {MANIFEST} is missing")
        try:
            listed = json.loads(self._unpack(MANIFEST))
            digests = {str(name): str(about["sha256"]) for name, about in listed.items()}
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise RunError(f"{self.path}: {MANIFEST} cannot be read ({error})") from error
        found = set(self._infos) - {MANIFEST}
        for name in sorted(found ^ set(digests)):
            raise RunError(f"{self.path}: {name} is {'not listed' if name in found else 'missing'}")
        return digests

    def _unpack(self, name: str) -> bytes:
        """Read a file up to the size that the archive states: what goes on longer is a trap."""
        info = self._infos[name]
        try:
            with self._archive.open(info) as file:
                content = file.read(info.file_size + 1)
        except (zipfile.BadZipFile, zlib.error, OSError, EOFError, RuntimeError) as error:
            raise RunError(f"{self.path}: {name} is damaged ({error})") from error
        if len(content) != info.file_size:
            raise RunError(f"{self.path}: {name} is not as long as the archive says")
        return content

    def names(self, folder: str = "") -> list[str]:
        """Return the names of all files, or of those below a folder, sorted."""
        return sorted(name for name in self.manifest if name.startswith(folder))

    def read(self, name: str) -> bytes:
        """Return a file's content.

        Raises
        ------
        RunError
            If it is missing, or not what the list says.
        """
        if name not in self.manifest:
            raise RunError(f"{self.path}: no submission, {name} is missing")
        content = self._unpack(name)
        if hashlib.sha256(content).hexdigest() != self.manifest[name]:
            raise RunError(f"{self.path}: {name} was changed: its SHA-256 is not the one that is listed")
        return content

    def sha256(self) -> str:
        """Return the SHA-256 of the whole file."""
        return file_sha256(self.path)
