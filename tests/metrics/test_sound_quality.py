"""Sound quality: each defect has the size that it was made with, and what the inputs have does not count."""

import numpy as np
import pytest

from timbrebench.metrics import Sound, Unscorable
from timbrebench.metrics.sound_quality import burst_db, modulation_db, share_near_empty

RATE = 22_050
TIME = np.arange(2 * RATE) / RATE


@pytest.fixture
def tone():
    return (0.1 * np.sin(2 * np.pi * 441 * TIME)).astype(np.float32)


def sound(samples):
    return Sound(samples, RATE)


def test_holes_are_the_share_of_time_that_they_take(tone):
    assert share_near_empty(sound(tone)) == 0
    tone[RATE : RATE + RATE // 2] = 0
    assert share_near_empty(sound(tone)) == pytest.approx(0.25, abs=0.03)


@pytest.mark.parametrize("end", [slice(0, 200), slice(-200, None)])
def test_a_burst_has_the_decibels_by_which_it_exceeds_the_rest(tone, end):
    assert burst_db(sound(tone)) == pytest.approx(0, abs=0.01)
    tone[end] *= 4
    assert burst_db(sound(tone)) == pytest.approx(12.04, abs=0.1)


def test_only_fast_modulation_rattles(tone):
    slow, fast = (
        modulation_db(sound(tone * (1 + 0.5 * np.sin(2 * np.pi * hertz * TIME)).astype(np.float32)))
        for hertz in (5, 70)
    )
    assert fast > slow + 20


@pytest.mark.parametrize("defect", [share_near_empty, burst_db, modulation_db])
def test_silence_has_no_quality(defect):
    with pytest.raises(Unscorable, match="silent"):
        defect(sound(np.zeros(RATE, np.float32)))
