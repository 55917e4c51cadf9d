"""Long-term envelope matching: average spectra before and after, and the filter between them."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import scipy.signal

from timbrebench.audio import rms
from timbrebench.transfer import apply, create
from timbrebench.transfer.methods.envelope import smooth_over_octaves, zero_phase_filter

RATE = 22050


def noise(slope_db, seed, seconds=4):
    """Make noise whose power falls by so many decibels for each octave above 100 Hz."""
    rng = np.random.default_rng(seed)
    spectrum = np.fft.rfft(rng.standard_normal(seconds * RATE))
    octaves = np.log2(np.maximum(np.fft.rfftfreq(seconds * RATE, 1 / RATE), 100) / 100)
    samples = np.fft.irfft(spectrum * 10 ** (-slope_db * octaves / 20))
    return (0.3 * samples / np.abs(samples).max()).astype(np.float32)


def third_octaves_db(clip):
    """Measure mean power in third octaves from 100 Hz to 8 kHz, by Welch's method."""
    frequencies, power = scipy.signal.welch(clip.astype(np.float64), RATE, nperseg=8192)
    edges = 100 * 2 ** (np.arange(20) / 3)
    bands = [power[(frequencies >= a) & (frequencies < b)].mean() for a, b in itertools.pairwise(edges)]
    return 10 * np.log10(np.array(bands) / np.mean(power))


def run(content, style, **parameters):
    return apply(create("envelope", parameters), content, style, sample_rate=RATE, seed=0)


def test_the_envelope_of_the_output_is_the_styles():
    content, style = noise(6, seed=0), noise(1, seed=1)
    before = np.abs(third_octaves_db(content) - third_octaves_db(style))
    after = np.abs(third_octaves_db(run(content, style)) - third_octaves_db(style))
    assert before.max() > 12
    assert after.max() < 1.5


def test_no_frequency_is_raised_or_lowered_by_more_than_the_limit():
    content, style = noise(9, seed=0), noise(0, seed=1)
    output = run(content, style, max_gain_db=5)
    gain = third_octaves_db(output) - third_octaves_db(content)
    assert 9 < np.ptp(gain) < 10.5  # from -5 to 5 dB, all moved alike to keep the level


def test_a_limit_of_nothing_changes_nothing(content, style):
    np.testing.assert_allclose(run(content, style, max_gain_db=0), content, atol=1e-6)


def test_nothing_is_delayed(content, style):
    """A filter without delay: the correlation of a click with what becomes of it peaks at 0."""
    click = np.zeros(RATE, np.float32)
    click[9000] = 0.9
    output = run(click, style)
    assert np.abs(output).argmax() == 9000
    np.testing.assert_allclose(output[9001:9800], output[8999:8200:-1], atol=1e-6)
    assert rms(output) == pytest.approx(rms(click), rel=1e-3)


@pytest.mark.parametrize("octaves", [0.1, 1 / 3, 2])
def test_smoothing_is_the_mean_over_a_band(octaves):
    power = np.random.default_rng(0).uniform(0, 1, 400)
    smooth = smooth_over_octaves(power, octaves)
    fine = np.repeat(power, 1000)  # bin k reaches from k - 0.5 to k + 0.5
    for k in (0, 1, 17, 120, 399):
        low, high = k * 2 ** (-octaves / 2) - 0.5, k * 2 ** (octaves / 2) + 0.5
        band = fine[max(0, round((low + 0.5) * 1000)) : min(len(fine), round((high + 0.5) * 1000))]
        assert smooth[k] == pytest.approx(band.mean(), rel=2e-3)


def test_the_filter_has_the_gain_asked_for():
    gain = 10 * np.sin(np.linspace(0, 6, 1025))
    response = np.abs(np.fft.rfft(zero_phase_filter(gain)))
    np.testing.assert_allclose(20 * np.log10(response), gain, atol=0.05)
