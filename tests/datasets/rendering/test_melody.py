import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from timbrebench.datasets.notes import fold, notes_table
from timbrebench.datasets.rendering.melody import skyline

notes = st.lists(
    st.tuples(st.integers(0, 4000), st.integers(1, 2000), st.integers(30, 90), st.integers(1, 127)),
    min_size=1,
    max_size=40,
).map(
    lambda rows: notes_table(
        [
            (onset / 1000, (onset + length + 30) / 1000, pitch, velocity)
            for onset, length, pitch, velocity in rows
        ]
    )
)


@given(notes)
def test_no_two_notes_sound_at_once(table):
    melody = skyline(table)
    assert (melody.onset_s.to_numpy()[1:] >= melody.offset_s.to_numpy()[:-1]).all()
    folded = fold(melody, 48, 60)
    assert (folded.onset_s.to_numpy()[1:] >= folded.offset_s.to_numpy()[:-1] - 1e-9).all()


@given(notes)
def test_the_melody_is_the_highest_voice(table):
    melody = skyline(table)
    for note in melody.itertuples():
        sounding = table[(table.onset_s <= note.onset_s) & (table.offset_s > note.onset_s)]
        assert note.pitch == sounding.pitch.max()
    known = set(zip(table.onset_s, table.pitch, table.velocity, strict=True))
    assert set(zip(melody.onset_s, melody.pitch, melody.velocity, strict=True)) <= known


def test_the_highest_note_of_the_piece_is_never_lost(generator):
    rows = [
        (float(onset), float(onset) + 0.5, int(pitch), 90)
        for onset, pitch in zip(
            np.sort(generator.uniform(0, 9, 60)), generator.integers(40, 80, 60), strict=True
        )
    ]
    rows.append((5.0, 6.0, 90, 90))
    melody = skyline(notes_table(rows))
    assert melody.pitch.max() == 90
    assert melody[melody.pitch == 90].offset_s.item() == 6.0


def test_a_melody_is_its_own_skyline(scale):
    assert skyline(scale).equals(scale)


def test_an_accompaniment_is_left_out_and_a_held_note_does_not_come_back():
    melody = [(0.0, 1.0, 76, 90), (1.0, 2.0, 79, 90)]
    bass = [(0.0, 2.0, 48, 80), (0.5, 1.5, 55, 80)]
    assert skyline(notes_table([*melody, *bass])).pitch.tolist() == [76, 79]
    held = notes_table([(0.0, 4.0, 60, 90), (1.0, 2.0, 72, 90), (3.0, 3.5, 50, 90)])
    assert skyline(held)[["onset_s", "offset_s", "pitch"]].to_numpy().tolist() == [[0, 1, 60], [1, 2, 72]]


def test_the_lower_notes_of_a_rolled_chord_are_dropped():
    chord = notes_table([(0.0, 1.0, 60, 90), (0.008, 1.0, 64, 90), (0.016, 1.0, 67, 90)])
    assert skyline(chord).pitch.tolist() == [67]
    arpeggio = notes_table([(0.0, 1.0, 60, 90), (0.1, 1.0, 64, 90), (0.2, 1.0, 67, 90)])
    assert skyline(arpeggio).offset_s.tolist() == pytest.approx([0.1, 0.2, 1.0])
