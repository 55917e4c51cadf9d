"""Power spectrograms, linear in frequency or in mel bands, and the two scales on which networks see them."""

from __future__ import annotations

import librosa
import numpy as np

from timbrebench.audio.clips import Samples
from timbrebench.audio.spectra import HOP_LENGTH, N_FFT, Spectrogram

#: Decibels under the loudest value at which a spectrogram on that scale ends.
RANGE_DB = 80.0


def stft_power(
    samples: Samples, *, n_fft: int = N_FFT, hop_length: int = HOP_LENGTH, win_length: int | None = None
) -> Spectrogram:
    """Return the squared magnitude of the short-time Fourier transform, with centred Hann windows.

    Parameters
    ----------
    samples : numpy.ndarray, shape (n,)
        Mono samples.
    n_fft : int, default 2048
        Length of the transform in samples.
    hop_length : int, default 512
        Samples from one window to the next.
    win_length : int, optional
        Length of the window in samples, by default `n_fft`; shorter ones are padded.

    Returns
    -------
    numpy.ndarray, shape (1 + n_fft // 2, 1 + n // hop_length), float32
        Not normalised: a sine of amplitude 1 reaches (win_length / 4) ** 2.
    """
    spectrum = librosa.stft(samples, n_fft=n_fft, hop_length=hop_length, win_length=win_length)
    return np.asarray(np.abs(spectrum) ** 2, dtype=np.float32)


def mel_power(
    samples: Samples, sample_rate: int, *, n_fft: int = N_FFT, hop_length: int = HOP_LENGTH, n_mels: int = 128
) -> Spectrogram:
    """Return the power in mel bands: Slaney's scale and normalisation, up to half the sample rate.

    Parameters
    ----------
    samples : numpy.ndarray, shape (n,)
        Mono samples.
    sample_rate : int
        Their rate in hertz.
    n_fft : int, default 2048
        Window in samples.
    hop_length : int, default 512
        Samples from one window to the next.
    n_mels : int, default 128
        Number of bands.

    Returns
    -------
    numpy.ndarray, shape (n_mels, 1 + n // hop_length), float32
        Power.
    """
    power = librosa.feature.melspectrogram(
        y=samples, sr=sample_rate, n_fft=n_fft, hop_length=hop_length, n_mels=n_mels
    )
    return np.asarray(power, dtype=np.float32)


def power_to_decibels(power: Spectrogram, range_db: float = RANGE_DB) -> Spectrogram:
    """Return decibels under the loudest value.

    Parameters
    ----------
    power : numpy.ndarray, shape (bands, frames)
        Power.
    range_db : float, default 80
        What lies further under the loudest value is set to that.

    Returns
    -------
    numpy.ndarray, same shape, float32
        From -range_db to 0: librosa's ``power_to_db(power, ref=numpy.max, top_db=range_db)``, except that
        silence is -range_db throughout, as nothing in it is loud.
    """
    loudest = power.max()
    if loudest == 0:
        return np.full_like(power, -range_db, dtype=np.float32)
    relative = power / loudest
    return np.asarray(10 * np.log10(np.maximum(relative, 10 ** (-range_db / 10))), dtype=np.float32)


def power_to_log1p(power: Spectrogram) -> Spectrogram:
    """Return ``log(1 + magnitude)`` of a power spectrogram: same shape, float32, from 0 up."""
    return np.log1p(np.sqrt(power)).astype(np.float32)
