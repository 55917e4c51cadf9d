"""The results of a run: a file of records to which lines are only ever added.

A record is one line of JSON. Transfers say what became of a method on a pair; scores say what a metric made
of the output. Both are found by a key that is the fingerprint of everything they depend on, so a result is
used again exactly as long as nothing behind it has changed. A line that was cut off when the process died is
passed over.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Annotated, Any, Literal, TextIO

from pydantic import (
    AfterValidator,
    AliasChoices,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
)

from timbrebench.core.errors import RunError
from timbrebench.core.files import storage_error

Status = Literal["ok", "failed", "timeout", "skipped"]

#: Characters of a reason that are kept: what others' code raises may be of any length.
_LONGEST_REASON = 6000


def _storable(reason: object) -> object:
    """Make a reason one that can be written: no half of a surrogate pair, as file names may hold, no book."""
    if not isinstance(reason, str):
        return reason
    shown = reason.encode(errors="replace").decode()
    return shown if len(shown) <= _LONGEST_REASON else f"{shown[: _LONGEST_REASON - 1]}…"


Reason = Annotated[str, BeforeValidator(_storable)]

#: Seconds that something took. Nothing takes none: a 0 in older files stands for what was not measured.
Seconds = Annotated[float | None, AfterValidator(lambda seconds: seconds or None)]


class Transfer(BaseModel):
    """What became of a method on a pair.

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
        Most memory that the process held in the meantime, libraries and all; None where it cannot be known.
    output, output_sha256 : str
        Path relative to the run's folder, and the file's SHA-256; empty unless "ok".
    broke : dict of str to float
        The limit that it exceeded, by its name in the configuration; under a wider one it is retried.
    transient : bool
        Whether it is retried at the next start: its process was killed from outside, the disk was full, or
        something has to be installed first. Files of earlier versions call it ``passing``.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["transfer"] = "transfer"
    key: str
    label: str
    pair_id: str
    seed: int
    status: Status
    reason: Reason = ""
    seconds: Seconds = None
    peak_memory_mib: float | None = None
    output: str = ""
    output_sha256: str = ""
    broke: dict[str, float] = {}
    transient: bool = Field(default=False, validation_alias=AliasChoices("transient", "passing"))


class ScoreRecord(BaseModel):
    """What a metric made of an output.

    Attributes
    ----------
    key : str
        Fingerprint of the output's SHA-256, the pair, the metric, its version and, where it asks one, the
        judge.
    metric : str
        The metric's name.
    value : float or None
        None where it could not be computed.
    reason : str
        Why not; empty where there is a value.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["score"] = "score"
    key: str
    metric: str
    value: float | None
    reason: Reason = ""


class LearnedRecord(BaseModel):
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

    model_config = ConfigDict(extra="forbid", frozen=True)

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


class DependencyRecord(BaseModel):
    """What a method's outputs depended on, beside its parameters, when it was last run.

    It lets a run be read when the files behind a method have changed since, or are gone.

    Attributes
    ----------
    key : str
        Fingerprint of the method as configured.
    fingerprint : str
        What its :meth:`~timbrebench.transfer.contract.Method.fingerprint` was.
    problem : str
        Why it could not be told, and the method not be run; empty where it could.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["dependency"] = "dependency"
    key: str
    fingerprint: str
    problem: Reason = ""


