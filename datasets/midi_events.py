"""The events of Standard MIDI Files that decide when notes sound.

Written after the Standard MIDI File specification (RP-001) itself, since libraries have limits of their own:
pretty_midi takes tempo marks from the first track alone, drops notes that are never closed and refuses ten
million ticks; mido refuses chunks that are not tracks, and keys that do not exist; symusic drops unclosed
notes as well, and refuses time in frames and headers that are longer than usual. What does not bear on notes
(lyrics, controllers, system exclusive messages, other chunks) is skipped by its length, whatever it holds.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import NamedTuple

from timbrebench.core.errors import CorpusError

_HEADER, _CHUNK = struct.Struct(">HHh"), struct.Struct(">4sI")

#: Microseconds of a quarter note where no tempo is marked.
DEFAULT_TEMPO = 500_000

#: Frames a second of film and video, by the number that stands for them: 29 is 30 with frames dropped.
_FRAME_RATES = {24: 24.0, 25: 25.0, 29: 30_000 / 1001, 30: 30.0}

#: Numbers of variable length have four bytes at most.
_LONGEST_NUMBER = 4

#: Controllers that let all keys of a channel go: all sound off, all notes off, and the changes of mode.
_ALL_NOTES_OFF = frozenset((120, 123, 124, 125, 126, 127))

_TEMPO, _END_OF_TRACK = 0x51, 0x2F


class KeyEvent(NamedTuple):
    """A key that is struck or, with velocity 0, let go: channels from 0, programs and pitches 0 to 127.

    `program` is the one that the channel was last set to in the same track, 0 before.
    """

    tick: int
    channel: int
    program: int
    pitch: int
    velocity: int


@dataclass
class TrackEvents:
    """What a track holds, in its order.

    Attributes
    ----------
    keys : list of KeyEvent
        Keys struck and let go.
    releases : list of (int, int)
        Tick and channel where all keys of a channel are let go.
    tempi : list of (int, int)
        Tick and microseconds of a quarter note.
    end : int
        Tick of the last event.
    is_closed : bool
        Whether it says where it ends.
    """

    keys: list[KeyEvent] = field(default_factory=list)
    releases: list[tuple[int, int]] = field(default_factory=list)
    tempi: list[tuple[int, int]] = field(default_factory=list)
    end: int = 0
    is_closed: bool = False


@dataclass(frozen=True)
class MidiEvents:
    """What a file holds.

    Attributes
    ----------
    tracks : list of TrackEvents
        All tracks, which sound together.
    tick_scales : list of (int, float)
        From which tick on a tick lasts how many seconds, the first from tick 0; of several at one tick the
        last holds.
    tempo_marked : bool
        Whether the file states how fast it goes: a tempo other than 120 quarter notes a minute, which is what
        programs write for want of one, or time in frames.
    repairs : tuple of str
        What does not keep to the standard, and how it was read.
    """

    tracks: list[TrackEvents]
    tick_scales: list[tuple[int, float]]
    tempo_marked: bool
    repairs: tuple[str, ...]

    @property
    def last_tick(self) -> int:
        """The tick of the last event of all, which may lie far behind the last note."""
        return max((track.end for track in self.tracks), default=0)


def read_events(content: bytes) -> MidiEvents:
    """Read the events of a Standard MIDI File, of format 0 or 1, or of format 2 with one pattern that sounds.

    Parameters
    ----------
    content : bytes
        The file's bytes; they may be wrapped in RIFF, as ``.rmi`` files are.

    Returns
    -------
    MidiEvents
        Its events.

    Raises
    ------
    CorpusError
        If it is not MIDI, damaged, or several patterns of its own time each. Messages do not name the file.
    """
    content = _unwrapped(content)
    kind, stated, division, first = _header(content)
    tracks = _tracks(content, first)
    if len(tracks) < stated and any(not track.is_closed for track in tracks[-1:]):
        raise CorpusError(f"damaged: states {stated} tracks, and ends in track {len(tracks)}")
    repairs = [] if len(tracks) == stated else [f"states {stated} tracks and holds {len(tracks)}: all read"]
    if kind == 2 and len(tracks) > 1:
        tracks = [track for track in tracks if track.keys]
        if len(tracks) > 1:
            raise CorpusError(
                f"holds {len(tracks)} patterns that do not sound together (format 2): save each as a file"
            )
    if division < 0:
        return MidiEvents(tracks, [(0, _frame_scale(division))], True, tuple(repairs))
    if division == 0:
        raise CorpusError("damaged: a quarter note has 0 ticks, so that it counts time in nothing")
    outside = [number for number, track in enumerate(tracks, start=1) if track.tempi and number > 1]
    if outside:
        numbers = ", ".join(map(str, outside))
        repairs.append(f"tempo marks outside the first track, in track {numbers}: they hold for all tracks")
    scales = _tick_scales(tracks, division)
    marked = any(abs(60.0 / (scale * division) - 120) > 1e-3 for _, scale in scales)
    return MidiEvents(tracks, scales, marked, tuple(repairs))


def _unwrapped(content: bytes) -> bytes:
    """Take the MIDI file out of the RIFF file that it may be wrapped in."""
    if content[:4] == b"RIFF" and content[8:12] == b"RMID":
        return content[max(0, content.find(b"MThd")) :]
    return content


def _header(content: bytes) -> tuple[int, int, int, int]:
    """Return format, number of tracks, division, and where the header ends."""
    if len(content) < _CHUNK.size + _HEADER.size or not content.startswith(b"MThd"):
        raise CorpusError("no MIDI file: it does not begin with the header MThd")
    _, length = _CHUNK.unpack_from(content)
    if length < _HEADER.size:
        raise CorpusError(f"damaged: its header has {length} bytes, not {_HEADER.size}")
    kind, stated, division = _HEADER.unpack_from(content, _CHUNK.size)
    if kind > 2:
        raise CorpusError(f"of format {kind}: only 0, 1 and 2 exist")
    return kind, stated, division, _CHUNK.size + length


def _tracks(content: bytes, place: int) -> list[TrackEvents]:
    """Read all chunks that are tracks."""
    tracks: list[TrackEvents] = []
    while place + _CHUNK.size <= len(content):
        name, length = _CHUNK.unpack_from(content, place)
        place += _CHUNK.size
        if name == b"MTrk":
            number = len(tracks) + 1
            try:
                track = _read_track(content[place : place + length])
            except IndexError:
                raise CorpusError(f"damaged: track {number} ends in the middle of an event") from None
            except ValueError as error:
                raise CorpusError(f"damaged: in track {number}, {error}") from None
            if place + length > len(content) and not track.is_closed:
                missing = place + length - len(content)
                raise CorpusError(f"damaged: of track {number} the last {missing} bytes are missing")
            tracks.append(track)
        place += length
    return tracks


def _read_track(data: bytes) -> TrackEvents:
    """Read the events of a track up to its end; IndexError where the bytes end before."""
    track = TrackEvents()
    programs = [0] * 16
    place = tick = running = 0
    while place < len(data) and not track.is_closed:
        delta, place = _number(data, place)
        tick += delta
        status = data[place]
        if status < 0x80:  # the status of the event before goes on
            status = running
        else:
            place += 1
        if status < 0xF0:
            running = status
            place += _channel_event(track, programs, tick, status, data[place : place + 2])
        elif status == 0xFF:
            size, after = _number(data, place + 1)
            _meta_event(track, tick, data[place], data[after : after + size])
            place = after + size
        elif status in {0xF0, 0xF7}:
            size, after = _number(data, place)
            place = after + size
        elif status < 0xF8:
            raise ValueError(f"the status byte {status:#x} stands, which files do not have")
        if place > len(data):
            raise IndexError
    track.end = tick
    return track


def _channel_event(track: TrackEvents, programs: list[int], tick: int, status: int, data: bytes) -> int:
    """Enter the event of a channel, and return how many bytes of data it has."""
    kind, channel = status >> 4, status & 0x0F
    if kind < 0x8:
        raise ValueError("data stand where an event has to begin")
    size = 1 if kind in {0xC, 0xD} else 2
    if max(data[0], data[size - 1]) > 0x7F:
        raise ValueError(f"an event ({status:#x}) has data above 127")
    if kind == 0xC:
        programs[channel] = data[0]
    elif kind in {0x8, 0x9}:
        velocity = data[1] if kind == 0x9 else 0
        track.keys.append(KeyEvent(tick, channel, programs[channel], data[0], velocity))
    elif kind == 0xB and data[0] in _ALL_NOTES_OFF:
        track.releases.append((tick, channel))
    return size


def _meta_event(track: TrackEvents, tick: int, kind: int, data: bytes) -> None:
    if kind == _END_OF_TRACK:
        track.is_closed = True
    elif kind == _TEMPO:
        tempo = int.from_bytes(data[:3], "big")
        if len(data) < 3 or tempo == 0:
            raise ValueError("a tempo mark states no tempo")
        track.tempi.append((tick, tempo))


def _number(data: bytes, place: int) -> tuple[int, int]:
    """Read a number of variable length: seven bits of each byte, the last one below 128."""
    value = 0
    for after in range(place, place + _LONGEST_NUMBER):
        byte = data[after]
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, after + 1
    raise ValueError(f"a number has more than {_LONGEST_NUMBER} bytes")


def _frame_scale(division: int) -> float:
    """Return the seconds of a tick where time is counted in frames."""
    rate, ticks = _FRAME_RATES.get(-(division >> 8)), division & 0xFF
    if rate is None or not ticks:
        raise CorpusError(
            f"damaged: counts time in {ticks} ticks of each of {-(division >> 8)} frames a second: "
            "24, 25, 29 and 30 frames exist"
        )
    return 1 / (rate * ticks)


def _tick_scales(tracks: list[TrackEvents], division: int) -> list[tuple[int, float]]:
    """Return from which tick on a tick lasts how many seconds, by the tempo marks of all tracks."""
    scales = [(0, 60.0 / (6e7 / DEFAULT_TEMPO * division))]
    # Sorting keeps the order of the tracks for marks at the same tick.
    for tick, tempo in sorted((mark for track in tracks for mark in track.tempi), key=lambda mark: mark[0]):
        scale = 60.0 / (6e7 / tempo * division)
        if tick == 0:
            scales = [(0, scale)]
        elif scale != scales[-1][1]:
            scales.append((tick, scale))
    return scales
