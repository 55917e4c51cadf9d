"""Distances between spectra: against their definitions in double precision, and as physics would have it."""

import librosa
import numpy as np
import pytest
import scipy.signal

from timbrebench.metrics import Sound, Unscorable, get
from timbrebench.metrics.cepstrum import cepstral_distortion_db
from timbrebench.metrics.log_spectrum import floored_decibels, spectral_distance_db
from timbrebench.metrics.multi_resolution import multi_resolution_distance

RATE = 22_050
SYMMETRIC = (spectral_distance_db, cepstral_distortion_db)
ALL = (*SYMMETRIC, multi_resolution_distance)


def between(distance, output, reference):
    return distance(Sound(output, RATE, name="output"), Sound(reference, RATE, name="reference"))


def spectrogram(samples, n_fft=2048):
    """Magnitudes of the standard clip with numpy alone: shape (frames, bins)."""
    x = samples.astype(np.float64)
    x = np.pad(0.1 * x / np.sqrt((x**2).mean()), n_fft // 2)
    window = scipy.signal.get_window("hann", n_fft)
    starts = range(0, len(x) - n_fft + 1, n_fft // 4)
    return np.abs(np.fft.rfft([window * x[start : start + n_fft] for start in starts]))


def decibels(magnitude):
    return 20 * np.log10(np.maximum(magnitude, magnitude.max() / 1000))


def log_spectral(output, reference):
    first, second = (decibels(spectrogram(clip)) for clip in (output, reference))
    return np.mean([np.sqrt(np.mean((x - y) ** 2)) for x, y in zip(first, second, strict=True)])


def cepstral(output, reference):
    """Kubichek's formula, with cosines written out."""
    bands = np.arange(128)
    cosines = np.array([np.cos(np.pi * k * (bands + 0.5) / 128) for k in range(1, 14)])
    frames = []
    for clip in (output, reference):
        power = spectrogram(clip) ** 2 @ librosa.filters.mel(sr=RATE, n_fft=2048, n_mels=128).T
        level = np.log(np.sqrt(np.maximum(power, power.max() / 1e6)))
        frames.append(level @ cosines.T * 2 / 128)
    return np.mean(10 / np.log(10) * np.sqrt(2 * ((frames[0] - frames[1]) ** 2).sum(axis=1)))


def multi_resolution(output, reference):
    total = 0.0
    for n_fft in (2048, 1024, 512):
        p, q = spectrogram(output, n_fft), spectrogram(reference, n_fft)
        convergence = np.sqrt(((p - q) ** 2).sum() / (q**2).sum())
        logs = [np.log(np.maximum(m, m.max() / 1000)) for m in (p, q)]
        total += convergence + np.abs(logs[0] - logs[1]).mean()
    return total / 3


@pytest.mark.parametrize("length", [30_000, 22_050, 2048, 700])
@pytest.mark.parametrize(
    ("distance", "definition"), list(zip(ALL, (log_spectral, cepstral, multi_resolution), strict=True))
)
def test_agrees_with_the_definition(distance, definition, length, clips):
    output, reference = (clips[role][5000 : 5000 + length] for role in ("content", "reference"))
    assert between(distance, output, reference) == pytest.approx(definition(output, reference), rel=1e-3)


@pytest.mark.parametrize("distance", ALL)
def test_nothing_is_as_near_as_the_same(distance, clips):
    reference = clips["reference"]
    assert between(distance, reference, reference) == 0
    assert all(between(distance, clips[role], reference) > 0 for role in ("content", "style"))


@pytest.mark.parametrize("distance", SYMMETRIC)
def test_symmetric(distance, clips):
    there = between(distance, clips["content"], clips["reference"])
    assert there == pytest.approx(between(distance, clips["reference"], clips["content"]), rel=1e-6)


@pytest.mark.parametrize("distance", ALL)
@pytest.mark.parametrize("factor", [-1, 0.1, 5])
def test_gain_and_polarity_do_not_count(factor, distance, clips):
    expected = between(distance, clips["content"], clips["reference"])
    louder = np.float32(factor) * clips["content"]
    assert between(distance, louder, clips["reference"]) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("distance", ALL)
def test_a_few_samples_count_for_little(distance, clips):
    late = np.roll(clips["reference"], 5)
    far = between(distance, clips["content"], clips["reference"])
    assert between(distance, late, clips["reference"]) < 0.02 * far


@pytest.mark.parametrize("distance", ALL)
def test_wrong_notes_or_instrument_or_rhythm_are_farther_than_none_of_these(distance, play, clips, tune):
    reference = clips["reference"]
    nearest = between(distance, play(tune.assign(velocity=75), 56), reference)
    wrong = {
        "instrument": clips["content"],
        "notes": play(tune.assign(pitch=tune.pitch + 3), 56),
        "piece": clips["style"],
        "noise": np.random.default_rng(0).standard_normal(len(reference)).astype(np.float32),
    }
    found = {name: between(distance, output, reference) for name, output in wrong.items()}
    assert all(value > nearest for value in found.values()), (nearest, found)


@pytest.mark.parametrize("distance", ALL)
def test_more_noise_is_farther(distance, clips, generator):
    reference = clips["reference"]
    noise = generator.standard_normal(len(reference)).astype(np.float32)
    found = [
        between(distance, reference + np.float32(level) * noise, reference) for level in (0, 0.001, 0.01, 0.1)
    ]
    assert np.all(np.diff(found) > 0)


def test_what_is_far_too_faint_to_hear_hardly_counts(clips, generator):
    reference = clips["reference"]
    loudness = np.sqrt((reference**2).mean())
    hiss = 1e-5 * loudness * generator.standard_normal(len(reference)).astype(np.float32)
    assert between(spectral_distance_db, reference + hiss, reference) < 0.01


def test_a_filter_of_so_many_decibels_is_so_many_decibels_away(generator):
    # White noise, 6 dB softer above 5.5 kHz: half of the bins differ, less what the level evens out.
    noise = 0.1 * generator.standard_normal(4 * RATE)
    spectrum = np.fft.rfft(noise)
    share = np.arange(len(spectrum)) > len(spectrum) / 2
    softer = np.fft.irfft(spectrum * np.where(share, 0.5, 1.0), len(noise))
    level = 10 * np.log10((1 + 0.25) / 2)
    expected = np.sqrt((level**2 + (level + 20 * np.log10(2)) ** 2) / 2)
    assert between(spectral_distance_db, softer, noise) == pytest.approx(expected, rel=0.03)


def test_a_smooth_envelope_is_as_far_as_its_decibels_say(generator):
    # A filter that goes 3 dB up and down twice over the mel scale: 3 / sqrt(2) dB on average.
    noise = 0.1 * generator.standard_normal(4 * RATE)
    mels = librosa.hz_to_mel(np.fft.rfftfreq(len(noise), 1 / RATE))
    ripple = 3 * np.cos(np.pi * 4 * mels / mels[-1])
    filtered = np.fft.irfft(np.fft.rfft(noise) * 10 ** (ripple / 20), len(noise))
    assert between(cepstral_distortion_db, filtered, noise) == pytest.approx(3 / np.sqrt(2), rel=0.03)


def test_nothing_lies_under_the_floor():
    found = floored_decibels(np.array([[1.0, 0.1], [1e-9, 0.0]]))
    np.testing.assert_allclose(found, [[0, -20], [-60, -60]], atol=1e-9)
    with pytest.raises(Unscorable, match="no spectrum"):
        floored_decibels(np.zeros(3))


@pytest.mark.parametrize("distance", ALL)
@pytest.mark.parametrize("seconds", [-0.03, 0.03])
def test_a_few_samples_more_or_fewer_are_cut(distance, seconds, clips):
    output, reference = clips["content"][: 3 * RATE], clips["reference"][: 3 * RATE]
    longer = clips["content"][: int((3 + seconds) * RATE)]
    expected = between(distance, output, reference)
    assert between(distance, longer, reference) == pytest.approx(expected, rel=0.05)


@pytest.mark.parametrize(
    "name", ["log_spectral_distance", "mel_cepstral_distortion", "multi_resolution_stft"]
)
def test_other_lengths_and_silence_have_no_score(name, make_trial, clips):
    for output, reason in ((clips["content"][: 3 * RATE], "shorter"), (0 * clips["content"], "silent")):
        score = get(name)(make_trial(output))
        assert np.isnan(score.value)
        assert reason in score.reason
