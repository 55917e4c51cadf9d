"""What the files of a dataset have to be like before anything is computed from them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, ValidationError

from timbrebench.core.errors import DatasetError, describe_validation, shown

#: Columns of the manifest that every dataset has.
MANIFEST_COLUMNS = (
    "clip_id",
    "path",
    "label",
    "piece",
    "instrument",
    "program",
    "soundfont",
    "start_s",
    "duration_s",
    "sample_rate",
    "split",
    "sha256",
)

#: Columns that hold names, whatever they look like; a dataset may lack the last three.
NAMES = (
    "clip_id",
    "path",
    "label",
    "piece",
    "instrument",
    "soundfont",
    "split",
    "sha256",
    "soundfont_family",
    "source_piece",
    "composer",
)

#: Those in which every clip has a name.
_NEEDED = ("clip_id", "path", "piece", "split", "sha256", "soundfont_family", "source_piece")

#: Ranges of the columns of numbers. Clips of the builders last a minute at most, at 192,000 Hz at most.
_RANGES = {
    "program": (-1.0, 127.0),
    "start_s": (0.0, 1e6),
    "duration_s": (1e-3, 36_000.0),
    "sample_rate": (1.0, 384_000.0),
}

#: Columns of whole numbers.
_WHOLE = ("program", "sample_rate")

#: Maximum samples of a clip, which are read at once: 1 GiB of them, or an hour and a half at 44,100 Hz.
_MAX_SAMPLES = 1 << 28

#: Maximum bytes of a manifest. All of AudioSet, two million segments at 280 bytes, has 580 MB.
MANIFEST_BYTES = 1 << 30


class _Source(BaseModel):
    """What a dataset was made from; builders say more of it."""

    name: str


class _Description(BaseModel):
    """The content of ``dataset.json`` as far as something is computed from it; builders say more."""

    model_config = ConfigDict(extra="ignore", allow_inf_nan=False)

    builder: str = ""
    configuration: dict[str, Any] = {}
    sources: list[_Source] = []
    software: dict[str, str] = {}
    counts: dict[str, float | dict[str, float]] = {}
    files: dict[str, str] = {}
    pitch_range: list[int] = []


def checked_description(content: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """Return what the file `path` of a dataset's description holds, with what it lacks at its default.

    Raises DatasetError if something in it is of the wrong type.
    """
    try:
        _Description.model_validate(content)
    except ValidationError as error:
        raise DatasetError(
            f"{describe_validation(error, str(path), _Description.model_fields)}: build the dataset again"
        ) from error
    missing = {"builder": "unknown", "configuration": {}, "sources": [], "software": {}, "counts": {}}
    return {**missing, **content}


def checked_manifest(table: pd.DataFrame, path: Path) -> pd.DataFrame:
    """Return the manifest that the file `path` holds, with numbers where numbers have to be.

    Raises DatasetError, which names the row of the file, if a column is missing, or a value is missing, not a
    number, or out of its range.
    """
    missing = [column for column in MANIFEST_COLUMNS if column not in table]
    if missing:
        raise DatasetError(f"{path}: lacks the columns {', '.join(missing)}: build the dataset again")
    if "soundfont_family" not in table:
        table = table.assign(soundfont_family=table.soundfont)
    for column in _NEEDED:
        if column in table:
            _refuse(path, table, column, table[column].isna(), "is empty")
    for column, (lowest, highest) in _RANGES.items():
        numbers = pd.to_numeric(table[column], errors="coerce").astype("float64")
        problem = f"is not a number from {lowest:g} to {highest:g}"
        _refuse(path, table, column, ~numbers.between(lowest, highest), problem)
        if column in _WHOLE:
            _refuse(path, table, column, numbers != np.rint(numbers), "is not a whole number")
        whole = column in _WHOLE
        typed: pd.Series[Any] = numbers.astype("int64") if whole else numbers
        table = table.assign(**{column: typed}) if table[column].dtype != typed.dtype else table
    too_long = table.duration_s * table.sample_rate > _MAX_SAMPLES
    _refuse(path, table, "duration_s", too_long, f"is more than {_MAX_SAMPLES} samples")
    return table


def _refuse(path: Path, table: pd.DataFrame, column: str, wrong: pd.Series[bool], problem: str) -> None:
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        value = table[column].iloc[row]
        raise DatasetError(
            f"{path}, row {row + 2}: {column} {problem}: {shown(value)}: build the dataset again"
        )
