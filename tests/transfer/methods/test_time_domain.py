"""Mital's method: its loss computed independently, and what it does to sound."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from timbrebench.audio import log_magnitude, magnitude, rms
from timbrebench.core.errors import ConfigurationError, MethodError
from timbrebench.transfer import apply, create
from timbrebench.transfer.algorithms.optimisation import with_gradient
from timbrebench.transfer.algorithms.random_convolution import draw_filters
from timbrebench.transfer.methods.time_domain import TimeDomain, WaveformLoss

SMALL = {
    "n_fft": 512,
    "hop_length": 128,
    "n_filters": 32,
    "kernel_width": 4,
    "max_iterations": 40,
    "device": "cpu",
}

N_FFT, HOP = 128, 32


def channels(samples):
    """Compute real parts, imaginary parts and magnitudes in float64, window by window."""
    window = np.zeros(N_FFT)
    window[N_FFT // 4 : -N_FFT // 4] = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(N_FFT // 2) / (N_FFT // 2))
    padded = np.pad(samples, N_FFT // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, N_FFT)[::HOP]
    spectrum = np.fft.rfft(frames * window).T
    return np.concatenate([spectrum.real, spectrum.imag, np.abs(spectrum)])


def features(values, filters):
    patches = np.lib.stride_tricks.sliding_window_view(values, filters.shape[2], axis=1)
    return np.maximum(np.einsum("nck,ctk->nt", filters, patches, optimize=True), 0)


def loss(x, content, style, filters, content_weight):
    made, kept, wanted = ([p := channels(clip), features(p, filters)] for clip in (x, content, style))
    total = content_weight * sum(np.sum((m - k) ** 2) for m, k in zip(made, kept, strict=True))
    frames, style_frames = made[0].shape[1], wanted[0].shape[1]
    bins = 1 + N_FFT // 2
    for own, other in ((made[0][-bins:], wanted[0][-bins:]), (made[1], wanted[1])):
        total += np.sum((own @ own.T / frames - other @ other.T / style_frames) ** 2)
    return total


@pytest.fixture
def problem(content, style):
    """A content, a style of another length, filters, and samples to evaluate, all in float64."""
    rng = np.random.default_rng(3)
    filters = rng.standard_normal((20, 3 * (1 + N_FFT // 2), 5)) / 20
    return content[:1500].astype(float), style[:1100].astype(float), filters, 0.1 * rng.standard_normal(1500)


def waveform_loss(content, style, filters, content_weight):
    return WaveformLoss(
        *map(torch.from_numpy, (content, style, filters)),
        n_fft=N_FFT,
        hop_length=HOP,
        content_weight=content_weight,
    )


class TestLoss:
    @pytest.mark.parametrize("content_weight", [0, 0.05, 10])
    def test_it_agrees_with_the_definition(self, problem, content_weight):
        content, style, filters, x = problem
        value = waveform_loss(content, style, filters, content_weight)(torch.from_numpy(x))
        assert float(value) == pytest.approx(loss(x, content, style, filters, content_weight), rel=1e-9)

    @pytest.mark.parametrize("content_weight", [0, 0.05, 10])
    def test_its_gradient_agrees_with_finite_differences_of_the_definition(self, problem, content_weight):
        content, style, filters, x = problem
        objective = with_gradient(waveform_loss(content, style, filters, content_weight))
        _, gradient = objective(torch.from_numpy(x))
        for seed in range(3):
            direction = np.random.default_rng(seed).standard_normal(x.shape)
            ahead, behind = (
                loss(x + step * direction, content, style, filters, content_weight) for step in (1e-6, -1e-6)
            )
            assert gradient.numpy() @ direction == pytest.approx((ahead - behind) / 2e-6, rel=1e-6)

    def test_silence_has_a_gradient(self, problem):
        content, style, filters, x = problem
        _, gradient = with_gradient(waveform_loss(content, style, filters, 0.05))(
            torch.zeros(len(x)).double()
        )
        assert torch.isfinite(gradient).all()
        assert gradient.abs().max() > 0

    def test_the_content_in_its_own_style_has_none(self, problem):
        content, _, filters, _ = problem
        assert float(waveform_loss(content, content, filters, 1.0)(torch.from_numpy(content))) == 0

    def test_it_sees_the_phase(self, problem):
        content, _, filters, _ = problem
        # Magnitudes are those of the content, and so would be all that they can tell.
        inverted = torch.from_numpy(-content)
        assert float(waveform_loss(content, content, filters, 1.0)(inverted)) > 0
        assert float(waveform_loss(content, content, filters, 0.0)(inverted)) > 0


def test_filters_have_the_published_spread():
    filters = draw_filters(np.random.default_rng(0), n_filters=300, n_bins=100, kernel_width=5, n_parts=3)
    assert filters.shape == (300, 300, 5)
    assert filters.std() == pytest.approx(2 / np.sqrt(400 * 5), rel=0.01)


class TestTransfer:
    def run(self, content, style, sample_rate, seed=0, **parameters):
        method = TimeDomain(**{**SMALL, **parameters})
        return apply(method, content, style, sample_rate=sample_rate, seed=seed)

    def distance(self, clip, other):
        return np.sqrt(np.mean((log_magnitude(clip) - log_magnitude(other)) ** 2))

    def test_a_huge_content_weight_keeps_the_content_phase_and_all(self, content, style, sample_rate):
        output = self.run(content, style, sample_rate, content_weight=1e9)
        assert np.corrcoef(output, content)[0, 1] > 0.99

    def test_less_content_weight_brings_more_style(self, content, style, sample_rate):
        as_long = np.resize(style, len(content))
        outputs = [self.run(content, style, sample_rate, content_weight=weight) for weight in (0, 0.05, 1e9)]
        to_content = [self.distance(output, content) for output in outputs]
        assert to_content == sorted(to_content, reverse=True)
        # Windows of its own length: longer ones tell notes apart that it cannot.
        spectra = [magnitude(clip, 256, 128) for clip in (*outputs, as_long)]
        grams = [spectrum @ spectrum.T for spectrum in spectra]
        to_style = [np.linalg.norm(gram - grams[-1]) for gram in grams[:-1]]
        assert max(to_style[:2]) < 0.5 * to_style[2]

    def test_long_contents_are_made_in_blocks(self, content, style, sample_rate, monkeypatch):
        monkeypatch.setattr(TimeDomain, "block_s", 0.6)
        monkeypatch.setattr(TimeDomain, "overlap_s", 0.2)
        output = self.run(content, style, sample_rate, content_weight=1e9)
        assert np.corrcoef(output, content)[0, 1] > 0.99

    def test_each_seed_has_its_own_output(self, content, style, sample_rate):
        first, second = (self.run(content, style, sample_rate, seed=seed) for seed in (1, 2))
        assert not np.allclose(first, second, atol=1e-3)

    @pytest.mark.parametrize("sample_rate", [16000, 44100])
    def test_other_rates_are_resampled_and_back(self, content, style, sample_rate):
        output = self.run(content[:-123], style, sample_rate)
        assert output.shape == content[:-123].shape
        assert rms(output) > 0.1 * rms(content)

    @pytest.mark.parametrize("short", ["content", "style"])
    def test_a_clip_shorter_than_a_filter_is_refused_with_what_it_needs(self, pair, short):
        pair[short] = pair[short][: round(0.1 * 22050)]
        with pytest.raises(MethodError, match=rf"the {short} lasts 0\.100 s.* needs 0\.111 s"):
            apply(TimeDomain(**{**SMALL, "kernel_width": 20}), **pair, seed=0)


class TestParameters:
    def test_the_defaults_are_the_published_settings(self):
        assert TimeDomain().parameters.model_dump() == {
            "sample_rate": 22050,
            "n_fft": 4096,
            "hop_length": 256,
            "n_filters": 4096,
            "kernel_width": 15,
            "content_weight": 0.05,
            "max_iterations": 300,
            "device": "auto",
        }

    @pytest.mark.parametrize(
        ("parameters", "reason"),
        [
            ({"n_fft": 512, "hop_length": 129}, "hop_length 129 is more than a quarter of n_fft 512"),
            ({"n_fft": 510}, "n_fft"),
            ({"device": "tpu"}, "device"),
            ({"kernel_widht": 4}, "did you mean 'kernel_width'"),
        ],
    )
    def test_settings_out_of_range_are_refused(self, parameters, reason):
        with pytest.raises(ConfigurationError, match=reason):
            create("time-domain", parameters)
