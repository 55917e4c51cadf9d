"""Magnitudes that torch can differentiate, down to the samples.

They are those of :mod:`timbrebench.audio.spectra` and of librosa's mel bands; what they add is a gradient,
for methods that optimise a waveform. The derivative of the magnitude of a bin that holds nothing is taken
to be 0.
"""

from __future__ import annotations

import warnings
from typing import Literal

import librosa
import torch
from torch import Tensor, nn

from timbrebench.audio.spectra import HOP_LENGTH, N_FFT
from timbrebench.core.errors import AudioError


def stft_magnitude(samples: Tensor, n_fft: int = N_FFT, hop_length: int = HOP_LENGTH) -> Tensor:
    """Return the magnitude of the short-time Fourier transform, with centred Hann windows.

    Parameters
    ----------
    samples : torch.Tensor, shape (n,) or (clips, n)
        Mono samples, of any precision and on any device.
    n_fft : int, default 2048
        Window length in samples.
    hop_length : int, default 512
        Samples from one window to the next.

    Returns
    -------
    torch.Tensor, shape (..., 1 + n_fft // 2, 1 + n // hop_length)
        Magnitudes, as :func:`~timbrebench.audio.spectra.magnitude` returns them.
    """
    window = torch.hann_window(n_fft, dtype=samples.dtype, device=samples.device)
    spectrum = torch.stft(
        samples, n_fft, hop_length, window=window, center=True, pad_mode="constant", return_complex=True
    )
    return spectrum.abs()


class MelBands(nn.Module):
    """Triangular bands on the mel scale, with a peak of 1.

    Parameters
    ----------
    sample_rate : int
        Rate in hertz.
    n_fft : int
        Window of the short-time Fourier transform.
    n_mels : int
        Number of bands.
    fmax : float, optional
        Where the last band ends, in hertz; by default half the sample rate.
    scale : {"slaney", "htk"}, default "slaney"
        The scale of Slaney's Auditory Toolbox, linear up to 1 kHz, or that of the Hidden Markov Model
        Toolkit, proportional to ln(1 + f / 700).

    Attributes
    ----------
    weights : torch.Tensor, shape (n_mels, 1 + n_fft // 2)
        What each bin adds to each band. More bands than the window resolves leave some of them empty.

    Raises
    ------
    AudioError
        If the last band ends above half the sample rate.
    """

    weights: Tensor

    def __init__(
        self,
        sample_rate: int,
        n_fft: int,
        n_mels: int,
        fmax: float | None = None,
        scale: Literal["slaney", "htk"] = "slaney",
    ) -> None:
        super().__init__()
        if fmax is not None and fmax > sample_rate / 2:
            raise AudioError(
                f"mel bands up to {fmax:g} Hz need a sample rate of {2 * fmax:g} Hz, "
                f"not {sample_rate}: end them lower"
            )
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Empty filters detected")  # see the attribute
            bank = librosa.filters.mel(
                sr=sample_rate, n_fft=n_fft, n_mels=n_mels, fmax=fmax, htk=scale == "htk", norm=None
            )
        self.register_buffer("weights", torch.from_numpy(bank))

    def forward(self, magnitude: Tensor) -> Tensor:
        """Gather magnitudes of shape (..., 1 + n_fft // 2, frames) in bands: (..., n_mels, frames)."""
        return self.weights @ magnitude
