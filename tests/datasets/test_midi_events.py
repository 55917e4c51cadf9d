"""Files that keep to the standard, or nearly, where libraries do not: written byte by byte."""

import io
import struct

import mido
import numpy as np
import pretty_midi
import pytest

from timbrebench.core.errors import CorpusError
from timbrebench.datasets.midi import LARGEST_BYTES, parse_midi
from timbrebench.datasets.notes import drums_table, notes_table

TICKS = 480
END = b"\x00\xff\x2f\x00"


def number(value):
    """A number of variable length."""
    digits = [value & 0x7F]
    while value := value >> 7:
        digits.append(0x80 | value & 0x7F)
    return bytes(reversed(digits))


def chunk(name, data, length=None):
    return struct.pack(">4sI", name, len(data) if length is None else length) + data


def track(*events, end=END):
    """A track of (delta, bytes)."""
    return chunk(b"MTrk", b"".join(number(delta) + data for delta, data in events) + end)


def midi(*chunks, kind=1, division=TICKS, tracks=None):
    count = sum(part.startswith(b"MTrk") for part in chunks) if tracks is None else tracks
    return chunk(b"MThd", struct.pack(">HHh", kind, count, division)) + b"".join(chunks)


def tempo(bpm):
    return b"\xff\x51\x03" + round(6e7 / bpm).to_bytes(3, "big")


def on(pitch, velocity=90, channel=0):
    return bytes([0x90 | channel, pitch, velocity])


def off(pitch, channel=0):
    return bytes([0x80 | channel, pitch, 64])


def beats(*pitches, channel=0):
    """One note each quarter."""
    return [
        event for pitch in pitches for event in ((0, on(pitch, 90, channel)), (TICKS, off(pitch, channel)))
    ]


SCALE = beats(60, 62, 64, 65)


def rows(content):
    return parse_midi(content).notes[["onset_s", "offset_s", "pitch"]].to_numpy().round(4).tolist()


def steps(seconds, *pitches):
    return [[round(i * seconds, 4), round((i + 1) * seconds, 4), pitch] for i, pitch in enumerate(pitches)]


@pytest.mark.parametrize("place", range(3))
def test_a_tempo_holds_for_all_tracks_wherever_it_stands(place):
    tracks = [[], SCALE, beats(48, 50)]
    tracks[place] = [(0, tempo(60)), *tracks[place]]
    played = parse_midi(midi(*(track(*events) for events in tracks)))
    assert played.tempo_marked
    assert played.notes.offset_s.max() == 4.0
    assert [f"track {place + 1}" in text for text in played.repairs] == [True] * (place > 0)


def test_tempo_marks_of_several_tracks_are_one_map():
    """60 for two quarters, then 120, and 30 for the last."""
    first = track((0, tempo(60)), (3 * TICKS, tempo(30)))
    content = midi(first, track((2 * TICKS, tempo(120))), track(*SCALE))
    assert [row[:2] for row in rows(content)] == [[0, 1], [1, 2], [2, 2.5], [2.5, 4.5]]


def test_only_a_file_without_any_tempo_has_none():
    assert not parse_midi(midi(track(*SCALE))).tempo_marked
    assert not parse_midi(midi(track((0, tempo(120)), *SCALE))).tempo_marked
    assert parse_midi(midi(track(*SCALE), track((TICKS, tempo(90))))).tempo_marked


