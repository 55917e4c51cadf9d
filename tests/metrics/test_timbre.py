"""Timbres that are alike lie near each other; against scipy."""

import librosa
import numpy as np
import pytest
import scipy.fft
import scipy.spatial.distance
from hypothesis import given
from hypothesis import strategies as st

from timbrebench.classifier import Prediction
from timbrebench.metrics import Sound, Unscorable, get
from timbrebench.metrics.timbre import cosine_distance, embedding_distance, mfcc_distance

RATE = 22_050


def mean_cepstrum(samples):
    """The definition, one step after another."""
    x = samples.astype(np.float64)
    x = 0.1 * x / np.sqrt((x**2).mean())
    power = np.abs(librosa.stft(x, n_fft=2048, hop_length=512)) ** 2
    decibels = 10 * np.log10(np.maximum(librosa.filters.mel(sr=RATE, n_fft=2048, n_mels=128) @ power, 1e-10))
    return scipy.fft.dct(np.maximum(decibels, decibels.max() - 80), axis=0, norm="ortho")[1:14].mean(axis=1)


@given(st.integers(1, 30), st.integers(0, 10_000))
def test_cosine_agrees_with_scipy(size, seed):
    x, y = np.random.default_rng(seed).standard_normal((2, size))
    found = cosine_distance(x, y)
    assert found == pytest.approx(scipy.spatial.distance.cosine(x, y), abs=1e-12)
    assert found == cosine_distance(y, x)
    assert 0 <= found <= 2
    assert cosine_distance(x, 7 * x) == pytest.approx(0, abs=1e-12)
    assert cosine_distance(x, -x) == pytest.approx(2, abs=1e-12)


@pytest.mark.parametrize("vector", [[0.0, 0.0], [np.nan, 1.0], [np.inf, 1.0]])
def test_what_has_no_direction_has_no_distance(vector):
    with pytest.raises(Unscorable, match="no direction"):
        cosine_distance(vector, [1.0, 0.0])


@pytest.mark.parametrize(("first", "second"), [("content", "style"), ("reference", "style")])
def test_cepstra_agree_with_the_definition(first, second, clips):
    found = mfcc_distance(Sound(clips[first], RATE), Sound(clips[second], RATE))
    expected = scipy.spatial.distance.cosine(mean_cepstrum(clips[first]), mean_cepstrum(clips[second]))
    assert found == pytest.approx(expected, abs=1e-5)


def test_one_instrument_in_two_pieces_is_nearer_than_two_in_one(clips):
    sounds = {role: Sound(clip, RATE) for role, clip in clips.items()}
    assert mfcc_distance(sounds["reference"], sounds["style"]) < 0.5 * mfcc_distance(
        sounds["content"], sounds["style"]
    )


def test_time_does_not_count_for_a_mean(clips):
    clip = clips["style"]
    there_and_back = mfcc_distance(Sound(clip[::-1].copy(), RATE), Sound(clip, RATE))
    assert there_and_back == pytest.approx(0, abs=1e-3)


class Listener:
    """Gives each clip the next of some embeddings."""

    labels = ("piano", "trumpet")
    fingerprint = "a list"

    def __init__(self, *embeddings):
        self._embeddings = iter(embeddings)

    def predict(self, samples, sample_rate):
        return Prediction(np.array([0.5, 0.5]), np.asarray(next(self._embeddings), dtype=np.float64))


def test_embeddings_agree_with_scipy(clips, generator):
    x, y = generator.standard_normal((2, 128))
    listener = Listener(x, y)
    first, second = (Sound(clips["content"], RATE, judge=listener) for _ in range(2))
    assert embedding_distance(first, second) == pytest.approx(scipy.spatial.distance.cosine(x, y))


def test_style_and_reference_are_not_mixed_up(make_trial, clips):
    trial = make_trial(clips["content"], style=clips["content"])
    assert get("embedding_style_distance")(trial).value == pytest.approx(0, abs=1e-12)
    assert get("embedding_reference_distance")(trial).value > 1e-6
    trial = make_trial(clips["content"], reference=clips["content"])
    assert get("embedding_reference_distance")(trial).value == pytest.approx(0, abs=1e-12)
    assert get("embedding_style_distance")(trial).value > 1e-6


@pytest.mark.parametrize("silent", [0, 1])
@pytest.mark.parametrize("distance", [mfcc_distance, embedding_distance])
def test_silence_has_no_timbre(silent, distance, clips, judge):
    pair = [Sound(clips[role], RATE, name=role, judge=judge) for role in ("content", "style")]
    pair[silent] = Sound(np.zeros(RATE, np.float32), RATE, name="void", judge=judge)
    with pytest.raises(Unscorable, match="the void is silent"):
        distance(*pair)
