"""Damaged MIDI files: each gives notes within measure or says why not, soon and without much memory."""

import io
import resource
import signal

import mido
import numpy as np
import pytest

from timbrebench.core.errors import CorpusError
from timbrebench.datasets.midi import LARGEST_BYTES, LONGEST_NOTE_S, LONGEST_S, parse_midi, read_midi

#: Longest that any one file may take, in seconds, on a busy machine. They take milliseconds.
PATIENCE_S = 20


class HangError(BaseException):
    """Nothing that catches exceptions catches it."""


@pytest.fixture(autouse=True)
def no_hang():
    def stop(*_):
        raise HangError

    before = signal.signal(signal.SIGALRM, stop)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def midi_bytes(tracks, division=480):
    """A file of tracks of (delta, pitch, velocity) or of mido's messages."""
    file = mido.MidiFile(ticks_per_beat=division)
    for events in tracks:
        messages = [
            event
            if not isinstance(event, tuple)
            else mido.Message("note_on", time=event[0], note=event[1], velocity=event[2])
            for event in events
        ]
        file.tracks.append(mido.MidiTrack(messages))
    buffer = io.BytesIO()
    file.save(file=buffer)
    return buffer.getvalue()


def song():
    """Tracks with tempo, metre, programs, pedal, bends, lyrics, a system message, chords, and drums."""
    melody = [
        mido.MetaMessage("set_tempo", tempo=600_000),
        mido.MetaMessage("time_signature", numerator=3, denominator=4),
        mido.MetaMessage("key_signature", key="Eb"),
        mido.MetaMessage("lyrics", text="la"),
        mido.Message("program_change", program=40),
        mido.Message("sysex", data=(0x7E, 0x7F, 9, 1)),
    ]
    for step in range(12):
        melody += [(0, 60 + 5 * step % 17, 90), (240, 60 + 5 * step % 17, 0)]
    melody.append(mido.MetaMessage("set_tempo", tempo=400_000, time=10))
    chords = [mido.Message("control_change", control=64, value=127), mido.Message("pitchwheel", pitch=100)]
    for step in range(4):
        chords += [(0, note, 70) for note in (48, 52, 55 + step)] + [
            (480, 48, 0),
            (0, 52, 0),
            (0, 55 + step, 0),
        ]
    drums = [
        mido.Message(
            "note_on",
            channel=9,
            note=36 + 2 * (step // 2 % 2),
            velocity=120 * (1 - step % 2),
            time=(119, 1)[step % 2],
        )
        for step in range(20)
    ]
    return midi_bytes([melody, chords, drums])


SONG = song()


def flip(content, generator):
    for place in generator.integers(len(content), size=generator.integers(1, 6)):
        content[place] ^= 1 << int(generator.integers(8))


def overwrite(content, generator):
    place, length = int(generator.integers(len(content))), int(generator.integers(1, 12))
    content[place : place + length] = generator.bytes(length)


def truncate(content, generator):
    del content[int(generator.integers(len(content))) :]


def cut_out(content, generator):
    place = int(generator.integers(len(content)))
    del content[place : place + int(generator.integers(1, 20))]


def repeat(content, generator):
    place = int(generator.integers(14, len(content)))
    content[place:place] = content[place : place + 30] * int(generator.integers(1, 40))


def running_status(content, generator):
    place = int(generator.integers(22, len(content)))
    content[place:place] = bytes(
        int(value) for value in generator.integers(0, 128, size=generator.integers(1, 9))
    )


def huge_delta(content, generator):
    place = int(generator.integers(22, len(content)))
    content[place:place] = b"\xff" * int(generator.integers(1, 5)) + b"\x7f"


def header(content, generator):
    place = int(generator.integers(4, 14))
    content[place] = int(generator.choice([0, 1, 127, 128, 255]))


MUTATIONS = (flip, overwrite, truncate, cut_out, repeat, running_status, huge_delta, header)


def check(content):
    """Return whether it was read."""
    signal.alarm(PATIENCE_S)
    try:
        played = parse_midi(bytes(content))
    except CorpusError:
        return False
    finally:
        signal.alarm(0)
    assert isinstance(played.tempo_marked, bool)
    assert len(played.notes)
    for table in (played.notes, played.drums):
        assert table.pitch.between(0, 127).all()
        assert table.velocity.between(1, 127).all()
        assert (table.offset_s > table.onset_s).all()
        assert (table.offset_s - table.onset_s <= LONGEST_NOTE_S).all()
        assert table.onset_s.between(0, LONGEST_S).all()
    return True


@pytest.mark.parametrize("mutation", MUTATIONS)
def test_mutated_files_are_read_or_refused(mutation):
    """150 of each kind, 1,200 together, half of them with a second mutation on top."""
    generator = np.random.default_rng(MUTATIONS.index(mutation))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    read = 0
    for number in range(150):
        content = bytearray(SONG)
        mutation(content, generator)
        if number % 2 and len(content) > 30:
            MUTATIONS[number % len(MUTATIONS)](content, generator)
        read += check(content)
    assert read < 150
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 700 * 1024


def test_the_song_itself_is_read():
    assert check(SONG)
    played = parse_midi(SONG)
    assert played.tempo_marked
    assert len(played.notes) == 24
    assert len(played.drums) == 10
    assert set(played.drums.pitch) == {36, 38}


@pytest.mark.parametrize("division", [0, -1, -6400])
def test_an_invalid_division_is_refused(division):
    content = bytearray(SONG)
    content[12:14] = division.to_bytes(2, "big", signed=True)
    with pytest.raises(CorpusError, match="counts time"):
        parse_midi(bytes(content))


def test_a_time_of_a_million_digits_is_refused_at_once():
    """Added up seven bits at a time, such a number takes hours."""
    endless = b"\xff" * 900_000 + b"\x7f"
    content = SONG[:22] + endless + SONG[22:]
    assert not check(content)


def test_too_large_a_file_is_not_parsed(tmp_path):
    path = tmp_path / "large.mid"
    path.write_bytes(SONG + bytes(LARGEST_BYTES))
    with pytest.raises(CorpusError, match=r"large\.mid: larger than"):
        read_midi(path)


def test_an_event_millions_of_ticks_away_is_refused():
    content = midi_bytes([[(0, 60, 90), (480, 60, 0), (200_000_000, 62, 90), (480, 62, 0)]])
    with pytest.raises(CorpusError, match="begins after 57"):
        parse_midi(content)


def test_a_note_that_never_ends_is_refused():
    content = midi_bytes([[(0, 60, 90), (480 * 2 * 601, 60, 0)]])
    with pytest.raises(CorpusError, match="its end is missing"):
        parse_midi(content)
    assert check(midi_bytes([[(0, 60, 90), (480 * 2 * 599, 60, 0)]]))


def test_music_of_days_is_refused():
    content = midi_bytes(
        [[(0, 60, 90), (48, 60, 0), (int(96 * LONGEST_S) + 480, 62, 90), (48, 62, 0)]], division=48
    )
    with pytest.raises(CorpusError, match=r"begins after 4\.0 hours"):
        parse_midi(content)


def test_thousands_of_notes_on_one_key_that_one_event_ends_are_read():
    stacked = [(1, 60, 90)] * 20_000 + [(480, 60, 0)]
    assert check(midi_bytes([stacked]))
