"""The constant-Q transform that torch can differentiate, and its quick approximation from magnitudes.

Bins lie at equal musical intervals, and the window of each is as long as the same number of its periods:

    Q = filter_scale / α,    α = (r² − 1) / (r² + 1),    r = 2^(1 / bins_per_octave),

with Q · sample_rate / f samples for the bin at f hertz. A transposed sound is the same picture, moved up.

:class:`ConstantQ` returns complex values, :class:`PseudoConstantQ` magnitudes that it gathers from those of
one short-time Fourier transform, as bands: cheaper, blurred in time by one window for all bins, and without
phase. Both agree with librosa's ``cqt`` and ``pseudo_cqt``, which no gradient goes through. As there, the
complex transform halves the sample rate from one octave to the one below, as long as the hop stays whole.

References
----------
J. Brown, "Calculation of a constant Q spectral transform", Journal of the Acoustical Society of America 89,
1991.

C. Schörkhuber and A. Klapuri, "Constant-Q transform toolbox for music processing", Sound and Music
Computing, 2010.
"""

from __future__ import annotations

import math

import librosa
import numpy as np
import torch
from numpy.typing import NDArray
from scipy.signal import firwin, kaiser_beta
from torch import Tensor, nn
from torch.nn.functional import conv1d

from timbrebench.audio.differentiable import stft_magnitude
from timbrebench.audio.spectra import HOP_LENGTH
from timbrebench.core.errors import AudioError

#: Passes what lies under 0.45 of half the sample rate; what lies above 0.55 of it comes out 80 dB lower.
LOW_PASS: NDArray[np.float64] = firwin(103, 0.5, window=("kaiser", kaiser_beta(80)))

#: C1, the lowest bin where none is given, in hertz.
FMIN = float(librosa.note_to_hz("C1"))


