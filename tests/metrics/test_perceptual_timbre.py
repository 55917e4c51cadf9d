"""The perceptual distance: a metric of clips, whatever their level, length and key."""

import numpy as np
import pytest

from timbrebench.metrics import Sound, Unscorable
from timbrebench.metrics.perceptual_timbre import (
    GROUPS,
    describe,
    left_out_weights,
    perceptual_distance,
    published_weights,
)

RATE = 22_050


def tone(pitch, brightness, seconds=0.8, attack_s=0.01):
    """Partials that fall by `brightness` for each octave, with an attack and a decay."""
    time = np.arange(int(seconds * RATE)) / RATE
    partials = np.arange(1, int(9000 / pitch))
    weights = partials**-brightness
    wave = sum(w * np.sin(2 * np.pi * pitch * k * time) for w, k in zip(weights, partials, strict=True))
    return (wave * np.minimum(1, time / attack_s) * np.exp(-3 * time)).astype(np.float32) / 10


def sound(samples, name="clip"):
    return Sound(samples, RATE, name=name)


@pytest.fixture(scope="module")
def bright():
    return sound(tone(220, 0.6))


@pytest.fixture(scope="module")
def dull():
    return sound(tone(220, 2.0))


def test_it_is_a_metric_of_clips(bright, dull):
    slow = sound(tone(220, 0.6, attack_s=0.2))
    assert perceptual_distance(bright, bright) == 0
    assert perceptual_distance(bright, dull) == perceptual_distance(dull, bright) > 0.3
    assert perceptual_distance(bright, dull) <= (
        perceptual_distance(bright, slow) + perceptual_distance(slow, dull)
    )


@pytest.mark.parametrize("rest_s", [0.05, 0.5, 1.5])
@pytest.mark.parametrize("ending_s", [0.001, 0.02, 0.8])
def test_rests_of_digital_silence_and_bursts_are_no_trouble(bright, rest_s, ending_s):
    rest, ending = np.zeros(int(rest_s * RATE), np.float32), bright.samples[: int(ending_s * RATE)]
    clip = sound(np.concatenate([bright.samples, rest, ending, rest, ending]))
    assert 0 <= perceptual_distance(clip, bright) < 10


def test_level_does_not_count(bright):
    assert perceptual_distance(bright, sound(bright.samples / 50)) == pytest.approx(0, abs=1e-3)


def test_another_key_and_length_are_less_than_another_instrument(bright, dull):
    higher = sound(tone(262, 0.6, seconds=1.3))
    assert perceptual_distance(bright, higher) < perceptual_distance(bright, dull)


def test_attack_and_crest_are_those_of_the_notes_and_not_of_the_clip():
    once = describe(sound(tone(220, 1.0)))
    phrase = describe(sound(np.concatenate([tone(220, 1.0)] * 3)))
    for group in ("attack", "crest"):
        assert phrase[group] == pytest.approx(once[group], abs=0.5)


def test_attack_is_the_time_of_its_rise():
    slow, fast = (describe(sound(tone(220, 1.0, attack_s=seconds)))["attack"] for seconds in (0.2, 0.01))
    assert 10**slow == pytest.approx(0.15, abs=0.04)
    assert 10**fast < 0.03


@pytest.mark.parametrize(
    ("samples", "reason"),
    [
        (np.zeros(RATE, np.float32), "the output is silent"),
        (np.full(RATE, 0.5, np.float32), "the output is a constant"),
        (tone(220, 1.0)[: RATE // 30], "the output is shorter than 50 ms"),
    ],
)
def test_what_cannot_be_described_has_a_reason(samples, reason, bright):
    with pytest.raises(Unscorable, match=reason):
        perceptual_distance(sound(samples, "output"), bright)


def test_weights_are_of_the_groups_and_of_studies_left_out():
    assert set(published_weights()) <= set(GROUPS)
    assert all(weight >= 0 for weight in published_weights().values())
    assert len(left_out_weights()) == 15
    assert all(set(weights) <= set(GROUPS) for weights in left_out_weights().values())
