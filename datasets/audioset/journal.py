"""What a build has done so far: one line for each clip that was written or has failed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, TextIO

from timbrebench.core.errors import StorageError, TimbrebenchError
from timbrebench.core.files import read_bytes, storage_error, write_text
from timbrebench.core.progress import log
from timbrebench.core.sealed_lines import DamagedLineError, seal, unseal
from timbrebench.datasets.building import JOURNAL

#: Maximum bytes: all of AudioSet, two million segments at 300 bytes, has 600 MB.
_MAX_BYTES = 1 << 30


class Journal:
    """The journal of a build, on disk as soon as a clip is entered; a context manager.

    What a former build has entered in the dataset's folder counts, as far as its clips are there.
    """

    def __init__(self, root: Path) -> None:
        self._root, self._path = root, root / JOURNAL / "clips.jsonl"
        self._entries: dict[str, Mapping[str, Any]] = {}
        self._file: TextIO | None = None

    def __enter__(self) -> Journal:
        text = ""
        if self._path.is_file():
            text = read_bytes(self._path, _MAX_BYTES, StorageError).decode(errors="replace")
        damaged = 0
        for line in filter(None, text.split("\n")):
            try:
                entry = unseal(line)
                if "reason" in entry or (self._root / entry["path"]).is_file():
                    self._entries[str(entry["clip_id"])] = entry
            except DamagedLineError:
                damaged += 1
            except (TimbrebenchError, KeyError, TypeError):
                continue  # the line that was being written when the build was stopped
        if damaged:
            log(f"{self._path}: {damaged} damaged lines: their clips are made again")
        # Written anew, so that the next line does not join a torn one.
        write_text(self._path, "".join(_line(entry) for entry in self._entries.values()))
        try:
            self._file = self._path.open("a", encoding="utf-8")
        except OSError as error:
            raise storage_error(self._path, error) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.close()

    def __contains__(self, clip_id: str) -> bool:
        return clip_id in self._entries

    def entry(self, clip_id: str) -> Mapping[str, Any]:
        """Return what was entered for a clip."""
        return self._entries[clip_id]

    def reason(self, clip_id: str) -> str | None:
        """Return why a clip failed; None if it was written."""
        reason = self._entries[clip_id].get("reason")
        return None if reason is None else str(reason)

    def enter(self, entries: Sequence[Mapping[str, Any]]) -> None:
        """Enter clips that were written (``clip_id``, ``path``, …) or failed (``clip_id``, ``reason``).

        Raises StorageError if the journal cannot be written.
        """
        if self._file is None:
            raise StorageError(f"{self._path}: the journal is not open")
        for entry in entries:
            self._entries[entry["clip_id"]] = entry
        try:
            self._file.write("".join(_line(entry) for entry in entries))
            self._file.flush()
        except OSError as error:
            raise storage_error(self._path, error) from error

    def clear(self) -> None:
        """Forget all entries, so that the next build tries everything again."""
        self._entries.clear()
        write_text(self._path, "")


def _line(entry: Mapping[str, Any]) -> str:
    return seal(json.dumps(entry, sort_keys=True, ensure_ascii=False, separators=(",", ":"))) + "\n"