class ConstantQ(nn.Module):
    """The complex constant-Q transform; see the module.

    Parameters
    ----------
    sample_rate : int
        Rate in hertz.
    hop_length : int, default 512
        Samples from one frame to the next.
    fmin : float, default C1
        Frequency of the first bin.
    n_bins : int, default 84
        Number of bins: seven octaves of semitones by default.
    bins_per_octave : int, default 12
        Bins in an octave.
    filter_scale : float, default 1
        Length of the windows, relative to those that just resolve neighbouring bins. Shorter ones are
        sharper in time and blur pitch.

    Raises
    ------
    AudioError
        If the highest bin reaches above half the sample rate.
    """

    def __init__(
        self,
        sample_rate: int,
        *,
        hop_length: int = HOP_LENGTH,
        fmin: float = FMIN,
        n_bins: int = 84,
        bins_per_octave: int = 12,
        filter_scale: float = 1.0,
    ) -> None:
        super().__init__()
        frequencies = librosa.cqt_frequencies(n_bins, fmin=fmin, bins_per_octave=bins_per_octave)
        #: Halvings of the rate before each octave, from the highest octave down.
        self._halvings: list[int] = []
        self._hops: list[int] = []
        halvings = 0
        for number, end in enumerate(range(n_bins, 0, -bins_per_octave)):
            octave = frequencies[max(0, end - bins_per_octave) : end]
            basis, lengths = _filters(octave, sample_rate / 2**halvings, bins_per_octave, filter_scale)
            basis *= np.sqrt(2**halvings / lengths)[:, None]
            # Real and imaginary parts apart follow the module from one precision to another.
            self.register_buffer(f"_real_{number}", torch.from_numpy(basis.real.astype(np.float32)))
            self.register_buffer(f"_imaginary_{number}", torch.from_numpy(basis.imag.astype(np.float32)))
            self._halvings.append(halvings)
            self._hops.append(hop_length // 2**halvings)
            halvings += self._hops[-1] % 2 == 0
        self.register_buffer("_low_pass", torch.from_numpy(LOW_PASS.astype(np.float32)))

    def forward(self, samples: Tensor) -> Tensor:
        """Transform samples.

        Parameters
        ----------
        samples : torch.Tensor, shape (n,) or (clips, n)
            Mono samples of the module's precision. Beyond their ends there is silence.

        Returns
        -------
        torch.Tensor, complex, shape (..., n_bins, 1 + n // hop_length)
            A steady sine of amplitude 1 in the middle of a bin reaches √length / 2, with `length` the number
            of samples that the bin's window has at the full rate.
        """
        frames = 1 + samples.shape[-1] // self._hops[0]
        octaves: list[Tensor] = []
        halved = 0
        for number, (halvings, hop) in enumerate(zip(self._halvings, self._hops, strict=True)):
            while halved < halvings:
                samples, halved = self._halve_rate(samples), halved + 1
            basis = torch.complex(self.get_buffer(f"_real_{number}"), self.get_buffer(f"_imaginary_{number}"))
            n_fft = 2 * (basis.shape[1] - 1)
            spectrum = torch.stft(
                samples,
                n_fft,
                hop,
                window=torch.ones(n_fft, dtype=samples.dtype, device=samples.device),
                pad_mode="constant",
                return_complex=True,
            )
            octaves.append(basis @ spectrum[..., :frames])
        return torch.cat(octaves[::-1], dim=-2)

    def _halve_rate(self, samples: Tensor) -> Tensor:
        """Keep every other sample, the first among them, without what half the rate cannot hold."""
        low_pass = self.get_buffer("_low_pass")
        flat = samples.reshape(-1, 1, samples.shape[-1])
        halved = conv1d(flat, low_pass[None, None], stride=2, padding=len(low_pass) // 2)
        return halved.reshape(*samples.shape[:-1], -1)


class PseudoConstantQ(nn.Module):
    """Constant-Q magnitudes gathered from those of one short-time Fourier transform.

    Takes the parameters of :class:`ConstantQ`, and raises its errors.

    Attributes
    ----------
    n_fft : int
        Window of the transform: the power of two that the longest filter, and twice the hop, fit in.
    weights : torch.Tensor, shape (n_bins, 1 + n_fft // 2)
        What each of its bins adds to each of these.
    lengths : torch.Tensor, shape (n_bins,)
        Samples that the window of each bin is long.
    """

    weights: Tensor
    lengths: Tensor

    def __init__(
        self,
        sample_rate: int,
        *,
        hop_length: int = HOP_LENGTH,
        fmin: float = FMIN,
        n_bins: int = 84,
        bins_per_octave: int = 12,
        filter_scale: float = 1.0,
    ) -> None:
        super().__init__()
        self.hop_length = hop_length
        frequencies = librosa.cqt_frequencies(n_bins, fmin=fmin, bins_per_octave=bins_per_octave)
        smallest = 2 ** (1 + math.ceil(math.log2(hop_length)))
        basis, lengths = _filters(frequencies, sample_rate, bins_per_octave, filter_scale, smallest)
        self.n_fft = 2 * (basis.shape[1] - 1)
        weights = np.abs(basis) / math.sqrt(self.n_fft)
        self.register_buffer("weights", torch.from_numpy(weights.astype(np.float32)))
        self.register_buffer("lengths", torch.from_numpy(lengths.astype(np.float32)), persistent=False)

    def forward(self, samples: Tensor) -> Tensor:
        """Transform samples.

        Parameters
        ----------
        samples : torch.Tensor, shape (n,) or (clips, n)
            Mono samples of the module's precision.

        Returns
        -------
        torch.Tensor, shape (..., n_bins, 1 + n // hop_length)
            Magnitudes.
        """
        return self.gather(stft_magnitude(samples, self.n_fft, self.hop_length))

    def gather(self, magnitude: Tensor) -> Tensor:
        """Do the same from magnitudes of windows of `n_fft` samples, shape (..., 1 + n_fft // 2, frames)."""
        return self.weights @ magnitude


def _filters(
    frequencies: NDArray[np.float64],
    sample_rate: float,
    bins_per_octave: int,
    filter_scale: float,
    smallest_n_fft: int = 2,
) -> tuple[NDArray[np.complex128], NDArray[np.float64]]:
    """Return the spectra of windowed complex tones, up to half the sample rate, and the windows' lengths."""
    ratio = 2.0 ** (1 / bins_per_octave)
    alpha = (ratio**2 - 1) / (ratio**2 + 1)
    _, reach = librosa.filters.wavelet_lengths(
        freqs=frequencies, sr=sample_rate, filter_scale=filter_scale, alpha=alpha
    )
    if reach > sample_rate / 2:
        raise AudioError(
            f"the highest constant-Q bin, at {frequencies[-1]:.0f} Hz, reaches up to {reach:.0f} Hz, above "
            f"half of {sample_rate:g} Hz: ask for fewer bins, longer filters or a higher sample rate"
        )
    tones, lengths = librosa.filters.wavelet(
        freqs=frequencies, sr=sample_rate, filter_scale=filter_scale, alpha=alpha, dtype=np.complex128
    )
    n_fft = max(smallest_n_fft, tones.shape[1])
    spectra = np.fft.fft(tones * lengths[:, None] / n_fft, n=n_fft, axis=1)[:, : n_fft // 2 + 1]
    return spectra, lengths
