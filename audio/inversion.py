"""From a magnitude spectrogram back to samples."""

from __future__ import annotations

import librosa
import numpy as np

from timbrebench.audio.clips import Samples
from timbrebench.audio.spectra import HOP_LENGTH, N_FFT, Spectrogram


def griffin_lim(
    spectrogram: Spectrogram,
    *,
    length: int,
    n_iter: int,
    seed: int,
    n_fft: int = N_FFT,
    hop_length: int = HOP_LENGTH,
) -> Samples:
    """Estimate samples whose spectrogram has the given magnitudes, from a random phase.

    The phase is replaced, time after time, by that of the spectrogram of the present estimate.

    Parameters
    ----------
    spectrogram : numpy.ndarray, shape (1 + n_fft // 2, frames)
        Magnitudes as :func:`~timbrebench.audio.spectra.magnitude` returns them.
    length : int
        Number of samples wanted.
    n_iter : int
        Iterations.
    seed : int
        Seed of the first phase.
    n_fft, hop_length : int
        Those of `spectrogram`.

    Returns
    -------
    numpy.ndarray, shape (length,), float32
        Samples, which may exceed [-1, 1].

    References
    ----------
    D. Griffin and J. Lim, "Signal estimation from modified short-time Fourier transform", IEEE
    Transactions on Acoustics, Speech and Signal Processing 32(2), 1984.
    """
    samples = librosa.griffinlim(
        spectrogram,
        n_iter=n_iter,
        n_fft=n_fft,
        hop_length=hop_length,
        length=length,
        momentum=0.0,  # the algorithm of 1984; momentum makes it the fast one of Perraudin et al. (2013)
        random_state=np.random.default_rng(seed),
    )
    return np.asarray(samples, dtype=np.float32)
