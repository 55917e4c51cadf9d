"""Notes of the tracks of mirdata's datasets.

mirdata's ``NoteData`` holds intervals, pitches with their unit, and a confidence, which is a velocity where
the notes come from MIDI. Its notes of one pitch may overlap, as those of GuitarSet do that sound on two
strings; here a note ends where the next of its pitch begins.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from timbrebench.core.errors import ConfigurationError, CorpusError
from timbrebench.core.files import fingerprint
from timbrebench.datasets.importing.recording_notes import RecordingNotes, checked_notes
from timbrebench.datasets.note_tables import FREQUENCY

#: The attribute with the notes of a loader's tracks, as people wrote them down, checked them or played them.
#: Notes that a program has estimated (``notes_pyin``) are only used where they are named. vocadito has the
#: notes of two annotators: these are the first one's.
NOTES = {
    "cante100": "notes",
    "dagstuhl_choirset": "score",
    "dali": "notes",
    "egfxset": "midinote",
    "guitarset": "notes_all",
    "jtd": "midi",
    "maestro": "notes",
    "phenicx_anechoic": "notes",
    "slakh": "notes",
    "tonas": "notes",
    "vocadito": "notes_a1",
}


@dataclass(frozen=True, eq=False)
class TrackNotes:
    """The notes of a track, `name` the track's: a table of them, or why they could not be read."""

    name: str
    table: pd.DataFrame
    problem: str = ""

    @property
    def is_required(self) -> bool:
        """Whoever publishes a dataset vouches for its notes, not the one who imports it."""
        return False

    def digest(self) -> str:
        """Return the SHA-256 of the notes."""
        return fingerprint([self.problem, self.table.to_dict("split")["data"]])

    def read(self) -> RecordingNotes:
        """Check the notes. Raises CorpusError with the track and the note."""
        if self.problem:
            raise CorpusError(self.problem)
        return checked_notes(self.name, self.table)


def track_notes(name: str, attribute: str, value: Any) -> TrackNotes | None:  # noqa: ANN401 - no types
    """Return the notes that an attribute of a track holds; None where the track has none.

    Raises ConfigurationError if the attribute is not NoteData.
    """
    if value is None:
        return None
    if not all(hasattr(value, part) for part in ("intervals", "pitches", "to_mir_eval")):
        raise ConfigurationError(
            f"the attribute {attribute!r} is a {type(value).__name__}, not mirdata's NoteData: choose another"
        )
    try:
        intervals, hertz, _ = value.to_mir_eval()
    except NotImplementedError:  # of units that have no common measure
        units = f"times in {value.interval_unit}, pitches in {value.pitch_unit}"
        return TrackNotes(name, pd.DataFrame(), f"{name}: its notes have {units}")
    columns = {"onset_s": intervals[:, 0], "offset_s": intervals[:, 1], FREQUENCY: hertz}
    if value.confidence_unit == "velocity":
        columns["velocity"] = np.clip(np.rint(value.confidence), 1, 127)
    labels = pd.Index([f"note {number}" for number in range(1, len(hertz) + 1)])
    return TrackNotes(name, pd.DataFrame(columns, index=labels, dtype=np.float64))
