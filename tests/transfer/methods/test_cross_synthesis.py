"""Cross-synthesis: predictors against a direct solution, and envelopes against known resonances."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg
import scipy.signal

from timbrebench.transfer import apply, create
from timbrebench.transfer.methods.cross_synthesis import StyleEnvelopes, autocorrelation, level_ranks, predict

RATE = 22050


def resonance(frequency, radius=0.97):
    """Return the denominator of a filter that resonates at a frequency."""
    return np.array([1, -2 * radius * np.cos(2 * np.pi * frequency / RATE), radius**2])


@pytest.fixture
def correlations():
    """Autocorrelations of windowed frames of coloured noise, to lag 12."""
    rng = np.random.default_rng(0)
    frames = scipy.signal.lfilter([1], resonance(1500), rng.standard_normal((6, 512)))
    frames *= scipy.signal.windows.hann(512)
    return np.array([[frame[: 512 - lag] @ frame[lag:] for frame in frames] for lag in range(13)])


def test_predictors_solve_the_normal_equations(correlations):
    filters, energies = predict(correlations)
    for frame in range(6):
        lags = correlations[:, frame]
        expected = scipy.linalg.solve_toeplitz(lags[:-1], -lags[1:])
        np.testing.assert_allclose(filters[1:, frame], expected, rtol=1e-8, atol=1e-10)
        assert energies[frame] == pytest.approx(lags @ filters[:, frame])


def test_filters_are_stable(correlations):
    filters, _ = predict(correlations)
    assert all(np.abs(np.roots(column)).max() < 1 for column in filters.T)


def test_autocorrelation_from_the_spectrum_is_that_of_the_frame():
    frame = np.random.default_rng(0).standard_normal(256)
    lags = autocorrelation(np.fft.rfft(frame, 512)[:, None], 20)[:, 0]
    np.testing.assert_allclose(lags, [frame[: 256 - k] @ frame[k:] for k in range(21)], atol=1e-9)


def test_the_resonance_of_the_style_takes_the_place_of_the_contents():
    rng = np.random.default_rng(1)
    clips = []
    for frequency in (800, 3000):
        clip = scipy.signal.lfilter([1], resonance(frequency), rng.standard_normal(3 * RATE))
        clips.append((0.3 * clip / np.abs(clip).max()).astype(np.float32))
    output = apply(create("cross-synthesis", {}), *clips, sample_rate=RATE, seed=0)
    decibels = []
    for clip in (*clips, output):
        frequencies, power = scipy.signal.welch(clip, RATE, nperseg=512)
        decibels.append(10 * np.log10(power / power.mean())[(frequencies > 100) & (frequencies < 10000)])
    content, style, made = decibels
    assert np.abs(made - style).max() < 3
    assert np.abs(content - style).max() > 15


def test_pitch_is_kept(content, style):
    output = apply(create("cross-synthesis", {}), content, style, sample_rate=RATE, seed=0)
    for number, pitch in enumerate([60, 64, 67, 72, 67]):
        f0 = 440 * 2 ** ((pitch - 69) / 12)
        note = slice(round(number * 0.25 * RATE) + 1000, round((number + 1) * 0.25 * RATE) - 500)
        spectrum = np.abs(np.fft.rfft(output[note] * np.hanning(note.stop - note.start), 65536))
        harmonics = np.arange(1, 6) * f0 * 65536 / RATE
        near = sum(np.sum(spectrum[round(h) - 40 : round(h) + 41] ** 2) for h in harmonics)
        assert near > 0.9 * np.sum(spectrum**2)


class TestStyleEnvelopes:
    @pytest.fixture
    def frames(self):
        """Frames of energy 4, 1 and 16, correlated by 0.1, 0.2 and 0.3 at lag 1, and a pause."""
        return np.array([[4, 1, 16, 1e-9], [0.4, 0.2, 4.8, 1e-9]])

    def test_all_frames_have_one_mean_whatever_the_level(self, frames):
        np.testing.assert_allclose(
            StyleEnvelopes(frames, 1.0).at(np.array([0, 0.3, 1])), [[1, 1, 1], [0.2, 0.2, 0.2]]
        )

    def test_a_small_share_takes_the_frame_of_the_same_rank(self, frames):
        np.testing.assert_allclose(
            StyleEnvelopes(frames, 0.01).at(np.array([0, 0.5, 1])), [[1, 1, 1], [0.2, 0.1, 0.3]]
        )

    def test_ranks_go_from_the_softest_to_the_loudest(self):
        np.testing.assert_allclose(level_ranks(np.array([4, 0, 1, 16, 1e-9, 9])), [1 / 3, 0, 0, 1, 0, 2 / 3])
