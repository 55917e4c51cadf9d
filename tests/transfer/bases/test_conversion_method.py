"""The frame of methods: rates, lengths, levels and peaks."""

from __future__ import annotations

import numpy as np
import pytest

from timbrebench.audio.clips import resample
from timbrebench.audio.loudness import rms
from timbrebench.core.errors import MethodError
from timbrebench.transfer import apply
from timbrebench.transfer.bases.conversion_method import ConversionMethod, FrameMethod


class Gain(FrameMethod):
    """The content, so many times as loud, and 100 samples longer."""

    name, version, summary, source = "gain", 1, "makes the content louder", "these tests"
    gain = 0.5

    def convert(self, content, style, *, sample_rate, seed):
        self.seen = sample_rate, len(content), len(style)
        return np.pad(self.gain * content, (0, 100))


class AtTheClipsRate(ConversionMethod):
    """The content twice as loud, at its own rate."""

    name, version, summary, source = "own-rate", 1, "leaves the rate alone", "these tests"
    keeps_level = True
    remedy = "a smaller window"

    def min_length(self, sample_rate):
        return sample_rate // 2

    def convert(self, content, style, *, sample_rate, seed):
        self.seen = sample_rate
        return 2 * content


def test_the_clips_are_resampled_to_the_methods_rate_and_the_output_back(pair, sample_rate):
    method = Gain(sample_rate=16_000)
    output = apply(method, **pair, seed=0)
    lengths = [-(-len(pair[name]) * 16_000 // sample_rate) for name in ("content", "style")]
    assert method.seen == (16_000, *lengths)
    expected = resample(resample(0.5 * pair["content"], sample_rate, 16_000), 16_000, sample_rate)
    np.testing.assert_allclose(output, expected[: len(output)], atol=1e-6)


def test_by_default_a_method_works_at_the_clips_rate_and_may_keep_the_level(pair, sample_rate):
    method = AtTheClipsRate()
    output = apply(method, **pair, seed=0)
    assert method.seen == sample_rate
    np.testing.assert_allclose(output, pair["content"], atol=1e-6)
    assert rms(output) == pytest.approx(rms(pair["content"]))


def test_what_exceeds_full_scale_is_scaled_down_as_a_whole(pair):
    method = Gain()
    method.gain = 8.0
    output = apply(method, **pair, seed=0)
    assert np.abs(output).max() == pytest.approx(1, abs=1e-6)
    np.testing.assert_allclose(output * rms(pair["content"]), pair["content"] * rms(output), atol=1e-6)


@pytest.mark.parametrize("short", ["content", "style"])
def test_a_short_clip_is_refused_with_what_it_needs_and_what_helps(pair, short):
    pair[short] = pair[short][:9000]
    with pytest.raises(
        MethodError, match=f"the {short} lasts 0.408 s, but own-rate needs 0.500 s.* or a smaller window"
    ):
        apply(AtTheClipsRate(), **pair, seed=0)
