"""Distance from a style that is the content's tune in another key."""

from __future__ import annotations

import math

import numpy as np
import pytest

from timbrebench.metrics import get

PIANO, TRUMPET = 0, 56


@pytest.fixture(scope="module")
def trial_in(make_trial, play, tune):
    """A trial of the tune on the piano as content, and so many semitones higher as style."""

    def make(output, semitones, **changes):
        moved = tune.assign(pitch=tune.pitch + semitones)
        style = {"style": play(moved, PIANO), "style_notes": moved, "style_label": "piano"}
        return make_trial(output, **{**style, **changes})

    return make


def reason(trial):
    score = get("key_invariance_mse")(trial)
    assert math.isnan(score.value)
    return score.reason


@pytest.mark.parametrize("semitones", [-6, 0, 5])
def test_the_style_has_no_error_and_the_content_has_that_of_its_key(clips, play, tune, trial_in, semitones):
    metric = get("key_invariance_mse")
    style = play(tune.assign(pitch=tune.pitch + semitones), PIANO)
    assert metric(trial_in(style, semitones)).value == 0
    untouched = metric(trial_in(clips["content"], semitones)).value
    assert untouched == 0 if semitones == 0 else untouched > 0.1
    assert trial_in(style, semitones).transposition == semitones


def test_it_is_the_error_of_the_log_stft_against_the_style(clips, trial_in):
    trial = trial_in(clips["reference"], 3)
    spectrograms = trial.output.log_magnitude, trial.style.log_magnitude
    expected = np.mean(np.square(spectrograms[0] - spectrograms[1], dtype=np.float64))
    assert get("key_invariance_mse")(trial).value == pytest.approx(float(expected), rel=1e-9)


def test_the_reference_does_not_count(clips, trial_in):
    with_other, without = (trial_in(clips["content"], 3, reference=other) for other in (clips["style"], None))
    assert get("key_invariance_mse")(with_other) == get("key_invariance_mse")(without)


def test_another_tune_or_instrument_or_none_has_no_score(clips, trial_in, tune, waltz, make_trial):
    assert "one tune by one instrument" in reason(make_trial(clips["content"]))
    for changes in (
        {"style_label": "trumpet"},
        {"style_label": None},
        {"style_notes": None},
        {"style_notes": waltz},
        {"style_notes": tune[:0], "notes": tune[:0]},
        {"style_notes": tune.assign(onset_s=tune.onset_s + 0.01)},
        {"style_notes": tune.assign(pitch=[*tune.pitch[:-1], tune.pitch.iloc[-1] + 1])},
    ):
        assert "one tune by one instrument" in reason(trial_in(clips["content"], 0, **changes))


def test_notes_count_in_whatever_order_they_are_listed(clips, trial_in, tune):
    moved = tune.assign(pitch=tune.pitch + 2)
    trial = trial_in(clips["content"], 2, style_notes=moved[::-1].reset_index(drop=True))
    assert trial.transposition == 2
