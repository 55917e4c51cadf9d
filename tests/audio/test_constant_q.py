"""The constant-Q transform: librosa's values, music's symmetries, and a gradient."""

from __future__ import annotations

import librosa
import numpy as np
import pytest
import torch

from timbrebench.audio.constant_q import FMIN, ConstantQ, PseudoConstantQ
from timbrebench.core.errors import AudioError

RATE = 22050

SETTINGS = [
    {},
    {"filter_scale": 0.25},
    {"bins_per_octave": 24, "n_bins": 120, "fmin": 110.0},
    {"n_bins": 40, "hop_length": 96},
    {"n_bins": 20, "fmin": 440.0, "hop_length": 441},
]


@pytest.fixture(scope="module")
def clip(synthesizer):
    import pandas as pd

    from timbrebench.datasets.notes import notes_table

    chords = [(start, start + 1.4, pitch, 90) for start in (0.0, 1.5) for pitch in (36, 48, 64, 79)]
    notes: pd.DataFrame = notes_table(chords)
    return synthesizer.render(notes, 0, 4.0, RATE)


def librosas(transform, clip, settings):
    return transform(clip, sr=RATE, sparsity=0, tuning=0.0, **settings)


def tone(frequency, seconds=3.0):
    return torch.sin(2 * torch.pi * frequency * torch.arange(round(seconds * RATE)) / RATE)


@pytest.mark.parametrize("settings", SETTINGS)
def test_the_complex_transform_is_librosas(clip, settings):
    transformed = ConstantQ(RATE, **settings)(torch.from_numpy(clip)).numpy()
    expected = librosas(librosa.cqt, clip, settings)
    assert transformed.shape == expected.shape
    edge = RATE // settings.get("hop_length", 512)  # a second, as long as the longest window
    error = np.abs(transformed - expected)[:, edge:-edge].max()
    assert error < 0.01 * np.abs(expected).max()


@pytest.mark.parametrize("settings", SETTINGS)
def test_the_pseudo_transform_is_librosas(clip, settings):
    transformed = PseudoConstantQ(RATE, **settings)(torch.from_numpy(clip)).numpy()
    expected = librosas(librosa.pseudo_cqt, clip, settings)
    np.testing.assert_allclose(transformed, expected, atol=1e-4 * expected.max())


@pytest.mark.parametrize("transform", [ConstantQ, PseudoConstantQ])
@pytest.mark.parametrize("bin_number", [12, 45, 80])
def test_a_tone_stands_in_its_bin(transform, bin_number):
    spectrum = transform(RATE)(tone(FMIN * 2 ** (bin_number / 12))).abs()
    assert int(spectrum[:, spectrum.shape[1] // 2].argmax()) == bin_number


@pytest.mark.parametrize("bin_number", [15, 45, 80])
def test_a_tone_reaches_half_the_root_of_its_windows_length(bin_number):
    frequency = FMIN * 2 ** (bin_number / 12)
    height = ConstantQ(RATE)(tone(frequency))[bin_number].abs()[60]
    alpha = (2 ** (1 / 6) - 1) / (2 ** (1 / 6) + 1)
    assert float(height) == pytest.approx(np.sqrt(RATE / frequency / alpha) / 2, rel=0.01)


@pytest.mark.parametrize("transform", [ConstantQ, PseudoConstantQ])
def test_a_transposed_chord_is_the_same_picture_moved(transform):
    def chord(transposition):
        return sum(tone(220 * 2 ** ((note + transposition) / 12)) for note in (0, 4, 7))

    def picture(samples):
        middle = transform(RATE)(samples).abs()[:, 60]
        return middle / middle.norm()

    same, moved = picture(chord(0)), picture(chord(5))
    assert float((moved[5:] - same[:-5]).norm()) < 0.15
    assert float((moved - same).norm()) > 1


@pytest.mark.parametrize("transform", [ConstantQ, PseudoConstantQ])
def test_gain_scales_and_time_shifts(transform, generator):
    samples = torch.zeros(20480)
    samples[4096:8192] = torch.from_numpy(generator.standard_normal(4096)).float()
    model = transform(RATE, fmin=220.0, n_bins=36)
    once = model(samples)
    torch.testing.assert_close(model(2 * samples), 2 * once, rtol=1e-4, atol=1e-4)
    later = model(torch.roll(samples, 8 * 512))
    torch.testing.assert_close(later[:, 8:], once[:, :-8], rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("transform", [ConstantQ, PseudoConstantQ])
def test_clips_are_transformed_side_by_side(transform, generator):
    clips = torch.from_numpy(generator.standard_normal((3, 5000))).float()
    model = transform(RATE, n_bins=24, fmin=440.0)
    torch.testing.assert_close(model(clips)[2], model(clips[2]), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("transform", [ConstantQ, PseudoConstantQ])
def test_the_gradient_is_that_of_finite_differences(transform, generator):
    model = transform(8000, n_bins=16, bins_per_octave=8, fmin=440.0, hop_length=64).double()
    samples = torch.from_numpy(generator.standard_normal(300)).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: model(x).abs().square().sum(dim=1), samples, atol=1e-4)


@pytest.mark.parametrize("transform", [ConstantQ, PseudoConstantQ])
def test_bins_above_half_the_rate_are_refused(transform):
    with pytest.raises(AudioError, match="ask for fewer bins, longer filters or a higher sample rate"):
        transform(8000, n_bins=96)
