"""What notes of a recording have to be like, and the table that is made of them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from timbrebench.core.errors import CorpusError
from timbrebench.datasets.importing.recording_notes import (
    UNKNOWN_VELOCITY,
    Levels,
    checked_notes,
    refuse_beyond,
    refuse_long_tail,
    refuse_overlaps,
    refuse_unsorted,
    settle,
)

RATE = 8_000


def rows(*notes, column="pitch"):
    table = pd.DataFrame(notes, columns=["onset_s", "offset_s", column], dtype=np.float64)
    return table.set_index(pd.Index([f"row {number}" for number in range(2, 2 + len(table))]))


def test_hertz_and_fractions_become_the_nearest_semitones_and_the_deviations_are_told():
    hertz = [440 * 2 ** ((pitch - 69) / 12) for pitch in (60.2, 61.0, 63.5, 126.9)]
    notes = checked_notes("a", rows(*[(i, i + 1, f) for i, f in enumerate(hertz)], column="frequency_hz"))
    np.testing.assert_allclose(notes.cents, [20, 0, -50, -10])
    table, repairs = settle(notes)
    assert table.pitch.tolist() == [60, 61, 64, 127]
    assert table.velocity.unique() == [UNKNOWN_VELOCITY]
    assert repairs == ()
    as_midi = checked_notes("a", rows((0, 1, 60.2), (1, 2, 61), (2, 3, 63.5), (3, 4, 126.9)))
    pd.testing.assert_frame_equal(settle(as_midi)[0], table)


def test_unisons_are_one_note_and_what_is_left_out_is_counted():
    notes = checked_notes("a", rows((0, 1, 60), (0, 1.5, 60), (2, 2.01, 62), (3, 4, 60)))
    refuse_overlaps(notes)
    table, repairs = settle(notes)
    assert table[["onset_s", "offset_s", "pitch"]].to_numpy().tolist() == [[0, 1.5, 60], [3, 4, 60]]
    assert repairs == (
        "notes shorter than 0.02 s, which are left out: 1",
        "notes in unison with another, which are one note: 1",
    )


@pytest.mark.parametrize(
    ("notes", "place"),
    [
        ([(0, 1, 60), (0.5, 2, 60)], "row 3"),
        ([(0, 9, 60), (1, 2, 60.4), (10, 11, 60)], "row 3"),
        ([(0, 9, 60), (0, 2, 62), (1, 2, 61), (3, 4, 59.6)], "row 5"),  # behind a shorter one of its pitch
    ],
)
def test_overlaps_of_one_pitch_name_both_rows(notes, place):
    with pytest.raises(CorpusError, match=rf"^a, {place}: .* while that of row 2 sounds until"):
        refuse_overlaps(checked_notes("a", rows(*notes)))


def test_chords_and_notes_that_touch_do_not_overlap_and_are_in_order():
    notes = checked_notes("a", rows((0, 1, 64), (0, 1, 60), (1, 2, 60), (0.1 + 0.2, 3, 72), (3, 4, 72)))
    refuse_overlaps(notes)
    with pytest.raises(CorpusError, match=r"^a, row 5: onset_s is 0\.3, after one of 1"):
        refuse_unsorted(notes)
    refuse_unsorted(checked_notes("a", rows((0, 1, 64), (0, 1, 60), (1, 2, 60))))


@pytest.mark.parametrize(
    ("last", "reason"),
    [
        ((9.9, 10.3, 60), r"row 3: offset_s is 10\.3.* end at 10\.000 s: are they the notes"),
        ((10, 10.1, 60), "row 3: onset_s is 10"),
        ((480, 960, 60), "row 3: onset_s is 480, .*not in milliseconds, samples or ticks"),
    ],
)
def test_notes_beyond_the_end_are_refused(last, reason):
    notes = checked_notes("a", rows((0, 1, 60), last))
    with pytest.raises(CorpusError, match=reason):
        refuse_beyond(notes, 10.0)
    refuse_beyond(checked_notes("a", rows((0, 1, 60), (9.9, 10.15, 60))), 10.0)  # what encoders lose


@pytest.mark.parametrize(
    ("column", "values", "reason"),
    [
        ("pitch", [98, 110, 123.47, 103.83, 116.54, 92.5] * 2, "near semitones if they are hertz"),
        ("frequency_hz", [60, 62, 64, 65, 67], "whole numbers up to 67, which look like MIDI"),
        ("pitch", [60, 62, 440], "row 4: pitch is 440.0: give a MIDI number .*frequency_hz"),
        ("pitch", [60, -1], "row 3: pitch is -1"),
        ("frequency_hz", [440, 0], "row 3: frequency_hz is 0.0: give hertz"),
        ("frequency_hz", [440, np.nan], "row 3: frequency_hz is nan"),
        ("pitch", [], "holds no note"),
    ],
)
def test_pitches_in_another_unit_are_refused(column, values, reason):
    with pytest.raises(CorpusError, match=f"^a.*{reason}"):
        checked_notes("a", rows(*[(i, i + 1, value) for i, value in enumerate(values)], column=column))


def test_sung_pitches_are_not_taken_for_hertz():
    generator = np.random.default_rng(0)
    for count in [4, 8, 20] * 20:
        sung = generator.integers(40, 70, count) + generator.normal(0, 0.2, count)
        checked_notes("a", rows(*[(i, i + 1, value) for i, value in enumerate(sung)]))


def sound(seconds, level=0.1):
    return np.full(round(seconds * RATE), level, dtype=np.float32)


def test_a_recording_that_sounds_on_behind_its_last_note_is_refused_and_a_quiet_tail_is_not():
    notes = checked_notes("a", rows((0, 1, 60), (1, 4, 62)))
    for tail, level, is_long in ((4, 0.1, False), (7, 0.1, True), (7, 0.003, False)):
        levels = Levels(RATE)
        levels.add(0, sound(4))
        levels.add(4, sound(tail, level))
        if is_long:
            with pytest.raises(CorpusError, match=r"^a, row 3: .* ends at 4\.0 s, .* sounds until 11\.0 s"):
                refuse_long_tail(notes, levels)
        else:
            refuse_long_tail(notes, levels)
