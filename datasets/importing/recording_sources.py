"""Find recordings and their labels: by folders, in a table, by the paths themselves."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from timbrebench.core.errors import DatasetError, UnknownNameError
from timbrebench.core.files import file_sha256, why_no_folder
from timbrebench.core.folders import files_below, is_visible
from timbrebench.core.progress import log
from timbrebench.core.tables import read_text_csv
from timbrebench.datasets.importing.import_configuration import PatternSource, SubfolderSource, TableSource
from timbrebench.datasets.rendering.dataset_configuration import SPLITS, Shares

#: Extensions of what lies beside audio in folders of recordings. All else is tried, and listed as failed
#: where it is not audio.
NOT_AUDIO = frozenset(
    (
        *(".bib", ".cfg", ".csv", ".doc", ".docx", ".gif", ".htm", ".html", ".ini", ".jpeg", ".jpg", ".json"),
        *(".lab", ".log", ".md", ".mid", ".midi", ".mxl", ".pdf", ".png", ".py", ".rst", ".rtf", ".svf"),
        *(".svg", ".svl", ".tex", ".toml", ".tsv", ".txt", ".xls", ".xlsx", ".xml", ".yaml", ".yml"),
    )
)

#: How many files that are left out are named.
_SHOWN = 5

_NEEDED, _OPTIONAL = ("path", "label"), ("piece", "group", "start_s", "split")


@dataclass(frozen=True)
class RecordingEntry:
    """What is known of a recording, or of one clip in it, before it is opened.

    `source` is its name in the manifest and in ``failures.csv``: its path below the folder. Several labels
    are separated by ``|``; empty if there is none. What has the same `piece` stays in one split. The clip
    begins at `start_s`, None for a whole recording. `split` is the one that was asked for, empty where it
    follows from the piece.
    """

    source: str
    path: Path
    label: str
    piece: str
    start_s: float | None = None
    split: str = ""


@dataclass(frozen=True)
class ListedRecording:
    """A file, and what is to be cut out of it: the whole, or clips in the order of their starts."""

    source: str
    path: Path
    entries: tuple[RecordingEntry, ...]


@dataclass(frozen=True)
class Listing:
    """All recordings of a source, and why files cannot be used, by their names.

    `sources` is what a dataset's description says of where they came from: ``name``, and what else is known.
    """

    entries: list[RecordingEntry]
    failures: dict[str, str]
    sources: list[dict[str, Any]] = field(default_factory=list)


def list_folder(source: SubfolderSource | PatternSource | TableSource) -> Listing:
    """List a folder's recordings with their labels; no audio is read.

    Raises DatasetError if the folder or the table is missing, or the table cannot be read, and
    UnknownNameError if the table names a split that does not exist.
    """
    root = Path(source.path)
    if not root.is_dir():
        raise DatasetError(f"{root}: {why_no_folder(root)}: name the folder of the recordings")
    failures: dict[str, str] = {}
    names = _audio_names(root, failures)
    if isinstance(source, TableSource):
        entries = list(_from_table(root, Path(source.table)))
        unlisted = len(set(names) - {entry.source for entry in entries})
        if unlisted:
            log(f"{source.table} does not list {unlisted} of {len(names)} files in {root}: they are left out")
        tables = [{"name": Path(source.table).name, "sha256": file_sha256(Path(source.table))}]
        return Listing(entries, failures, tables)
    if isinstance(source, PatternSource):
        pattern = re.compile(source.pattern)
        return Listing([_from_pattern(root, name, pattern) for name in names], failures)
    return Listing([_from_subfolder(root, name) for name in names], failures)


def gather(listing: Listing, shares: Shares) -> list[ListedRecording]:
    """Put together what is cut out of one file, and find the split of each piece; sorted by the files' names.

    What has no label is added to the listing's failures. Raises DatasetError if a clip is listed twice, or a
    piece is wanted in two splits.
    """
    splits = _splits(listing.entries, shares)
    together: dict[str, list[RecordingEntry]] = {}
    for entry in listing.entries:
        if not entry.label:
            listing.failures.setdefault(entry.source, "has no label")
            continue
        placed = RecordingEntry(
            entry.source, entry.path, entry.label, entry.piece, entry.start_s, splits[entry.piece]
        )
        together.setdefault(entry.source, []).append(placed)
    recordings = []
    for source, entries in sorted(together.items()):
        starts = [None if entry.start_s is None else round(entry.start_s * 1000) for entry in entries]
        if len(set(starts)) < len(starts) or (None in starts and len(starts) > 1):
            raise DatasetError(
                f"{source} is listed more than once: give each row a start_s of its own, and several labels "
                "in one row, separated by |"
            )
        entries.sort(key=lambda entry: entry.start_s or 0.0)
        recordings.append(ListedRecording(source, entries[0].path, tuple(entries)))
    return recordings


def _splits(entries: Iterable[RecordingEntry], shares: Shares) -> dict[str, str]:
    """Return the split of each piece: the one that was asked for, else the one that follows from its name."""
    asked: dict[str, str] = {}
    for entry in entries:
        if entry.split and asked.setdefault(entry.piece, entry.split) != entry.split:
            raise DatasetError(
                f"the piece {entry.piece!r} is wanted in the splits {asked[entry.piece]} and {entry.split}: "
                "a piece is in one split with all its clips"
            )
    return {entry.piece: asked.get(entry.piece) or shares.split_of(entry.piece) for entry in entries}


def _audio_names(root: Path, failures: dict[str, str]) -> list[str]:
    """List the files below a folder that may be audio, as sorted paths with ``/`` between their parts."""
    names: list[str] = []
    others: list[str] = []
    for name in files_below(root, is_visible):
        path = PurePosixPath(name)
        if not is_visible(path.name):
            continue
        if path.suffix.lower() in NOT_AUDIO:
            others.append(name)
            continue
        try:
            name.encode()
        except UnicodeEncodeError:
            failures[os.fsencode(name).decode(errors="backslashreplace")] = "its name is not UTF-8"
            continue
        names.append(name)
    if others:
        more = f" and {len(others) - _SHOWN} more" if len(others) > _SHOWN else ""
        log(f"{root}: left out, not an audio extension: {', '.join(sorted(others)[:_SHOWN])}{more}")
    return names


def _from_subfolder(root: Path, name: str) -> RecordingEntry:
    first, *below = name.split("/")
    return RecordingEntry(name, root / name, first.strip() if below else "", name)


def _from_pattern(root: Path, name: str, pattern: re.Pattern[str]) -> RecordingEntry:
    match = pattern.search(name)
    groups = match.groupdict() if match else {}
    label, piece = (groups.get("label") or "").strip(), groups.get("piece") or name
    return RecordingEntry(name, root / name, label, piece)


def _from_table(root: Path, path: Path) -> Iterator[RecordingEntry]:
    table = read_text_csv(path, DatasetError)
    missing = [name for name in _NEEDED if name not in table]
    if missing:
        raise DatasetError(
            f"{path}: has no column {missing[0]!r} but {', '.join(map(str, table.columns))}: its rows are "
            f"path, label, and optionally {', '.join(_OPTIONAL)}"
        )
    if {"piece", "group"} <= set(table):
        raise DatasetError(
            f"{path}: has a column 'piece' and a column 'group', which mean the same: drop one"
        )
    unused = [str(name) for name in table if name not in (*_NEEDED, *_OPTIONAL)]
    if unused:
        log(f"{path}: the columns {', '.join(unused)} are not used")
    for number, row in enumerate(table.to_dict("records"), start=2):
        fields = {str(key): str(value).strip() for key, value in row.items()}
        yield _from_row(root, fields, f"{path}, row {number}")


def _from_row(root: Path, row: dict[str, str], where: str) -> RecordingEntry:
    name = PurePosixPath(row["path"])
    if not row["path"] or name.is_absolute() or ".." in name.parts:
        raise DatasetError(f"{where}: {row['path']!r} is not a path below {root}")
    split = row.get("split", "")
    if split and split not in SPLITS:
        raise UnknownNameError(f"split in {where}:", split, SPLITS)
    piece = row.get("piece") or row.get("group") or name.as_posix()
    start = _start(row.get("start_s", ""), where)
    return RecordingEntry(name.as_posix(), root / name, row["label"], piece, start, split)


def _start(text: str, where: str) -> float | None:
    if not text:
        return None
    try:
        start = float(text)
    except ValueError:
        start = -1.0
    if not 0 <= start < float("inf"):
        raise DatasetError(f"{where}: start_s is {text!r}: give seconds from the beginning, 0 or more")
    return start
