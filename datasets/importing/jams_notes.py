"""Notes of JAMS files (Humphrey et al., "JAMS: A JSON Annotated Music Specification", ISMIR 2014).

They are JSON: a list of annotations, each with a namespace and its observations of time, duration and value,
as a list of objects or as an object of lists. Notes are those of the first of the namespaces
:data:`NAMESPACES` that the file has. All its annotations count, since GuitarSet has one for each string: one
pitch on two strings at once is one note here. Annotations of two people are refused, as all their notes would
be there twice. Namespaces of pitch that hold a contour, observations without duration, are not notes.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from timbrebench.core.documents import read_json
from timbrebench.core.errors import CorpusError
from timbrebench.datasets.importing.recording_notes import (
    RecordingNotes,
    checked_notes,
    overlapping_share,
    refuse_overlaps,
)
from timbrebench.datasets.note_tables import FREQUENCY

#: Namespaces that can hold notes, and the columns that their values are; the former of notes come first.
NAMESPACES = {"note_midi": "pitch", "note_hz": FREQUENCY, "pitch_midi": "pitch", "pitch_hz": FREQUENCY}

#: Share of the notes that begin while their pitch sounds from which on they are there twice.
_TWICE = 0.25


def read_jams(path: Path) -> RecordingNotes:
    """Read the notes of a file, sorted by onset, whatever order they have there.

    Raises CorpusError, which names the file and the observation, if it cannot be read, holds no notes, or
    what it holds cannot be one.
    """
    content = read_json(path, CorpusError)
    annotations = content.get("annotations")
    if not isinstance(annotations, list) or not all(isinstance(each, dict) for each in annotations):
        raise CorpusError(f"{path}: is not JAMS: it has no list of annotations")
    for namespace, column in NAMESPACES.items():
        own = [
            _table(path, annotation, number, column)
            for number, annotation in enumerate(annotations, start=1)
            if annotation.get("namespace") == namespace
        ]
        if not any(len(table) for table in own) or any(_is_contour(namespace, table) for table in own):
            continue
        return _together(path, namespace, [table for table in own if len(table)])
    held = sorted({str(annotation.get("namespace"))[:40] for annotation in annotations})
    raise CorpusError(
        f"{path}: holds no note: none of {', '.join(NAMESPACES)} has observations with durations, it has "
        f"{', '.join(held) or 'no annotation'}"
    )


def _together(path: Path, namespace: str, tables: list[pd.DataFrame]) -> RecordingNotes:
    for table in tables:
        refuse_overlaps(checked_notes(str(path), table))
    rows = pd.concat(tables).sort_values("onset_s", kind="stable")
    notes = checked_notes(str(path), rows)
    if len(tables) > 1 and overlapping_share(notes) > _TWICE:
        raise CorpusError(
            f"{path}: {len(tables)} annotations of {namespace} hold the same notes: keep one annotator's"
        )
    return notes


def _table(path: Path, annotation: Mapping[str, Any], number: int, column: str) -> pd.DataFrame:
    """Return the observations of an annotation as a table of notes, unchecked."""
    data = annotation.get("data")
    if isinstance(data, dict):
        fields = [data.get(name) for name in ("time", "duration", "value")]
        lists = [values for values in fields if isinstance(values, list)]
        if len(lists) < len(fields) or len({len(values) for values in lists}) > 1:
            raise CorpusError(
                f"{path}, annotation {number}: times, durations and values are not lists of one length"
            )
        rows = list(zip(*lists, strict=True))
    elif isinstance(data, list) and all(isinstance(each, dict) for each in data):
        rows = [(each.get("time"), each.get("duration"), each.get("value")) for each in data]
    else:
        raise CorpusError(f"{path}, annotation {number}: has no list of observations")
    cells = [[float(cell) if isinstance(cell, int | float) else np.nan for cell in row] for row in rows]
    table = pd.DataFrame(cells, columns=["onset_s", "duration_s", column], dtype=np.float64)
    labels = [f"annotation {number}, observation {place}" for place in range(1, len(rows) + 1)]
    return table.assign(offset_s=table.onset_s + table.duration_s).set_index(pd.Index(labels))


def _is_contour(namespace: str, table: pd.DataFrame) -> bool:
    return namespace.startswith("pitch") and bool((table.duration_s == 0).any())
