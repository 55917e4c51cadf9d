"""Copies are found, and nothing else is; against a loop over all lags."""

import math

import numpy as np
import pytest
import scipy.signal
from hypothesis import given
from hypothesis import strategies as st

from timbrebench.datasets.soundfonts.soundfont_finding import find_soundfont
from timbrebench.datasets.soundfonts.synthesis import Synthesizer
from timbrebench.metrics import Sound, Unscorable, get
from timbrebench.metrics.cross_correlation import max_cross_correlation


def correlation(first, second):
    return max_cross_correlation(Sound(first, 22_050), Sound(second, 22_050))


def by_definition(x, y):
    """The formula as it stands, one lag after another."""
    x, y = np.asarray(x, np.float64), np.asarray(y, np.float64)
    best = 0.0
    for lag in range(-len(x) + 1, len(y)):
        total = sum(x[n] * y[n + lag] for n in range(len(x)) if 0 <= n + lag < len(y))
        best = max(best, abs(total))
    return best / (np.sqrt((x**2).sum()) * np.sqrt((y**2).sum()))


@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 10_000))
def test_agrees_with_the_definition(n, m, seed):
    generator = np.random.default_rng(seed)
    x, y = (generator.standard_normal(length).astype(np.float32) for length in (n, m))
    found = correlation(x, y)
    assert found == pytest.approx(by_definition(x, y), abs=1e-6)
    assert found == pytest.approx(correlation(y, x), abs=1e-12)
    assert 0 <= found <= 1


@pytest.mark.parametrize("gain", [1, -1, 0.05, 20])
@pytest.mark.parametrize("delay", [0, 1, 5000])
def test_delayed_scaled_and_inverted_copies_are_copies(gain, delay, clips):
    clip = clips["content"]
    copy = np.concatenate([np.zeros(delay, np.float32), np.float32(gain) * clip])
    assert correlation(copy, clip) == pytest.approx(1, abs=1e-6)


def test_an_excerpt_scores_the_root_of_its_share_of_the_energy(clips):
    clip = clips["content"]
    excerpt = clip[10_000:40_000]
    share = float((excerpt.astype(np.float64) ** 2).sum() / (clip.astype(np.float64) ** 2).sum())
    assert correlation(excerpt, clip) == pytest.approx(np.sqrt(share), abs=1e-3)


def test_the_same_notes_by_another_instrument_are_no_copy(clips):
    assert correlation(clips["reference"], clips["content"]) < 0.5


def test_noise_resembles_nothing(clips, generator):
    noise = generator.standard_normal(len(clips["content"])).astype(np.float32)
    assert correlation(noise, clips["content"]) < 0.05


def test_less_noise_is_more_of_a_copy(clips, generator):
    clip = clips["content"]
    noise = generator.standard_normal(len(clip)).astype(np.float32)
    noise *= np.linalg.norm(clip) / np.linalg.norm(noise)
    found = [correlation(clip + np.float32(share) * noise, clip) for share in (0.1, 0.5, 1.0, 2.0)]
    # Noise of energy s^2 beside the clip's 1 leaves a correlation of 1 / sqrt(1 + s^2).
    np.testing.assert_allclose(found, [1 / np.sqrt(1 + s**2) for s in (0.1, 0.5, 1.0, 2.0)], atol=0.02)


def test_silence_has_no_correlation(clips):
    silence = np.zeros(100, np.float32)
    for pair in ((silence, clips["content"]), (clips["content"], silence)):
        with pytest.raises(Unscorable, match="silent"):
            correlation(*pair)


@pytest.mark.parametrize(("name", "role"), [("is_noop", "content"), ("is_style_copy", "style")])
def test_copies_are_flagged_however_they_are_disguised(name, role, make_trial, clips, generator):
    clip = clips[role]
    hiss = generator.standard_normal(len(clip)).astype(np.float32)
    hiss *= np.linalg.norm(clip) / np.linalg.norm(hiss) * 10 ** (-10 / 20)
    duller = scipy.signal.sosfilt(scipy.signal.butter(4, 4000, fs=22_050, output="sos"), clip)
    disguises = {
        "untouched": clip,
        "inverted": -clip,
        "softer": 0.1 * clip,
        "a little late": np.concatenate([np.zeros(300), clip]),
        "with noise 10 dB under it": clip + hiss,
        "without its treble": duller,
    }
    for what, output in disguises.items():
        assert get(name)(make_trial(output.astype(np.float32))).value == 1, what


@pytest.mark.parametrize(("name", "role"), [("is_noop", "content"), ("is_style_copy", "style")])
def test_what_is_no_copy_is_not_flagged(name, role, make_trial, clips, generator):
    others = [clip for other, clip in clips.items() if other != role]
    for output in (*others, generator.standard_normal(len(clips[role])).astype(np.float32)):
        assert get(name)(make_trial(output)).value == 0


def test_the_same_notes_by_the_same_instrument_of_another_soundfont_are_no_copy(make_trial, clips, tune):
    other = Synthesizer(find_soundfont("sonivox").path)
    output = other.render(tune, 0, len(clips["content"]) / 22_050, 22_050)
    trial = make_trial(output)
    assert get("is_noop")(trial).value == 0
    assert get("xcorr_content")(trial).value < 0.8


@pytest.mark.parametrize("name", ["is_noop", "is_style_copy"])
def test_silence_is_neither_copy_nor_none(name, make_trial, clips):
    score = get(name)(make_trial(np.zeros_like(clips["content"])))
    assert math.isnan(score.value)
    assert "silent" in score.reason
