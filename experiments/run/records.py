"""The records of a run, and the append-only file that they come from.

A record is one line of JSON: the outcome of a method on a pair, the score of an output by a metric, and so
on. Its key is the fingerprint of everything that it depends on, so a result is used again exactly as long as
nothing behind it has changed. A line that was cut off when the process died is skipped, and so is one that
does not match its digest, which is said.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import IO, Any, Self

from pydantic import ValidationError

from timbrebench.core.errors import RunError, TimbrebenchError
from timbrebench.core.files import open_regular, storage_error
from timbrebench.core.progress import log
from timbrebench.core.sealed_lines import DamagedLineError, seal, unseal
from timbrebench.experiments.run.record_types import (
    RECORD_TYPES,
    DependencyRecord,
    EmbeddingRecord,
    LearnedRecord,
    PredictionRecord,
    Record,
    ScoreRecord,
    Transfer,
)
from timbrebench.experiments.run.records_lock import lock_records

#: Maximum bytes of a run's records. An output has some 8,000, so that this is a run of 65,000. Full of
#: what is not a record, it takes half a minute to read.
_MAX_BYTES = 1 << 29

#: Maximum lines of a submission that are not records. Those of another version, or without an end, are few.
_MAX_UNREADABLE = 100

#: A line that may be a record, whose key alone, a SHA-256, is as long.
_LINE = re.compile(r"[^\r\n]{64,}")


@dataclass(frozen=True)
class Records:
    """What was recorded, by key; the later of two records with one key counts.

    The key of what was learned is the judge's fingerprint or the method's key, that of a dependency the
    fingerprint of the method, or the embedding, as configured. Predictions and embeddings are for outputs and
    for real clips.
    """

    transfers: Mapping[str, Transfer]
    scores: Mapping[str, ScoreRecord]
    learned: Mapping[str, LearnedRecord]
    dependencies: Mapping[str, DependencyRecord]
    predictions: Mapping[str, PredictionRecord]
    embeddings: Mapping[str, EmbeddingRecord]

    @classmethod
    def parse(cls, text: str, limit: int) -> Records:
        """Read the records of a submission, one on a line, and at most `limit` of them.

        Some lines that were cut off, or are of another version, are skipped. Raises RunError if one does not
        match its digest, there are many that are not records, or more records than the limit; what follows is
        not read.
        """
        tables: dict[str, dict[str, Any]] = {kind: {} for kind in RECORD_TYPES}
        unreadable = 0
        for number, (place, record) in enumerate(_lines(text)):
            if isinstance(record, DamagedLineError):
                line = _number(text, place)
                raise RunError(f"line {line} of the records does not match its digest: it was changed")
            if number >= limit + _MAX_UNREADABLE:
                raise RunError(f"more than {limit} records, which its methods and pairs cannot have")
            if record is None:
                unreadable += 1
                if unreadable > _MAX_UNREADABLE:
                    line = _number(text, place)
                    raise RunError(
                        f"line {line} and {_MAX_UNREADABLE} before it are not records: pack it again"
                    )
                continue
            tables[record.kind][record.key] = record
        return _view(tables)

    @classmethod
    def of(
        cls,
        transfers: Mapping[str, Transfer],
        scores: Mapping[str, ScoreRecord],
        learned: Mapping[str, LearnedRecord],
    ) -> Records:
        """Return records of these kinds alone."""
        return cls(transfers, scores, learned, {}, {}, {})

    @property
    def has_retryable_failures(self) -> bool:
        """Whether transfers have failed for a transient reason, and are retried at the next start."""
        return any(transfer.transient for transfer in self.transfers.values())


def _tables(text: str) -> tuple[dict[str, dict[str, Any]], list[int]]:
    """Return the records of a text by kind and key, and where damaged lines begin in it."""
    tables: dict[str, dict[str, Any]] = {kind: {} for kind in RECORD_TYPES}
    damaged = []
    for place, record in _lines(text):
        if isinstance(record, DamagedLineError):
            damaged.append(place)
        elif record is not None:
            tables[record.kind][record.key] = record
    return tables, damaged


def _lines(text: str) -> Iterator[tuple[int, Record | DamagedLineError | None]]:
    """Read a text line by line: where each begins, and its record, or None where it is not one."""
    # splitlines() splits at characters, too, that JSON leaves as they are. No list of lines is made, and what
    # is shorter than any record is passed over: a file may have a hundred million line ends.
    for line in _LINE.finditer(text):
        try:
            content = unseal(line[0])
            yield line.start(), RECORD_TYPES[content["kind"]].model_validate(content)
        except DamagedLineError as error:
            yield line.start(), error
        except (TimbrebenchError, KeyError, TypeError, ValidationError):
            yield line.start(), None  # cut off, or of another version: what it held is done again


def _number(text: str, place: int) -> int:
    """Return the number of the line that begins at a place of a text."""
    return text.count("\n", 0, place) + 1


def _own_tables(text: str, path: Path) -> dict[str, dict[str, Any]]:
    """Return the records of a run's file, and say what was lost of it."""
    tables, damaged = _tables(text)
    if damaged:
        log(
            f"{path}: {len(damaged)} damaged lines, the first is line {_number(text, damaged[0])}: "
            "what they held counts as missing, and `timbrebench run` makes it again"
        )
    return tables


def _view(tables: Mapping[str, dict[str, Any]]) -> Records:
    return Records(*(MappingProxyType(tables[kind]) for kind in RECORD_TYPES))


def read_records(path: Path) -> Records:
    """Read the records of a run, which several may do at a time, without the right to write there.

    A missing file has no records. Raises RunError if another process is adding to it, or it cannot be read.
    """
    try:
        with open_regular(path) as file:
            lock_records(file, path, exclusive=False)
            _refuse_large(file, path)
            # With "replace", since a line that was cut off may end within a character.
            return _view(_own_tables(file.read().decode(errors="replace"), path))
    except FileNotFoundError:
        return _view(_tables("")[0])
    except OSError as error:
        raise RunError(f"{path}: cannot be read ({error}): check who may read it") from error


def _refuse_large(file: IO[Any], path: Path) -> None:
    size = os.fstat(file.fileno()).st_size
    if size > _MAX_BYTES:
        raise RunError(f"{path}: has {size} bytes, more than the {_MAX_BYTES} that records may have")


class RecordsFile:
    """The file of a run's records, to add to it, made where missing. Use it as a context manager.

    One process at a time can hold it, and others cannot read it meanwhile. Raises RunError if another process
    holds it, and StorageError if it cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("a+", encoding="utf-8", errors="replace")
        except OSError as error:
            raise storage_error(path, error) from error
        try:
            lock_records(self._file, path, exclusive=True)
            _refuse_large(self._file, path)
        except RunError:
            self._file.close()
            raise
        self._file.seek(0)
        text = self._file.read()
        self._tables = _own_tables(text, path)
        if text and not text.endswith("\n"):
            self._file.write("\n")  # ends a line that was cut off, so that the next one is whole

    @property
    def records(self) -> Records:
        """A read-only view of all that the file holds, which shows what is added as well."""
        return _view(self._tables)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(OSError):  # what could not be written was reported when it was added
            self._file.close()

    def add(self, *records: Record) -> None:
        """Add records; they are on the disk when this returns."""
        try:
            self._file.write("".join(seal(record.model_dump_json()) + "\n" for record in records))
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as error:
            raise storage_error(self._path, error) from error
        for record in records:
            self._tables[record.kind][record.key] = record
