"""Distance from the reference: against its definition in double precision, and as listeners would have it."""

import numpy as np
import pytest
import scipy.signal

from timbrebench.metrics import Unscorable
from timbrebench.metrics.target import log_spectral_mse

RATE = 22_050


def log_spectrogram(samples):
    """The definition with numpy alone: level, padding, window, transform, logarithm."""
    x = samples.astype(np.float64)
    x = np.pad(0.1 * x / np.sqrt((x**2).mean()), 1024)
    window = scipy.signal.get_window("hann", 2048)
    starts = range(0, len(x) - 2048 + 1, 512)
    return np.log1p([np.abs(np.fft.rfft(window * x[start : start + 2048])) for start in starts])


@pytest.mark.parametrize("length", [30_000, 22_050, 2048, 700])
def test_agrees_with_the_definition(length, clips):
    output, reference = (clips[role][5000 : 5000 + length] for role in ("content", "reference"))
    expected = ((log_spectrogram(output) - log_spectrogram(reference)) ** 2).mean()
    assert log_spectral_mse(output, reference, RATE) == pytest.approx(expected, rel=1e-4)


def test_symmetric_and_zero_only_for_the_same(clips):
    there = log_spectral_mse(clips["content"], clips["reference"], RATE)
    assert there == log_spectral_mse(clips["reference"], clips["content"], RATE) > 0
    assert log_spectral_mse(clips["content"], clips["content"], RATE) == 0


def test_wrong_notes_or_instrument_or_rhythm_are_farther_than_none_of_these(play, clips, tune):
    reference = clips["reference"]
    softer = play(tune.assign(velocity=75), 56)
    nearest = log_spectral_mse(softer, reference, RATE)
    wrong = {
        "instrument": clips["content"],
        "notes": play(tune.assign(pitch=tune.pitch + 3), 56),
        "piece": clips["style"],
        "noise": np.random.default_rng(0).standard_normal(len(reference)).astype(np.float32),
    }
    found = {name: log_spectral_mse(output, reference, RATE) for name, output in wrong.items()}
    assert all(value > 2 * nearest for value in found.values()), (nearest, found)
    assert max(found, key=found.get) == "noise"


def test_transposition_by_more_is_no_nearer(play, clips, tune):
    one, six = (
        log_spectral_mse(play(tune.assign(pitch=tune.pitch + by), 56), clips["reference"], RATE)
        for by in (0, 6)
    )
    assert one < 1e-6 < six


def test_a_few_samples_more_or_fewer_are_cut(clips):
    output, reference = clips["content"], clips["reference"]
    expected = log_spectral_mse(output[:-1000], reference[:-1000], RATE)
    assert log_spectral_mse(output[:-1000], reference, RATE) == expected
    assert log_spectral_mse(output, reference[:-1000], RATE) == expected


@pytest.mark.parametrize(("seconds", "word"), [(-0.06, "shorter"), (0.06, "longer")])
def test_other_lengths_have_no_score(seconds, word, clips):
    reference = clips["reference"][RATE : 3 * RATE]
    output = clips["content"][: len(reference) + int(seconds * RATE)]
    with pytest.raises(Unscorable, match=rf"0\.06\d s {word}"):
        log_spectral_mse(output, reference, RATE)


@pytest.mark.parametrize("role", ["output", "reference"])
def test_silence_has_no_score(role, clips):
    silence = np.zeros_like(clips["content"])
    pair = {"output": clips["content"], "reference": clips["reference"], role: silence}
    with pytest.raises(Unscorable, match=f"the {role} is silent"):
        log_spectral_mse(**pair, sample_rate=RATE)
