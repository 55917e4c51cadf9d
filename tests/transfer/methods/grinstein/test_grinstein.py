"""Style transfer without a content loss: what it reaches, and what it leaves of the content."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from timbrebench.audio import log_magnitude, rms
from timbrebench.audio.cochlear import CochlearFilterBank
from timbrebench.core.errors import ConfigurationError, MethodError
from timbrebench.transfer import apply, create
from timbrebench.transfer.methods.grinstein.grinstein import (
    PUBLISHED,
    Grinstein,
    GrinsteinAuditory,
    close_loop,
)
from timbrebench.transfer.methods.grinstein.texture_statistics import (
    STATISTICS,
    TextureStatistics,
    texture_errors,
)

#: Four filters for each frequency bin, as in the published settings, but with few bins.
SMALL = {
    "n_fft": 256,
    "hop_length": 128,
    "n_filters": 512,
    "inversion": {"iterations": 30, "start": "given"},
}

#: The clips of these tests last a second, at the rate that they are measured at: modulations from 2 Hz.
BRIEF = {"lowest_modulation_hz": 2.0, "sample_rate": 22_050}


def gram_distance(clip, other):
    """Compare two clips by the Gram matrices of random filters that no method has seen."""
    filters = np.random.default_rng(99).standard_normal((300, 129, 11)) / 40

    def gram(samples):
        spectrogram = log_magnitude(samples, 256, 128).astype(np.float64)
        patches = np.lib.stride_tricks.sliding_window_view(spectrogram, 11, axis=1)
        features = np.maximum(np.einsum("nck,ctk->nt", filters, patches, optimize=True), 0)
        return features @ features.T / spectrogram.shape[1]

    return np.linalg.norm(gram(clip) - gram(other))


def texture(clip, statistics=PUBLISHED):
    """Measure a clip at the tests' own rate, brought to a level of 1."""
    bank = CochlearFilterBank(len(clip), 22_050)
    measure = TextureStatistics(bank.envelope_length, len(clip) / 22_050, 32, lowest_modulation_hz=2.0)
    return measure(bank.envelopes(torch.from_numpy(clip / rms(clip))), statistics)


class TestShallow:
    def run(self, content, style, sample_rate, max_iterations, seed=0, **parameters):
        method = Grinstein(**{**SMALL, "max_iterations": max_iterations, **parameters})
        return apply(method, content, style, sample_rate=sample_rate, seed=seed)

    def test_the_style_loss_falls_with_the_iterations(self, content, style, sample_rate):
        distances = [
            gram_distance(self.run(content, style, sample_rate, iterations), style)
            for iterations in (0, 5, 20)
        ]
        assert distances == sorted(distances, reverse=True)
        assert distances[-1] < 0.7 * distances[0]

    def test_no_iterations_return_the_content(self, content, style, sample_rate):
        output = self.run(content, style, sample_rate, 0)
        np.testing.assert_allclose(output, content, atol=1e-4)

    def test_a_content_in_the_style_already_stays_as_it_is(self, content, sample_rate):
        output = self.run(content, content, sample_rate, 10)
        np.testing.assert_allclose(output, content, atol=1e-3)

    def test_more_of_the_content_is_left_than_when_starting_from_noise(self, content, style, sample_rate):
        from_content = self.run(content, style, sample_rate, 20)
        textured = create("ulyanov", {**SMALL, "content_weight": 0, "max_iterations": 20})
        from_noise = apply(textured, content, style, sample_rate=sample_rate, seed=0)
        loudness = [log_magnitude(clip, 256, 128).sum(axis=0) for clip in (content, from_content, from_noise)]
        similarity = np.corrcoef(loudness)[0]
        assert similarity[1] > similarity[2] + 0.2

    def test_the_seed_draws_the_filters(self, content, style, sample_rate):
        first, second = (self.run(content, style, sample_rate, 3, seed=seed) for seed in (1, 2))
        assert not np.array_equal(first, second)

    @pytest.mark.parametrize("short", ["content", "style"])
    def test_a_clip_shorter_than_a_filter_is_refused_with_what_it_needs(self, pair, short):
        pair[short] = pair[short][:5000]
        with pytest.raises(MethodError, match=rf"the {short} lasts 0\.227 s.* needs 0\.233 s"):
            apply(Grinstein(n_filters=8, max_iterations=1), **pair, seed=0)


