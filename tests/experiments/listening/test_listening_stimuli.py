"""What is heard is equally loud, goes round without a step, and its low-pass anchor keeps to BS.1534."""

import numpy as np
import pytest
from scipy.signal import freqz

from timbrebench.audio.programme_loudness import integrated_loudness
from timbrebench.experiments.listening.listening_stimuli import LOUDNESS, loopable, low_pass


@pytest.mark.parametrize("rate", [22050, 44100, 48000])
def test_the_low_pass_anchor_keeps_to_the_recommendation(rate):
    """Its ripple up to 3.5 kHz, and its attenuation at 4 and 4.5 kHz."""
    impulse = np.zeros(rate, dtype=np.float32)
    impulse[rate // 2] = 1
    frequencies, response = freqz(low_pass(impulse, rate), worN=rate, fs=rate)
    decibels = 20 * np.log10(np.maximum(np.abs(response), 1e-9))
    assert np.abs(decibels[frequencies <= 3500]).max() < 0.1
    assert decibels[frequencies >= 4000].max() < -25
    assert decibels[frequencies >= 4500].max() < -50


def test_the_low_pass_anchor_is_not_late():
    tone = np.sin(2 * np.pi * 440 * np.arange(22050) / 22050).astype(np.float32)
    inside = slice(1000, -1000)
    assert np.allclose(low_pass(tone, 22050)[inside], tone[inside], atol=0.02)


def test_a_loop_has_no_step_where_it_closes():
    """A tone that does not end where it began."""
    tone = np.sin(2 * np.pi * 441.7 * np.arange(22050) / 22050).astype(np.float32)
    steepest = np.abs(np.diff(tone)).max()
    assert abs(tone[0] - tone[-1]) > steepest
    loop = loopable(tone, 22050)
    assert abs(loop[0] - loop[-1]) <= steepest
    assert np.array_equal(loop[221:], tone[221 : len(loop)])


def test_everything_is_equally_loud_and_long(sounds):
    of_pair, rate = sounds
    lengths = {len(samples) for samples in of_pair.stimuli.values()}
    assert len(lengths) == 1
    levels = [integrated_loudness(samples, rate) for samples in of_pair.stimuli.values()]
    assert max(levels) - min(levels) < 0.3  # the loop has lost 10 ms
    assert max(levels) < LOUDNESS + 0.3
    assert max(np.abs(samples).max() for samples in of_pair.stimuli.values()) <= 1
