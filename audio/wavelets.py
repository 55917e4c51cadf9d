"""The continuous wavelet transform with a complex Morlet wavelet, and the way back.

With the wavelet that PyWavelets calls "cmorB-C", here with B = 1.5 and C = 6,

    ψ(t) = exp(−t² / B) exp(2πi C t) / √(πB),

the transform of samples x at scale s is, as in PyWavelets, that of the staircase which the samples make,

    W(s, n) = √s · Σ_k x_k ∫ ψ*(u) du,    from (k − n − ½) / s to (k − n + ½) / s,

and the scale s stands for the frequency C · sample_rate / s.

For every sample that is too much to work on: with 24 bands per octave, 202 values for each.
:class:`WaveletFrame` keeps of each band as many values as its bandwidth asks for, eight for each sample in
all, and finds the samples again. It uses the exact integral, whose Fourier transform is known; where X is
that of x, and f is in cycles per sample,

    Ŵ(s, f) = X(f) · √s · sin(πf) / (πf) · exp(−π² B (s f − C)²).

Of this Gaussian it keeps what lies within four standard deviations; the rest is 69 dB and more below.

The inverse is the canonical dual frame: of all samples, those whose transform is nearest in the sense of
least squares, each band's squares summed over time. Since no band has fewer values than frequencies, none
aliases, and the normal equations fall apart into one division for each frequency: the sum of all bands, each
weighted with its own response, over the sum of the squared responses (Balazs et al. 2011). What the bands see
comes back but for rounding; what lies below the lowest does not.

References
----------
G. Lee, R. Gommers, F. Waselewski, K. Wohlfahrt and A. O'Leary, "PyWavelets: A Python package for wavelet
analysis", Journal of Open Source Software 4(36), 2019.

P. Balazs, M. Dörfler, F. Jaillet, N. Holighaus and G. Velasco, "Theory, implementation and applications of
nonstationary Gabor frames", Journal of Computational and Applied Mathematics 236(6), 2011.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from timbrebench.audio.clips import Samples
from timbrebench.audio.spectra import HOP_LENGTH, Spectrogram
from timbrebench.core.errors import AudioError

#: Coefficients of all bands, one band after the other.
Coefficients = NDArray[np.complex64]

#: Bandwidth B and centre frequency C of the wavelet, "cmor1.5-6.0" in PyWavelets' names.
BANDWIDTH, CENTRE = 1.5, 6.0

#: Standard deviation of a band's Gaussian over its frequency: 3.1 %, half a semitone to either side.
_SPREAD = 1 / (math.pi * math.sqrt(2 * BANDWIDTH) * CENTRE)

#: C1, the lowest band where none is given, in hertz.
FMIN = 440 * 2 ** (-45 / 12)

#: Standard deviations to either side of a band's frequency that are kept of it.
_REACH = 4.0

#: Frequencies that the bands see this much less than they see the best are not divided by so little.
_FLOOR = 1e-4


@dataclass(frozen=True)
class _Bands:
    """Bands of one octave, which have the same number of coefficients.

    Attributes
    ----------
    decimation : int
        Samples from one coefficient to the next.
    bins : numpy.ndarray, shape (bands, width), int
        Frequencies of the Fourier transform that each band keeps, which may lie beyond its ends; 0 is the
        `_margin` of :class:`WaveletFrame`.
    places : numpy.ndarray, shape (bands, width), int
        Where they go in the Fourier transform of the band's coefficients.
    response : numpy.ndarray, shape (bands, width), float32
        What each is multiplied by; 0 where a band reaches beyond half the sample rate.
    """

    decimation: int
    bins: NDArray[np.intp]
    places: NDArray[np.intp]
    response: NDArray[np.float32]


@dataclass(frozen=True)
class WaveletFrame:
    """The transform of clips of one length at as few instants as do, there and back.

    Its parameters are its first attributes.

    Attributes
    ----------
    length : int
        Samples of the clips.
    sample_rate : int
        Their rate in hertz.
    hop_length : int, default 512
        Samples from one frame of :meth:`magnitude` to the next, and the maximum from one coefficient to the
        next. A power of two serves best: each band's step is the largest power of two that divides it and
        does.
    fmin : float, default C1
        Frequency of the first band.
    bins_per_octave : int, default 24
        Bands in an octave; they go on to half the sample rate.

    Raises
    ------
    AudioError
        If a number is not positive, the first band lies above half the sample rate, or the wavelet leaves
        gaps between the bands.
    """

    length: int
    sample_rate: int
    hop_length: int = HOP_LENGTH
    fmin: float = FMIN
    bins_per_octave: int = 24

    def __post_init__(self) -> None:
        if min(self.length, self.hop_length, self.fmin, self.bins_per_octave) <= 0:
            raise AudioError("length, hop_length, fmin and bins_per_octave must be more than 0")
        if self.fmin > self.sample_rate / 2:
            raise AudioError(
                f"the lowest band, at {self.fmin:g} Hz, lies above half the sample rate of "
                f"{self.sample_rate} Hz: choose a lower one"
            )
        needed = math.ceil(math.log(2) / (2 * _SPREAD))
        if self.bins_per_octave < needed:
            raise AudioError(f"{self.bins_per_octave} bands leave gaps in an octave: use {needed} or more")

    @cached_property
    def frequencies(self) -> NDArray[np.float64]:
        """Frequencies of the bands in hertz, upwards."""
        octaves = math.log2(self.sample_rate / 2 / self.fmin)
        count = 1 + math.floor(octaves * self.bins_per_octave + 1e-9)
        return self.fmin * 2 ** (np.arange(count) / self.bins_per_octave)

    @property
    def scales(self) -> NDArray[np.float64]:
        """Scales of the bands, as ``pywt.cwt`` takes them."""
        return CENTRE * self.sample_rate / self.frequencies

    @property
    def n_frames(self) -> int:
        """Frames of :meth:`magnitude`."""
        return 1 + self.length // self.hop_length

    def forward(self, samples: Samples) -> Coefficients:
        """Transform samples.

        Parameters
        ----------
        samples : numpy.ndarray, shape (length,)
            Mono samples. Before and after them there is silence.

        Returns
        -------
        numpy.ndarray, shape (n_coefficients,), complex64
            The coefficients of all bands, one after the other, as :meth:`split` splits them.
        """
        spectrum = np.pad(fft.rfft(samples.astype(np.float32, copy=False), self._n_fft), self._margin)
        octaves = []
        for bands in self._octaves:
            count = self._n_fft // bands.decimation
            rows = np.zeros((len(bands.bins), count), dtype=np.complex64)
            np.put_along_axis(rows, bands.places, spectrum[bands.bins] * bands.response, axis=1)
            rows = fft.ifft(rows, overwrite_x=True)
            rows *= np.float32(1 / bands.decimation)  # the length of this transform, not of the samples'
            octaves.append(rows.ravel())
        return np.concatenate(octaves)

    def inverse(self, coefficients: Coefficients) -> Samples:
        """Return the samples whose transform is nearest.

        Parameters
        ----------
        coefficients : numpy.ndarray, shape (n_coefficients,), complex64
            As :meth:`forward` returns them.

        Returns
        -------
        numpy.ndarray, shape (length,), float32
            Samples.
        """
        spectrum = np.zeros(len(self._dual) + 2 * self._margin, dtype=np.complex64)
        rows_of = iter(self.split(coefficients))
        for bands in self._octaves:
            rows = np.stack([next(rows_of) for _ in bands.bins])
            rows = fft.fft(rows, overwrite_x=True)
            rows = np.take_along_axis(rows, bands.places, axis=1)
            rows *= bands.response * np.float32(bands.decimation)
            for band, row in zip(bands.bins, rows, strict=True):
                spectrum[band[0] : band[0] + len(row)] += row
        spectrum = spectrum[self._margin : -self._margin] * self._dual
        samples: Samples = fft.irfft(spectrum, self._n_fft)[: self.length]
        return samples

    def split(self, coefficients: NDArray[np.generic]) -> list[NDArray[np.generic]]:
        """Split coefficients into bands.

        Parameters
        ----------
        coefficients : numpy.ndarray, shape (n_coefficients,)
            Coefficients, or their magnitudes.

        Returns
        -------
        list of numpy.ndarray, one for each of `frequencies`
            Each band's own, views, from the first sample on. They go beyond the last sample, to where the
            transform has faded out, and what fades in before the first sample comes last.
        """
        counts = [self._n_fft // bands.decimation for bands in self._octaves for _ in bands.bins]
        return np.split(coefficients, np.cumsum(counts)[:-1])

    def magnitude(self, samples: Samples) -> Spectrogram:
        """Return magnitudes at regular instants, the same for all bands.

        Each is the mean over the coefficients less than half a hop away, so that none is missed.

        Parameters
        ----------
        samples : numpy.ndarray, shape (length,)
            Mono samples.

        Returns
        -------
        numpy.ndarray, shape (bands, 1 + length // hop_length), float32
            Amplitudes: a sine of amplitude 1 in the middle of a band is 1 there.
        """
        frames = np.empty((len(self.frequencies), self.n_frames), dtype=np.float32)
        coefficients = self.split(np.abs(self.forward(samples)))
        for band, (row, peak) in enumerate(zip(coefficients, self._peaks, strict=True)):
            per_hop = self.hop_length * len(row) // self._n_fft
            rolled = np.roll(row, per_hop // 2).reshape(-1, per_hop)
            frames[band] = rolled.mean(axis=1)[: self.n_frames] / peak
        return frames

    def spread(self, magnitude: Spectrogram) -> NDArray[np.float32]:
        """Return the magnitude of each coefficient, drawn as straight lines from frame to frame.

        Parameters
        ----------
        magnitude : numpy.ndarray, shape (bands, 1 + length // hop_length)
            Amplitudes, as :meth:`magnitude` returns them.

        Returns
        -------
        numpy.ndarray, shape (n_coefficients,), float32
            Magnitudes for :meth:`forward`'s coefficients; 0 beyond the clip.
        """
        frames = np.arange(self.n_frames) * self.hop_length
        rows = []
        octaves = [bands.decimation for bands in self._octaves for _ in bands.bins]
        for row, peak, decimation in zip(magnitude, self._peaks, octaves, strict=True):
            instants = np.arange(self._n_fft // decimation) * decimation
            between = np.interp(instants, frames, row * peak)
            between[instants >= self.length] = 0
            rows.append(between.astype(np.float32))
        return np.concatenate(rows)

    @cached_property
    def _n_fft(self) -> int:
        """A multiple of the hop, with room after the clip for the longest wavelet to fade out."""
        reach = _REACH * math.sqrt(BANDWIDTH / 2) * float(self.scales[0])
        return self.hop_length * int(
            fft.next_fast_len(2 + math.ceil((self.length + reach) / self.hop_length))
        )

    @property
    def _margin(self) -> int:
        """Room on both sides of a Fourier transform for bands that reach beyond its ends."""
        return self._n_fft // 2

    @cached_property
    def _peaks(self) -> NDArray[np.float32]:
        """Magnitudes that a sine of amplitude 1 reaches in the middle of each band."""
        return (np.sqrt(self.scales) / 2 * np.sinc(self.frequencies / self.sample_rate)).astype(np.float32)

    @cached_property
    def _octaves(self) -> list[_Bands]:
        """The bands, an octave at a time."""
        return [
            self._bands(self.frequencies[first : first + self.bins_per_octave])
            for first in range(0, len(self.frequencies), self.bins_per_octave)
        ]

    def _bands(self, frequencies: NDArray[np.float64]) -> _Bands:
        reach = _REACH * _SPREAD * frequencies * self._n_fft / self.sample_rate  # in bins
        width = 2 * math.ceil(reach[-1]) + 1
        middle = np.round(frequencies * self._n_fft / self.sample_rate).astype(int)
        bins = middle[:, None] + np.arange(width) - width // 2
        decimation = math.gcd(self.hop_length, 2**30)
        while decimation > 1 and self._n_fft // decimation < width:
            decimation //= 2
        f = bins / self._n_fft
        scales = CENTRE * self.sample_rate / frequencies[:, None]
        response = np.sqrt(scales) * np.sinc(f)
        response *= np.exp(-(math.pi**2) * BANDWIDTH * (scales * f - CENTRE) ** 2)
        within = (bins > 0) & (bins <= self._n_fft // 2) & (np.abs(bins - middle[:, None]) <= reach[:, None])
        return _Bands(
            decimation,
            bins + self._margin,
            bins % (self._n_fft // decimation),
            np.where(within, response, 0).astype(np.float32),
        )

    @cached_property
    def _dual(self) -> NDArray[np.float32]:
        """What the sum of all bands is divided by, for each frequency."""
        seen = np.zeros(1 + self._n_fft // 2 + 2 * self._margin)
        for bands in self._octaves:
            np.add.at(seen, bands.bins, bands.response.astype(np.float64) ** 2)
        seen = seen[self._margin : -self._margin]
        dual: NDArray[np.float32] = (1 / np.maximum(seen, _FLOOR * seen.max())).astype(np.float32)
        return dual
