import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from timbrebench.classifier.content.note_decoding import COLUMNS, Decoding
from timbrebench.classifier.content.note_targets import note_raster, onset_raster
from timbrebench.datasets.notes import notes_table, window

FRAME_S = 512 / 22_050
FRAMES = 216


def rasters(notes):
    return note_raster(notes, FRAMES, FRAME_S), onset_raster(notes, FRAMES, FRAME_S)


@st.composite
def melodies(draw):
    """Notes of at least 0.15 s that follow each other on a few keys, also at once on several of them."""
    rows = []
    for pitch in draw(st.lists(st.integers(21, 108), min_size=1, max_size=5, unique=True)):
        time = 0.0
        for _ in range(draw(st.integers(1, 5))):
            time += draw(st.floats(0, 0.5))
            length = draw(st.floats(0.15, 0.4))
            rows.append((time, time + length, pitch, 90))
            time += length
    return notes_table(rows)


@given(melodies())
def test_what_is_written_as_targets_is_read_back_as_notes(notes):
    sounds, onsets = rasters(notes)
    heard = Decoding().notes(sounds.astype(np.float32), onsets, FRAME_S)
    order = ["pitch", "onset_s"]
    notes, heard = (table.sort_values(order, ignore_index=True) for table in (notes, heard))
    assert list(heard.pitch) == list(notes.pitch)
    # The very first frame has no neighbour before it to place an onset by.
    np.testing.assert_allclose(heard.onset_s, notes.onset_s, atol=0.5 * FRAME_S)
    placed = notes.onset_s > FRAME_S
    np.testing.assert_allclose(heard.onset_s[placed], notes.onset_s[placed], atol=0.1 * FRAME_S)
    np.testing.assert_allclose(heard.offset_s, notes.offset_s, atol=FRAME_S + 1e-3)


def test_a_key_struck_again_is_two_notes_without_a_gap_between():
    sounds, onsets = rasters(notes_table([(0.1, 0.5, 60, 90), (0.5, 1.0, 60, 90)]))
    heard = Decoding().notes(sounds.astype(np.float32), onsets, FRAME_S)
    assert list(heard.pitch) == [60, 60]
    assert heard.offset_s[0] == pytest.approx(heard.onset_s[1], abs=FRAME_S)


def test_nothing_heard_is_an_empty_table():
    nothing = np.zeros((88, FRAMES), np.float32)
    heard = Decoding().notes(nothing, nothing, FRAME_S)
    assert heard.empty
    assert tuple(heard.columns) == COLUMNS
    assert heard.pitch.dtype.kind == "i"


def test_an_onset_without_a_sound_is_no_note():
    _, onsets = rasters(notes_table([(0.1, 0.5, 60, 90)]))
    assert Decoding().notes(np.zeros_like(onsets), onsets, FRAME_S).empty


def test_a_note_that_began_before_the_window_sounds_but_is_not_struck():
    piece = notes_table([(0.0, 3.0, 60, 90), (2.5, 4.0, 64, 90), (5.0, 6.0, 67, 90)])
    inside = window(piece, 2.0, 2.0)
    assert list(inside.pitch) == [60, 64]
    assert list(inside.onset_s) == [-2.0, 0.5]
    sounds, onsets = rasters(inside)
    assert sounds[60 - 21].any()
    assert not onsets[60 - 21].any()
    assert onsets[64 - 21].any()


def test_frames_sound_from_onset_to_offset():
    notes = pd.DataFrame({"onset_s": [10 * FRAME_S], "offset_s": [20 * FRAME_S], "pitch": [69]})
    assert list(np.flatnonzero(note_raster(notes, FRAMES, FRAME_S)[69 - 21])) == list(range(10, 20))


def test_keys_that_a_piano_lacks_are_left_out():
    sounds, onsets = rasters(notes_table([(0.0, 1.0, 20, 90), (0.0, 1.0, 109, 90)]))
    assert not sounds.any()
    assert not onsets.any()
