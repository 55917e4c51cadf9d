import librosa
import numpy as np
import pytest

from timbrebench.audio.power_spectra import mel_power, power_to_decibels, power_to_log1p, stft_power


@pytest.fixture
def chord():
    time = np.arange(22_050) / 22_050
    waves = [np.sin(2 * np.pi * hertz * time) for hertz in (261.6, 329.6, 392.0)]
    return (0.2 * np.exp(-3 * time) * sum(waves)).astype(np.float32)


def test_a_sine_reaches_the_square_of_a_quarter_of_the_window():
    time = np.arange(22_050) / 22_050
    sine = np.sin(2 * np.pi * (100 * 22_050 / 2048) * time).astype(np.float32)
    power = stft_power(sine)
    assert power.shape == (1025, 44)
    assert np.unravel_index(power[:, 20].argmax(), (1025,)) == (100,)
    assert power[100, 20] == pytest.approx(512**2, rel=1e-3)


def test_decibels_are_librosas(chord):
    for power in (stft_power(chord), mel_power(chord, 22_050)):
        expected = librosa.power_to_db(power, ref=np.max, top_db=80)
        assert power_to_decibels(power) == pytest.approx(expected, abs=1e-4)


def test_gain_leaves_decibels_and_raises_log1p(chord):
    soft, loud = stft_power(chord), stft_power(np.float32(2) * chord)
    assert power_to_decibels(loud) == pytest.approx(power_to_decibels(soft), abs=1e-3)
    assert (power_to_log1p(loud) >= power_to_log1p(soft)).all()


def test_log1p_is_undone_by_its_inverse(chord):
    power = mel_power(chord, 22_050, n_mels=40)
    assert power.shape == (40, 44)
    assert np.expm1(power_to_log1p(power)) ** 2 == pytest.approx(power, rel=1e-3, abs=1e-5)


def test_silence_is_the_bottom_of_the_scale():
    silence = power_to_decibels(stft_power(np.zeros(4096, dtype=np.float32)))
    assert (silence == -80).all()
