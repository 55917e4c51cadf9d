"""Notes are kept or not, whatever plays them and however loud."""

import numpy as np
import pandas as pd
import pytest

from timbrebench.metrics.notes import note_f1

RATE = 22_050
PROGRAMS = {"piano": 0, "guitar": 24, "clarinet": 71, "trumpet": 56}


@pytest.mark.parametrize("program", PROGRAMS.values(), ids=PROGRAMS.keys())
def test_the_notes_are_heard_whoever_plays_them(make_trial, play, tune, program):
    assert note_f1(make_trial(play(tune, program))).value > 0.8


@pytest.mark.parametrize("semitones", [1, -2, 5])
def test_a_transposed_tune_has_other_notes(make_trial, play, tune, semitones):
    moved = tune.assign(pitch=tune.pitch + semitones)
    assert note_f1(make_trial(play(moved, 0))).value < 0.35


def test_notes_that_come_late_are_not_kept(make_trial, play, tune):
    late = tune.assign(onset_s=tune.onset_s + 0.12, offset_s=tune.offset_s + 0.12)
    assert note_f1(make_trial(play(late, 0))).value < 0.35


def test_half_the_notes_are_about_two_thirds_of_the_score(make_trial, play, tune):
    whole = note_f1(make_trial(play(tune, 0))).value
    half = note_f1(make_trial(play(tune.iloc[::2], 0))).value
    assert half == pytest.approx(whole * 2 / 3, abs=0.12)


@pytest.mark.parametrize("gain", [0.25, 1.4, -1.0])
def test_level_and_polarity_change_nothing(make_trial, play, tune, gain):
    samples = play(tune, 56)
    assert note_f1(make_trial(gain * samples)).value == note_f1(make_trial(samples)).value


def test_what_follows_after_the_content_is_not_held_against_an_output(make_trial, play, tune, clips):
    longer = np.concatenate([clips["content"], clips["content"]])
    kept = note_f1(make_trial(clips["content"])).value
    assert note_f1(make_trial(longer)).value == pytest.approx(kept, abs=0.1)


def test_what_cannot_be_read_has_a_reason(make_trial, clips, tune):
    assert "content judge" in note_f1(make_trial(clips["content"], content_judge=None)).reason
    assert "silent" in note_f1(make_trial(np.zeros(2 * RATE, np.float32))).reason
    none = pd.DataFrame(columns=list(tune.columns)).astype(tune.dtypes)
    assert "true notes are none" in note_f1(make_trial(clips["content"], notes=none)).reason
