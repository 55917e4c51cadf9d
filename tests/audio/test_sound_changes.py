import numpy as np
import pytest

from timbrebench.audio.loudness import rms
from timbrebench.audio.sound_changes import (
    apply_gains,
    detune,
    frequencies_of,
    high_shelf,
    in_room,
    low_shelf,
    through_file,
)

RATE = 22_050


def tone(hertz, seconds=1.0):
    return (0.5 * np.sin(2 * np.pi * hertz * np.arange(round(seconds * RATE)) / RATE)).astype(np.float32)


@pytest.mark.parametrize("cents", [-50, 50])
def test_detuning_moves_the_pitch(cents):
    spectrum = np.abs(np.fft.rfft(detune(tone(440), RATE, cents)[: RATE // 2], 1 << 18))
    peak = spectrum.argmax() * RATE / (1 << 18)
    assert 1200 * np.log2(peak / 440) == pytest.approx(cents, abs=2)


@pytest.mark.parametrize(
    ("shelf", "corner", "lowered", "untouched"), [(low_shelf, 300, 60, 4000), (high_shelf, 2000, 9000, 200)]
)
def test_a_shelf_lowers_one_end(shelf, corner, lowered, untouched):
    for hertz, decibels in ((lowered, -12), (corner, -6), (untouched, 0)):
        gains = shelf(frequencies_of(tone(hertz), RATE), corner, -12.0)
        changed = 20 * np.log10(rms(apply_gains(tone(hertz), gains)) / rms(tone(hertz)))
        assert changed == pytest.approx(decibels, abs=0.7)


def test_a_room_is_a_tail_that_fades():
    click = np.zeros(RATE, dtype=np.float32)
    click[100] = 1.0
    sounding = in_room(click, RATE, fade_s=0.6, echoes_db=0.0, rng=np.random.default_rng(0))
    assert sounding[100] == pytest.approx(1.0, abs=1e-6)
    tail = sounding[101:]
    assert np.sum(np.square(tail)) == pytest.approx(1.0, rel=0.05)
    early, late = rms(tail[: RATE // 20]), rms(tail[RATE // 2 : RATE * 11 // 20])
    assert late < 0.02 * early


@pytest.mark.parametrize("codec", ["mp3", "vorbis", "opus"])
def test_a_lossy_file_keeps_length_and_place(codec):
    clip = tone(440) * np.linspace(0, 1, RATE, dtype=np.float32)
    decoded = through_file(clip, RATE, codec, 0.6)
    assert decoded.shape == clip.shape
    assert 1e-4 < rms(decoded - clip) < 0.1 * rms(clip)
