import numpy as np
import pytest
import torch
from pydantic import TypeAdapter, ValidationError

from timbrebench.audio import resample
from timbrebench.classifier.style.style_front_end import (
    CqtFrontEnd,
    FrontEnd,
    LogFrequencyFrontEnd,
    MelFrontEnd,
    StftFrontEnd,
    standardise,
)
from timbrebench.core.errors import AudioError, JudgeError

RATE = 22_050
KINDS = [LogFrequencyFrontEnd, MelFrontEnd, StftFrontEnd, CqtFrontEnd]
HEIGHTS = {"log-frequency": 191, "mel": 128, "stft": 1025, "cqt": 168}


def tone(f0, harmonics=1):
    time = np.arange(RATE) / RATE
    waves = [np.sin(2 * np.pi * f0 * number * time) / number for number in range(1, harmonics + 1)]
    return np.sum(waves, axis=0).astype(np.float32)


@pytest.fixture(params=[kind(scale=scale) for kind in KINDS for scale in ("decibel", "log1p")])
def front_end(request):
    return request.param


@pytest.mark.parametrize("gain_db", [-12, 12])
def test_a_louder_or_softer_clip_looks_the_same(front_end, clip, gain_db):
    louder = (clip * 10 ** (gain_db / 20)).astype(np.float32)
    spectrograms = [front_end.spectrogram(samples, RATE) for samples in (louder, clip)]
    np.testing.assert_allclose(*spectrograms, atol=1e-2)


def test_values_lie_in_the_stated_range(front_end, clip):
    spectrogram = front_end.spectrogram(clip, RATE)
    assert spectrogram.shape == (HEIGHTS[front_end.kind], 1 + len(clip) // front_end.hop_length)
    assert spectrogram.dtype == np.float32
    if front_end.scale == "log1p":
        assert spectrogram.min() >= 0
    else:
        assert spectrogram.max() == 0
        assert spectrogram.min() >= -80.001


def test_a_higher_note_excites_higher_bands(front_end):
    notes = (220, 440, 880, 1760, 3520)
    peaks = [front_end.spectrogram(tone(f0), RATE).mean(axis=1).argmax() for f0 in notes]
    assert peaks == sorted(set(peaks))


@pytest.mark.parametrize("kind", [LogFrequencyFrontEnd, CqtFrontEnd])
def test_an_octave_is_as_many_bands_as_stated_everywhere(kind):
    notes = (220, 440, 880, 1760)
    peaks = [kind().spectrogram(tone(f0), RATE).mean(axis=1).argmax() for f0 in notes]
    assert np.diff(peaks).tolist() == [kind().steps_per_octave] * 3


@pytest.mark.parametrize("kind", [MelFrontEnd, StftFrontEnd])
def test_octaves_of_different_heights_have_no_number_of_bands(kind):
    assert kind().steps_per_octave is None


@pytest.mark.parametrize("kind", KINDS)
def test_a_front_end_survives_json(kind):
    front_end = kind(scale="log1p")
    assert TypeAdapter(FrontEnd).validate_json(front_end.model_dump_json()) == front_end


@pytest.mark.parametrize(
    "settings", [{"kind": "wavelet"}, {"kind": "mel", "n_fft": 0}, {"kind": "mel", "bands": 3}]
)
def test_front_ends_that_do_not_exist_are_refused(settings):
    with pytest.raises(ValidationError):
        TypeAdapter(FrontEnd).validate_python(settings)


def test_the_rate_of_the_input_hardly_matters(clip):
    at_44_khz = LogFrequencyFrontEnd().spectrogram(resample(clip, RATE, 2 * RATE), 2 * RATE)
    # In the last bands the filters of the resampler are heard, and near the floor its rounding.
    difference = np.abs(at_44_khz - LogFrequencyFrontEnd().spectrogram(clip, RATE))[:180]
    assert np.median(difference) < 0.1


def test_silence_is_refused(front_end):
    with pytest.raises(JudgeError, match="silent"):
        front_end.spectrogram(np.zeros(RATE, dtype=np.float32), RATE)


def test_what_lies_above_half_the_rate_is_silent():
    time = np.arange(2 * 44_100) / 44_100
    faded = np.hanning(len(time)) * np.sin(2 * np.pi * 16_000 * time)
    with pytest.raises(JudgeError, match="silent"):
        LogFrequencyFrontEnd().spectrogram(faded.astype(np.float32), 44_100)


def test_a_clip_under_half_a_second_is_refused(clip):
    with pytest.raises(JudgeError, match=r"0\.5 s"):
        LogFrequencyFrontEnd().spectrogram(clip[: RATE // 2 - 1], RATE)


def test_nan_is_refused(clip):
    broken = clip.copy()
    broken[100] = np.nan
    with pytest.raises(AudioError, match="NaN"):
        LogFrequencyFrontEnd().spectrogram(broken, RATE)


def test_each_clip_of_a_batch_is_standardised_by_itself():
    generator = torch.Generator().manual_seed(0)
    batch = torch.randn(3, 96, 50, generator=generator) * torch.tensor([1.0, 9.0, 30.0]).view(3, 1, 1) - 40
    standard = standardise(batch)
    torch.testing.assert_close(standard.mean(dim=(1, 2)), torch.zeros(3), atol=1e-4, rtol=0)
    torch.testing.assert_close(standard.std(dim=(1, 2)), torch.ones(3), atol=1e-4, rtol=0)
    torch.testing.assert_close(standard[1:2], standardise(batch[1:2]))
