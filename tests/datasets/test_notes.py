import pretty_midi
import pytest

from timbrebench.core.errors import CorpusError
from timbrebench.datasets.midi import read_midi
from timbrebench.datasets.notes import (
    drums_table,
    fold,
    interval_ngrams,
    notes_table,
    read_drums,
    read_notes,
    stretch,
    window,
    write_notes,
)


def midi_file(path, notes, *, tempo=120.0, drums=False):
    midi = pretty_midi.PrettyMIDI(initial_tempo=tempo)
    track = pretty_midi.Instrument(0, is_drum=drums)
    track.notes = [pretty_midi.Note(90, pitch, start, end) for start, end, pitch in notes]
    midi.instruments.append(track)
    midi.write(str(path))
    return path


def test_midi_is_read_with_its_times(tmp_path):
    path = midi_file(tmp_path / "a.mid", [(0.0, 0.5, 60), (0.5, 1.0, 64)])
    notes, drums, tempo_marked, repairs = read_midi(path)
    assert drums.empty
    assert notes.pitch.tolist() == [60, 64]
    assert notes.onset_s.tolist() == pytest.approx([0.0, 0.5], abs=1e-3)
    assert not tempo_marked
    assert repairs == ()
    assert read_midi(midi_file(tmp_path / "b.mid", [(0, 1, 60)], tempo=90)).tempo_marked


def test_midi_without_a_pitched_note_is_refused(tmp_path):
    with pytest.raises(CorpusError, match="no pitched note"):
        read_midi(midi_file(tmp_path / "drums.mid", [(0, 1, 36)], drums=True))


@pytest.mark.parametrize("content", [b"", b"MThd", b"RIFF....WAVE", bytes(200)])
def test_a_corrupt_midi_file_is_named(tmp_path, content):
    path = tmp_path / "corrupt.mid"
    path.write_bytes(content)
    with pytest.raises(CorpusError, match=r"corrupt\.mid: "):
        read_midi(path)


def test_a_truncated_midi_file_is_refused_or_read_in_part(tmp_path):
    path = midi_file(tmp_path / "cut.mid", [(i / 4, i / 4 + 0.2, 60 + i) for i in range(8)])
    content = path.read_bytes()
    for length in range(0, len(content), 7):
        path.write_bytes(content[:length])
        try:
            notes = read_midi(path).notes
        except CorpusError:
            continue
        assert set(notes.pitch) <= set(range(60, 68))


def test_no_pitch_is_held_twice():
    notes = notes_table([(0.0, 2.0, 60, 90), (1.0, 3.0, 60, 80), (0.001, 2.5, 64, 70), (0.0, 1.0, 64, 90)])
    held = notes[notes.pitch == 60]
    assert held.offset_s.tolist() == [1.0, 3.0]
    unison = notes[notes.pitch == 64]
    assert len(unison) == 1
    assert unison.offset_s.item() == 2.5


def test_folding_moves_by_octaves_into_the_range():
    notes = notes_table([(0, 1, 20, 90), (1, 2, 60, 90), (2, 3, 108, 90)])
    folded = fold(notes, 36, 84)
    assert folded.pitch.tolist() == [44, 60, 84]
    assert folded.octave_shift.tolist() == [2, 0, -2]
    assert ((folded.pitch - 12 * folded.octave_shift) == notes.pitch).all()


def test_folding_keeps_pitch_classes_and_onsets(scale):
    folded = fold(scale, 40, 52)
    assert (folded.pitch % 12).tolist() == (scale.pitch % 12).tolist()
    assert folded.onset_s.tolist() == scale.onset_s.tolist()


def test_notes_that_fall_together_when_folded_are_one():
    chord = notes_table([(0, 1, 60, 90), (0, 1.5, 72, 90)])
    folded = fold(chord, 60, 71)
    assert folded.pitch.tolist() == [60]
    assert folded.offset_s.tolist() == [1.5]


