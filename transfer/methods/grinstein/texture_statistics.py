"""Statistics of sound textures, of the envelopes of cochlear bands.

McDermott & Simoncelli (2011) describe a texture by averages over time of the compressed envelopes of its
cochlear bands (:mod:`timbrebench.audio.cochlear`), and of the modulation bands that filters part them into.
With mean μ and standard deviation σ of an envelope:

========================  ==================================================================================
``envelope_mean``         μ
``envelope_variance``     σ² / μ²
``envelope_skewness``     third central moment / σ³
``envelope_kurtosis``     fourth central moment / σ⁴
``envelope_correlation``  correlation with the band that is 1, 2, 3, 5, 8, 11, 16 or 21 further up
``modulation_power``      mean square of each of 20 modulation bands / σ²
``modulation_c1``         correlation of an octave of modulations with the same in the band 1 or 2 further up
``modulation_c2``         correlation of an octave of modulations, its phase doubled, with the next octave of
                          the same band: mean(conj(a² / |a|) b) / √(mean|a|² mean|b|²) of their analytic
                          signals a and b, real and imaginary part
========================  ==================================================================================

Modulation bands are cut from the envelopes' spectra by cosines. The 20 bands of ``modulation_power`` have
centres at equal ratios, up to 200 Hz, and reach half their centre to either side. The octaves are centred at
100, 50, 25, … Hz and reach an octave to either side; ``modulation_c1`` leaves out the slowest.

What is settled here:

- *Edges.* Clips are taken as periodic, as the original takes the sound that it synthesises. (Where it
  measures a recording, it fades the edges.) Means of products then are sums over bins of the spectrum, and
  no modulation band but those of ``modulation_c2`` is ever computed.
- *Stillness.* In a band whose envelope hardly moves, the other statistics have no meaning. The square of
  :data:`STILLNESS` · μ is added to what they are divided by, so that they tend to 0 there.

References
----------
J. McDermott and E. Simoncelli, "Sound texture perception via statistics of the auditory periphery: evidence
from sound synthesis", Neuron 71(5), 2011.

J. McDermott, Sound Texture Synthesis Toolbox, 2012, for the shapes of the filters and the distances d.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from timbrebench.audio.cochlear import HIGHEST_MODULATION_HZ

Array = NDArray[np.float64]

#: Names of the statistics.
Statistic = Literal[
    "envelope_mean",
    "envelope_variance",
    "envelope_skewness",
    "envelope_kurtosis",
    "envelope_correlation",
    "modulation_power",
    "modulation_c1",
    "modulation_c2",
]
STATISTICS: tuple[Statistic, ...] = get_args(Statistic)

#: Distances between bands whose envelopes, and whose modulations, are correlated.
ENVELOPE_OFFSETS = (1, 2, 3, 5, 8, 11, 16, 21)
MODULATION_OFFSETS = (1, 2)

#: Number of bands whose power is measured, and the share of its centre that each reaches to either side.
N_MODULATION_BANDS = 20
HALF_WIDTH = 0.5

#: Share of its mean under which the movement of an envelope counts for little.
STILLNESS = 1e-4


def modulation_responses(frequencies: Array, lowest_hz: float) -> Array:
    """Return the responses of the bands whose power is measured.

    Parameters
    ----------
    frequencies : numpy.ndarray, shape (bins,)
        Frequencies in hertz.
    lowest_hz : float
        Centre of the first band, above 0 and below 200.

    Returns
    -------
    numpy.ndarray, shape (20, bins)
        Cosines around the centres. Their squares add up to about 1 between the fourth band's centre and
        that of the last but three.
    """
    centres = np.geomspace(lowest_hz, HIGHEST_MODULATION_HZ, N_MODULATION_BANDS)

    def cosines(points: Array) -> Array:
        distance = (points / centres[:, None] - 1) / HALF_WIDTH
        return np.where(np.abs(distance) < 1, np.cos(np.pi / 2 * distance), 0.0)

    # On points of its own, so that a clip's length does not change the filters.
    total = np.square(cosines(np.linspace(centres[3], centres[-4], 10_000))).sum(axis=0)
    responses: Array = cosines(frequencies) / np.sqrt(total.mean())
    return responses


def octave_centres(lowest_hz: float) -> Array:
    """Return the centres of the octaves in hertz, slowest first: 100, 50, 25, … down to twice `lowest_hz`."""
    centres: Array = HIGHEST_MODULATION_HZ / np.exp2(np.arange(1.0, 21.0))
    return centres[centres > 2 * lowest_hz][::-1]


def octave_responses(frequencies: Array, lowest_hz: float) -> Array:
    """Return the responses of the octaves of modulation, shape (octaves, bins); their squares add up to 1."""
    with np.errstate(divide="ignore"):
        distance = np.log2(frequencies) - np.log2(octave_centres(lowest_hz))[:, None]
    return np.where(np.abs(distance) < 1, np.cos(np.pi / 2 * np.clip(distance, -1, 1)), 0.0)


def band_pairs(n_bands: int, offsets: Collection[int]) -> tuple[Tensor, Tensor]:
    """Return the lower and the higher band of every pair at one of the distances.

    Parameters
    ----------
    n_bands : int
        Number of bands.
    offsets : collection of int
        Distances, 1 or more.

    Returns
    -------
    lower, higher : torch.Tensor, shape (pairs,), int64
        Bands, those of the first distance first.
    """
    lower = torch.cat([torch.arange(max(0, n_bands - offset)) for offset in offsets])
    higher = torch.cat([torch.arange(offset, max(offset, n_bands)) for offset in offsets])
    return lower, higher


class TextureStatistics:
    """Measures the statistics of the envelopes of clips of one length.

    Parameters
    ----------
    envelope_length : int
        Samples of each envelope.
    duration_s : float
        What they span, in seconds.
    n_bands : int
        Number of envelopes.
    lowest_modulation_hz : float
        Centre of the slowest modulation band, 0.5 as published; the octaves start above twice that. A clip
        should hold one period of it.
    dtype : torch.dtype
        Precision of the computation.
    device : torch.device, optional
        Where it takes place.
    """

    def __init__(
        self,
        envelope_length: int,
        duration_s: float,
        n_bands: int,
        *,
        lowest_modulation_hz: float = 0.5,
        dtype: torch.dtype = torch.float32,
        device: torch.device | None = None,
    ) -> None:
        self._length = envelope_length
        frequencies = np.arange(1 + envelope_length // 2) / duration_s

        def on_device(responses: Array) -> Tensor:
            return torch.from_numpy(responses).to(device=device, dtype=dtype)

        self._bands = on_device(modulation_responses(frequencies, lowest_modulation_hz))
        self._octaves = on_device(octave_responses(frequencies, lowest_modulation_hz))
        self._pairs, self._neighbours = (
            tuple(ends.to(device) for ends in band_pairs(n_bands, offsets))
            for offsets in (ENVELOPE_OFFSETS, MODULATION_OFFSETS)
        )
        self._measures: dict[Statistic, Callable[[_Moments], Tensor]] = {
            "envelope_mean": lambda moments: moments.mean,
            "envelope_variance": lambda moments: moments.variance / moments.mean.square(),
            "envelope_skewness": lambda moments: moments.standardised(3),
            "envelope_kurtosis": lambda moments: moments.standardised(4),
            "envelope_correlation": self._envelope_correlation,
            "modulation_power": self._modulation_power,
            "modulation_c1": self._modulation_c1,
            "modulation_c2": self._modulation_c2,
        }

    def __call__(
        self, envelopes: Tensor, statistics: Collection[Statistic] = STATISTICS
    ) -> dict[Statistic, Tensor]:
        """Measure envelopes.

        Parameters
        ----------
        envelopes : torch.Tensor, shape (n_bands, envelope_length)
            Envelopes with means above 0, faster than 200 Hz in nothing.
        statistics : collection of str
            Names of the statistics that are wanted; all by default.

        Returns
        -------
        dict of str to torch.Tensor
            Each statistic by its name. Shapes are (n_bands,) for the mean, variance, skewness and kurtosis,
            (pairs,) for the envelopes' correlation, (n_bands, 20) for the modulation power,
            (pairs, octaves - 1) for C1 and (2, n_bands, octaves - 1) for C2. Pairs are in the order of
            :func:`band_pairs`.
        """
        moments = _Moments(envelopes)
        return {name: self._measures[name](moments) for name in statistics}

    def _envelope_correlation(self, moments: _Moments) -> Tensor:
        lower, higher = self._pairs
        covariance = moments.deviation @ moments.deviation.T / self._length
        scale = moments.settled.sqrt()
        return covariance[lower, higher] / (scale[lower] * scale[higher])

    def _modulation_power(self, moments: _Moments) -> Tensor:
        # A factor 2 everywhere: bins without a twin of negative frequency lie in no modulation band.
        power = 2 * moments.spectrum.abs().square() @ self._bands.square().T
        shares: Tensor = power / moments.settled[:, None]
        return shares

    def _modulation_c1(self, moments: _Moments) -> Tensor:
        lower, higher = self._neighbours
        squares = self._octaves[1:].square().T
        spectrum = moments.spectrum
        power = 2 * spectrum.abs().square() @ squares + moments.least[:, None]
        shared = 2 * (spectrum[lower] * spectrum[higher].conj()).real @ squares
        correlation: Tensor = shared / (power[lower] * power[higher]).sqrt()
        return correlation

    def _modulation_c2(self, moments: _Moments) -> Tensor:
        least = moments.least[:, None, None]
        octaves = 2 * moments.spectrum[:, None] * self._octaves
        analytic = torch.fft.ifft(octaves, n=self._length, norm="forward")
        power = analytic.real.square() + analytic.imag.square() + least
        slow, fast = analytic[:, :-1], analytic[:, 1:]
        doubled = slow.square() / power[:, :-1].sqrt()
        shared = (doubled.conj() * fast).mean(dim=-1)
        strength = power.mean(dim=-1)
        return torch.view_as_real(shared / (strength[:, :-1] * strength[:, 1:]).sqrt()).movedim(-1, 0)


class _Moments:
    """What the statistics share: moments and spectra of envelopes, shape (bands, samples)."""

    def __init__(self, envelopes: Tensor) -> None:
        self.mean = envelopes.mean(dim=-1)
        self.deviation = envelopes - self.mean[:, None]
        self.variance = self.deviation.square().mean(dim=-1)
        self.least = STILLNESS**2 * self.mean.square()
        self.settled = self.variance + self.least
        self.spectrum = torch.fft.rfft(self.deviation, norm="forward")

    def standardised(self, order: int) -> Tensor:
        """Return a central moment over the power of the standard deviation that makes it a mere number."""
        return (self.deviation**order).mean(dim=-1) / self.settled ** (order / 2)


def texture_errors(measured: Mapping[Statistic, Tensor], wanted: Mapping[Statistic, Tensor]) -> Tensor:
    """Return how far each of several statistics is from what is wanted.

    Parameters
    ----------
    measured, wanted : mapping of str to torch.Tensor
        Statistics by name, of the same names and shapes.

    Returns
    -------
    torch.Tensor, shape (statistics,)
        Sum of squares of the errors over that of the wanted values, in the order of `wanted`: the inverse of
        the signal-to-noise ratio by which McDermott & Simoncelli judge a synthesis. 0 where all is as
        wanted, 1 where all is 0.
    """
    return torch.stack(
        [(measured[name] - values).square().sum() / values.square().sum() for name, values in wanted.items()]
    )
