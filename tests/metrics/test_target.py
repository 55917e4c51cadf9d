"""Distance from the reference: against its definition in double precision, and as listeners would have it."""

import numpy as np
import pytest
import scipy.signal

from timbrebench.metrics import Sound, Unscorable
from timbrebench.metrics.target import log_spectral_mse

RATE = 22_050


def mse(output, reference):
    return log_spectral_mse(Sound(output, RATE, name="output"), Sound(reference, RATE, name="reference"))


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
    assert mse(output, reference) == pytest.approx(expected, rel=1e-4)


def test_symmetric_and_zero_only_for_the_same(clips):
    there = mse(clips["content"], clips["reference"])
    assert there == mse(clips["reference"], clips["content"]) > 0
    assert mse(clips["content"], clips["content"]) == 0


def test_wrong_notes_or_instrument_or_rhythm_are_farther_than_none_of_these(play, clips, tune):
    reference = clips["reference"]
    softer = play(tune.assign(velocity=75), 56)
    nearest = mse(softer, reference)
    wrong = {
        "instrument": clips["content"],
        "notes": play(tune.assign(pitch=tune.pitch + 3), 56),
        "piece": clips["style"],
        "noise": np.random.default_rng(0).standard_normal(len(reference)).astype(np.float32),
    }
    found = {name: mse(output, reference) for name, output in wrong.items()}
    assert all(value > 2 * nearest for value in found.values()), (nearest, found)
    assert max(found, key=found.get) == "noise"


def test_transposition_by_more_is_no_nearer(play, clips, tune):
    one, six = (mse(play(tune.assign(pitch=tune.pitch + by), 56), clips["reference"]) for by in (0, 6))
    assert one < 1e-6 < six


def test_a_few_samples_more_or_fewer_are_cut(clips):
    output, reference = clips["content"], clips["reference"]
    expected = mse(output, reference)
    assert mse(output[:-1000], reference) == pytest.approx(expected, rel=0.02)
    assert mse(output, reference[:-1000]) == pytest.approx(expected, rel=0.02)


@pytest.mark.parametrize(("seconds", "word"), [(-0.06, "shorter"), (0.06, "longer")])
def test_other_lengths_have_no_score(seconds, word, clips):
    reference = clips["reference"][RATE : 3 * RATE]
    output = clips["content"][: len(reference) + int(seconds * RATE)]
    with pytest.raises(Unscorable, match=rf"0\.06\d s {word}"):
        mse(output, reference)


@pytest.mark.parametrize("role", ["output", "reference"])
def test_silence_has_no_score(role, clips):
    silence = np.zeros_like(clips["content"])
    pair = {"output": clips["content"], "reference": clips["reference"], role: silence}
    with pytest.raises(Unscorable, match=f"the {role} is silent"):
        mse(**pair)