class TestAuditory:
    def run(self, content, style, rate, **parameters):
        method = GrinsteinAuditory(**{**BRIEF, "max_rounds": 10, **parameters})
        return apply(method, content, style, sample_rate=rate, seed=0)

    def test_the_errors_of_the_statistics_fall_with_the_rounds(self, content, style, sample_rate):
        wanted = texture(style)
        errors = [
            float(
                texture_errors(
                    texture(self.run(content, style, sample_rate, max_rounds=rounds)), wanted
                ).mean()
            )
            for rounds in (0, 3, 20)
        ]
        assert errors == sorted(errors, reverse=True)
        assert errors[-1] < 0.3 * errors[0]

    def test_the_spectrum_of_the_style_is_taken_on(self, content, style, sample_rate):
        def band_levels(clip):
            powers = CochlearFilterBank(len(clip), sample_rate).powers(torch.from_numpy(clip / rms(clip)))
            return 10 * np.log10(powers.numpy()[5:25] + 1e-4)

        output = self.run(content, style, sample_rate)
        before, after = (np.abs(band_levels(clip) - band_levels(style)).mean() for clip in (content, output))
        assert after < 0.3 * before

    def test_no_rounds_return_the_content(self, content, style, sample_rate):
        output = self.run(content, style, sample_rate, max_rounds=0)
        np.testing.assert_allclose(output, content, atol=1e-6)

    def test_a_content_in_the_style_already_stays_as_it_is(self, content, sample_rate):
        output = self.run(content, content, sample_rate)
        np.testing.assert_allclose(output, content, atol=1e-6)

    def test_the_level_is_the_contents_whatever_the_styles(self, content, style, sample_rate):
        quiet = 0.1 * content
        soft, loud = (self.run(quiet, gain * style, sample_rate, max_rounds=3) for gain in (0.01, 1))
        np.testing.assert_allclose(soft, loud, atol=0.01 * np.abs(loud).max())
        assert rms(loud) == pytest.approx(rms(quiet), rel=1e-4)

    def test_what_is_not_imposed_is_not_reached(self, content, style, sample_rate):
        wanted = texture(style, STATISTICS)
        distances = {}
        for imposed in (PUBLISHED, ("envelope_mean",)):
            made = texture(self.run(content, style, sample_rate, statistics=imposed), STATISTICS)
            errors = texture_errors(made, wanted).tolist()
            distances[imposed] = dict(zip(STATISTICS, errors, strict=True))
        all_of_them, mean_alone = distances.values()
        assert mean_alone["envelope_mean"] < 0.02
        for name in ("envelope_skewness", "envelope_correlation", "modulation_power"):
            assert all_of_them[name] < 0.6 * mean_alone[name], name

    def test_every_statistic_can_be_imposed(self, content, style, sample_rate):
        output = self.run(content, style, sample_rate, max_rounds=2, statistics=STATISTICS)
        assert np.isfinite(output).all()

    @pytest.mark.parametrize("other_rate", [8000, 44_100])
    def test_other_rates_are_resampled_and_back(self, content, style, other_rate):
        quiet = 0.1 * content[:-123]
        output = self.run(quiet, style, other_rate, max_rounds=2, lowest_modulation_hz=4.0)
        assert output.shape == quiet.shape
        assert rms(output) == pytest.approx(rms(quiet), rel=1e-4)

    @pytest.mark.parametrize("short", ["content", "style"])
    def test_a_clip_without_room_for_the_slowest_modulation_is_refused(self, pair, short):
        pair[short] = pair[short][:9000]
        with pytest.raises(MethodError, match=rf"the {short} lasts 0\.408 s.* needs 0\.500 s"):
            apply(GrinsteinAuditory(**BRIEF), **pair, seed=0)


def test_a_closed_loop_has_no_jump(generator):
    clip = np.cumsum(generator.standard_normal(500)).astype(np.float32)  # ends far from where it starts
    loop = close_loop(clip, 100)
    np.testing.assert_array_equal(loop[:500], clip)
    turns = np.concatenate([loop[495:], loop[:5]])
    assert abs(clip[-1] - clip[0]) > 10
    assert np.abs(np.diff(turns)).max() < np.abs(np.diff(clip)).max() + 1


class TestParameters:
    def test_the_defaults_are_the_published_settings(self):
        assert Grinstein().parameters.model_dump(exclude={"device"}) == {
            "sample_rate": 22050,
            "n_fft": 2048,
            "hop_length": 512,
            "n_filters": 4096,
            "kernel_width": 11,
            "max_iterations": 300,
            "inversion": {"algorithm": "griffin-lim", "iterations": 500, "start": "given"},
        }
        assert GrinsteinAuditory().parameters.model_dump() == {
            "sample_rate": 20000,
            "n_bands": 30,
            "lowest_modulation_hz": 0.5,
            "statistics": (
                "envelope_mean",
                "envelope_variance",
                "envelope_skewness",
                "envelope_correlation",
                "modulation_power",
                "modulation_c1",
            ),
            "max_rounds": 60,
            "device": "auto",
        }

    @pytest.mark.parametrize(
        ("method", "parameters", "reason"),
        [
            ("grinstein", {"content_weight": 1}, "unknown key 'content_weight'"),
            ("grinstein", {"max_iterations": -1}, "max_iterations: .* greater than or equal to 0"),
            ("grinstein-auditory", {"statistics": ["envelope_median"]}, "statistics.*'envelope_mean'"),
            ("grinstein-auditory", {"statistics": []}, "statistics: .* at least 1 item"),
            ("grinstein-auditory", {"lowest_modulation_hz": 100}, "lowest_modulation_hz: .* 12.5"),
            ("grinstein-auditory", {"sample_rate": 400}, "sample_rate: .* greater than 400"),
        ],
    )
    def test_impossible_settings_are_refused(self, method, parameters, reason):
        with pytest.raises(ConfigurationError, match=f"method '{method}': .*{reason}"):
            create(method, parameters)
