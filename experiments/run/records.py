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
from typing import IO, Annotated, Any, Literal, Self

from pydantic import AfterValidator, AliasChoices, BeforeValidator, Field, ValidationError, model_validator

from timbrebench.core.errors import RunError, TimbrebenchError
from timbrebench.core.files import open_regular, storage_error
from timbrebench.core.frozen_model import FrozenModel
from timbrebench.core.identifiers import RelativePath
from timbrebench.core.progress import log
from timbrebench.core.sealed_lines import DamagedLineError, seal, unseal
from timbrebench.experiments.run.records_lock import lock_records

Status = Literal["ok", "failed", "timeout", "skipped"]

#: Maximum length of a stored reason, in characters: what others' code raises may be of any length.
_LONGEST_REASON = 6000

#: Maximum bytes of a run's records. An output has some 8,000, so that this is a run of 65,000. Full of
#: what is not a record, it takes half a minute to read.
_MAX_BYTES = 1 << 29

#: Maximum lines of a submission that are not records. Those of another version, or without an end, are few.
_MAX_UNREADABLE = 100

#: A line that may be a record, whose key alone, a SHA-256, is as long.
_LINE = re.compile(r"[^\r\n]{64,}")


def _storable(reason: object) -> object:
    """Make a reason storable: replace unpaired surrogates, which file names may hold, and cut long ones."""
    if not isinstance(reason, str):
        return reason
    shown = reason.encode(errors="replace").decode()
    return shown if len(shown) <= _LONGEST_REASON else f"{shown[: _LONGEST_REASON - 1]}…"


Reason = Annotated[str, BeforeValidator(_storable)]

#: A share, and a value of an embedding: what a network of floats gives is far smaller.
Probability = Annotated[float, Field(ge=0, le=1 + 1e-3)]
Coordinate = Annotated[float, Field(ge=-1e9, le=1e9)]

#: A duration in seconds; a 0 in older files stands for what was not measured.
Seconds = Annotated[float | None, AfterValidator(lambda seconds: seconds or None)]


class Transfer(FrozenModel):
    """The outcome of a method on a pair.

    Attributes
    ----------
    key : str
        Fingerprint of method, version, parameters, pair and seed.
    label, pair_id : str
        For people; the key decides.
    seed : int
        Seed of the method's draws.
    status : {"ok", "failed", "timeout", "skipped"}
        Only "ok" has an output.
    reason : str
        Why there is no output; empty for "ok".
    seconds : float or None
        What the method took, reading and writing apart; None where it was not run, or its work was done
        elsewhere.
    peak_memory_mib : float or None
        Peak memory of the process in the meantime, libraries included; None where it cannot be known.
    output, output_sha256 : str
        Path relative to the run's folder, and the file's SHA-256; empty unless "ok".
    broke : dict of str to float
        The limit that it exceeded, by its name in the configuration; under a wider one it is retried.
    transient : bool
        Whether it is retried at the next start: its process was killed from outside, the disk was full, or
        something has to be installed first. Files of earlier versions call it ``passing``.
    """

    kind: Literal["transfer"] = "transfer"
    key: str
    label: str
    pair_id: str
    seed: int
    status: Status
    reason: Reason = ""
    seconds: Seconds = None
    peak_memory_mib: float | None = None
    output: RelativePath = ""
    output_sha256: str = ""
    broke: dict[str, float] = Field(default={})
    transient: bool = Field(default=False, validation_alias=AliasChoices("transient", "passing"))


class ScoreRecord(FrozenModel):
    """The score of an output by a metric.

    Attributes
    ----------
    key : str
        Fingerprint of the output's SHA-256, the pair, the metric, its version and, where it needs one, the
        judge.
    metric : str
        The metric's name.
    value : float or None
        None where it could not be computed.
    reason : str
        Why not; empty where there is a value.
    """

    kind: Literal["score"] = "score"
    key: str
    metric: str
    value: float | None
    reason: Reason = ""


