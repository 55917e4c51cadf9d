"""Magnitudes with a gradient: the values are those of librosa and of the project's own transform."""

from __future__ import annotations

import librosa
import numpy as np
import pytest
import torch

from timbrebench.audio import magnitude
from timbrebench.audio.differentiable import MelBands, stft_magnitude
from timbrebench.core.errors import AudioError

RATE = 22050


@pytest.fixture
def clip(synthesizer, scale):
    return synthesizer.render(scale, 0, 1.0, RATE)


@pytest.mark.parametrize(("n_fft", "hop_length"), [(2048, 512), (512, 100)])
def test_magnitudes_are_those_of_the_projects_transform(clip, n_fft, hop_length):
    transformed = stft_magnitude(torch.from_numpy(clip), n_fft, hop_length)
    np.testing.assert_allclose(transformed, magnitude(clip, n_fft, hop_length), atol=1e-4)


def test_the_gradient_is_that_of_finite_differences(generator):
    samples = torch.from_numpy(generator.standard_normal(300)).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: stft_magnitude(x, 64, 16), samples)


def test_silence_has_a_gradient_of_zero():
    samples = torch.zeros(4096, requires_grad=True)
    stft_magnitude(samples).sum().backward()
    assert not samples.grad.any()


@pytest.mark.parametrize(("n_mels", "fmax"), [(16, None), (128, 8000)])
def test_mel_bands_are_librosas_with_a_peak_of_one(clip, n_mels, fmax):
    expected = librosa.feature.melspectrogram(
        y=clip, sr=RATE, power=1, norm=None, n_mels=n_mels, fmax=fmax, pad_mode="constant"
    )
    transformed = MelBands(RATE, 2048, n_mels, fmax)(stft_magnitude(torch.from_numpy(clip)))
    np.testing.assert_allclose(transformed, expected, rtol=1e-4, atol=1e-3)


def test_mel_bands_above_half_the_rate_are_refused():
    with pytest.raises(AudioError, match="up to 9000 Hz need a sample rate of 18000 Hz, not 16000"):
        MelBands(16000, 2048, 40, 9000)
