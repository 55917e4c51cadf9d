"""The file of a submission: a zip archive with a list of what is in it.

The same content gives the same bytes. Archives come from strangers: they are checked by
:mod:`timbrebench.core.archives`, as any other archive is, and what is read of it is compared with
its list; nothing is ever unpacked under a name that the archive chose.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import IO, Self, cast

from timbrebench.core.archives import DAMAGE, ArchiveGuard, GuardedFile, UnpackingLimits
from timbrebench.core.documents import parse_object
from timbrebench.core.errors import RunError
from timbrebench.core.files import atomic_path, decode_text, file_sha256, open_regular

MANIFEST = "manifest.json"

#: Maximum unpacked size of a file, in bytes. A minute of audio takes a tenth of it, the records of
#: 10,000 outputs a third.
LARGEST_FILE = 256 * 2**20

#: Maximum unpacked size of an archive, in bytes, and maximum number of files.
LARGEST_ARCHIVE, MOST_FILES = 32 * 2**30, 200_000

#: Zip files pack nothing better than that: records are mostly alike, and their sizes are limited already.
_RATIO = 1032.0

#: What zip files can hold at the earliest: no file has a time of its own, or the same run would give others.
_TIME = (1980, 1, 1, 0, 0, 0)


def write_archive(path: Path, files: Mapping[str, bytes | Path]) -> None:
    """Write an archive, whole or not at all, to which ``manifest.json`` is added.

    `files` has content, or the file that has it, by name within the archive. Raises StorageError if the
    archive cannot be written.
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

    Raises RunError if it is not a submission, names files outside its folder, is too large, or does not match
    its list.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with contextlib.ExitStack() as opened:
            try:
                file = opened.enter_context(open_regular(path))
                self._archive = opened.enter_context(zipfile.ZipFile(cast("IO[bytes]", GuardedFile(file))))
                self._infos = self._check_entries()
            except (OSError, *DAMAGE) as error:
                raise RunError(f"{path}: cannot be read as a submission ({error})") from error
            self.manifest = self._read_manifest()
            self._opened = opened.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._opened.close()

    def _check_entries(self) -> dict[str, zipfile.ZipInfo]:
        limits = UnpackingLimits(LARGEST_ARCHIVE, LARGEST_FILE, MOST_FILES, _RATIO)
        guard = ArchiveGuard(self.path, self.path.stat().st_size, limits, RunError)
        named: dict[str, zipfile.ZipInfo] = {}
        for path, entry in guard.zip_entries(self._archive):
            # Nothing that packing writes has folders of its own, or a name that could be written otherwise.
            if entry.filename != path.as_posix():
                guard.refuse(entry.filename, "it is a folder, or its name is not in its normal form")
            if entry.filename in named:
                raise RunError(f"{self.path}: holds two files of one name, {entry.filename}")
            named[entry.filename] = entry
        return named

    def _read_manifest(self) -> dict[str, str]:
        if MANIFEST not in self._infos:
            raise RunError(f"{self.path}: not a submission, {MANIFEST} is missing")
        try:
            content = decode_text(self._unpack(MANIFEST), MANIFEST, RunError)
            listed = parse_object(content, MANIFEST, RunError)
            digests = {str(name): str(about["sha256"]) for name, about in listed.items()}
        except (RunError, KeyError, TypeError) as error:
            raise RunError(f"{self.path}: {MANIFEST} cannot be read ({error})") from error
        present = set(self._infos) - {MANIFEST}
        for name in sorted(present ^ set(digests)):
            raise RunError(f"{self.path}: {name} is {'not listed' if name in present else 'missing'}")
        return digests

    def _unpack(self, name: str) -> bytes:
        """Read a file up to the size that the archive states: a longer one is a trap."""
        info = self._infos[name]
        try:
            with self._archive.open(info) as file:
                content = file.read(info.file_size + 1)
        except (OSError, *DAMAGE) as error:
            raise RunError(f"{self.path}: {name} is damaged ({error})") from error
        if len(content) != info.file_size:
            raise RunError(f"{self.path}: {name} is longer or shorter than the archive states")
        return content

    def names(self) -> list[str]:
        """Return the names of all files, sorted."""
        return sorted(self.manifest)

    def has_folder(self, folder: str) -> bool:
        """Return whether there are files below a folder."""
        return any(name.startswith(f"{folder}/") for name in self.manifest)

    def read(self, name: str) -> bytes:
        """Return a file's content; raise RunError if it is missing, or not what the list says."""
        if name not in self.manifest:
            raise RunError(f"{self.path}: not a submission, {name} is missing")
        content = self._unpack(name)
        if hashlib.sha256(content).hexdigest() != self.manifest[name]:
            raise RunError(f"{self.path}: {name} was changed: its SHA-256 is not the one that is listed")
        return content
