"""Onsets: facts about music, and the F-measure against an implementation of its own."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from timbrebench.datasets.notes import notes_table
from timbrebench.metrics import Unscorable, get
from timbrebench.metrics.onsets import detect_onsets, merge_chords, onset_f_measure

RATE = 22_050
PROGRAMS = {"piano": 0, "organ": 19, "guitar": 24, "trumpet": 56, "sax": 65, "clarinet": 71}


def matched(truth, found, window):
    """Size of the greatest matching: for points on a line, pairing greedily from the left is optimal."""
    pairs, left = 0, list(found)
    for onset in truth:
        near = [other for other in left if abs(other - onset) <= window]
        if near:
            left.remove(min(near))
            pairs += 1
    return pairs


def times(shift_ms):
    """Times on a grid of 4 ms: with two shifts none lie exactly 50 ms apart, where rounding decides."""
    steps = st.lists(st.integers(15, 970), max_size=30, unique=True)
    return steps.map(lambda found: sorted((4 * step + shift_ms) / 1000 for step in found))


@given(times(0), times(1))
def test_f_measure_agrees_with_a_greedy_matching(notes, found):
    truth = [t for i, t in enumerate(notes) if i == 0 or t - notes[i - 1] > 0.031]
    if not truth:
        with pytest.raises(Unscorable):
            onset_f_measure(truth, found, 4.0)
        return
    pairs = matched(truth, found, 0.05 + 1e-9)
    expected = 2 * pairs / (len(truth) + len(found))
    assert onset_f_measure(truth, found, 4.0) == pytest.approx(expected)


def test_chords_have_one_onset():
    np.testing.assert_allclose(merge_chords([1.0, 0.5, 0.52, 1.04, 0.505]), [0.5, 1.0, 1.04])
    assert merge_chords([]).size == 0


def test_what_lies_at_the_ends_does_not_count():
    assert onset_f_measure([-0.3, 0.01, 1.0, 3.99, 4.2], [0.0, 1.0, 3.98, 4.5], 4.0) == 1.0


def test_nothing_found_scores_nothing():
    assert onset_f_measure([1.0, 2.0], [], 4.0) == 0.0


def test_times_hold_on_every_instrument(play, tune):
    truth = tune.onset_s.to_numpy()
    for instrument, program in PROGRAMS.items():
        found = detect_onsets(play(tune, program), RATE)
        assert onset_f_measure(truth, found, 4.0) >= 0.7, instrument
        nearest = np.abs(found[:, None] - truth).min(axis=0)
        assert np.median(nearest) < 0.03, instrument


def test_the_metric_is_the_measure_of_the_detected_onsets(make_trial, clips, tune):
    found = detect_onsets(clips["reference"], RATE)
    expected = onset_f_measure(tune.onset_s, found, 4.0)
    assert get("onset_f1")(make_trial(clips["reference"])).value == expected


def test_a_transposed_melody_has_the_same_onsets(play, tune):
    here = detect_onsets(play(tune, 0), RATE)
    there = detect_onsets(play(tune.assign(pitch=tune.pitch - 5), 0), RATE)
    assert len(here) == len(there)
    np.testing.assert_allclose(here, there, atol=0.025)


def test_another_piece_scores_less_than_the_same_one(play, make_trial, tune, waltz):
    onset_f1 = get("onset_f1")
    right, wrong = (onset_f1(make_trial(play(notes, 56))).value for notes in (tune, waltz))
    assert wrong < 0.6 < right


def test_a_delay_beyond_the_window_loses_the_notes(make_trial, clips):
    delayed = np.concatenate([np.zeros(RATE // 8, np.float32), clips["content"]])
    assert get("onset_f1")(make_trial(delayed)).value < 0.5


def test_onsets_follow_a_delay(clips):
    delay = RATE // 5
    here = detect_onsets(clips["content"], RATE)
    there = detect_onsets(np.concatenate([np.zeros(delay, np.float32), clips["content"]]), RATE)
    np.testing.assert_allclose(there, here + 0.2, atol=0.025)


def test_a_note_that_is_cut_does_not_begin_at_the_cut(play):
    held = play(notes_table([(0.0, 4.0, 60, 90)]), 19)
    assert detect_onsets(held[RATE : 3 * RATE], RATE).size == 0


def test_a_chord_is_one_onset(play):
    chord = notes_table([(1.0, 2.0, pitch, 90) for pitch in (60, 64, 67, 72)])
    found = detect_onsets(play(chord, 0), RATE)
    assert len(found) == 1
    assert found[0] == pytest.approx(1.0, abs=0.03)


def test_a_repeated_note_begins_each_time(play):
    repeated = notes_table([(0.5 * i, 0.5 * i + 0.5, 60, 90) for i in range(1, 7)])
    np.testing.assert_allclose(detect_onsets(play(repeated, 0), RATE), repeated.onset_s, atol=0.03)


def test_a_swelling_tone_does_not_begin_again():
    t = np.arange(4 * RATE) / RATE
    swelling = (0.2 + 0.15 * np.sin(2 * np.pi * t)) * np.sin(2 * np.pi * 440 * t)
    assert detect_onsets(swelling.astype(np.float32), RATE).size == 0


@pytest.mark.parametrize("length", [1, 2, 100, 3071, 3072, 3100])
def test_clips_of_any_length_have_times_within_them(length):
    clip = np.random.default_rng(0).uniform(-1, 1, length).astype(np.float32)
    found = detect_onsets(clip, RATE)
    assert (found >= 0).all()
    assert (found <= length / RATE).all()


def test_silence_has_no_onset():
    assert detect_onsets(np.zeros(RATE, np.float32), RATE).size == 0