@pytest.mark.parametrize(
    ("events", "expected", "repaired"),
    [
        pytest.param(
            [(0, on(60)), (TICKS, on(62)), (TICKS, off(62)), (TICKS, off(72))],
            [[0, 1.5, 60], [0.5, 1, 62]],
            1,
            id="open at the end",
        ),
        pytest.param(
            [(0, on(60)), (TICKS, on(60)), (TICKS, on(62)), (TICKS, off(62))],
            [[0, 0.5, 60], [0.5, 1.5, 60], [1, 1.5, 62]],
            2,
            id="struck again",
        ),
        pytest.param(
            [(0, on(60)), (0, on(64)), (TICKS, b"\xb0\x7b\x00"), (TICKS, on(62)), (TICKS, off(62))],
            [[0, 0.5, 60], [0, 0.5, 64], [1, 1.5, 62]],
            2,
            id="all notes off",
        ),
        pytest.param(
            [(0, on(60)), (0, on(60, channel=1)), (TICKS, off(60)), (TICKS, off(60, channel=1))],
            [[0, 1, 60]],
            0,
            id="one key on two channels",
        ),
        pytest.param(
            [(0, on(60)), (TICKS, on(60)), (TICKS, off(60)), (TICKS, off(60))],
            [[0, 0.5, 60], [0.5, 1, 60]],
            0,
            id="overlapping",
        ),
        pytest.param(
            [(0, on(60)), (TICKS, b"\x3c\x00"), (0, b"\x3e\x40"), (TICKS, b"\x3e\x00")],
            steps(0.5, 60, 62),
            0,
            id="running status, velocity 0",
        ),
        pytest.param(
            [(0, on(60)), (TICKS, b"\xff\x01\x02hm"), (0, b"\xf0\x03\x01\x02\xf7"), (0, b"\x3c\x00")],
            [[0, 0.5, 60]],
            0,
            id="running status across messages",
        ),
        pytest.param(
            [(0, on(60)), (10, b"\xf7\x03\xf3\x80\xff"), (TICKS - 10, off(60))],
            [[0, 0.5, 60]],
            0,
            id="escaped bytes",
        ),
        pytest.param(
            [(0, b"\xff\x59\x02\x63\x07"), (0, b"\xff\x58\x01\x04"), *beats(60)],
            [[0, 0.5, 60]],
            0,
            id="a key and a metre that do not exist",
        ),
        pytest.param(
            [(0, b"\xc0\x05"), *beats(60), (0, b"\xc0\x28"), *beats(62), (0, b"\xe0\x00\x60"), *beats(64)],
            steps(0.5, 60, 62, 64),
            0,
            id="programs and bends within a track",
        ),
        pytest.param(
            [(0, off(60)), (0, on(60)), *beats(62), (0, off(64)), (0, on(64)), *beats(64)],
            [[0, 0.5, 62], [0.5, 1, 64]],
            0,
            id="no length, released before it is struck",
        ),
        pytest.param(
            [(0, b"\xff\x7f" + number(300) + bytes(300)), *beats(60)], [[0, 0.5, 60]], 0, id="private"
        ),
    ],
)
def test_notes_are_read_as_they_sound(events, expected, repaired):
    content = midi(track(*events))
    assert rows(content) == expected
    assert [f": {repaired};" in text for text in parse_midi(content).repairs] == [True] * bool(repaired)


def test_of_64_notes_none_vanishes():
    """18 are never closed: nine are struck again, of nine nothing more comes."""
    events = [event for step in range(32) for event in beats(40 + step)]
    events += [(TICKS // 4, on(40 + step % 9)) for step in range(18)]
    events += [*beats(*range(80, 94)), (TICKS, b"\xff\x01\x00")]
    played = parse_midi(midi(track(*events)))
    assert len(played.notes) == 64
    assert ": 18;" in played.repairs[0]
    assert (played.notes.offset_s > played.notes.onset_s).all()


def test_a_track_may_close_the_notes_of_another():
    content = midi(track((0, on(60)), (4 * TICKS, on(62)), (TICKS, off(62))), track((TICKS, off(60))))
    assert rows(content)[0] == [0, 0.5, 60]


def test_strokes_that_are_never_closed_are_kept_and_are_no_repair():
    kit = [
        (0, on(36, channel=9)),
        (TICKS, on(38, channel=9)),
        (TICKS, on(36, channel=9)),
        (TICKS, b"\xff\x01\x00"),
    ]
    played = parse_midi(midi(track(*SCALE), track(*kit)))
    assert played.drums.pitch.tolist() == [36, 38, 36]
    assert played.repairs == ()
    assert set(played.notes.pitch) == {60, 62, 64, 65}


@pytest.mark.parametrize(("frames", "rate"), [(24, 24.0), (25, 25.0), (29, 29.97), (30, 30.0)])
def test_time_may_be_counted_in_frames(frames, rate):
    """Tempo marks then say nothing of time."""
    content = midi(track((0, tempo(47)), *SCALE), division=-frames << 8 | 40)
    assert [row[1] for row in rows(content)] == pytest.approx(
        [TICKS * beat / (40 * rate) for beat in range(1, 5)], abs=1e-3
    )
    assert parse_midi(content).tempo_marked


@pytest.mark.parametrize("division", [0, -1, -25 << 8, -23 << 8 | 40])
def test_a_division_that_counts_nothing_is_refused(division):
    with pytest.raises(CorpusError, match="counts time"):
        parse_midi(midi(track(*SCALE), division=division))


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(
            midi(chunk(b"XFIH", b"abc"), track(*SCALE), chunk(b"junk", b"\x00" * 9)), id="other chunks"
        ),
        pytest.param(midi(track(*SCALE)) + b"\x00\x00\x00", id="bytes behind the last track"),
        pytest.param(midi(track(*SCALE), kind=0), id="format 0"),
        pytest.param(midi(track(*SCALE), track(), kind=2), id="format 2, one pattern that sounds"),
        pytest.param(midi(track(*SCALE, end=b"")), id="no end of track"),
        pytest.param(midi(track(*SCALE, end=number(9_000_000) + END[1:])), id="ends in hours"),
        pytest.param(midi(track(*SCALE, (30_000_000, tempo(90)))), id="a mark millions of ticks away"),
        pytest.param(
            chunk(b"MThd", struct.pack(">HHh", 1, 1, TICKS) + b"more") + track(*SCALE), id="a longer header"
        ),
        pytest.param(
            b"RIFF" + struct.pack("<I", 200) + b"RMIDdata" + struct.pack("<I", 180) + midi(track(*SCALE)),
            id="RIFF",
        ),
        pytest.param(
            midi(chunk(b"MTrk", track(*SCALE)[8:], length=0xFFFFFFFF)),
            id="a length that a stream did not know",
        ),
    ],
)
def test_files_that_hold_more_or_less_than_usual_are_read_whole(content):
    assert rows(content) == steps(0.5, 60, 62, 64, 65)
    assert parse_midi(content).repairs == ()


