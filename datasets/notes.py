"""Notes: what is played, when, and how loud.

Notes are a table with the columns ``onset_s``, ``offset_s`` (seconds), ``pitch`` (MIDI number, 60 is
middle C), ``velocity`` (1 to 127) and ``octave_shift`` (octaves by which folding moved the note), sorted
by onset and pitch. No pitch is held by two notes at once.
"""

from __future__ import annotations

import io
import warnings
from pathlib import Path

import pandas as pd
import pretty_midi

from timbrebench.audio.errors import CorpusError
from timbrebench.audio.storage import write_text

COLUMNS = ("onset_s", "offset_s", "pitch", "velocity", "octave_shift")

#: Notes shorter than this, in seconds, are dropped: they are grace notes that a score gives no duration.
SHORTEST_S = 0.02

#: Notes of one pitch whose onsets lie closer than this, in seconds, are one note played in unison.
UNISON_S = 0.01


def notes_table(rows: list[tuple[float, float, int, int]]) -> pd.DataFrame:
    """Make a table of notes from (onset, offset, pitch, velocity), free of unisons and overlaps.

    Times are rounded to 0.1 ms, so that a table survives being written and read.
    """
    table = pd.DataFrame(rows, columns=list(COLUMNS[:4]))
    table["octave_shift"] = 0
    return _without_overlaps(table)


def read_midi(source: Path | bytes) -> tuple[pd.DataFrame, bool]:
    """Read the pitched notes of a MIDI file.

    Parameters
    ----------
    source : pathlib.Path or bytes
        A MIDI file or its content. Drum tracks are left out.

    Returns
    -------
    notes : pandas.DataFrame
        The notes of all tracks together.
    tempo_marked : bool
        Whether the file states a tempo other than MIDI's default of 120 quarter notes a minute.

    Raises
    ------
    CorpusError
        If the file cannot be parsed or holds no note.
    """
    name = str(source) if isinstance(source, Path) else "MIDI data"
    try:
        content = source.read_bytes() if isinstance(source, Path) else source
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # pretty_midi warns of tempo events outside the first track
            midi = pretty_midi.PrettyMIDI(io.BytesIO(content))
    except Exception as error:  # parsers of binary formats fail in many ways; all mean the same here
        raise CorpusError(f"{name}: cannot be read as MIDI ({type(error).__name__}: {error})") from error
    notes = notes_table(
        [
            (note.start, note.end, note.pitch, note.velocity)
            for track in midi.instruments
            if not track.is_drum
            for note in track.notes
        ]
    )
    if notes.empty:
        raise CorpusError(f"{name}: holds no pitched note")
    _, tempi = midi.get_tempo_changes()
    return notes, bool(len(tempi)) and any(abs(tempo - 120) > 1e-3 for tempo in tempi)


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


def melodic_turns(notes: pd.DataFrame) -> frozenset[tuple[int, ...]]:
    """Return the runs of eight intervals between successive notes, which a piece keeps in any key and tempo.

    Notes follow one another by onset and, within a chord, from low to high. Intervals are in semitones.
    """
    intervals = notes.pitch.diff().dropna().astype(int).tolist()
    return frozenset(tuple(intervals[start : start + 8]) for start in range(len(intervals) - 7))


def write_notes(path: Path, notes: pd.DataFrame) -> None:
    """Write a table of notes as CSV, times to 0.1 ms."""
    write_text(path, notes[list(COLUMNS)].to_csv(index=False, float_format="%.4f", lineterminator="\n"))


def read_notes(path: Path) -> pd.DataFrame:
    """Read what :func:`write_notes` wrote.

    Raises
    ------
    CorpusError
        If the file is missing, or a column is.
    """
    try:
        notes = pd.read_csv(path)
    except (OSError, ValueError) as error:
        raise CorpusError(f"{path}: cannot be read as a table of notes ({error})") from error
    missing = [name for name in COLUMNS[:4] if name not in notes]
    if missing:
        raise CorpusError(f"{path}: a table of notes needs the columns {', '.join(missing)}")
    return notes


def _without_overlaps(table: pd.DataFrame) -> pd.DataFrame:
    """Merge unisons and end each note where the next of its pitch begins."""
    table = table[table.offset_s - table.onset_s >= SHORTEST_S].round({"onset_s": 4, "offset_s": 4})
    kept: list[dict[str, float]] = []
    for _, same_pitch in table.sort_values(["pitch", "onset_s", "offset_s"]).groupby("pitch"):
        held: dict[str, float] | None = None
        for row in same_pitch.to_dict("records"):
            if held is not None and row["onset_s"] - held["onset_s"] < UNISON_S:
                held["offset_s"] = max(held["offset_s"], row["offset_s"])
                continue
            if held is not None:
                held["offset_s"] = min(held["offset_s"], row["onset_s"])
            held = {str(name): value for name, value in row.items()}
            kept.append(held)
    merged = pd.DataFrame(kept, columns=list(COLUMNS))
    merged = merged.astype({"pitch": int, "velocity": int, "octave_shift": int})
    return merged.sort_values(["onset_s", "pitch"], ignore_index=True)
