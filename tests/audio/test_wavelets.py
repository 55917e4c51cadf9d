"""The wavelet transform: PyWavelets' numbers, what bands say of tones, and the way back."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
import pywt

from timbrebench.audio.projections import FAST, project
from timbrebench.audio.wavelets import BANDWIDTH, CENTRE, FMIN, WaveletFrame
from timbrebench.core.errors import AudioError

RATE = 22050
WAVELET = f"cmor{BANDWIDTH}-{CENTRE}"


@pytest.fixture
def clip(synthesizer, scale):
    """Two seconds of piano."""
    return synthesizer.render(scale, 0, 2.0, RATE)


def sine(frequency, seconds=1.0, amplitude=0.5):
    return (amplitude * np.sin(2 * np.pi * frequency * np.arange(round(seconds * RATE)) / RATE)).astype(
        np.float32
    )


def signal_to_noise(wanted, samples):
    error = samples.astype(np.float64) - wanted
    return 10 * np.log10(np.sum(np.square(wanted, dtype=np.float64)) / np.sum(error**2))


def between(samples, fmin, fmax):
    """Take away what lies below and above."""
    frequencies = np.fft.rfftfreq(len(samples), 1 / RATE)
    within = (frequencies >= fmin) & (frequencies <= fmax)
    return np.fft.irfft(np.fft.rfft(samples) * within, len(samples)).astype(np.float32)


class TestCoefficients:
    @pytest.mark.parametrize("sixteenths", [401, 2001, 16001])  # scales whose wavelets PyWavelets centres
    def test_they_are_those_of_the_transform_at_fewer_instants(self, clip, sixteenths):
        frame = WaveletFrame(len(clip), RATE, fmin=6.0 * RATE * 16 / sixteenths)
        (expected,), _ = pywt.cwt(clip.astype(float), sixteenths / 16, WAVELET, method="fft", precision=20)
        own = frame.split(frame.forward(clip))[0]
        expected = expected[:: frame._n_fft // len(own)]
        assert np.abs(own[: len(expected)] - expected).max() < 5e-3 * np.abs(expected).max()

    def test_a_transposed_tone_is_the_same_picture_moved_up(self):
        pictures = []
        for octave in (1, 2):
            frame = WaveletFrame(RATE, RATE, hop_length=256)
            pictures.append(frame.magnitude(sine(octave * frame.frequencies[70]))[:, 43])
        np.testing.assert_allclose(pictures[1][24:120], pictures[0][:96], rtol=0.02, atol=1e-3)

    @pytest.mark.parametrize("band", [30, 100, 170])
    def test_a_sine_reads_its_amplitude_in_its_band(self, band):
        frame = WaveletFrame(RATE, RATE)
        middle = frame.magnitude(sine(frame.frequencies[band]))[:, frame.n_frames // 2]
        assert np.argmax(middle) == band
        assert middle[band] == pytest.approx(0.5, rel=0.01)

    def test_a_whole_tone_is_resolved_a_semitone_is_not(self):
        frame = WaveletFrame(RATE, RATE)
        for step, dip in ((2, False), (4, True)):
            low, high = 100, 100 + step
            both = sine(frame.frequencies[low]) + sine(frame.frequencies[high])
            loud = frame.magnitude(both)[:, 5:-5].mean(axis=1)
            assert (loud[(low + high) // 2] < 0.8 * min(loud[low], loud[high])) == dip

    @pytest.mark.parametrize("at", [11000, 11264, 11520])
    def test_a_click_is_seen_wherever_it_falls(self, at):
        click = np.zeros(RATE, dtype=np.float32)
        click[at] = 1
        seen = WaveletFrame(RATE, RATE).magnitude(click)[-24:].sum(axis=0)
        assert seen[at // 512 : at // 512 + 2].sum() > 0.9 * seen.sum()


class TestInverse:
    @pytest.mark.parametrize("hop_length", [512, 256, 100, 1])
    @pytest.mark.parametrize("bins_per_octave", [12, 24])
    def test_music_comes_back(self, clip, hop_length, bins_per_octave):
        clip = clip if hop_length > 1 else clip[:8000]
        music = between(clip, 40, 10500)
        frame = WaveletFrame(len(clip), RATE, hop_length, bins_per_octave=bins_per_octave)
        assert signal_to_noise(music, frame.inverse(frame.forward(music))) > 40

    @pytest.mark.parametrize("length", [1, 2, 100, 511, 512, 513, 12345])
    def test_clips_of_any_length_come_back(self, clip, length):
        # Low notes and the ends of a clip leave the bands, so there is less to compare in a short one.
        frame = WaveletFrame(length, RATE)
        samples = frame.inverse(frame.forward(clip[6000 : 6000 + length]))
        assert samples.shape == (length,)
        assert np.isfinite(samples).all()
        assert frame.magnitude(samples).shape == (len(frame.frequencies), 1 + length // 512)

    def test_what_no_band_sees_does_not_come_back(self):
        frame = WaveletFrame(3 * RATE, RATE)
        deep = frame.inverse(frame.forward(sine(FMIN / 2, 3.0)))
        assert np.abs(deep[RATE:-RATE]).max() < 1e-3

    def test_it_is_the_nearest_in_the_sense_of_least_squares(self, clip):
        frame = WaveletFrame(8000, RATE)
        rng = np.random.default_rng(0)
        counts = [len(row) for row in frame.split(frame.forward(clip[:8000]))]
        steps = np.repeat(frame._n_fft / np.array(counts), counts)
        wanted = frame.forward(clip[:8000])
        wanted += 0.1 * rng.standard_normal(len(wanted)).astype(np.float32)

        def distance(samples):
            return np.sum(steps * np.abs(frame.forward(samples) - wanted) ** 2)

        nearest = frame.inverse(wanted)
        inner = slice(2000, 6000)  # beyond the clip no sample can be changed to come nearer
        for seed in range(5):
            change = np.zeros(8000, dtype=np.float32)
            noise = np.random.default_rng(seed).standard_normal(4000) * np.hanning(4000)
            change[inner] = between(noise.astype(np.float32), 100, 9000) * 0.01
            assert distance(nearest) < min(distance(nearest + change), distance(nearest - change))

    def test_a_transform_of_samples_is_left_alone(self, clip):
        frame = WaveletFrame(len(clip), RATE)
        once = frame.forward(between(clip, 40, 10500))
        twice = frame.forward(frame.inverse(once))
        assert np.linalg.norm(twice - once) < 0.01 * np.linalg.norm(once)


class TestSpread:
    def test_a_steady_tone_keeps_its_coefficients(self):
        frame = WaveletFrame(2 * RATE, RATE)
        tone = sine(440, 2.0)
        coefficients = frame.split(np.abs(frame.forward(tone)))
        spread = frame.split(frame.spread(frame.magnitude(tone)))
        band = int(np.argmin(np.abs(frame.frequencies - 440)))
        middle = slice(len(spread[band]) // 4, len(spread[band]) // 2)
        np.testing.assert_allclose(spread[band][middle], coefficients[band][middle], rtol=0.01)

    def test_griffin_lim_finds_a_phase_for_it(self, clip):
        frame = WaveletFrame(len(clip), RATE)
        target = frame.spread(frame.magnitude(clip))
        phase = np.exp(2j * np.pi * np.random.default_rng(0).random(len(target)))
        start = (target * phase).astype(np.complex64)

        def convergence(iterations):
            coefficients = project(start, target, frame, iterations=iterations, momentum=FAST)
            made = np.abs(frame.forward(frame.inverse(coefficients)))
            return np.linalg.norm(made - target) / np.linalg.norm(target)

        assert convergence(40) < 0.15 < convergence(0)

    def test_ten_seconds_take_little_memory(self):
        noise = np.random.default_rng(0).standard_normal(10 * RATE).astype(np.float32)
        tracemalloc.start()
        try:
            frame = WaveletFrame(len(noise), RATE)
            target = frame.spread(frame.magnitude(noise))
            project(target.astype(np.complex64), target, frame, iterations=2, momentum=FAST)
            _, most = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert most < 300e6


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"length": 0}, "length"),
        ({"hop_length": 0}, "hop_length"),
        ({"fmin": 12000}, "above half the sample rate of 22050 Hz"),
        ({"bins_per_octave": 6}, "leave gaps in an octave: use 12 or more"),
    ],
)
def test_settings_that_make_no_frame_are_refused(settings, reason):
    with pytest.raises(AudioError, match=reason):
        WaveletFrame(**{"length": 1000, "sample_rate": RATE, **settings})


def test_the_wavelet_is_as_wide_as_it_is_said_to_be():
    wavelet = pywt.ContinuousWavelet(WAVELET)
    relative = 1 / (np.pi * np.sqrt(2 * wavelet.bandwidth_frequency) * wavelet.center_frequency)
    assert relative == pytest.approx(0.031, abs=5e-4)
