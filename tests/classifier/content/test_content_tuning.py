import numpy as np
import pytest

from timbrebench.audio.sound_changes import detune
from timbrebench.classifier.content.content_front_end import PitchFrontEnd
from timbrebench.classifier.content.content_tuning import estimate_tuning

RATE = 22_050


def chord(cents=0.0, seconds=2.0):
    """Three tones with eight overtones each."""
    times = np.arange(round(seconds * RATE)) / RATE
    f0s = [440 * 2 ** ((pitch - 69 + cents / 100) / 12) for pitch in (48, 64, 67)]
    tones = sum(np.sin(2 * np.pi * h * f0 * times) / h for f0 in f0s for h in range(1, 9))
    return (0.1 * tones).astype(np.float32)


@pytest.mark.parametrize("cents", [-45, -30, 0, 12, 45])
def test_the_tuning_of_a_chord_is_heard(cents):
    assert estimate_tuning(chord(cents), RATE) == pytest.approx(cents, abs=4)


def test_half_a_semitone_up_is_as_far_as_down():
    assert abs(estimate_tuning(chord(50), RATE)) == pytest.approx(50, abs=4)


@pytest.mark.parametrize("cents", [-30, 30])
def test_playing_faster_is_tuning_up(synthesizer, scale, cents):
    audio = synthesizer.render(scale, 71, 2.5, RATE)
    moved = estimate_tuning(detune(audio, RATE, cents), RATE) - estimate_tuning(audio, RATE)
    assert moved == pytest.approx(cents, abs=5)


def test_what_has_no_tuning_is_left_where_it_is(generator):
    noise = generator.normal(0, 0.1, RATE).astype(np.float32)
    assert estimate_tuning(noise, RATE) == 0
    assert estimate_tuning(np.zeros(RATE, np.float32), RATE) == 0


def test_a_tuned_front_end_sees_a_detuned_chord_as_one_in_tune():
    """Untuned, a third of a semitone moves all by a bin."""
    loud = {}
    for tuned in (False, True):
        front_end = PitchFrontEnd(tuned=tuned)
        low, right = (front_end.decibels(chord(cents), RATE)[0, :, 40] for cents in (33, 0))
        loud[tuned] = np.abs(low - right)[right > -30].mean()
    assert loud[True] < 1.5
    assert loud[False] > 3


def test_the_first_version_is_described_as_before():
    assert set(PitchFrontEnd().model_dump()) == {"sample_rate", "hop_length", "range_db"}
    assert PitchFrontEnd.model_validate(PitchFrontEnd(tuned=True).model_dump()).tuned
