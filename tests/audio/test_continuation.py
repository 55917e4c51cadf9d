"""Clips that go on beyond their ends as they sound."""

from __future__ import annotations

import numpy as np
import pytest
from statsmodels.regression.linear_model import burg as statsmodels_burg

from timbrebench.audio.continuation import burg, continue_clip

RATE = 22050


def chord(start, stop):
    """Return three steady tones between two points in time, in samples."""
    time = np.arange(start, stop) / RATE
    return sum(0.2 * np.sin(2 * np.pi * hertz * time + hertz) for hertz in (220.0, 329.6, 1318.5))


def test_a_chord_goes_on_before_and_after_as_it_sounded():
    error = continue_clip(chord(0, 9000).astype(np.float32), 512, RATE) - chord(-512, 9512)
    assert np.abs(error).max() < 0.05
    assert np.abs(error[[510, 511, -512, -511]]).max() < 1e-3  # no step where the clip ends


def test_the_clip_itself_stays():
    clip = chord(0, 5000).astype(np.float32)
    np.testing.assert_array_equal(continue_clip(clip, 300, RATE)[300:-300], clip)


@pytest.mark.parametrize("rate", [8000, 22050, 96000])
@pytest.mark.parametrize("length", [1, 3, 50, 1102])
def test_short_clips_of_any_rate_do_not_grow(length, rate):
    clip = np.random.default_rng(0).uniform(-0.5, 0.5, length).astype(np.float32)
    assert np.abs(continue_clip(clip, 2048, rate)).max() < 2


def test_silence_goes_on_as_silence():
    clip = np.concatenate([np.zeros(4000), chord(0, 4000), np.zeros(4000)]).astype(np.float32)
    assert not continue_clip(clip, 1024, RATE)[[*range(1024), *range(-1024, 0)]].any()


def test_burgs_method_is_that_of_another_implementation():
    clip = np.random.default_rng(1).standard_normal(400).cumsum()
    expected, _ = statsmodels_burg(clip, order=4, demean=False)
    np.testing.assert_allclose(burg(clip, 4), [1, *-expected], atol=1e-8)
