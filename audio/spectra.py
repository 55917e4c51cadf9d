"""The short-time Fourier transform as methods and metrics use it.

The defaults, ``n_fft=2048`` and ``hop_length=512`` at 22,050 Hz, are those of the shallow random network
of Ulyanov & Lebedev (2016) and of everything compared with it since: 93 ms windows, 23 ms apart.
"""

from __future__ import annotations

import librosa
import numpy as np
from numpy.typing import NDArray

from timbrebench.audio.clips import Samples
from timbrebench.core.errors import AudioError

N_FFT = 2048
HOP_LENGTH = 512

Spectrogram = NDArray[np.float32]


def magnitude(samples: Samples, n_fft: int = N_FFT, hop_length: int = HOP_LENGTH) -> Spectrogram:
    """Return the magnitude of the short-time Fourier transform, with centred Hann windows.

    Parameters
    ----------
    samples : numpy.ndarray, shape (n,)
        Mono samples.
    n_fft : int, default 2048
        Window length in samples.
    hop_length : int, default 512
        Samples from one window to the next.

    Returns
    -------
    numpy.ndarray, shape (1 + n_fft // 2, 1 + n // hop_length)
        Magnitudes, not normalised: a sine of amplitude 1 reaches n_fft / 4.
    """
    spectrum = librosa.stft(samples, n_fft=n_fft, hop_length=hop_length)
    return np.asarray(np.abs(spectrum), dtype=np.float32)


def log_magnitude(samples: Samples, n_fft: int = N_FFT, hop_length: int = HOP_LENGTH) -> Spectrogram:
    """Return ``log(1 + magnitude)``: near linear for what is quiet, logarithmic for what is loud.

    Takes and returns the shapes of :func:`magnitude`.
    """
    return np.log1p(magnitude(samples, n_fft, hop_length))


def log_frequency_bands(
    sample_rate: int, n_fft: int, *, fmin: float, bins_per_octave: int, n_bands: int
) -> NDArray[np.float32]:
    """Return triangular bands at equal musical intervals.

    Parameters
    ----------
    sample_rate : int
        Rate in hertz.
    n_fft : int
        Window of the short-time Fourier transform whose bins the bands gather.
    fmin : float
        Centre of the first band.
    bins_per_octave, n_bands : int
        Bands in an octave, and their number.

    Returns
    -------
    numpy.ndarray, shape (n_bands, n_fft // 2 + 1), float32
        Weights from 0 to 1. A band reaches from the centre of the one below to that of the one above, and
        at least one bin of the transform to either side, so that none is empty.

    Raises
    ------
    AudioError
        If the highest band lies above half the sample rate.
    """
    centres = fmin * 2.0 ** (np.arange(-1, n_bands + 1) / bins_per_octave)
    if centres[-2] > sample_rate / 2:
        raise AudioError(
            f"the highest of {n_bands} bands lies at {centres[-2]:.0f} Hz, above half of {sample_rate} Hz: "
            "ask for fewer bands or a higher sample rate"
        )
    frequencies = np.arange(n_fft // 2 + 1) * sample_rate / n_fft
    bin_hz = sample_rate / n_fft
    middle = centres[1:-1, None]
    below = np.maximum(middle - centres[:-2, None], bin_hz)
    above = np.maximum(centres[2:, None] - middle, bin_hz)
    rising, falling = 1 - (middle - frequencies) / below, 1 - (frequencies - middle) / above
    return np.clip(np.minimum(rising, falling), 0, None).astype(np.float32)
