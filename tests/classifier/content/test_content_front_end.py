import numpy as np
import pytest

from timbrebench.audio.clips import resample
from timbrebench.classifier.content.content_front_end import BINS_PER_SEMITONE, N_BINS, PitchFrontEnd
from timbrebench.core.errors import JudgeError

RATE = 22_050
SHARP_IN_FREQUENCY, SHARP_IN_TIME = 0, 1


def sine(pitch, seconds=1.0, rate=RATE):
    times = np.arange(round(seconds * rate)) / rate
    return (0.3 * np.sin(2 * np.pi * 440 * 2 ** ((pitch - 69) / 12) * times)).astype(np.float32)


def middle(pitch):
    return BINS_PER_SEMITONE * (pitch - 21) + 1


@pytest.mark.parametrize("pitch", [40, 52, 57, 63, 69, 76, 88, 100, 108])
def test_a_tone_peaks_at_its_pitch(pitch):
    picture = PitchFrontEnd().decibels(sine(pitch), RATE)[SHARP_IN_FREQUENCY]
    assert picture[:, 20].argmax() == pytest.approx(middle(pitch), abs=1)


@pytest.mark.parametrize("pitch", [45, 57, 69, 81, 93])
def test_two_tones_a_whole_tone_apart_are_told_apart(pitch):
    column = PitchFrontEnd().decibels(sine(pitch) + sine(pitch + 2), RATE)[SHARP_IN_FREQUENCY, :, 20]
    tones = min(column[middle(pitch)], column[middle(pitch + 2)])
    assert column[middle(pitch + 1)] < tones - 3


def test_short_windows_place_the_start_of_a_low_tone_better():
    clip = np.concatenate([np.zeros(RATE // 2, np.float32), sine(45)])
    row = PitchFrontEnd().decibels(clip, RATE)[:, middle(45)]
    # Frames from 20 dB under the tone to the tone.
    rise = [
        (picture < picture.max() - 3).argmin() - (picture < picture.max() - 20).argmin() for picture in row
    ]
    assert rise[SHARP_IN_TIME] < rise[SHARP_IN_FREQUENCY]


@pytest.mark.parametrize("gain_db", [-12, 12])
def test_the_level_does_not_matter(gain_db):
    clip = sine(60) + sine(64)
    louder = (clip * 10 ** (gain_db / 20)).astype(np.float32)
    pictures = [PitchFrontEnd().decibels(samples, RATE) for samples in (clip, louder)]
    np.testing.assert_allclose(*pictures, atol=0.01)


def test_values_and_shape_are_what_is_stated():
    front_end = PitchFrontEnd()
    pictures = front_end.decibels(sine(60, 5.0), RATE)
    assert pictures.shape == (2, N_BINS, front_end.n_frames(5.0))
    assert pictures.dtype == np.float32
    assert pictures.min() >= -front_end.range_db
    assert pictures.max() == 0


def test_other_rates_look_the_same():
    high = sine(69, rate=44_100)
    pictures = [
        PitchFrontEnd().decibels(*given) for given in ((high, 44_100), (resample(high, 44_100, RATE), RATE))
    ]
    np.testing.assert_array_equal(*pictures)


def test_silence_has_no_note():
    with pytest.raises(JudgeError, match="silent"):
        PitchFrontEnd().decibels(np.zeros(RATE, np.float32), RATE)


def test_a_clip_can_be_too_short():
    with pytest.raises(JudgeError, match=r"0\.5 s"):
        PitchFrontEnd().decibels(sine(60, 0.4), RATE)