@pytest.mark.parametrize("stated", [0, 1, 3, 40])
def test_another_number_of_tracks_than_stated_is_read_and_said(stated):
    played = parse_midi(midi(track(*beats(60, 62)), track(*beats(48, 50)), tracks=stated))
    assert len(played.notes) == 4
    assert played.repairs == (f"states {stated} tracks and holds 2: all read",)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        pytest.param(b"", "no MIDI file", id="empty"),
        pytest.param(midi(), "no pitched note", id="no track"),
        pytest.param(midi(track()), "no pitched note", id="an empty track"),
        pytest.param(midi(track(*beats(36, channel=9))), "no pitched note", id="drums alone"),
        pytest.param(midi(track(*SCALE), kind=3), "format 3", id="format 3"),
        pytest.param(midi(track(*SCALE), track(*SCALE), kind=2), "2 patterns", id="two patterns"),
        pytest.param(midi(track(*SCALE))[:-9], "of track 1 the last 9 bytes", id="cut off"),
        pytest.param(midi(track(*SCALE))[:-6], "middle of an event", id="cut off in an event"),
        pytest.param(
            midi(track(*SCALE), track(*SCALE, end=b""), tracks=3), "ends in track 2", id="tracks missing"
        ),
        pytest.param(midi(track((0, b"\x3c\x40"))), "data stand", id="data first"),
        pytest.param(midi(track((0, b"\x90\x3c\x90"))), "above 127", id="data above 127"),
        pytest.param(midi(track((0, b"\xf4"), *SCALE)), "0xf4", id="a status that does not exist"),
        pytest.param(midi(track((0, b"\xff\x51\x03\x00\x00\x00"), *SCALE)), "no tempo", id="tempo 0"),
        pytest.param(
            midi(track((0, b"\xff\x01\xff\xff\xff\x7f"))), "middle of an event", id="a text too long"
        ),
        pytest.param(
            midi(track((0, on(60)), end=b"\xff" * 5 + b"\x7f")), "more than 4 bytes", id="a long number"
        ),
        pytest.param(midi(track((0, on(60)), (1_200_000, off(60)))), "its end is missing", id="never closed"),
    ],
)
def test_what_cannot_be_read_says_why(content, reason):
    with pytest.raises(CorpusError, match=reason):
        parse_midi(content)


def test_as_many_messages_as_fit_take_little():
    """All of them end notes of all keys, and none is worth more than its bytes."""
    silence = [(0, b"\xb0\x7b\x00")] + [(1, b"\x7b\x00")] * (LARGEST_BYTES // 3 - 2000)
    assert len(rows(midi(track(*SCALE, (0, on(70)), *silence)))) == 4


def test_what_pretty_midi_reads_rightly_is_read_alike():
    """The same seconds to the last digit, and of doubled notes the same velocities."""
    generator = np.random.default_rng(0)
    file = mido.MidiFile(ticks_per_beat=97)
    for channel in (0, 3, 9):
        messages, held = [], []
        for _ in range(300):
            delta = int(generator.integers(0, 90))
            if held and generator.random() < 0.5:
                messages.append(mido.Message("note_off", channel=channel, note=held.pop(), time=delta))
            elif (pitch := int(generator.integers(48, 72))) not in held:
                velocity = int(generator.integers(1, 128))
                held.append(pitch)
                messages.append(
                    mido.Message("note_on", channel=channel, note=pitch, velocity=velocity, time=delta)
                )
            if channel == 0:
                messages.append(mido.MetaMessage("set_tempo", tempo=int(generator.integers(3e5, 9e5))))
        messages += [mido.Message("note_off", channel=channel, note=pitch, time=1) for pitch in held]
        file.tracks.append(mido.MidiTrack(messages))
    buffer = io.BytesIO()
    file.save(file=buffer)
    library = pretty_midi.PrettyMIDI(io.BytesIO(buffer.getvalue()))
    played = parse_midi(buffer.getvalue())
    for table, drums in ((played.notes, False), (played.drums, True)):
        own = [
            (note.start, note.end, note.pitch, note.velocity)
            for instrument in library.instruments
            for note in instrument.notes
            if instrument.is_drum == drums
        ]
        assert table.equals((drums_table if drums else notes_table)(own))
        assert len(table) > 50
