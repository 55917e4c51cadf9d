"""Notes: what is played, when, and how loud.

Notes are a table with the columns ``onset_s``, ``offset_s`` (seconds), ``pitch`` (MIDI number, 60 is
middle C), ``velocity`` (1 to 127) and ``octave_shift`` (octaves by which folding moved the note), sorted
by onset and pitch. No pitch is held by two notes at once.

Strokes of drums are a table of their own with the same columns, because they have no pitch: there ``pitch``
is the key that stands for a drum in General MIDI (36 is the bass drum), and nothing ever moves it. Only the
files of datasets that keep drums hold both, told apart by a further column ``drum``.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from timbrebench.core.errors import CorpusError
from timbrebench.core.tables import write_csv
from timbrebench.datasets.note_tables import read_table

COLUMNS = ("onset_s", "offset_s", "pitch", "velocity", "octave_shift")

#: The column that files have where drums are kept: 1 for a stroke, 0 for a note.
DRUM = "drum"

#: Notes shorter than this, in seconds, are dropped: they are grace notes that a score gives no duration.
#: Strokes of drums, which sequencers often write as short as they can, are lengthened to it instead.
SHORTEST_S = 0.02

#: Notes of one pitch whose onsets lie closer than this, in seconds, are one note played in unison.
UNISON_S = 0.01

#: Intervals of an n-gram: as many as a 64-bit number has bytes.
_N_INTERVALS = 8


def notes_table(rows: list[tuple[float, float, int, int]]) -> pd.DataFrame:
    """Make a table of notes from (onset, offset, pitch, velocity), free of unisons and overlaps.

    Times are rounded to 0.1 ms, so that a table survives being written and read.
    """
    return _without_overlaps(_table(rows))


def drums_table(rows: list[tuple[float, float, int, int]]) -> pd.DataFrame:
    """Make a table of strokes from (onset, offset, key, velocity), as :func:`notes_table` does of notes."""
    return settle_drums(_table(rows))


def settle_drums(drums: pd.DataFrame) -> pd.DataFrame:
    """Lengthen strokes to :data:`SHORTEST_S` and free them of unisons and overlaps, as after a new tempo."""
    lengthened = np.maximum(drums.offset_s, drums.onset_s + SHORTEST_S)
    return _without_overlaps(drums.assign(offset_s=lengthened), shortest_s=0.0)


def stretch(notes: pd.DataFrame, factor: float) -> pd.DataFrame:
    """Play the notes `factor` times as slowly."""
    return notes.assign(onset_s=notes.onset_s * factor, offset_s=notes.offset_s * factor)


def fold(notes: pd.DataFrame, lowest: int, highest: int) -> pd.DataFrame:
    """Move notes by octaves into a range of pitches.

    Parameters
    ----------
    notes : pandas.DataFrame
        A table of notes.
    lowest, highest : int
        First and last MIDI pitch of the range, at least an octave.

    Returns
    -------
    pandas.DataFrame
        The notes, with ``octave_shift`` for those that moved. Notes that fall on one already held are
        merged with it.

    Raises
    ------
    CorpusError
        If the range is narrower than an octave, so that some pitches have no place in it.
    """
    if highest - lowest < 11:
        raise CorpusError(f"the range from {lowest} to {highest} is narrower than an octave: widen it")
    up = -((notes.pitch - lowest).clip(upper=0) // 12)
    down = -((highest - notes.pitch).clip(upper=0) // 12)
    shift = up - down
    return _without_overlaps(
        notes.assign(pitch=notes.pitch + 12 * shift, octave_shift=notes.octave_shift + shift)
    )


def window(notes: pd.DataFrame, start_s: float, duration_s: float) -> pd.DataFrame:
    """Return the notes that sound in a window, with times relative to it and cut at its end.

    Parameters
    ----------
    notes : pandas.DataFrame
        A table of notes of a whole piece.
    start_s, duration_s : float
        The window in seconds.

    Returns
    -------
    pandas.DataFrame
        The notes; a negative onset is that of a note which sounds already when the window begins.
    """
    inside = notes[(notes.onset_s < start_s + duration_s) & (notes.offset_s > start_s)]
    return inside.assign(
        onset_s=(inside.onset_s - start_s).round(4),
        offset_s=(inside.offset_s - start_s).clip(upper=duration_s).round(4),
    ).reset_index(drop=True)


def interval_ngrams(notes: pd.DataFrame) -> NDArray[np.int64]:
    """Return the n-grams of eight intervals between successive notes, invariant to key and tempo.

    Notes follow one another by onset and, within a chord, from low to high.

    Parameters
    ----------
    notes : pandas.DataFrame
        A table of notes with pitches from 0 to 127.

    Returns
    -------
    numpy.ndarray, shape (ngrams,), int64
        Each n-gram once, in rising order: its eight intervals in semitones as the bytes of one number.
    """
    intervals = np.diff(notes.pitch.to_numpy()).astype(np.int8)
    if len(intervals) < _N_INTERVALS:
        return np.empty(0, dtype=np.int64)
    runs = np.lib.stride_tricks.sliding_window_view(intervals, _N_INTERVALS)
    return np.unique(np.ascontiguousarray(runs).view(np.int64))


def write_notes(path: Path, notes: pd.DataFrame, drums: pd.DataFrame | None = None) -> None:
    """Write a table of notes as CSV, times to 0.1 ms.

    Strokes of drums stand in the same file with the column :data:`DRUM`; without them there is no such
    column.
    """
    table = notes[list(COLUMNS)]
    if drums is not None:
        both = pd.concat([table.assign(drum=0), drums[list(COLUMNS)].assign(drum=1)])
        table = both.sort_values(["onset_s", DRUM, "pitch"], kind="stable")
    write_csv(path, table, "%.4f")


def read_notes(path: Path | str) -> pd.DataFrame:
    """Read the notes that :func:`write_notes` or anybody else wrote, without drums.

    Raises
    ------
    CorpusError
        As :func:`timbrebench.datasets.note_tables.read_table`.
    """
    table = read_table(Path(path))
    return table if DRUM not in table else _where(table, table[DRUM] == 0)


def read_drums(path: Path | str) -> pd.DataFrame:
    """Read the strokes of drums that :func:`write_notes` wrote; an empty table where there are none.

    Raises
    ------
    CorpusError
        As :func:`timbrebench.datasets.note_tables.read_table`.
    """
    table = read_table(Path(path))
    return table[:0] if DRUM not in table else _where(table, table[DRUM] != 0)


def _where(table: pd.DataFrame, rows: pd.Series[bool]) -> pd.DataFrame:
    return table[rows].drop(columns=DRUM).reset_index(drop=True)


def _table(rows: list[tuple[float, float, int, int]]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=list(COLUMNS[:4])).assign(octave_shift=0)


def _without_overlaps(table: pd.DataFrame, *, shortest_s: float = SHORTEST_S) -> pd.DataFrame:
    """Drop short notes, merge unisons and end each note where the next of its pitch begins."""
    # Arrays and lists: a build does this twice for each piece, and tables take some times as long.
    onset, offset = (table[name].to_numpy(dtype=np.float64) for name in COLUMNS[:2])
    long_enough = offset - onset >= shortest_s
    onset, offset = (np.round(times[long_enough], 4) for times in (onset, offset))
    pitch, velocity, shift = (table[name].to_numpy()[long_enough].astype(np.int64) for name in COLUMNS[2:])
    order = np.lexsort((offset, onset, pitch))
    onsets, offsets, pitches = (column[order].tolist() for column in (onset, offset, pitch))
    merged: list[int] = []
    for index, (start, key) in enumerate(zip(onsets, pitches, strict=True)):
        if merged and pitches[held := merged[-1]] == key:
            if start - onsets[held] < UNISON_S:
                offsets[held] = max(offsets[held], offsets[index])
                continue
            offsets[held] = min(offsets[held], start)
        merged.append(index)
    offset[order] = offsets
    rows = order[np.array(merged, dtype=np.intp)]
    rows = rows[np.lexsort((pitch[rows], onset[rows]))]
    columns = (onset, offset, pitch, velocity, shift)
    return pd.DataFrame({name: column[rows] for name, column in zip(COLUMNS, columns, strict=True)})
