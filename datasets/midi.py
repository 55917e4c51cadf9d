"""Read MIDI files of any origin: what is damaged or too large is refused with the reason.

Notes are what is struck and let go. Sustain pedals, pitch bends and all other controllers are left out, here
and where notes are played: a note ends where its key is let go and keeps its pitch, so that the notes are
what a rendering sounds. Program changes are left out as well: any instrument plays any note.
"""

from __future__ import annotations

import bisect
import contextlib
import io
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from timbrebench.core.errors import CorpusError
from timbrebench.datasets.midi_events import KeyEvent, MidiEvents, TrackEvents, read_events
from timbrebench.datasets.notes import drums_table, notes_table

# Where the variable CI is set, pyfluidsynth, which pretty_midi imports, prints that it has found its library.
# What a command prints for programs must not begin with that.
with contextlib.redirect_stdout(io.StringIO()):
    import pretty_midi

#: Maximum bytes of a file that is parsed. The longest pieces for piano have a tenth of that.
LARGEST_BYTES = 1 << 20

#: Maximum seconds of a piece, and of one note in it. A note that is held for ten minutes was never ended.
LONGEST_S, LONGEST_NOTE_S = 4 * 3600.0, 600.0

#: MIDI's channel of drums, counted from 0.
_DRUMS = 9


class Performance(NamedTuple):
    """What a MIDI file plays: the notes of all pitched tracks together, at least one, and its drums.

    Strokes of drums are those of all drum tracks (channel 10), whose keys stand for drums, not for pitches:
    no pitched instrument can play them. `tempo_marked` is whether the file states in any track how fast it
    goes, other than by MIDI's default of 120 quarter notes a minute. `repairs` says what of the notes the
    file leaves open, and how it was read; empty for almost all files.
    """

    notes: pd.DataFrame
    drums: pd.DataFrame
    tempo_marked: bool
    repairs: tuple[str, ...]


def read_midi(source: Path | bytes) -> Performance:
    """Read the notes of a MIDI file, given by its path or content, of at most :data:`LARGEST_BYTES`.

    Tempo marks count in whatever track they stand. A note is closed by the next release of its key in its
    track. One that never is ends where the same key is struck again, where another track or a message to
    the whole channel lets it go, or else with its track; :attr:`Performance.repairs` says how many. One whose
    release stands before it at the same tick, as some programs write grace notes, has no length and is left
    out, as all notes shorter than :data:`~timbrebench.datasets.notes.SHORTEST_S` are.

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
    if len(content) > LARGEST_BYTES:
        raise CorpusError(f"larger than {LARGEST_BYTES} bytes: no MIDI file of one piece is")
    events = read_events(content)
    closed, unclosed = _close(events.tracks)
    rows, strokes = (_rows(closed, events, drums=drums) for drums in (False, True))
    repairs = events.repairs
    if unclosed:
        repairs += (
            f"notes that are never closed in their track: {unclosed}; each ends where its key is struck or "
            "let go again, the channel is silenced, or the track ends",
        )
    _refuse_endless(rows)
    notes = notes_table(rows)
    if notes.empty:
        raise CorpusError("holds no pitched note")
    short = [row for row in strokes if row[0] <= LONGEST_S and row[1] - row[0] <= LONGEST_NOTE_S]
    return Performance(notes, drums_table(short), events.tempo_marked, repairs)


def program_name(program: int) -> str:
    """Return General MIDI's name of a program from 0 to 127: ``"Acoustic Grand Piano"``."""
    return str(pretty_midi.program_to_instrument_name(program))


class _Struck(NamedTuple):
    """A note in ticks."""

    start: int
    end: int
    key: KeyEvent


@dataclass
class _Track:
    """A track's notes by program and channel, and what is left over: open notes, releases of no note.

    `unclosed` counts pitched keys that are struck more often than let go, by how often.
    """

    closed: dict[tuple[int, int], list[_Struck]] = field(default_factory=dict)
    open: dict[tuple[int, int], list[KeyEvent]] = field(default_factory=dict)
    strays: list[KeyEvent] = field(default_factory=list)
    unclosed: int = 0


