"""AudioSet's tables of segments, in the form they were published in and in the one that is passed on.

The published files begin with three lines of comment and separate their fields by a comma and a space; copies
of them often have one plain header, ``YTID,start_seconds,end_seconds,positive_labels``, and no spaces. Times
are in seconds; a segment is known by its video and its start in whole milliseconds.
"""

from __future__ import annotations

import csv
import io
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.errors import ParserWarning

from timbrebench.core.errors import DatasetError
from timbrebench.core.files import open_regular

#: UTF-8 with or without the byte-order mark that spreadsheets write.
_ENCODING = "utf-8-sig"

_COLUMNS = ["ytid", "start_s", "end_s", "labels"]
_TYPES = {"ytid": "str", "start_s": "float64", "end_s": "float64", "labels": "str"}

#: Maximum seconds of a video, a week: what is live may run for days.
_LONGEST_S = 604_800.0

#: What identifies a video: it becomes part of paths, so nothing else may pass.
_IDENTIFIER = r"[A-Za-z0-9_-]{11}"


@dataclass(frozen=True)
class Segments:
    """Segments of videos with their labels.

    Attributes
    ----------
    table : pandas.DataFrame
        ``ytid`` (str), ``start_ms`` and ``end_ms`` (int, milliseconds) and ``labels`` (int, the index in
        `label_sets`), sorted by video and start, each pair of them once.
    label_sets : tuple of tuple of str
        The different sets of labels that segments have, as identifiers.
    """

    table: pd.DataFrame
    label_sets: tuple[tuple[str, ...], ...]

    def __len__(self) -> int:
        return len(self.table)


def read_segments(paths: Iterable[Path | str]) -> Segments:
    """Read tables of segments.

    Parameters
    ----------
    paths : iterable of path-like
        CSV files in either form. A segment that stands in several has all their labels.

    Returns
    -------
    Segments
        All of them.

    Raises
    ------
    DatasetError
        If a file cannot be read, or a row holds no identifier of a video, no interval or no label.
    """
    table = pd.concat([_read_one(Path(path)) for path in paths], ignore_index=True)
    table = table.sort_values(["ytid", "start_ms"], kind="stable", ignore_index=True)
    repeated = table.duplicated(["ytid", "start_ms"], keep=False)
    if repeated.any():
        merged = (
            table[repeated]
            .groupby(["ytid", "start_ms"], as_index=False, sort=True)
            .agg({"end_ms": "min", "labels": ",".join})
        )
        table = pd.concat([table[~repeated], merged], ignore_index=True)
        table = table.sort_values(["ytid", "start_ms"], kind="stable", ignore_index=True)
    codes, texts = pd.factorize(table["labels"])
    table["labels"] = codes.astype(np.int32)
    label_sets = tuple(tuple(dict.fromkeys(str(text).split(","))) for text in texts)
    return Segments(table, label_sets)


def _read_one(path: Path) -> pd.DataFrame:
    skipped = _lines_before_rows(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", ParserWarning)
            table = pd.read_csv(
                path,
                skiprows=skipped,
                names=_COLUMNS,
                dtype=_TYPES,
                skipinitialspace=True,
                keep_default_na=False,
                index_col=False,
                encoding=_ENCODING,
                comment="#",  # tables put together have comments in the middle
            )
    except (OSError, ValueError, ParserWarning) as error:
        raise DatasetError(
            f"{path}{_first_wrong(path, skipped)}: cannot be read as a table of segments ({error}): its rows "
            'are YTID, start_seconds, end_seconds, "label,label"'
        ) from error
    _refuse(
        path, skipped, table, ~table.ytid.str.fullmatch(_IDENTIFIER).to_numpy(bool), "no video's identifier"
    )
    times = table[["start_s", "end_s"]].to_numpy()
    proper = (times[:, 0] >= 0) & (times[:, 1] > times[:, 0]) & (times[:, 1] <= _LONGEST_S)
    _refuse(path, skipped, table, ~proper, "no interval")
    _refuse(path, skipped, table, ~table.labels.str.match(r"/[a-z]/").to_numpy(bool), "no label")
    for column in ("start", "end"):
        table[f"{column}_ms"] = np.round(table.pop(f"{column}_s").to_numpy() * 1000).astype(np.int64)
    return table[["ytid", "start_ms", "end_ms", "labels"]]


def _first_wrong(path: Path, skipped: int) -> str:
    """Name the first line that is not a row, and show it; empty where every line is one."""
    try:
        with io.TextIOWrapper(open_regular(path), encoding=_ENCODING, newline="") as file:
            rows = csv.reader(file, skipinitialspace=True)
            for number, cells in enumerate(rows, start=1):
                if number <= skipped or not cells or cells[0].startswith("#"):
                    continue
                if len(cells) != len(_COLUMNS) or not all(map(_is_number, cells[1:3])):
                    return f", line {rows.line_num}, which holds {', '.join(cells)[:100]!r}"
    except (OSError, UnicodeDecodeError, csv.Error):
        pass
    return ""


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _lines_before_rows(path: Path) -> int:
    """Count the lines of comment, the header, and empty lines before and between them."""
    try:
        with io.TextIOWrapper(open_regular(path), encoding=_ENCODING) as file:
            for count, line in enumerate(file):
                words = line.replace('"', "").replace(" ", "").casefold()
                if words.strip() and not words.startswith(("#", "ytid,")):
                    return count
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"{path}: cannot be read as a table of segments ({error})") from error
    raise DatasetError(f"{path}: holds no segments")


def _refuse(path: Path, skipped: int, table: pd.DataFrame, wrong: NDArray[np.bool_], what: str) -> None:
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        content = ", ".join(map(str, table.iloc[row]))
        raise DatasetError(f"{path}, line {skipped + row + 1}: holds {what}: {content}")
