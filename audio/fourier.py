"""The short-time Fourier transform of clips of one length, there and back."""

from __future__ import annotations

from dataclasses import dataclass

import librosa
import numpy as np
from numpy.typing import NDArray

from timbrebench.audio.clips import Samples

#: A complex short-time spectrum, of shape (1 + n_fft // 2, frames).
Spectrum = NDArray[np.complex64]


@dataclass(frozen=True)
class ShortTimeFourier:
    """Transform of clips of `length` samples with centred Hann windows, as everywhere in the project.

    A window of fewer than `n_fft` samples is padded with zeros to as many.
    """

    length: int
    n_fft: int
    hop_length: int
    win_length: int

    @property
    def shape(self) -> tuple[int, int]:
        """Bins and frames of a spectrum."""
        return 1 + self.n_fft // 2, 1 + self.length // self.hop_length

    @property
    def window(self) -> NDArray[np.float64]:
        """The Hann window, periodic, with the zeros to either side: shape (n_fft,)."""
        window: NDArray[np.float64] = librosa.filters.get_window("hann", self.win_length, fftbins=True)
        return librosa.util.pad_center(window, size=self.n_fft)

    def forward(self, samples: Samples) -> Spectrum:
        """Return the spectrum of samples of shape (length,)."""
        spectrum: Spectrum = librosa.stft(
            samples, n_fft=self.n_fft, hop_length=self.hop_length, win_length=self.win_length
        )
        return spectrum

    def inverse(self, spectrum: Spectrum) -> Samples:
        """Return the samples whose spectrum is nearest in the sense of least squares, shape (length,)."""
        samples: Samples = librosa.istft(
            spectrum,
            n_fft=self.n_fft,
            hop_length=self.hop_length,
            win_length=self.win_length,
            length=self.length,
        )
        return samples
