"""What is done to a reference is what is said."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from timbrebench.audio.loudness import rms
from timbrebench.core.errors import ConfigurationError
from timbrebench.datasets.notes import notes_table
from timbrebench.experiments.validity import corruptions
from timbrebench.metrics.contract import CORRUPTIONS, INVARIANCES

RATE = 22_050
GRADES = (0.2, 0.4, 0.6, 0.8, 1.0)

#: What each function needs beside a clip or notes, and a grade.
SETTINGS = {
    "noise": {"seed": 0},
    "lowpass": {"sample_rate": RATE},
    "wrong_instrument": {"other": np.zeros(RATE, np.float32)},
    "holes": {"sample_rate": RATE, "seed": 0},
    "burst": {"sample_rate": RATE, "seed": 0},
    "smear": {"seed": 0},
    "ring": {"sample_rate": RATE},
    "wrong_notes": {"seed": 0},
    "shifted_onsets": {"seed": 0},
    "time_stretch": {"start_s": 0.5},
    "transposition": {},
}


def tone(frequency, seconds=1.0):
    return (0.3 * np.sin(2 * np.pi * frequency * np.arange(int(seconds * RATE)) / RATE)).astype(np.float32)


@pytest.fixture
def notes():
    """Forty notes of forty pitches, a quarter of a second apart."""
    pitches = np.random.default_rng(0).permutation(np.arange(40, 80))
    return notes_table([(0.5 + 0.25 * i, 0.7 + 0.25 * i, int(pitch), 90) for i, pitch in enumerate(pitches)])


def test_every_corruption_that_a_metric_can_promise_to_notice_is_there():
    assert set(corruptions.SOUND_LEVEL) | set(corruptions.NOTE_LEVEL) == set(CORRUPTIONS) == set(SETTINGS)
    assert all(callable(getattr(corruptions, name)) for name in CORRUPTIONS + tuple(INVARIANCES))


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_grade_0_changes_nothing_and_any_other_something(name, notes):
    clip = 0.1 * np.random.default_rng(0).standard_normal(RATE, dtype=np.float32)
    degrade, before = getattr(corruptions, name), notes if name in corruptions.NOTE_LEVEL else clip
    same, other = (degrade(before, grade, **SETTINGS[name]) for grade in (0.0, 0.2))
    if isinstance(before, pd.DataFrame):
        pd.testing.assert_frame_equal(same, before)
        assert not other[["onset_s", "pitch"]].equals(before[["onset_s", "pitch"]])
    else:
        np.testing.assert_array_equal(same, before)
        assert other.dtype == np.float32
        assert rms(other - before) > 1e-3


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_what_is_spoiled_stays_as_it_was_itself(name, notes):
    before = notes if name in corruptions.NOTE_LEVEL else tone(440)
    kept = before.copy()
    first, second = (getattr(corruptions, name)(before, 0.6, **SETTINGS[name]) for _ in range(2))
    np.testing.assert_array_equal(before, kept)
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("name", CORRUPTIONS)
@pytest.mark.parametrize("grade", [-0.1, 1.01, np.nan])
def test_grades_lie_between_0_and_1(name, grade, notes):
    before = notes if name in corruptions.NOTE_LEVEL else tone(440)
    with pytest.raises(ConfigurationError, match="between 0 and 1"):
        getattr(corruptions, name)(before, grade, **SETTINGS[name])


@pytest.mark.parametrize("grade", GRADES)
def test_noise_has_the_level_that_is_said(grade):
    added = corruptions.noise(tone(440), grade, seed=0) - tone(440)
    assert 20 * np.log10(rms(tone(440)) / rms(added)) == pytest.approx(40 * (1 - grade), abs=0.01)


def test_noise_is_white_and_drawn_from_its_seed():
    added = [corruptions.noise(tone(440), 1.0, seed=seed) - tone(440) for seed in (0, 1)]
    halves = np.array_split(np.abs(np.fft.rfft(added[0])) ** 2, 2)
    assert halves[0].sum() == pytest.approx(halves[1].sum(), rel=0.05)
    assert abs(np.corrcoef(*added)[0, 1]) < 0.05


def test_a_lowpass_keeps_low_tones_in_their_place_and_takes_high_ones():
    inside = slice(RATE // 10, -RATE // 10)  # away from the ends, where a tone is cut
    np.testing.assert_allclose(
        corruptions.lowpass(tone(100), 1.0, sample_rate=RATE)[inside], tone(100)[inside], atol=1e-3
    )
    lost = [
        rms(corruptions.lowpass(tone(2000), grade, sample_rate=RATE)[inside]) / rms(tone(2000))
        for grade in GRADES
    ]
    assert lost[0] > 0.99
    assert lost[-1] < 1e-4
    assert all(before > after for before, after in pairwise(lost))


@pytest.mark.parametrize("grade", GRADES)
def test_another_instrument_takes_its_share_of_the_energy(grade):
    mixed = corruptions.wrong_instrument(tone(440), grade, other=0.1 * tone(1000))
    spectrum = np.abs(np.fft.rfft(mixed)) ** 2
    assert spectrum[1000] / (spectrum[440] + spectrum[1000]) == pytest.approx(grade, abs=1e-4)
    assert rms(mixed) == pytest.approx(rms(tone(440)), rel=1e-3)


@pytest.mark.parametrize("grade", GRADES)
def test_as_many_notes_are_wrong_as_is_said(grade, notes):
    wrong = corruptions.wrong_notes(notes, grade, seed=0)
    moved = (wrong.pitch - notes.pitch).abs()
    assert (moved > 0).sum() == round(40 * grade)
    assert set(moved) <= {0, 1, 2, 3, 4}
    pd.testing.assert_series_equal(wrong.onset_s, notes.onset_s)


def test_worse_grades_make_the_same_mistakes_and_more(notes):
    pitches = [corruptions.wrong_notes(notes, grade, seed=0).pitch for grade in GRADES]
    for better, worse in pairwise(pitches):
        kept = better != notes.pitch
        assert (worse[kept] == better[kept]).all()


def test_wrong_notes_stay_where_the_instrument_sounds(notes):
    wrong = corruptions.wrong_notes(notes, 1.0, seed=0, lowest=40, highest=79)
    assert wrong.pitch.between(40, 79).all()


@pytest.mark.parametrize("grade", GRADES)
def test_notes_are_early_or_late_by_no_more_than_is_said_and_as_long_as_before(grade, notes):
    moved = corruptions.shifted_onsets(notes, grade, seed=0).set_index("pitch").loc[notes.pitch]
    shifts = moved.onset_s.to_numpy() - notes.onset_s.to_numpy()
    assert np.abs(shifts).max() <= 0.15 * grade + 1e-4
    assert np.abs(shifts).max() > 0.12 * grade
    lengths = (moved.offset_s - moved.onset_s).to_numpy()
    np.testing.assert_allclose(lengths, notes.offset_s - notes.onset_s, atol=2e-4)


def test_no_note_is_moved_before_the_beginning():
    first = notes_table([(0.0, 0.5, 60 + 2 * i, 90) for i in range(20)])
    assert (corruptions.shifted_onsets(first, 1.0, seed=0).onset_s >= 0).all()


def test_a_stretch_keeps_the_start_and_widens_what_lies_between(notes):
    slow = corruptions.time_stretch(notes, 1.0, start_s=0.5)
    assert slow.onset_s[0] == pytest.approx(0.5)
    np.testing.assert_allclose(slow.onset_s.diff()[1:], 1.05 * 0.25, atol=1e-9)
    np.testing.assert_allclose(slow.offset_s - slow.onset_s, 1.05 * 0.2, atol=1e-9)


@pytest.mark.parametrize("grade", GRADES)
def test_transposed_notes_keep_their_onsets_and_intervals(grade, notes):
    higher = corruptions.transposition(notes, grade)
    pd.testing.assert_series_equal(higher.onset_s, notes.onset_s)
    assert set(higher.pitch - notes.pitch) == {round(5 * grade)}


def test_transposed_notes_stay_where_the_instrument_sounds(notes):
    higher = corruptions.transposition(notes, 1.0, lowest=40, highest=79)
    assert higher.pitch.between(40, 79).all()
    assert set((higher.pitch - notes.pitch) % 12) == {5}


def test_invariances_are_what_they_are_called():
    clip = tone(440)
    assert rms(corruptions.gain(clip, -12.0)) == pytest.approx(rms(clip) * 10**-0.6)
    np.testing.assert_array_equal(corruptions.polarity(clip), -clip)
    np.testing.assert_array_equal(corruptions.shift(clip, 3), [0, 0, 0, *clip[:-3]])
    np.testing.assert_array_equal(corruptions.shift(clip, -3), [*clip[3:], 0, 0, 0])
