"""Notes that come with a recording: what they have to be like, and the table of notes that is made of them.

Pitches may lie between semitones, as those of singers do and those that were measured in hertz. A table of
notes holds the nearest semitone; by how much they deviate is kept beside it (:attr:`RecordingNotes.cents`).
Rows of one pitch and one onset are a unison, as in scores of two voices, and become one note. Everything else
that cannot have been played is refused with its row: what is cut by such notes would be judged by them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import chain
from typing import Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from timbrebench.audio.clips import Samples
from timbrebench.audio.loudness import rms
from timbrebench.core.errors import CorpusError
from timbrebench.datasets.note_tables import FREQUENCY, numbers, problems, without_length
from timbrebench.datasets.notes import SHORTEST_S, UNISON_S, notes_table

#: Velocity of notes of which none is known: what MIDI lets keyboards send that do not measure it.
UNKNOWN_VELOCITY = 64

#: Seconds by which two notes of one pitch may overlap: what times in tables are rounded to.
_TOUCH_S = 1e-3

#: Seconds by which the last notes may end after the recording: encoders drop or add part of a frame or two.
SLACK_S = 0.2

#: A recording may sound on behind its last note for so many seconds, or for this share of itself, whichever
#: is more: the room, the pedal, applause. What lies this many decibels under its loudest block, of so many
#: seconds, is not counted as sound.
_TAIL_S, _TAIL_SHARE, _TAIL_DB, _BLOCK_S = 5.0, 0.1, 30.0, 0.25

#: Notes from which their numbers give another unit away: whole numbers for hertz, and fractions of semitones
#: that would lie near semitones as hertz. By chance 0.4 % of files of 12 fractional pitches do, 6 % of 4.
_FEW, _FEW_FRACTIONAL = 4, 12

#: How many times as long as the recording notes have to be for another unit of time to be the likely cause.
_OTHER_UNIT = 20


@dataclass(frozen=True, eq=False)
class RecordingNotes:
    """Notes as they were handed in, each possible by itself.

    Attributes
    ----------
    name : str
        Of the file, for messages.
    rows : pandas.DataFrame
        ``onset_s, offset_s`` in seconds, ``pitch`` (MIDI number, may lie between semitones), ``velocity``;
        in the order of the file, indexed by what messages call a row.
    repairs : tuple of str
        What the file leaves open, and how it was read.
    """

    name: str
    rows: pd.DataFrame
    repairs: tuple[str, ...] = ()

    @property
    def semitones(self) -> NDArray[np.int64]:
        """The nearest MIDI number of each note."""
        return np.floor(self.rows.pitch.to_numpy() + 0.5).astype(np.int64)

    @property
    def cents(self) -> NDArray[np.float64]:
        """How far each note is from its semitone: from -50 to 50."""
        cents = 100.0 * (self.rows.pitch.to_numpy() - self.semitones)
        # Hertz come back with their last digits off, and -0 is not a deviation.
        return np.asarray(np.round(cents, 3) + 0.0, dtype=np.float64)


class NotesSource(Protocol):
    """Where the notes of a recording are."""

    @property
    def name(self) -> str:
        """What the piece is named after: recordings with notes of one name play one piece, note for note."""

    @property
    def is_required(self) -> bool:
        """Whether notes that cannot be used are an error; else the recording is imported without them."""

    def digest(self) -> str:
        """Return the SHA-256 of the notes."""

    def read(self) -> RecordingNotes:
        """Read and check them. Raises CorpusError with the file and the row."""


def checked_notes(name: str, table: pd.DataFrame) -> RecordingNotes:
    """Check every row of a table of notes by itself.

    Parameters
    ----------
    name : str
        Of the file, for messages.
    table : pandas.DataFrame
        ``onset_s``, ``offset_s``, ``pitch`` or ``frequency_hz``, and ``velocity`` if it is known, of any
        type; indexed by what messages call a row.

    Raises
    ------
    CorpusError
        If it is empty, or a row cannot be a note: a time that is not a number, before 0 or after its end, a
        pitch out of MIDI's range, or pitches in another unit than their column says.
    """
    if table.empty:
        raise CorpusError(f"{name}: holds no note")
    pitches = _pitches(name, table)
    rows = table.assign(pitch=pitches)
    if "velocity" not in rows:
        rows = rows.assign(velocity=UNKNOWN_VELOCITY)
    rounded = rows.assign(pitch=np.floor(pitches + 0.5))
    problem = next(chain(problems(rounded), without_length(rounded)), None)
    if problem is not None:
        place, what = problem
        raise CorpusError(f"{name}, {rows.index[place]}: {what}")
    onset, offset, velocity = (numbers(rows[column]) for column in ("onset_s", "offset_s", "velocity"))
    for place in np.flatnonzero(onset < 0)[:1]:
        raise CorpusError(
            f"{name}, {rows.index[place]}: onset_s is {onset[place]:g}: give seconds from the beginning of "
            "the recording"
        )
    columns = {"onset_s": onset, "offset_s": offset, "pitch": pitches, "velocity": velocity.astype(np.int64)}
    return RecordingNotes(name, pd.DataFrame(columns, index=rows.index))


def _pitches(name: str, table: pd.DataFrame) -> NDArray[np.float64]:
    """Return the pitches as MIDI numbers, between semitones where they lie there."""
    column = "pitch" if "pitch" in table else FREQUENCY
    values = numbers(table[column])
    if column == "pitch":
        pitches, what = (
            values,
            f"a MIDI number from 0 to 127, or name the column {FREQUENCY} if it is in hertz",
        )
    else:
        with np.errstate(divide="ignore", invalid="ignore"):
            pitches = _midi(values)
        what = "hertz, or name the column pitch if it holds MIDI numbers"
    for place in np.flatnonzero(~((pitches >= -0.5) & (pitches < 127.5)))[:1]:
        shown = table[column].iloc[place]
        raise CorpusError(f"{name}, {table.index[place]}: {column} is {str(shown)[:40]}: give {what}")
    _refuse_other_unit(name, column, values)
    return np.asarray(pitches, dtype=np.float64)


def _refuse_other_unit(name: str, column: str, values: NDArray[np.float64]) -> None:
    """Refuse low pitches in hertz among MIDI numbers, and MIDI numbers for hertz, as far as numbers tell."""
    if column == FREQUENCY:
        if len(values) >= _FEW and (values == np.rint(values)).all() and values.max() <= 127:
            raise CorpusError(
                f"{name}: {FREQUENCY} holds whole numbers up to {values.max():g}, which look like MIDI "
                "numbers: name the column pitch"
            )
        return
    off_semitones = np.abs(values - np.rint(values)).mean()
    if len(values) >= _FEW_FRACTIONAL and values.min() > 0 and off_semitones > 0:
        in_hertz = _midi(values)
        if 2 * np.abs(in_hertz - np.rint(in_hertz)).mean() < off_semitones:
            raise CorpusError(
                f"{name}: its pitches lie near semitones if they are hertz, and not if they are MIDI "
                f"numbers: name the column {FREQUENCY}, or round them to semitones"
            )


def _midi(hertz: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(69 + 12 * np.log2(hertz / 440), dtype=np.float64)


def refuse_unsorted(notes: RecordingNotes) -> None:
    """Raise CorpusError if a row begins before the one that stands before it."""
    onset = notes.rows.onset_s.to_numpy()
    for place in np.flatnonzero(np.diff(onset) < 0)[:1] + 1:
        raise CorpusError(
            f"{notes.name}, {notes.rows.index[place]}: onset_s is {onset[place]:g}, after one of "
            f"{onset[place - 1]:g}: sort the rows by onset_s, if they are the notes of one recording"
        )


def refuse_overlaps(notes: RecordingNotes) -> None:
    """Raise CorpusError if a note begins while another of its pitch sounds, other than in unison."""
    order, earlier, is_unison = _overlaps(notes)
    rows = notes.rows.iloc[order]
    for place in np.flatnonzero((earlier >= 0) & ~is_unison)[:1]:
        first, second = rows.iloc[earlier[place]], rows.iloc[place]
        raise CorpusError(
            f"{notes.name}, {rows.index[place]}: the note {second.pitch:g} begins at {second.onset_s:g} s, "
            f"while that of {rows.index[earlier[place]]} sounds until {first.offset_s:g} s: one pitch sounds "
            "once at a time"
        )


def overlapping_share(notes: RecordingNotes) -> float:
    """Return the share of the notes that begin while, or when, another of their pitch does; from 0 to 1."""
    _, earlier, _ = _overlaps(notes)
    return float((earlier >= 0).mean())


def _overlaps(notes: RecordingNotes) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.bool_]]:
    """Return the notes' order by pitch and onset, and for each in it the one that sounds as it begins, or -1.

    The last array is whether both begin together.
    """
    onset, offset = (notes.rows[name].to_numpy() for name in ("onset_s", "offset_s"))
    pitch = notes.semitones
    order = np.lexsort((offset, onset, pitch))
    earlier = np.full(len(order), -1, dtype=np.intp)
    is_unison = np.zeros(len(order), dtype=np.bool_)
    longest = 0  # the place in the order of the note of this pitch that sounds longest
    for place in range(1, len(order)):
        now, before = order[place], order[longest]
        if pitch[now] != pitch[before]:
            longest = place
            continue
        if onset[now] < offset[before] - _TOUCH_S:
            earlier[place] = longest
            is_unison[place] = onset[now] - onset[before] < UNISON_S
        if offset[now] >= offset[before]:
            longest = place
    return order, earlier, is_unison


def refuse_beyond(notes: RecordingNotes, length_s: float) -> None:
    """Raise CorpusError if a note begins or ends after the end of a recording of `length_s` seconds."""
    onset, offset = (notes.rows[name].to_numpy() for name in ("onset_s", "offset_s"))
    for place in np.flatnonzero((onset >= length_s) | (offset > length_s + SLACK_S))[:1]:
        column, value = ("onset_s", onset) if onset[place] >= length_s else ("offset_s", offset)
        advice = "are they the notes of this recording, and aligned with it?"
        if offset.max() > _OTHER_UNIT * length_s:
            advice = "give times in seconds, not in milliseconds, samples or ticks"
        raise CorpusError(
            f"{notes.name}, {notes.rows.index[place]}: {column} is {value[place]:g}, after the recording's "
            f"end at {length_s:.3f} s: {advice}"
        )


@dataclass
class Levels:
    """How loud a recording is, block by block, as its windows come."""

    sample_rate: int
    blocks: list[tuple[float, float]] = field(default_factory=list)

    def add(self, start_s: float, samples: Samples) -> None:
        """Add the whole blocks of a window that begins at `start_s` seconds."""
        size = round(_BLOCK_S * self.sample_rate)
        for first in range(0, len(samples) - size + 1, size):
            self.blocks.append((start_s + first / self.sample_rate, rms(samples[first : first + size])))

    @property
    def sounding_end_s(self) -> float:
        """The end of the last block that is not :data:`_TAIL_DB` under the loudest, in seconds."""
        loudest = max((level for _, level in self.blocks), default=0.0)
        sounding = [start for start, level in self.blocks if level > loudest * 10 ** (-_TAIL_DB / 20)]
        return max(sounding, default=0.0) + _BLOCK_S


def refuse_long_tail(notes: RecordingNotes, levels: Levels) -> None:
    """Raise CorpusError if a recording sounds on for long behind its last note."""
    last, end_s = int(notes.rows.offset_s.to_numpy().argmax()), levels.sounding_end_s
    last_s = float(notes.rows.offset_s.iloc[last])
    if end_s - last_s > max(_TAIL_S, _TAIL_SHARE * end_s):
        raise CorpusError(
            f"{notes.name}, {notes.rows.index[last]}: the last note ends at {last_s:.1f} s, and the "
            f"recording sounds until {end_s:.1f} s: are they the notes of this recording, in seconds? Cut "
            "off what has no notes, or list the clips that have some by their start_s"
        )


def settle(notes: RecordingNotes) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Make a dataset's table of notes, and say what of the notes it leaves out or changes.

    Raises CorpusError if every note is shorter than :data:`timbrebench.datasets.notes.SHORTEST_S`.
    """
    rows = notes.rows
    is_short = (rows.offset_s - rows.onset_s).to_numpy() < SHORTEST_S
    _, earlier, is_unison = _overlaps(notes)
    counts = {
        f"notes shorter than {SHORTEST_S:g} s, which are left out": int(is_short.sum()),
        "notes in unison with another, which are one note": int(is_unison.sum()),
        "notes that are struck while their pitch sounds, which end the one before": int(
            ((earlier >= 0) & ~is_unison).sum()
        ),
    }
    columns = (rows.onset_s, rows.offset_s, notes.semitones, rows.velocity)
    table = notes_table(list(zip(*(np.asarray(column).tolist() for column in columns), strict=True)))
    if table.empty:
        raise CorpusError(f"{notes.name}: every note is shorter than {SHORTEST_S:g} s: give times in seconds")
    return table, (*notes.repairs, *(f"{what}: {count}" for what, count in counts.items() if count))
