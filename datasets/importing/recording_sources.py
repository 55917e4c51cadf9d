"""Find recordings and their labels: by folders, in a table, by the paths themselves."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Any

from timbrebench.core.errors import DatasetError, UnknownNameError
from timbrebench.core.files import file_sha256, why_no_folder
from timbrebench.core.folders import files_below, is_visible
from timbrebench.core.progress import log
from timbrebench.core.tables import read_text_csv
from timbrebench.datasets.importing.import_configuration import PatternSource, SubfolderSource, TableSource
from timbrebench.datasets.importing.note_files import listed_file
from timbrebench.datasets.importing.recording_notes import NotesSource
from timbrebench.datasets.rendering.dataset_configuration import SPLITS, Shares

#: Extensions of what lies beside audio in folders of recordings. All else is tried, and listed as failed
#: where it is not audio.
NOT_AUDIO = frozenset(
    (
        *(".bib", ".cfg", ".csv", ".doc", ".docx", ".gif", ".htm", ".html", ".ini", ".jams", ".jpeg", ".jpg"),
        *(".json", ".lab", ".log", ".md", ".mid", ".midi", ".mxl", ".pdf", ".png", ".py", ".rst", ".rtf"),
        *(".svf", ".svg", ".svl", ".tex", ".toml", ".tsv", ".txt", ".xls", ".xlsx", ".xml", ".yaml", ".yml"),
    )
)

#: How many files that are left out are named.
_SHOWN = 5

_NEEDED, _OPTIONAL = ("path", "label"), ("piece", "group", "start_s", "split", "notes")


@dataclass(frozen=True)
class RecordingEntry:
    """What is known of a recording, or of one clip in it, before it is opened.

    `source` is its name in the manifest and in ``failures.csv``: its path below the folder. Several labels
    are separated by ``|``; empty if there is none. What has the same `piece` stays in one split. The clip
    begins at `start_s`, None for a whole recording. `split` is the one that was asked for, empty where it
    follows from the piece. `notes` is where those of the whole recording are, None where they are not known.
    """

    source: str
    path: Path
    label: str
    piece: str
    start_s: float | None = None
    split: str = ""
    notes: NotesSource | None = None


@dataclass(frozen=True)
class ListedRecording:
    """A file, and what is to be cut out of it: the whole, or clips in the order of their starts."""

    source: str
    path: Path
    entries: tuple[RecordingEntry, ...]

    @property
    def notes(self) -> NotesSource | None:
        """Where its notes are, None where they are not known."""
        return self.entries[0].notes


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
    names, others = _audio_names(root, failures)
    if isinstance(source, TableSource):
        entries = list(_from_table(root, Path(source.table)))
        notes = {entry.notes.name for entry in entries if entry.notes is not None}
        _log_others(root, [name for name in others if name not in notes])
        unlisted = len(set(names) - {entry.source for entry in entries})
        if unlisted:
            log(f"{source.table} does not list {unlisted} of {len(names)} files in {root}: they are left out")
        tables = [{"name": Path(source.table).name, "sha256": file_sha256(Path(source.table))}]
        return Listing(entries, failures, tables)
    _log_others(root, others)
    if isinstance(source, PatternSource):
        pattern = re.compile(source.pattern)
        return Listing([_from_pattern(root, name, pattern) for name in names], failures)
    return Listing([_from_subfolder(root, name) for name in names], failures)


def gather(listing: Listing, shares: Shares) -> list[ListedRecording]:
    """Put together what is cut out of one file, and find the split of each piece; sorted by the files' names.

    What has no label is added to the listing's failures. Raises DatasetError if a clip is listed twice, a
    piece is wanted in two splits, a recording has two files of notes, or notes are those of two pieces.
    """
    splits = _splits(listing.entries, shares)
    _refuse_two_pieces(listing.entries)
    together: dict[str, list[RecordingEntry]] = {}
    for entry in listing.entries:
        if not entry.label:
            listing.failures.setdefault(entry.source, "has no label")
            continue
        together.setdefault(entry.source, []).append(replace(entry, split=splits[entry.piece]))
    recordings = []
    for source, entries in sorted(together.items()):
        starts = [None if entry.start_s is None else round(entry.start_s * 1000) for entry in entries]
        if len(set(starts)) < len(starts) or (None in starts and len(starts) > 1):
            raise DatasetError(
                f"{source} is listed more than once: give each row a start_s of its own, and several labels "
                "in one row, separated by |"
            )
        names = sorted({"" if entry.notes is None else entry.notes.name for entry in entries})
        if len(names) > 1:
            raise DatasetError(
                f"{source} is listed with the notes {' and '.join(map(repr, names))}: give each of its rows "
                "the same"
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


def _refuse_two_pieces(entries: Iterable[RecordingEntry]) -> None:
    """Refuse notes that are listed as those of two pieces, which could go to both sides of a split."""
    pieces: dict[str, str] = {}
    for entry in entries:
        if entry.notes is None:
            continue
        if (first := pieces.setdefault(entry.notes.name, entry.piece)) != entry.piece:
            raise DatasetError(
                f"the notes {entry.notes.name} are listed as those of the pieces {first!r} and "
                f"{entry.piece!r}: recordings of the same notes are one piece"
            )


def _audio_names(root: Path, failures: dict[str, str]) -> tuple[list[str], list[str]]:
    """List the files below a folder that may be audio, as sorted paths with ``/`` between their parts.

    The second list is of those that are not, by their names.
    """
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
    return names, others


def _log_others(root: Path, others: list[str]) -> None:
    if others:
        more = f" and {len(others) - _SHOWN} more" if len(others) > _SHOWN else ""
        log(f"{root}: left out, not an audio extension: {', '.join(sorted(others)[:_SHOWN])}{more}")


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
    name = _below(root, row["path"], where)
    notes = None
    if row.get("notes"):
        notes_name = _below(root, row["notes"], where)
        notes = listed_file(notes_name, root / notes_name, where)
    split = row.get("split", "")
    if split and split not in SPLITS:
        raise UnknownNameError(f"split in {where}:", split, SPLITS)
    piece = row.get("piece") or row.get("group") or (name if notes is None else notes.name)
    start = _start(row.get("start_s", ""), where)
    return RecordingEntry(name, root / name, row["label"], piece, start, split, notes)


def _below(root: Path, name: str, where: str) -> str:
    """Return a path below the folder with ``/`` between its parts; raise DatasetError for others."""
    path = PurePosixPath(name)
    if not name or path.is_absolute() or ".." in path.parts:
        raise DatasetError(f"{where}: {name!r} is not a path below {root}")
    return path.as_posix()


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