def test_a_range_narrower_than_an_octave_is_refused(scale):
    with pytest.raises(CorpusError, match="octave"):
        fold(scale, 60, 65)


def test_a_window_holds_what_sounds_in_it(scale):
    inside = window(scale, 0.4, 1.0)
    assert inside.onset_s.tolist() == pytest.approx([-0.15, 0.1, 0.35, 0.6, 0.85])
    assert inside.offset_s.max() <= 1.0
    whole = window(scale, 0.0, 10.0)
    assert whole.equals(scale)


def test_notes_survive_the_disk(tmp_path, scale):
    write_notes(tmp_path / "notes.csv", scale)
    assert read_notes(tmp_path / "notes.csv").equals(scale)
    (tmp_path / "bad.csv").write_text("a,b\n1,2\n")
    with pytest.raises(CorpusError, match="onset_s"):
        read_notes(tmp_path / "bad.csv")


def test_drums_and_notes_share_a_file_and_are_read_apart(tmp_path, scale):
    drums = drums_table([(0.0, 0.1, 36, 100), (0.25, 0.3, 62, 80)])
    path = tmp_path / "notes.csv"
    write_notes(path, scale, drums)
    assert read_notes(path).equals(scale)
    assert read_drums(path).equals(drums)
    assert path.read_text().splitlines()[0].endswith(",drum")
    write_notes(path, scale, drums[:0])
    assert read_notes(path).equals(scale)
    assert read_drums(path).empty
    write_notes(path, scale)
    assert "drum" not in path.read_text()
    assert read_drums(path).empty


def test_a_stroke_as_short_as_can_be_is_kept():
    """Sequencers write drums with a duration of a tick, which would be no note."""
    rows = [(0.5, 0.501, 36, 100), (0.505, 0.506, 36, 90), (1.0, 1.001, 36, 80)]
    assert notes_table(rows).empty
    drums = drums_table(rows)
    assert drums.onset_s.tolist() == [0.5, 1.0]
    assert (drums.offset_s - drums.onset_s).between(0.019, 0.03).all()
    assert drums_table([]).empty


def test_a_drum_track_is_read_apart_from_the_notes(tmp_path):
    midi = pretty_midi.PrettyMIDI(str(midi_file(tmp_path / "a.mid", [(0.0, 0.5, 60), (0.5, 1.0, 64)])))
    kit = pretty_midi.Instrument(0, is_drum=True)
    kit.notes = [pretty_midi.Note(90, 36, 0.0, 0.005), pretty_midi.Note(90, 60, 0.5, 700.0)]
    midi.instruments.append(kit)
    midi.write(str(tmp_path / "b.mid"))
    plain, both = (read_midi(tmp_path / name) for name in ("a.mid", "b.mid"))
    assert both.notes.equals(plain.notes)
    # What never ends would be refused among the notes.
    assert both.drums.pitch.tolist() == [36]


def test_a_piece_keeps_its_turns_in_another_key_and_tempo(scale):
    long = notes_table([(i / 4, i / 4 + 0.2, 60 + (i * i) % 13, 90) for i in range(30)])
    moved = stretch(long.assign(pitch=long.pitch + 5), 1.7)
    assert interval_ngrams(moved).tolist() == interval_ngrams(long).tolist()
    assert not set(interval_ngrams(long)) & set(interval_ngrams(scale))


def test_a_turn_is_eight_intervals_in_one_number():
    falling = notes_table([(i / 4, i / 4 + 0.2, 127 - 15 * i, 90) for i in range(9)])
    (turn,) = interval_ngrams(falling)
    assert [*turn.tobytes()] == [256 - 15] * 8
    again = notes_table([(i / 4, i / 4 + 0.2, 60 + i % 2, 90) for i in range(40)])
    assert len(interval_ngrams(again)) == 2
    assert len(interval_ngrams(again[:8])) == 0
