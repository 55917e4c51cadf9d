"""Tests of rhythm as librosa measures it."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats

from timbrebench.experiments.studies.librosa_rhythm import (
    INTERVAL_EDGES_S,
    LAGS_S,
    Rhythm,
    curve_error,
    divergence,
    interval_distribution,
    mean_local_autocorrelation,
)
from timbrebench.experiments.studies.playing import RATE


def pulses(period_s, duration_s=6.0):
    """Decaying noise once a period."""
    generator = np.random.default_rng(0)
    samples = np.zeros(round(duration_s * RATE), dtype=np.float32)
    for start in np.arange(0.1, duration_s - 0.1, period_s):
        first = round(start * RATE)
        samples[first : first + 2000] = generator.normal(0, 0.2, 2000) * np.exp(-np.arange(2000) / 300)
    return samples


def test_intervals_lie_in_the_bin_of_the_period():
    distribution = interval_distribution(pulses(0.5))
    assert distribution.sum() == pytest.approx(1)
    likeliest = int(distribution.argmax())
    assert INTERVAL_EDGES_S[likeliest - 1] < 0.5 < INTERVAL_EDGES_S[likeliest + 2]


def test_the_divergence_is_that_of_the_texture_from_its_source():
    texture, source = (interval_distribution(pulses(period)) for period in (0.25, 0.5))
    mixed = (texture + source) / 2
    assert divergence(mixed, source) == pytest.approx(scipy.stats.entropy(mixed, source))
    assert divergence(source, mixed) != pytest.approx(divergence(mixed, source))
    assert divergence(source, source) == 0


def test_where_there_are_too_few_onsets_there_is_no_divergence():
    source = interval_distribution(pulses(0.5))
    assert interval_distribution(np.zeros(2 * RATE, dtype=np.float32)) is None
    assert np.isnan(divergence(None, source))
    assert np.isnan(divergence(source, None))


def test_the_autocorrelation_has_a_peak_at_the_period():
    curve = mean_local_autocorrelation(pulses(0.5))
    assert curve.shape == LAGS_S.shape
    assert LAGS_S[-1] == pytest.approx(4.0, abs=0.02)
    first_octave = (LAGS_S > 0.3) & (LAGS_S < 0.7)
    assert LAGS_S[first_octave][curve[first_octave].argmax()] == pytest.approx(0.5, abs=0.03)
    assert curve[first_octave].max() > 2 * np.median(curve)


def test_curves_differ_by_their_rhythm():
    half, other_half, third = (Rhythm.of(pulses(period, 5.5)).autocorrelation for period in (0.5, 0.5, 0.33))
    assert curve_error(half, other_half) == 0
    assert curve_error(half, third) > 0.1
    assert curve_error(half, third) == curve_error(third, half)
