"""Vary training clips, so that a judge learns the instrument and not the recording.

Every change is made to the spectrogram, where it costs next to nothing. A change of level is not among them:
front ends take the level away.
"""

from __future__ import annotations

import math

import torch
from pydantic import Field
from torch import Tensor

from timbrebench.classifier.style.style_front_end import BaseFrontEnd, standardise
from timbrebench.core.errors import JudgeError
from timbrebench.core.frozen_model import FrozenModel

#: Cosines over the spectrum, from one half period up, that make a random equaliser.
_CURVES = 6


class Augmentation(FrozenModel):
    """How training clips are varied, all drawn anew for each clip and step.

    Attributes
    ----------
    crop : float
        Share of the clip that is seen: the judge learns more from fewer pieces so, and to judge short clips.
    share : float
        Share of the clips that are equalised; independently of it, of those that are shifted, and of those
        that get noise. The rest is seen as it is, for the judge must know the real instruments best.
    equaliser_db : float
        Standard deviation of the slowest curve of the random equaliser; the k-th has that over the root of k.
    shift_semitones : float
        Maximum semitones that a clip is moved up or down. The resonances move with the notes, which makes a
        new instrument of the same kind.
    noise_db : float
        Loudest noise, in decibels of the clip's loudest band.
    masked_bands, masked_frames : float
        Largest share of neighbouring bands, and of neighbouring frames, that are not seen (SpecAugment of
        Park et al. 2019).
    """

    crop: float = Field(default=0.4, gt=0, le=1)
    share: float = Field(default=0.4, ge=0, le=1)
    equaliser_db: float = Field(default=4.0, ge=0)
    shift_semitones: float = Field(default=6.0, ge=0)
    noise_db: float = Field(default=-30.0, le=0)
    masked_bands: float = Field(default=0.25, ge=0, lt=1)
    masked_frames: float = Field(default=0.1, ge=0, lt=1)

    def check(self, front_end: BaseFrontEnd) -> None:
        """Raise JudgeError if what is asked for cannot be done to a front end's spectrograms."""
        if self.share and self.shift_semitones and front_end.steps_per_octave is None:
            raise JudgeError(
                "clips cannot be shifted where octaves have different numbers of bands: set "
                'shift_semitones to 0, or choose the front end "log-frequency" or "cqt"'
            )
        if front_end.scale != "decibel" and self.share and (self.equaliser_db or self.shift_semitones):
            raise JudgeError(
                'clips are equalised and shifted in decibels: set share to 0, or scale to "decibel"'
            )

    def vary(self, spectrograms: Tensor, front_end: BaseFrontEnd) -> Tensor:
        """Return varied, standardised spectrograms, shape (clips, bands, round(crop * frames)).

        Takes those, shape (clips, bands, frames), of a front end of which :meth:`check` approves. What is
        masked is 0, the clip's mean.
        """
        varied = self._crop(spectrograms)
        if self.share:
            if front_end.steps_per_octave and self.shift_semitones:
                varied = self._shift(varied, front_end.steps_per_octave, -front_end.range_db)
            varied = self._add_noise(self._equalise(varied), front_end.range_db)
        varied = standardise(varied)
        varied = _mask(varied, self.masked_bands, dim=1)
        return _mask(varied, self.masked_frames, dim=2)

    def _chosen(self, spectrograms: Tensor) -> Tensor:
        """Draw which clips are changed: shape (clips, 1, 1)."""
        return torch.rand(len(spectrograms), 1, 1, device=spectrograms.device) < self.share

    def _crop(self, spectrograms: Tensor) -> Tensor:
        frames = spectrograms.shape[2]
        length = max(1, round(self.crop * frames))
        starts = torch.randint(0, frames - length + 1, (len(spectrograms), 1))
        window = (starts + torch.arange(length)).unsqueeze(1).expand(-1, spectrograms.shape[1], -1)
        return spectrograms.gather(2, window.to(spectrograms.device))

    def _shift(self, spectrograms: Tensor, steps_per_octave: int, least: float) -> Tensor:
        clips, bands, frames = spectrograms.shape
        limit = round(self.shift_semitones * steps_per_octave / 12)
        shifts = torch.randint(-limit, limit + 1, (clips, 1), device=spectrograms.device)
        shifts = shifts * self._chosen(spectrograms)[:, :, 0]
        source = torch.arange(bands, device=spectrograms.device) + shifts
        outside = ((source < 0) | (source >= bands)).unsqueeze(2)
        source = source.clamp(0, bands - 1).unsqueeze(2).expand(-1, -1, frames)
        return spectrograms.gather(1, source).masked_fill(outside, least)

    def _equalise(self, spectrograms: Tensor) -> Tensor:
        clips, bands, _ = spectrograms.shape
        orders = torch.arange(1, _CURVES + 1, device=spectrograms.device)
        places = torch.linspace(0, 1, bands, device=spectrograms.device)
        curves = torch.cos(math.pi * orders[:, None] * places)
        gains = torch.randn(clips, _CURVES, device=spectrograms.device) * self.equaliser_db / orders.sqrt()
        changed = spectrograms + (gains @ curves).unsqueeze(2) * self._chosen(spectrograms)
        return changed - changed.amax(dim=(1, 2), keepdim=True)

    def _add_noise(self, spectrograms: Tensor, range_db: float) -> Tensor:
        """Add the power of white noise, and cut off what is under the range again."""
        levels = torch.rand(len(spectrograms), 1, 1, device=spectrograms.device) * (self.noise_db + range_db)
        # Powers of white noise in one bin are distributed exponentially.
        power = 10 ** ((levels - range_db) / 10) * torch.empty_like(spectrograms).exponential_()
        noisy = 10 ** (spectrograms / 10) + power * self._chosen(spectrograms)
        decibels = 10 * torch.log10(noisy.clamp(min=10 ** (-range_db / 10)))
        return decibels - decibels.amax(dim=(1, 2), keepdim=True)


def _mask(spectrograms: Tensor, max_share: float, dim: int) -> Tensor:
    """Set some neighbouring bands (dim 1) or frames (dim 2) of each standardised clip to its mean."""
    clips, length = len(spectrograms), spectrograms.shape[dim]
    widths = torch.rand(clips, 1, device=spectrograms.device) * max_share * length
    firsts = torch.rand(clips, 1, device=spectrograms.device) * (length - widths)
    places = torch.arange(length, device=spectrograms.device)
    masked = (places >= firsts) & (places < firsts + widths)
    return spectrograms.masked_fill(masked.unsqueeze(3 - dim), 0.0)
