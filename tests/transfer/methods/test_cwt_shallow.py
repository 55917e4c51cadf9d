"""The random convolution on the wavelet transform: what it matches, and what it does to sound."""

from __future__ import annotations

import numpy as np
import pytest

from timbrebench.audio import rms
from timbrebench.audio.wavelets import WaveletFrame
from timbrebench.core.errors import ConfigurationError, MethodError
from timbrebench.transfer import apply, create
from timbrebench.transfer.methods.cwt_shallow import FULL_SCALE, CwtShallow, resized

SMALL = {"bands_per_octave": 12, "n_filters": 256, "max_iterations": 40, "phase_iterations": 20}


def log_bands(clip):
    frame = WaveletFrame(len(clip), 22050, bins_per_octave=12)
    return np.log1p(FULL_SCALE * frame.magnitude(clip)).astype(np.float64)


def gram(bands):
    """Correlations of filters that no method has seen, in float64 and from the definition."""
    filters = np.random.default_rng(99).standard_normal((200, len(bands), 11)) / 30
    patches = np.lib.stride_tricks.sliding_window_view(bands, 11, axis=1)
    features = np.maximum(np.einsum("nck,ctk->nt", filters, patches, optimize=True), 0)
    return features @ features.T / features.shape[1]


def gram_distance(clip, other):
    return np.linalg.norm(gram(log_bands(clip)) - gram(log_bands(other)))


def distance(clip, other):
    return np.sqrt(np.mean((log_bands(clip) - log_bands(other)) ** 2))


def run(content, style, sample_rate, seed=0, **parameters):
    return apply(CwtShallow(**{**SMALL, **parameters}), content, style, sample_rate=sample_rate, seed=seed)


def test_the_defaults_are_those_proposed():
    assert CwtShallow().parameters.model_dump() == {
        "sample_rate": 22050,
        "hop_length": 512,
        "bands_per_octave": 24,
        "n_filters": 4096,
        "kernel_width": 11,
        "content_weight": 1e-2,
        "max_iterations": 300,
        "phase_iterations": 100,
    }


def test_a_huge_content_weight_keeps_the_content(content, style, sample_rate):
    output = run(content, style, sample_rate, content_weight=1e6)
    assert distance(output, content) < 0.3 * distance(output, np.resize(style, len(content)))


def test_less_content_weight_brings_more_style(content, style, sample_rate):
    free, default, bound = (run(content, style, sample_rate, content_weight=w) for w in (0, 1e-2, 1e6))
    to_content = [distance(output, content) for output in (free, default, bound)]
    assert to_content == sorted(to_content, reverse=True)
    for stylised in (free, default):
        assert gram_distance(stylised, style) < 0.75 * gram_distance(bound, style)


def test_magnitudes_end_near_the_correlations_of_the_style(content, style):
    frames = [WaveletFrame(len(clip), 22050, bins_per_octave=12) for clip in (content, style)]
    bands = [frame.magnitude(clip) for frame, clip in zip(frames, (content, style), strict=True)]
    method = CwtShallow(**{**SMALL, "content_weight": 0.0, "max_iterations": 100})
    found = method.match(*bands, np.random.default_rng(0))
    assert found.shape == bands[0].shape
    assert 0 <= found.min() <= found.max() <= 1.001 * max(band.max() for band in bands)
    made, wanted, before = (
        gram(np.log1p(FULL_SCALE * band.astype(np.float64))) for band in (found, *bands[::-1])
    )
    assert np.linalg.norm(made - wanted) < 0.5 * np.linalg.norm(before - wanted)


def test_long_contents_are_made_in_blocks(content, style, sample_rate, monkeypatch):
    monkeypatch.setattr(CwtShallow, "block_s", 0.6)
    monkeypatch.setattr(CwtShallow, "overlap_s", 0.2)
    lengths = []
    make = CwtShallow.make

    def remember(self, block, *others):
        lengths.append(len(block))
        return make(self, block, *others)

    monkeypatch.setattr(CwtShallow, "make", remember)
    output = run(content, style, sample_rate, content_weight=1e6)
    assert len(lengths) == 3
    assert max(lengths) <= 0.6 * sample_rate + 1
    assert distance(output, content) < 0.4 * distance(output, np.resize(style, len(content)))


def test_each_seed_has_its_own_output(content, style, sample_rate):
    first, second = (run(content, style, sample_rate, seed=seed) for seed in (1, 2))
    assert not np.allclose(first, second, atol=1e-3)


@pytest.mark.parametrize("sample_rate", [16000, 44100])
def test_other_rates_are_resampled_and_back(content, style, sample_rate):
    output = run(content[:-123], style, sample_rate)
    assert output.shape == content[:-123].shape
    assert rms(output) > 0.1 * rms(content)


@pytest.mark.parametrize("short", ["content", "style"])
def test_a_clip_shorter_than_a_filter_is_refused_with_what_it_needs(pair, short):
    pair[short] = pair[short][: round(0.232 * 22050)]
    with pytest.raises(MethodError, match=rf"the {short} lasts 0\.232 s.* needs 0\.233 s"):
        apply(CwtShallow(**SMALL), **pair, seed=0)


@pytest.mark.parametrize(
    ("parameters", "reason"),
    [
        ({"bands_per_octave": 11}, "bands_per_octave: .* greater than or equal to 12"),
        ({"n_filters": 0}, "n_filters: .* greater than 0"),
        ({"content_weight": float("inf")}, "content_weight"),
        ({"band_per_octave": 12}, "did you mean 'bands_per_octave'"),
    ],
)
def test_settings_out_of_range_are_refused(parameters, reason):
    with pytest.raises(ConfigurationError, match=reason):
        create("cwt-shallow", parameters)


class TestResizing:
    def test_a_picture_of_the_right_size_stays(self, generator):
        picture = generator.random((5, 7), dtype=np.float32)
        np.testing.assert_array_equal(resized(picture, 7), picture)

    @pytest.mark.parametrize("frames", [20, 80, 400])
    def test_an_arch_over_the_whole_length_stays_one(self, frames):
        before, after = (np.sin(np.pi * (np.arange(n) + 0.5) / n) for n in (100, frames))
        picture = np.stack([before, 3 * before]).astype(np.float32)
        np.testing.assert_allclose(resized(picture, frames), [after, 3 * after], atol=0.05)

    def test_frames_that_fall_together_are_averaged(self):
        flicker = np.tile(np.float32([[0, 2]]), (3, 300))
        np.testing.assert_allclose(resized(flicker, 60)[:, 2:-2], 1, atol=0.1)

    def test_a_style_of_another_length_has_the_contents_size(self, content, style, sample_rate, monkeypatch):
        shapes = []
        match = CwtShallow.match

        def remember(self, ours, theirs, rng):
            shapes.append((ours.shape, theirs.shape))
            return match(self, ours, theirs, rng)

        monkeypatch.setattr(CwtShallow, "match", remember)
        run(content, style[:12_000], sample_rate, max_iterations=1, phase_iterations=0)
        assert shapes[0][0] == shapes[0][1]
