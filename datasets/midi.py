"""Read MIDI files of any origin: what is damaged or too large is refused with the reason.

Parsers of MIDI trust their input: a time written with a million bytes keeps them busy for hours, and notes
that never end make music of days. So files are looked over before they are parsed, and their notes
afterwards. What lies too many ticks away is refused by pretty_midi itself.
"""

from __future__ import annotations

import contextlib
import io
import re
import struct
import warnings
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from timbrebench.core.errors import CorpusError
from timbrebench.datasets.notes import drums_table, notes_table

# Where the variable CI is set, pyfluidsynth, which pretty_midi imports, prints that it has found its library.
# What a command prints for programs must not begin with that.
with contextlib.redirect_stdout(io.StringIO()):
    import pretty_midi

#: Maximum bytes of a file that is parsed. The longest pieces for piano have a tenth of that.
LARGEST_BYTES = 1 << 20

#: Maximum seconds of a piece, and of one note in it. A note that is held for ten minutes was never ended.
LONGEST_S, LONGEST_NOTE_S = 4 * 3600.0, 600.0

#: Bytes with the highest bit set continue a number: so many of them are neither a number that a file means
#: nor a word of any language, and each doubles the work of the one before.
_ENDLESS_NUMBER = re.compile(rb"[\x80-\xff]{1024}")

#: Where the header states how many ticks a quarter note has.
_DIVISION = struct.Struct(">4s8xh")


class Performance(NamedTuple):
    """What a MIDI file plays: the notes of all pitched tracks together, at least one, and its drums.

    Strokes of drums are those of all drum tracks (channel 10), whose keys stand for drums, not for pitches:
    no pitched instrument can play them. `tempo_marked` is whether the file states a tempo other than MIDI's
    default of 120 quarter notes a minute.
    """

    notes: pd.DataFrame
    drums: pd.DataFrame
    tempo_marked: bool


def read_midi(source: Path | bytes) -> Performance:
    """Read the notes of a MIDI file, given by its path or content, of at most :data:`LARGEST_BYTES`.

    Raises CorpusError, which names the file, if it cannot be parsed, holds no pitched note, or one that
    begins after :data:`LONGEST_S` or lasts longer than :data:`LONGEST_NOTE_S`. Strokes of drums that do are
    left out.
    """
    try:
        return parse_midi(read_content(source) if isinstance(source, Path) else source)
    except CorpusError as error:
        name = str(source) if isinstance(source, Path) else "MIDI data"
        raise CorpusError(f"{name}: {error}") from error


def read_content(path: Path) -> bytes:
    """Return the bytes of a file, as far as it is worth while to read them.

    Raises CorpusError if it cannot be read.
    """
    try:
        with path.open("rb") as file:
            return file.read(LARGEST_BYTES + 1)
    except OSError as error:
        raise CorpusError(f"cannot be read ({error.strerror})") from error


def parse_midi(content: bytes) -> Performance:
    """Do what :func:`read_midi` does with the content of a file; messages do not name it."""
    _look_over(content)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # pretty_midi warns of tempo events outside the first track
            midi = pretty_midi.PrettyMIDI(io.BytesIO(content))
            _, tempi = midi.get_tempo_changes()
    except Exception as error:  # parsers of binary formats fail in many ways; all mean the same here
        raise CorpusError(f"cannot be read as MIDI ({type(error).__name__}: {error})") from error
    rows = _rows(midi, drums=False)
    _refuse_endless(rows)
    notes = notes_table(rows)
    if notes.empty:
        raise CorpusError("holds no pitched note")
    strokes = [
        row for row in _rows(midi, drums=True) if row[0] <= LONGEST_S and row[1] - row[0] <= LONGEST_NOTE_S
    ]
    tempo_marked = bool(len(tempi)) and any(abs(tempo - 120) > 1e-3 for tempo in tempi)
    return Performance(notes, drums_table(strokes), tempo_marked)


def program_name(program: int) -> str:
    """Return General MIDI's name of a program from 0 to 127: ``"Acoustic Grand Piano"``."""
    return str(pretty_midi.program_to_instrument_name(program))


def _rows(midi: pretty_midi.PrettyMIDI, *, drums: bool) -> list[tuple[float, float, int, int]]:
    return [
        (note.start, note.end, note.pitch, note.velocity)
        for track in midi.instruments
        if track.is_drum == drums
        for note in track.notes
    ]


def _look_over(content: bytes) -> None:
    """Refuse what would keep the parser busy, or make it divide by zero."""
    if len(content) > LARGEST_BYTES:
        raise CorpusError(f"larger than {LARGEST_BYTES} bytes: no MIDI file of one piece is")
    if len(content) < _DIVISION.size or not content.startswith(b"MThd"):
        raise CorpusError("no MIDI file: it does not begin with the header MThd")
    _, division = _DIVISION.unpack_from(content)
    if division <= 0:
        raise CorpusError(
            "it counts time in frames of film, or not at all: only quarter notes are understood"
        )
    if _ENDLESS_NUMBER.search(content):
        raise CorpusError("damaged: a number in it has more than a thousand digits")


def _refuse_endless(rows: list[tuple[float, float, int, int]]) -> None:
    for start, end, pitch, _ in rows:
        if start > LONGEST_S:
            raise CorpusError(f"a note begins after {start / 3600:.1f} hours: damaged, or no piece")
        if end - start > LONGEST_NOTE_S:
            raise CorpusError(
                f"the note {pitch} at {start:.1f} s lasts for {end - start:.0f} s: its end is missing"
            )
