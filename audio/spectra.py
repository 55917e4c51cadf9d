"""The short-time Fourier transform as methods and metrics use it.

The defaults, ``n_fft=2048`` and ``hop_length=512`` at 22,050 Hz, are those of the shallow random network
of Ulyanov & Lebedev (2016) and of everything compared with it since: 93 ms windows, 23 ms apart.
"""

from __future__ import annotations

import librosa
import numpy as np
from numpy.typing import NDArray

from timbrebench.audio.clips import Samples

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
