import numpy as np
import pytest
import torch

from timbrebench.audio import resample
from timbrebench.audio.errors import AudioError, JudgeError
from timbrebench.classifier.front_end import FrontEnd, standardise

RATE = 22_050


@pytest.mark.parametrize("gain_db", [-12, 12])
def test_a_louder_or_softer_clip_looks_the_same(clip, gain_db):
    louder = (clip * 10 ** (gain_db / 20)).astype(np.float32)
    np.testing.assert_allclose(FrontEnd().decibels(louder, RATE), FrontEnd().decibels(clip, RATE), atol=1e-2)


def test_values_lie_in_the_stated_range(clip):
    decibels = FrontEnd().decibels(clip, RATE)
    assert decibels.shape == (96, 1 + len(clip) // 512)
    assert decibels.max() == 0
    assert decibels.min() == pytest.approx(-80, abs=1e-3)


def test_a_higher_note_excites_higher_bands():
    time = np.arange(RATE) / RATE
    peaks = [
        FrontEnd().decibels(np.sin(2 * np.pi * f0 * time).astype(np.float32), RATE).mean(axis=1).argmax()
        for f0 in (220, 440, 880, 1760, 3520)
    ]
    assert peaks == sorted(set(peaks))


def test_the_rate_of_the_input_hardly_matters(clip):
    at_44_khz = FrontEnd().decibels(resample(clip, RATE, 2 * RATE), 2 * RATE)
    # Above 10 kHz the filters of the resampler are heard, and near the floor its rounding.
    difference = np.abs(at_44_khz - FrontEnd().decibels(clip, RATE))[:85]
    assert np.median(difference) < 0.1


def test_silence_is_refused():
    with pytest.raises(JudgeError, match="silent"):
        FrontEnd().decibels(np.zeros(RATE, dtype=np.float32), RATE)


def test_what_lies_above_half_the_rate_is_silent():
    time = np.arange(2 * 44_100) / 44_100
    faded = np.hanning(len(time)) * np.sin(2 * np.pi * 16_000 * time)
    with pytest.raises(JudgeError, match="silent"):
        FrontEnd().decibels(faded.astype(np.float32), 44_100)


def test_a_clip_under_half_a_second_is_refused(clip):
    with pytest.raises(JudgeError, match=r"0\.5 s"):
        FrontEnd().decibels(clip[: RATE // 2 - 1], RATE)


def test_nan_is_refused(clip):
    broken = clip.copy()
    broken[100] = np.nan
    with pytest.raises(AudioError, match="NaN"):
        FrontEnd().decibels(broken, RATE)


def test_each_clip_of_a_batch_is_standardised_by_itself():
    generator = torch.Generator().manual_seed(0)
    batch = torch.randn(3, 96, 50, generator=generator) * torch.tensor([1.0, 9.0, 30.0]).view(3, 1, 1) - 40
    standard = standardise(batch)
    torch.testing.assert_close(standard.mean(dim=(1, 2)), torch.zeros(3), atol=1e-4, rtol=0)
    torch.testing.assert_close(standard.std(dim=(1, 2)), torch.ones(3), atol=1e-4, rtol=0)
    torch.testing.assert_close(standard[1:2], standardise(batch[1:2]))
