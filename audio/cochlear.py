"""What the inner ear passes on: subbands on the scale of its critical bands, and their compressed envelopes.

The bands are those of McDermott & Simoncelli (2011). Their responses are the positive halves of cosines,
equally wide on the scale of equivalent rectangular bandwidths (Glasberg & Moore 1990), each reaching from the
middle of the band below to that of the band above; a low-pass and a high-pass band close the ends. The
squares of all responses add up to 1 at every frequency, so that filtering the subbands once more and adding
them up gives the sound back. The filters have no delay: they are applied to the spectrum of the whole clip,
which is taken as periodic.

The envelope of a subband is the magnitude of its analytic signal, to the power of 0.3 as the cochlea
compresses it, without what is faster than 200 Hz. An analytic signal is needed only as often as its band is
wide: most are computed at four to eight times their width, which takes a fifth of the work of all bands at
the clip's rate.

References
----------
B. Glasberg and B. Moore, "Derivation of auditory filter shapes from notched-noise data", Hearing Research
47(1-2), 1990.

J. McDermott and E. Simoncelli, "Sound texture perception via statistics of the auditory periphery: evidence
from sound synthesis", Neuron 71(5), 2011.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from scipy.fft import next_fast_len
from torch import Tensor

from timbrebench.core.errors import AudioError

#: Number of bands between the low-pass and the high-pass band, and where they start, as published.
N_BANDS = 30
LOWEST_HZ = 20.0

#: Fastest modulation that envelopes keep, in hertz, and the power that compresses them, as published.
HIGHEST_MODULATION_HZ = 200
COMPRESSION = 0.3

#: Level under which an envelope is not followed, relative to the root mean square of the clip: its square is
#: added before the compression, whose derivative has no bound at 0.
FLOOR = 1e-3

#: Minimum rate of an analytic signal, in bandwidths. Where an envelope nears 0 its compression turns sharply,
#: and its spectrum reaches far: at rates of 1, 2, 4 and 8 bandwidths, the envelopes of white noise miss those
#: at the clip's rate by 1.4, 0.5, 0.15 and 0.04 % (median of the bands).
_OVERSAMPLING = 4


def erb_number(frequency: ArrayLike) -> NDArray[np.float64]:
    """Return the number of equivalent rectangular bandwidths below a frequency in hertz.

    The scale is 9.265 · ln(1 + f / (24.7 · 9.265)), of Glasberg & Moore (1990). Takes and returns any shape.
    """
    return 9.265 * np.log1p(np.asarray(frequency, dtype=np.float64) / (24.7 * 9.265))


def erb_frequency(number: ArrayLike) -> NDArray[np.float64]:
    """Return the frequency in hertz that has so many equivalent rectangular bandwidths below it."""
    return 24.7 * 9.265 * np.expm1(np.asarray(number, dtype=np.float64) / 9.265)


def cosine_responses(frequencies: ArrayLike, *, n_bands: int, fmax: float) -> NDArray[np.float64]:
    """Return the responses of the bands.

    Parameters
    ----------
    frequencies : array_like, shape (bins,)
        Frequencies in hertz, not negative.
    n_bands : int
        Number of cosine bands, 1 or more.
    fmax : float
        Where the last of them ends; the first starts at :data:`LOWEST_HZ`.

    Returns
    -------
    numpy.ndarray, shape (n_bands + 2, bins), float64
        Responses from 0 to 1, lowest band first: a low-pass band, the cosine bands, a high-pass band. Their
        squares add up to 1 in every bin.
    """
    edges = np.linspace(erb_number(LOWEST_HZ), erb_number(fmax), n_bands + 2)
    # 0 in the middle of the low-pass band's slope, 1 in the middle of the first cosine band, and so on.
    position = (erb_number(frequencies) - edges[0]) / (edges[1] - edges[0])
    distance = np.clip(position, 0, n_bands + 1) - np.arange(n_bands + 2)[:, None]
    return np.where(np.abs(distance) < 1, np.cos(np.pi / 2 * distance), 0.0)


class _Group(NamedTuple):
    """Bands whose analytic signals are computed at the same rate.

    Attributes
    ----------
    bands : torch.Tensor, shape (bands,)
        Which they are.
    bins : torch.Tensor, shape (bands, bins)
        Bins of the clip's spectrum that each band lets through; rows of narrower bands go on beyond.
    responses : torch.Tensor, shape (bands, bins)
        Responses in those bins.
    twins : torch.Tensor, shape (bands, bins)
        2 where a bin has a twin of negative frequency, else 1.
    points : int
        Samples of the analytic signals over the whole clip.
    """

    bands: Tensor
    bins: Tensor
    responses: Tensor
    twins: Tensor
    points: int


class CochlearFilterBank:
    """The bands of the cochlea for clips of one length and rate.

    Parameters
    ----------
    length : int
        Samples of the clips, 1 or more.
    sample_rate : int
        Their rate in hertz.
    n_bands : int
        Number of cosine bands: 30 as published, a ninth wider than those of the ear.
    dtype : torch.dtype
        Precision of the computation.
    device : torch.device, optional
        Where it takes place.

    Attributes
    ----------
    responses : torch.Tensor, shape (n_bands + 2, 1 + length // 2)
        Response of each band in each bin of a clip's spectrum, see :func:`cosine_responses`.
    envelope_length : int
        Samples of an envelope: as many as its fastest modulation takes, 400 a second, or a few more where
        that makes for quicker transforms.

    Raises
    ------
    AudioError
        If half the sample rate is not above the fastest modulation.
    """

    def __init__(
        self,
        length: int,
        sample_rate: int,
        *,
        n_bands: int = N_BANDS,
        dtype: torch.dtype = torch.float32,
        device: torch.device | None = None,
    ) -> None:
        if sample_rate <= 2 * HIGHEST_MODULATION_HZ:
            raise AudioError(
                f"the cochlear bands need a sample rate above {2 * HIGHEST_MODULATION_HZ} Hz, "
                f"not {sample_rate} Hz: resample the clips"
            )
        self.length, self.sample_rate = length, sample_rate
        self._modulations = 1 + HIGHEST_MODULATION_HZ * length // sample_rate  # bins from 0 to 200 Hz
        self.envelope_length: int = next_fast_len(2 * self._modulations - 1, real=True)
        frequencies = np.arange(1 + length // 2) * sample_rate / length
        responses = cosine_responses(frequencies, n_bands=n_bands, fmax=sample_rate / 2)
        self.responses = torch.from_numpy(responses).to(device=device, dtype=dtype)
        self._groups = self._group(responses)
        self._order = torch.argsort(torch.cat([group.bands for group in self._groups]))

    def subbands(self, samples: Tensor) -> Tensor:
        """Split a clip into its subbands.

        Parameters
        ----------
        samples : torch.Tensor, shape (length,)
            The clip.

        Returns
        -------
        torch.Tensor, shape (n_bands + 2, length)
            The part of the clip in each band. Their squares add up to the clip's, summed over time.
        """
        subbands: Tensor = torch.fft.irfft(torch.fft.rfft(samples) * self.responses, n=self.length)
        return subbands

    def synthesise(self, subbands: Tensor) -> Tensor:
        """Put a clip together from subbands: each is filtered by its band once more, and they are added up.

        Parameters
        ----------
        subbands : torch.Tensor, shape (n_bands + 2, length)
            Subbands.

        Returns
        -------
        torch.Tensor, shape (length,)
            The clip; the one that :meth:`subbands` has split, if the subbands are as they were.
        """
        spectrum = (torch.fft.rfft(subbands) * self.responses).sum(dim=0)
        samples: Tensor = torch.fft.irfft(spectrum, n=self.length)
        return samples

    def envelopes(self, samples: Tensor) -> Tensor:
        """Return the compressed envelopes of a clip's subbands.

        Parameters
        ----------
        samples : torch.Tensor, shape (length,)
            The clip, not all 0. A factor g on it is a factor g to the power of 0.3 on all envelopes.

        Returns
        -------
        torch.Tensor, shape (n_bands + 2, envelope_length)
            Envelopes. Without what is faster than 200 Hz they can swing a little below 0.
        """
        floor = _floor(samples)
        spectrum = torch.fft.rfft(samples, norm="forward")
        slow = [
            torch.fft.rfft(_compress(_analytic(spectrum, group), floor), norm="forward")
            for group in self._groups
        ]
        modulations = torch.cat([part[:, : self._modulations] for part in slow])[self._order]
        envelopes: Tensor = torch.fft.irfft(modulations, n=self.envelope_length, norm="forward")
        return envelopes

    def powers(self, samples: Tensor) -> Tensor:
        """Return the mean square of each subband of a clip, shape (n_bands + 2,)."""
        power = torch.fft.rfft(samples, norm="forward").abs().square()
        power[1 : (self.length + 1) // 2] *= 2  # the others have no twin of negative frequency
        powers: Tensor = self.responses.square() @ power
        return powers

    def impose(self, samples: Tensor, change: Tensor, powers: Tensor) -> Tensor:
        """Give the subbands of a clip other envelopes, and leave their phases.

        Parameters
        ----------
        samples : torch.Tensor, shape (length,)
            The clip, not all 0.
        change : torch.Tensor, shape (n_bands + 2, envelope_length)
            What is added to its compressed envelopes. What they hold above 200 Hz stays.
        powers : torch.Tensor, shape (n_bands + 2,)
            Mean square that each subband is scaled to afterwards; a subband of nothing stays so.

        Returns
        -------
        torch.Tensor, shape (length,)
            The clip put together from the changed subbands. As bands overlap, its own envelopes lie between
            those it had and those asked for. With no change and its own powers it is as it was.
        """
        spectrum = torch.fft.rfft(samples, norm="forward")
        slow = torch.fft.rfft(change, norm="forward")[:, : self._modulations]
        floor, tiny = _floor(samples), torch.finfo(samples.dtype).tiny
        made = torch.zeros_like(spectrum)
        for group in self._groups:
            analytic = _analytic(spectrum, group)
            wanted = torch.fft.irfft(slow[group.bands], n=group.points, norm="forward")
            wanted += _compress(analytic, floor)
            power = (wanted.clamp(min=0) ** (2 / COMPRESSION) - floor).clamp(min=0)
            analytic *= power.sqrt() / analytic.abs().clamp(min=tiny)
            bins = torch.fft.fft(analytic, norm="forward")[:, : group.bins.shape[1]] / group.twins
            present = (group.twins * bins.abs().square()).sum(dim=1)
            gain = (powers[group.bands] / present.clamp(min=tiny)).sqrt()
            made.index_put_((group.bins,), gain[:, None] * group.responses * bins, accumulate=True)
        changed: Tensor = torch.fft.irfft(made, n=self.length, norm="forward")
        return changed

    def _group(self, responses: NDArray[np.float64]) -> list[_Group]:
        """Return the bands, gathered by the rate that their widths ask for."""
        n_bins = responses.shape[1]
        twins = np.full(n_bins, 2.0)
        twins[0] = 1
        if self.length % 2 == 0:
            twins[-1] = 1
        first = np.argmax(responses > 0, axis=1)
        width = np.maximum(1, np.count_nonzero(responses, axis=1))
        doublings = np.ceil(np.log2(np.maximum(1, _OVERSAMPLING * width / self.envelope_length))).astype(int)
        groups = []
        for doubling in np.unique(doublings):
            bands = np.flatnonzero(doublings == doubling)
            widest = width[bands].max()
            bins = np.minimum(first[bands], n_bins - widest)[:, None] + np.arange(widest)
            members = np.take_along_axis(responses[bands], bins, axis=1)
            groups.append(
                _Group(
                    torch.from_numpy(bands).to(self.responses.device),
                    torch.from_numpy(bins).to(self.responses.device),
                    torch.from_numpy(members).to(self.responses),
                    torch.from_numpy(twins[bins]).to(self.responses),
                    self.envelope_length << int(doubling),
                )
            )
        return groups


def _analytic(spectrum: Tensor, group: _Group) -> Tensor:
    """Return the analytic signals of a group, shape (bands, points), moved down to start at 0 Hz."""
    bins = spectrum[group.bins] * (group.responses * group.twins)
    analytic: Tensor = torch.fft.ifft(bins, n=group.points, norm="forward")
    return analytic


def _compress(analytic: Tensor, floor: Tensor) -> Tensor:
    return (analytic.real.square() + analytic.imag.square() + floor) ** (COMPRESSION / 2)


def _floor(samples: Tensor) -> Tensor:
    return FLOOR**2 * samples.square().mean()
