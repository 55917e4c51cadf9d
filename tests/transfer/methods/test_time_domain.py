"""Mital's method: its loss computed independently, and what it does to sound."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from timbrebench.audio import log_magnitude, magnitude, rms
from timbrebench.core.errors import ConfigurationError, MethodError
from timbrebench.transfer import apply, create
from timbrebench.transfer.algorithms.random_convolution import START_STD, draw_filters
from timbrebench.transfer.methods.time_domain import TimeDomain, WindowLoss, added, limited

SMALL = {
    "preset": "code",
    "win_length": 256,
    "n_fft": 256,
    "hop_length": 64,
    "n_filters": 32,
    "kernel_width": 4,
    "max_iterations": 40,
    "device": "cpu",
}

N_FFT, WINDOW, HOP = 128, 64, 16

#: Samples by which the script's limiter is late.
DELAY = 39


def windows(samples):
    """Cut samples into windows from the first one on, as many as there are hops, in float64."""
    frames = np.lib.stride_tricks.sliding_window_view(np.pad(samples, (0, WINDOW)), WINDOW)[::HOP]
    return frames[: len(samples) // HOP] * np.hanning(WINDOW)


def channels(samples):
    """Compute real parts, imaginary parts and magnitudes in float64, window by window."""
    spectrum = np.fft.rfft(windows(samples), N_FFT).T[: N_FFT // 2]
    return np.concatenate([spectrum.real, spectrum.imag, np.abs(spectrum)])


def features(values, filters):
    patches = np.lib.stride_tricks.sliding_window_view(values, filters.shape[2], axis=1)
    return np.maximum(np.einsum("nck,ctk->nt", filters, patches, optimize=True), 0)


def loss(x, content, style, filters, content_weight):
    made, kept, wanted = ([p := channels(clip), features(p, filters)] for clip in (x, content, style))
    total = content_weight * sum(np.sum((m - k) ** 2) for m, k in zip(made, kept, strict=True))
    frames, style_frames = made[0].shape[1], wanted[0].shape[1]
    bins = N_FFT // 2
    for own, other in ((made[0][-bins:], wanted[0][-bins:]), (made[1], wanted[1])):
        total += np.sum((own @ own.T / frames - other @ other.T / style_frames) ** 2)
    return total


@pytest.fixture
def problem(content, style):
    """A content, a style of another length, filters, and samples to evaluate, all in float64."""
    rng = np.random.default_rng(3)
    filters = rng.standard_normal((20, 3 * (N_FFT // 2), 5)) / 20
    return content[:1500].astype(float), style[:1100].astype(float), filters, 0.1 * rng.standard_normal(1500)


def window_loss(content, style, filters, content_weight):
    """Return the loss and the gradient by samples: those by their windows, and these by the samples."""
    method = TimeDomain(win_length=WINDOW, n_fft=N_FFT, hop_length=HOP)
    loss = WindowLoss(
        *(method.windows(torch.from_numpy(clip)) for clip in (content, style)),
        torch.from_numpy(filters),
        n_fft=N_FFT,
        content_weight=content_weight,
    )

    def evaluate(x):
        samples = torch.from_numpy(x).requires_grad_()
        cut = method.windows(samples)
        value, slope = loss(cut)
        return value, torch.autograd.grad(cut, samples, slope)[0].numpy()

    return evaluate


class TestLoss:
    @pytest.mark.parametrize("content_weight", [0, 0.05, 10])
    def test_it_agrees_with_the_definition(self, problem, content_weight):
        content, style, filters, x = problem
        value, _ = window_loss(content, style, filters, content_weight)(x)
        assert value == pytest.approx(loss(x, content, style, filters, content_weight), rel=1e-9)

    @pytest.mark.parametrize("content_weight", [0, 0.05, 10])
    def test_its_gradient_agrees_with_finite_differences_of_the_definition(self, problem, content_weight):
        content, style, filters, x = problem
        _, gradient = window_loss(content, style, filters, content_weight)(x)
        for seed in range(3):
            direction = np.random.default_rng(seed).standard_normal(x.shape)
            ahead, behind = (
                loss(x + step * direction, content, style, filters, content_weight) for step in (1e-6, -1e-6)
            )
            assert gradient @ direction == pytest.approx((ahead - behind) / 2e-6, rel=1e-6)

    def test_silence_has_a_gradient(self, problem):
        content, style, filters, x = problem
        _, gradient = window_loss(content, style, filters, 0.05)(np.zeros(len(x)))
        assert np.isfinite(gradient).all()
        assert np.abs(gradient).max() > 0

    def test_the_content_in_its_own_style_has_none(self, problem):
        content, _, filters, _ = problem
        value, _ = window_loss(content, content, filters, 1.0)(content)
        assert value == pytest.approx(0, abs=1e-12)

    def test_it_sees_the_phase(self, problem):
        content, _, filters, _ = problem
        # Magnitudes are those of the content, and so would be all that they can tell.
        assert window_loss(content, content, filters, 1.0)(-content)[0] > 1e-3
        assert window_loss(content, content, filters, 0.0)(-content)[0] > 1e-6


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
        # What is loud is limited, and all of it is late.
        assert np.corrcoef(output[DELAY:], content[:-DELAY])[0, 1] > 0.9

    def test_less_content_weight_brings_more_style(self, content, style, sample_rate):
        as_long = np.resize(style, len(content))
        outputs = [self.run(content, style, sample_rate, content_weight=weight) for weight in (0, 0.05, 1e9)]
        outputs = [output * rms(content) / rms(output) for output in outputs]
        to_content = [self.distance(output, content) for output in outputs]
        assert to_content == sorted(to_content, reverse=True)
        # Windows of its own length: longer ones tell notes apart that it cannot. Adding them up costs some.
        spectra = [magnitude(clip, 256, 128) for clip in (*outputs, as_long)]
        grams = [spectrum @ spectrum.T for spectrum in spectra]
        to_style = [np.linalg.norm(gram - grams[-1]) for gram in grams[:-1]]
        assert max(to_style[:2]) < 0.8 * to_style[2]

    def test_long_contents_are_made_in_blocks(self, content, style, sample_rate, monkeypatch):
        monkeypatch.setattr(TimeDomain, "block_s", 0.6)
        monkeypatch.setattr(TimeDomain, "overlap_s", 0.2)
        output = self.run(content, style, sample_rate, content_weight=1e9)
        # What is loud is limited, and all of it is late.
        assert np.corrcoef(output[DELAY:], content[:-DELAY])[0, 1] > 0.9

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
        with pytest.raises(MethodError, match=rf"the {short} lasts 0\.100 s.* needs 0\.117 s"):
            apply(TimeDomain(**{**SMALL, "kernel_width": 40}), **pair, seed=0)


class TestText:
    """What the preset of the text does otherwise: Adam moves samples."""

    def test_a_step_moves_a_sample_by_the_learning_rate_at_most(self, content, style, sample_rate):
        method = TimeDomain(**{**SMALL, "preset": "text", "max_iterations": 3, "learning_rate": 1e-3})
        output = apply(method, content, style, sample_rate=22_050, seed=0)
        assert 1e-3 < np.abs(output).max() < 3 * 1.001e-3 + 6 * START_STD

    def test_more_iterations_come_nearer_to_the_content(self, content, style, sample_rate):
        correlations = []
        for count in (5, 60):
            settings = {
                "preset": "text",
                "max_iterations": count,
                "learning_rate": 1e-2,
                "content_weight": 1e9,
            }
            method = TimeDomain(**{**SMALL, **settings})
            output = apply(method, content, style, sample_rate=sample_rate, seed=0)
            correlations.append(np.corrcoef(output, content)[0, 1])
        assert 0.3 < correlations[0] + 0.2 < correlations[1]


class TestCode:
    """What the script does after the optimisation."""

    def test_windows_of_a_sound_add_up_to_four_times_the_sound(self, content):
        method = TimeDomain()
        samples = torch.from_numpy(content).double()
        total = added(method.windows(samples), 256)[: len(content)].numpy()
        inside = slice(2048, -2048)
        np.testing.assert_allclose(total[inside], 4 * content[inside], rtol=0.01, atol=1e-3)

    def test_the_limiter_delays_what_is_soft(self):
        samples = np.linspace(-0.5, 0.5, 200, dtype=np.float32)
        made = limited(samples)
        np.testing.assert_allclose(made[39:], samples[:-39], rtol=1e-6)
        assert not made[:39].any()

    def test_the_limiter_brings_a_loud_tone_to_its_threshold(self):
        tone = 4 * np.sin(0.3 * np.arange(4000, dtype=np.float32))
        made = limited(tone)
        assert np.abs(made[1000:]).max() == pytest.approx(0.9, abs=0.02)


class TestParameters:
    def test_the_defaults_are_those_of_the_text(self):
        assert TimeDomain().parameters.model_dump() == {
            "preset": "text",
            "sample_rate": 22050,
            "win_length": 2048,
            "n_fft": 2048,
            "hop_length": 256,
            "n_filters": 4096,
            "kernel_width": 8,
            "content_weight": 0.01,
            "max_iterations": 150,
            "learning_rate": 1e-3,
            "device": "auto",
        }

    def test_the_script_has_settings_of_its_own(self):
        text, code = (TimeDomain(preset=preset).parameters.model_dump() for preset in ("text", "code"))
        assert {name: code[name] for name in text if text[name] != code[name]} == {
            "preset": "code",
            "n_fft": 4096,
            "kernel_width": 15,
            "content_weight": 0.05,
            "max_iterations": 300,
        }
        assert TimeDomain(preset="code", kernel_width=4).parameters.kernel_width == 4

    def test_a_window_is_as_long_as_a_shorter_transform(self):
        assert TimeDomain(n_fft=1024).parameters.win_length == 1024
        assert TimeDomain(preset="code", n_fft=512).parameters.win_length == 512

    @pytest.mark.parametrize(
        ("parameters", "reason"),
        [
            ({"hop_length": 1025}, "hop_length 1025 is more than half of win_length 2048"),
            ({"n_fft": 1024, "win_length": 2048}, "n_fft 1024 is less than win_length 2048"),
            ({"n_fft": 511}, "n_fft"),
            ({"device": "tpu"}, "device"),
            ({"preset": "paper"}, "preset"),
            ({"preset": "code", "learning_rate": 0.01}, "leave it out"),
            ({"kernel_widht": 4}, "did you mean 'kernel_width'"),
        ],
    )
    def test_settings_out_of_range_are_refused(self, parameters, reason):
        with pytest.raises(ConfigurationError, match=reason):
            create("time-domain", parameters)