def _close(tracks: list[TrackEvents]) -> tuple[list[_Struck], int]:
    """Return all notes, and how many pitched ones are not closed by a release of their own.

    Of notes that are in all but velocity alike the first counts, so their order matters: by track, and then
    by instrument, as pretty_midi lists them.
    """
    paired = [_pair(track) for track in tracks]
    notes = [note for track in paired for own in track.closed.values() for note in own]
    # Another track may share the channel.
    releases: dict[tuple[int, int], list[int]] = defaultdict(list)
    for own in paired:
        for key in own.strays:
            releases[key.channel, key.pitch].append(key.tick)
    silences: dict[int, list[int]] = defaultdict(list)
    for track in tracks:
        for tick, channel in track.releases:
            silences[channel].append(tick)
    for ticks in (*releases.values(), *silences.values()):
        ticks.sort()
    closed = [
        _Struck(key.tick, end, key)
        for track, own in zip(tracks, paired, strict=True)
        for place, keys in own.open.items()
        for key, end in _ended(keys, releases[place], silences[place[0]], track.end)
    ]
    return [*notes, *closed], sum(own.unclosed for own in paired)


def _pair(track: TrackEvents) -> _Track:
    """Close each note by the next release of its key.

    A release closes all notes of the key that are open, but not one that is struck at the same tick, unless
    no other is open: then nothing sounds. What stays open although its key is let go as often as struck is a
    note of no length whose release stands before it.
    """
    paired = _Track()
    unreleased: Counter[tuple[int, int]] = Counter()
    for event in track.keys:
        place = event.channel, event.pitch
        unreleased[place] += 1 if event.velocity else -1
        if event.velocity:
            paired.open.setdefault(place, []).append(event)
            continue
        keys = paired.open.pop(place, None)
        if keys is None:
            paired.strays.append(event)
            continue
        earlier = [key for key in keys if key.tick != event.tick]
        if earlier:
            instrument = event.program, event.channel
            notes = [_Struck(key.tick, event.tick, key) for key in earlier]
            paired.closed.setdefault(instrument, []).extend(notes)
            if len(earlier) < len(keys):
                paired.open[place] = keys[len(earlier) :]
    paired.open = {
        place: keys[-min(len(keys), unreleased[place]) :]
        for place, keys in paired.open.items()
        if unreleased[place] > 0
    }
    paired.unclosed = sum(max(0, count) for (channel, _), count in unreleased.items() if channel != _DRUMS)
    return paired


def _ended(
    keys: list[KeyEvent], releases: list[int], silences: list[int], track_end: int
) -> Iterator[tuple[KeyEvent, int]]:
    """Return where notes of one key end that are open at the end of their track: key and tick."""
    for key, following in zip(keys, [*(key.tick for key in keys[1:]), track_end], strict=True):
        released = bisect.bisect_right(releases, key.tick)
        silenced = bisect.bisect_right(silences, key.tick)
        yield (
            key,
            min([following, *releases[released : released + 1], *silences[silenced : silenced + 1]]),
        )


def _rows(notes: list[_Struck], events: MidiEvents, *, drums: bool) -> list[tuple[float, float, int, int]]:
    """Return onset and offset in seconds, pitch and velocity of the notes of drums, or of all others."""
    own = [note for note in notes if (note.key.channel == _DRUMS) == drums]
    starts = np.array([tick for tick, _ in events.tick_scales])
    scales = np.array([scale for _, scale in events.tick_scales])
    times = np.concatenate([[0.0], np.cumsum(scales[:-1] * np.diff(starts))])
    ticks = np.array([(note.start, note.end) for note in own], dtype=np.int64).reshape(-1, 2)
    part = np.searchsorted(starts, ticks, side="right") - 1
    seconds = (times[part] + scales[part] * (ticks - starts[part])).tolist()
    return [
        (onset, offset, note.key.pitch, note.key.velocity)
        for (onset, offset), note in zip(seconds, own, strict=True)
    ]


def _refuse_endless(rows: list[tuple[float, float, int, int]]) -> None:
    for start, end, pitch, _ in rows:
        if start > LONGEST_S:
            raise CorpusError(f"a note begins after {start / 3600:.1f} hours: damaged, or no piece")
        if end - start > LONGEST_NOTE_S:
            raise CorpusError(
                f"the note {pitch} at {start:.1f} s lasts for {end - start:.0f} s: its end is missing"
            )