class LearnedRecord(FrozenModel):
    """What a judge, or a method that holds networks, has learned.

    Attributes
    ----------
    key : str
        The judge's fingerprint, or the method's key.
    weights : tuple of str
        SHA-256 of the weights of each network
        (:func:`~timbrebench.classifier.fitting.weights_sha256`).
    clips : tuple of str
        SHA-256 of each clip that they have learned from.
    """

    kind: Literal["learned"] = "learned"
    key: str
    weights: tuple[str, ...]
    clips: tuple[str, ...]

    def shares(self, other: LearnedRecord) -> str:
        """Say what two have in common that they must not; empty where there is nothing."""
        if set(self.weights) & set(other.weights):
            return "holds a judge's own network"
        common = len(set(self.clips) & set(other.clips))
        return f"has learned from {common} clips that a judge learned from" if common else ""


class DependencyRecord(FrozenModel):
    """What a method's outputs, or an embedding, depended on, beside its parameters, when it was last run.

    It lets a run be read when the files behind it have changed since, or are gone.

    Attributes
    ----------
    key : str
        Fingerprint of the method or the embedding as configured.
    fingerprint : str
        What its :meth:`~timbrebench.transfer.contract.Method.fingerprint` was.
    problem : str
        Why the query failed, so that the method was not run; empty where it did not.
    """

    kind: Literal["dependency"] = "dependency"
    key: str
    fingerprint: str
    problem: Reason = ""


class PredictionRecord(FrozenModel):
    """The prediction of the style judge for a clip, which the scores of a whole set follow from.

    Attributes
    ----------
    key : str
        Fingerprint of the output's SHA-256 and the judge.
    probabilities : tuple of float
        Of each of the judge's labels, 0 to 1, their sum 1; empty where the judge had no answer.
    embedding : tuple of float
        What its last layer decides by, of any sign; empty as well.
    reason : str
        Why there is no prediction.
    """

    kind: Literal["impression"] = "impression"
    key: str
    probabilities: tuple[Probability, ...] = Field(default=(), max_length=10_000)
    embedding: tuple[Coordinate, ...] = Field(default=(), max_length=10_000)
    reason: Reason = ""

    @model_validator(mode="after")
    def _is_distribution(self) -> Self:
        if bool(self.probabilities) != bool(self.embedding):
            raise ValueError("a prediction has probabilities and an embedding, or neither")
        if self.probabilities and abs(sum(self.probabilities) - 1) > 1e-3:
            raise ValueError("the sum of the probabilities is not 1")
        return self


class EmbeddingRecord(FrozenModel):
    """A clip's embedding by a network of others, which Fréchet distances follow from.

    Attributes
    ----------
    key : str
        Fingerprint of the clip's SHA-256 and the embedding with its weights.
    embedding : tuple of float
        The vector; empty for a silent clip.
    reason : str
        Why not.
    """

    kind: Literal["embedding"] = "embedding"
    key: str
    embedding: tuple[Coordinate, ...] = Field(default=(), max_length=10_000)
    reason: Reason = ""

    @property
    def probabilities(self) -> tuple[Probability, ...]:
        """Of labels, which such a network does not know: none."""
        return ()


Record = Transfer | ScoreRecord | LearnedRecord | DependencyRecord | PredictionRecord | EmbeddingRecord

#: In the order of the fields of :class:`Records`.
_KINDS: dict[Any, type[Record]] = {
    "transfer": Transfer,
    "score": ScoreRecord,
    "learned": LearnedRecord,
    "dependency": DependencyRecord,
    "impression": PredictionRecord,
    "embedding": EmbeddingRecord,
}


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
        tables: dict[str, dict[str, Any]] = {kind: {} for kind in _KINDS}
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

    @property
    def has_retryable_failures(self) -> bool:
        """Whether transfers have failed for a transient reason, and are retried at the next start."""
        return any(transfer.transient for transfer in self.transfers.values())


def _tables(text: str) -> tuple[dict[str, dict[str, Any]], list[int]]:
    """Return the records of a text by kind and key, and where damaged lines begin in it."""
    tables: dict[str, dict[str, Any]] = {kind: {} for kind in _KINDS}
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
            yield line.start(), _KINDS[content["kind"]].model_validate(content)
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
    return Records(*(MappingProxyType(tables[kind]) for kind in _KINDS))


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
