"""What a method makes of the mean of two channels gets two again."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import lfilter

from timbrebench.audio.loudness import rms
from timbrebench.audio.stereo import spread

RATE = 22_050
TIME = np.arange(2 * RATE, dtype=np.float32) / RATE


@pytest.fixture
def high():
    return (0.2 * np.sin(2 * np.pi * 2000 * TIME) * np.exp(-3 * (TIME % 0.5))).astype(np.float32)


@pytest.fixture
def low():
    return (0.2 * np.sin(2 * np.pi * 150 * TIME) * np.exp(-3 * (TIME % 0.3))).astype(np.float32)


def split(left, right):
    return (left + right) / 2, (left - right) / 2


def test_whoever_listens_in_mono_hears_the_output(high, low):
    mid, side = split(high + 0.3 * low, low)
    output = np.roll(mid, 100) ** 2
    np.testing.assert_allclose(spread(output, mid, side, RATE).mean(axis=0), output, atol=1e-6)


def test_a_filter_filters_both_channels(high, low):
    left, right = (lfilter([1, 0.5], [1], high + share * low).astype(np.float32) for share in (1, 0.2))
    made = spread(0.5 * split(left, right)[0], *split(left, right), RATE)
    for channel, whole in zip(made, (left, right), strict=True):
        assert rms(channel - 0.5 * whole) < 0.01 * rms(channel)


def test_a_sound_stays_on_its_side_whatever_becomes_of_its_phase(high, low):
    left, right = high + 0.1 * low, 0.1 * high + low
    made = spread(high - low, *split(left, right), RATE)  # in the mid they have the same sign
    for samples, at in ((high, 0), (low, 1)):
        shares = np.abs(made @ samples)
        assert shares[at] > 5 * shares[1 - at]


def test_equal_channels_stay_equal_and_a_silent_one_stays_silent(high, low):
    output = (0.5 * high + low).astype(np.float32)
    equal = spread(output, high, 0 * high, RATE)
    np.testing.assert_array_equal(equal[0], equal[1])
    left, right = spread(output, *split(high, 0 * high), RATE)
    assert rms(right) < 1e-3 * rms(left)


def test_a_side_that_is_louder_than_the_mid_stays_within_full_scale(high, low):
    made = spread(np.sign(low), 0.01 * high, high, RATE)
    assert np.isfinite(made).all()
    assert np.abs(made).max() <= 1
