import numpy as np
import pytest

from timbrebench.audio.loudness import rms
from timbrebench.classifier.style.sound_variation import _SHARES, SoundVariation

RATE = 22_050


@pytest.fixture(scope="module")
def tone():
    times = np.arange(RATE) / RATE
    harmonics = sum(np.sin(2 * np.pi * 220 * k * times) / k for k in range(1, 20))
    return (0.1 * harmonics * np.exp(-2 * times)).astype(np.float32)


def test_a_copy_sounds_different_and_keeps_length_and_type(tone):
    copies = [SoundVariation().vary(tone, RATE, "clip", copy) for copy in range(1, 30)]
    assert all(copy.shape == tone.shape and copy.dtype == np.float32 for copy in copies)
    assert all(np.isfinite(copy).all() and np.abs(copy).max() == pytest.approx(0.7) for copy in copies)
    assert len({copy.tobytes() for copy in copies}) > 20


def test_a_copy_follows_from_the_name_and_its_number(tone):
    vary = SoundVariation().vary
    assert np.array_equal(vary(tone, RATE, "clip", 3), vary(tone, RATE, "clip", 3))
    others = [vary(tone, RATE, name, 3) for name in ("a", "b", "c", "d")]
    assert len({other.tobytes() for other in others}) > 1


@pytest.mark.parametrize("change", _SHARES)
def test_each_change_changes_the_sound(change, tone):
    changed = SoundVariation()._changes()[change](tone, RATE, np.random.default_rng(0))
    assert changed.shape == tone.shape
    assert np.isfinite(changed).all()
    assert rms(changed - tone) > 1e-3 * rms(tone)


def test_noise_lies_under_the_clip_as_far_as_asked(tone):
    loud = SoundVariation(noise_db=39)
    noise = loud._noisy(tone, RATE, np.random.default_rng(0)) - tone
    assert 20 * np.log10(rms(tone) / rms(noise)) == pytest.approx(39.5, abs=0.6)


def test_echoes_sound_after_the_clip_has_ended(tone):
    short = tone.copy()
    short[RATE // 2 :] = 0
    tails = [SoundVariation()._echoing(short, RATE, np.random.default_rng(seed)) for seed in range(5)]
    assert all(rms(tail[RATE // 2 + RATE // 20 :]) > 0 for tail in tails)
    assert all(np.array_equal(tail[:20], short[:20]) or rms(tail[:20] - short[:20]) < 1e-4 for tail in tails)
