"""Files of notes that a list of recordings names: tables, MIDI files, JAMS."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from timbrebench.core.errors import DatasetError
from timbrebench.core.files import file_sha256, why_no_file
from timbrebench.datasets.importing.jams_notes import read_jams
from timbrebench.datasets.importing.recording_notes import (
    RecordingNotes,
    checked_notes,
    refuse_overlaps,
    refuse_unsorted,
)
from timbrebench.datasets.midi import read_midi
from timbrebench.datasets.note_tables import read_annotated


@dataclass(frozen=True)
class NoteFile:
    """A file of notes, `name` its path below the folder of the recordings."""

    name: str
    path: Path

    @property
    def is_required(self) -> bool:
        """Notes that a list names are meant to be used."""
        return True

    def digest(self) -> str:
        """Return the SHA-256 of the file."""
        return file_sha256(self.path)

    def read(self) -> RecordingNotes:
        """Read and check the notes. Raises CorpusError with the file and the row."""
        return _READERS[self.path.suffix.lower()](self.path)


def listed_file(name: str, path: Path, where: str) -> NoteFile:
    """Return the file of notes that a list names in the row `where`.

    Raises DatasetError if there is no such file, or it is of no kind that can be read.
    """
    if path.suffix.lower() not in _READERS:
        raise DatasetError(f"{where}: the notes {name!r} end in none of {', '.join(_READERS)}")
    if not path.is_file():
        raise DatasetError(f"{where}: the notes {name!r}: {why_no_file(path)}")
    return NoteFile(name, path)


def _read_table(path: Path) -> RecordingNotes:
    table = read_annotated(path)
    labels = pd.Index([f"row {number}" for number in table.index])
    notes = checked_notes(str(path), table.set_index(labels))
    refuse_unsorted(notes)
    refuse_overlaps(notes)
    return notes


def _read_midi(path: Path) -> RecordingNotes:
    """Read a MIDI file; where a key is struck again before it is let go, the strike ends the note before."""
    played = read_midi(path)
    rows = played.notes
    labels = [f"note {pitch} at {onset:g} s" for pitch, onset in zip(rows.pitch, rows.onset_s, strict=True)]
    notes = checked_notes(str(path), rows.drop(columns="octave_shift").set_index(pd.Index(labels)))
    return RecordingNotes(notes.name, notes.rows, played.repairs)


_READERS: dict[str, Callable[[Path], RecordingNotes]] = {
    **dict.fromkeys((".csv", ".tsv", ".txt"), _read_table),
    **dict.fromkeys((".mid", ".midi"), _read_midi),
    ".jams": read_jams,
}