class ImpressionRecord(BaseModel):
    """What the style judge made of an output: what the scores of a whole set are computed from.

    Attributes
    ----------
    key : str
        Fingerprint of the output's SHA-256 and the judge.
    probabilities : tuple of float
        Of each of the judge's labels; empty where the judge had no answer.
    embedding : tuple of float
        What its last layer decides by; empty as well.
    reason : str
        Why there is none.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["impression"] = "impression"
    key: str
    probabilities: tuple[float, ...] = ()
    embedding: tuple[float, ...] = ()
    reason: Reason = ""


Record = Transfer | ScoreRecord | LearnedRecord | DependencyRecord | ImpressionRecord


class Store:
    """The records of a run. Use it as a context manager; one process at a time can hold it to add to it.

    Parameters
    ----------
    path : pathlib.Path
        The file; it is made where missing.
    read_only : bool, default False
        Whether nothing is to be added. The file is then left as it is, or missing, and several may read it
        at a time, without the right to write there.

    Raises
    ------
    RunError
        If another process holds it.
    """

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        self._path, self._read_only = path, read_only
        self._file: TextIO | None = None
        self._records: dict[str, Record] = {}

    def __enter__(self) -> Store:
        self._file = self._open()
        if self._file is None:
            return self
        try:
            fcntl.flock(self._file, (fcntl.LOCK_SH if self._read_only else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except OSError as error:
            self._file.close()
            raise RunError(
                f"{self._path.parent}: another run is at work in this folder: wait or stop it"
            ) from error
        self._file.seek(0)
        text = self._file.read()
        self._records = {record.key: record for record in _parse(text)}
        if text and not text.endswith("\n") and not self._read_only:
            self._file.write("\n")  # ends a line that was cut off, so that the next one is whole
        return self

    def _open(self) -> TextIO | None:
        """Open the file; one that is missing and only to be read is none."""
        # With "replace", since a line that was cut off may end within a character.
        if self._read_only:
            try:
                return self._path.open(encoding="utf-8", errors="replace")
            except FileNotFoundError:
                return None
            except OSError as error:
                raise RunError(f"{self._path}: cannot be read ({error}): check who may read it") from error
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            return self._path.open("a+", encoding="utf-8", errors="replace")
        except OSError as error:
            raise storage_error(self._path, error) from error

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            with suppress(OSError):  # what could not be written was told when it was added
                self._file.close()

    @property
    def has_retryable_failures(self) -> bool:
        """Whether transfers have failed for a transient reason, and are retried at the next start."""
        return any(isinstance(record, Transfer) and record.transient for record in self._records.values())

    def transfer(self, key: str) -> Transfer | None:
        """Return the transfer with this key, if it was made."""
        record = self._records.get(key)
        return record if isinstance(record, Transfer) else None

    def score(self, key: str) -> ScoreRecord | None:
        """Return the score with this key, if it was made."""
        record = self._records.get(key)
        return record if isinstance(record, ScoreRecord) else None

    def impression(self, key: str) -> ImpressionRecord | None:
        """Return what the judge made of an output, by the key of both, if it was asked."""
        record = self._records.get(key)
        return record if isinstance(record, ImpressionRecord) else None

    def learned(self, key: str) -> LearnedRecord | None:
        """Return what the judge or method with this key has learned, if it was recorded."""
        record = self._records.get(key)
        return record if isinstance(record, LearnedRecord) else None

    def dependency(self, key: str) -> DependencyRecord | None:
        """Return what the method with this key, as configured, was last run with, if it was recorded."""
        record = self._records.get(key)
        return record if isinstance(record, DependencyRecord) else None

    def add(self, *records: Record) -> None:
        """Add records; they are on the disk when this returns."""
        if self._file is None or self._read_only:
            raise RunError(f"{self._path}: the store is not open for adding to it")
        try:
            self._file.write("".join(record.model_dump_json() + "\n" for record in records))
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as error:
            raise storage_error(self._path, error) from error
        self._records.update({record.key: record for record in records})


def _parse(text: str) -> Iterator[Record]:
    kinds: dict[Any, type[Record]] = {
        "transfer": Transfer,
        "score": ScoreRecord,
        "learned": LearnedRecord,
        "dependency": DependencyRecord,
        "impression": ImpressionRecord,
    }
    for line in text.split("\n"):  # splitlines() splits at characters, too, that JSON leaves as they are
        try:
            content = json.loads(line)
            yield kinds[content["kind"]].model_validate(content)
        except (ValueError, KeyError, TypeError, ValidationError):
            continue  # cut off, or of another version: what it held is done again
