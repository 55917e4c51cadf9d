"""Information: how many bits tones, chords, music and noise hold; against the spectrum of singular values."""

import math

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from timbrebench.metrics import Sound, Unscorable, get
from timbrebench.metrics.information import UPPER, gram_entropy, information

RATE = 22_050
TIME = np.arange(4 * RATE) / RATE


def tones(*frequencies):
    return Sound(sum(0.1 * np.sin(2 * np.pi * f * TIME) for f in frequencies), RATE)


@given(st.integers(1, 12), st.integers(1, 12), st.integers(0, 10_000))
def test_entropy_agrees_with_that_of_the_singular_values(bins, frames, seed):
    generator = np.random.default_rng(seed)
    x = generator.standard_normal((bins, frames)) + 1j * generator.standard_normal((bins, frames))
    expected = scipy.stats.entropy(np.linalg.svd(x, compute_uv=False) ** 2, base=2)
    found = gram_entropy(x)
    assert found == pytest.approx(expected, abs=1e-9)
    assert 0 <= found <= math.log2(min(bins, frames)) + 1e-9
    assert gram_entropy(x.T) == pytest.approx(found, abs=1e-9)
    assert gram_entropy(-3j * x) == pytest.approx(found, abs=1e-9)
    assert gram_entropy(np.hstack([x, x])) == pytest.approx(found, abs=1e-9)


@pytest.mark.parametrize("count", [1, 2, 5, 8])
def test_independent_components_of_equal_energy_hold_the_logarithm_of_their_number(count):
    assert gram_entropy(np.eye(8)[:, :count]) == pytest.approx(math.log2(count), abs=1e-12)


def test_information_is_that_of_every_second_complete_frame(clips):
    clip = Sound(clips["content"], RATE)
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(2048) / 2048)
    starts = range(0, len(clip.standard) - 2048 + 1, 1024)
    frames = np.array([np.fft.rfft(window * clip.standard[start : start + 2048]) for start in starts])
    expected = scipy.stats.entropy(np.linalg.svd(frames, compute_uv=False) ** 2, base=2)
    assert information(clip) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize(
    ("frequencies", "bits"),
    [
        ((440,), 0),
        ((1441.7,), 0),
        ((300, 700, 1500, 3100), 2),
        ((261.63, 329.63, 392), math.log2(3)),
    ],
)
def test_steady_tones_hold_the_logarithm_of_their_number(frequencies, bits):
    assert information(tones(*frequencies)) == pytest.approx(bits, abs=0.02)


def test_tones_hold_less_than_music_and_music_less_than_noise(clips, generator):
    music = [information(Sound(clip, RATE)) for clip in clips.values()]
    noise = information(Sound(0.1 * generator.standard_normal(4 * RATE), RATE))
    assert 2 < min(music) < max(music) < noise - 0.5
    assert noise < math.log2(len(TIME) / 1024) < UPPER


def test_what_comes_back_adds_nothing(clips):
    clip = clips["content"][: 2 * 43 * 1024]
    once, twice = information(Sound(clip, RATE)), information(Sound(np.tile(clip, 2), RATE))
    assert twice == pytest.approx(once, abs=0.1)


def test_loudness_polarity_and_some_samples_delay_do_not_count(clips):
    clip = clips["reference"]
    here = information(Sound(clip, RATE))
    delayed = np.concatenate([np.zeros(5, np.float32), clip])
    for version, tolerance in ((0.2 * clip, 1e-4), (-clip, 1e-6), (delayed, 0.025)):
        assert information(Sound(version, RATE)) == pytest.approx(here, abs=tolerance)


def test_noise_adds_information(make_trial, clips, generator):
    clip = clips["reference"]
    noise = (np.sqrt(np.mean(clip**2)) * generator.standard_normal(len(clip))).astype(np.float32)
    metric = get("information_content")
    found = [metric(make_trial(clip + share * noise)).value for share in (0, 0.1, 0.3, 1)]
    assert found == sorted(found)
    assert found[-1] > found[0] + 0.5


@pytest.mark.parametrize(
    ("clip", "reason"),
    [
        (np.zeros(2 * RATE), "silent"),
        (np.full(2 * RATE, 0.5), "constant"),
        (np.ones(1), "too short"),
        (np.random.default_rng(0).standard_normal(RATE - 1), "too short: it lasts 1.00 s, 1 s"),
    ],
)
def test_what_holds_nothing_has_no_score(clip, reason, make_trial):
    with pytest.raises(Unscorable, match=reason):
        information(Sound(clip, RATE))
    score = get("information_content")(make_trial(clip))
    assert math.isnan(score.value)
    assert reason in score.reason
