import numpy as np
import pytest

from timbrebench.audio import (
    is_silent,
    limit_peak,
    log_magnitude,
    magnitude,
    rms,
    scale_to_rms,
)


@pytest.fixture
def clip(synthesizer, scale):
    return synthesizer.render(scale, 0, 2.0, 22050)


def test_a_sine_stands_in_its_bin_at_a_quarter_of_the_window():
    tone = np.sin(2 * np.pi * 100 * 22050 / 2048 * np.arange(22050) / 22050).astype(np.float32)
    spectrum = magnitude(tone)
    middle = spectrum[:, spectrum.shape[1] // 2]
    assert np.argmax(middle) == 100
    assert middle[100] == pytest.approx(2048 / 4, rel=1e-3)


def test_shapes_follow_the_hop(clip):
    assert magnitude(clip).shape == (1025, 1 + len(clip) // 512)
    assert magnitude(clip, n_fft=512, hop_length=100).shape == (257, 1 + len(clip) // 100)


def test_log_magnitude_is_the_logarithm_of_one_more(clip):
    np.testing.assert_allclose(np.expm1(log_magnitude(clip)), magnitude(clip), rtol=1e-4, atol=1e-4)


def test_levels():
    square = np.array([0.5, -0.5] * 50, dtype=np.float32)
    assert rms(square) == pytest.approx(0.5)
    assert rms(scale_to_rms(square, 0.1)) == pytest.approx(0.1)
    assert is_silent(square * 1e-4)
    assert not is_silent(square * 1e-3)
    assert is_silent(scale_to_rms(np.zeros(10, dtype=np.float32), 0.1))


def test_limit_peak_scales_loud_clips_only():
    quiet = np.array([0.1, -0.2], dtype=np.float32)
    assert limit_peak(quiet) is quiet
    np.testing.assert_allclose(limit_peak(quiet * 10), [0.5, -1.0])
