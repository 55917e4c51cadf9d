"""Small changes to training clips: what a judge of content must not mind.

Outputs of style transfer come with other spectra, noise and artefacts than the renderings that the judge
learns from. All changes are made to the pictures, which costs nothing beside the network.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from timbrebench.classifier.content.content_front_end import BINS_PER_SEMITONE, N_BINS
from timbrebench.classifier.content.content_networks import shift_rows

#: Standard deviation in decibels of the equaliser's three components, from one slow wave over the whole
#: scale of pitch to three.
_EQUALISER_DB = 5.0

#: Noise lies between these levels in decibels under the loudest bin.
_NOISE_DB = (-75.0, -25.0)

#: Most decibels by which a clip is lowered, as it is where something else in the clip is louder.
_LOWER_DB = 15.0

#: Most semitones by which a batch is transposed.
_SEMITONES = 4


def vary(pictures: Tensor, notes: Tensor, onsets: Tensor, range_db: float) -> tuple[Tensor, Tensor, Tensor]:
    """Transpose a batch, and equalise, lower and cover each clip of it with noise.

    Parameters
    ----------
    pictures : torch.Tensor, shape (clips, 2, 309, frames)
        Levels from 0 to 1.
    notes, onsets : torch.Tensor, shape (clips, 88, frames)
        Targets.
    range_db : float
        The decibels that 0 to 1 stand for.

    Returns
    -------
    pictures, notes, onsets : torch.Tensor, same shapes
        New ones; drawn with torch's generator.
    """
    semitones = int(torch.randint(-_SEMITONES, _SEMITONES + 1, ()))
    pictures = shift_rows(pictures, BINS_PER_SEMITONE * semitones, pictures.shape[2])
    notes, onsets = (shift_rows(target, semitones, target.shape[-2]) for target in (notes, onsets))
    changes = _equalisers(len(pictures)) - _LOWER_DB * torch.rand(len(pictures), 1, 1, 1)
    heard = torch.where(pictures > 0, pictures + changes / range_db, 0.0)
    return torch.maximum(heard, _noise(pictures.shape, range_db)).clamp(0, 1), notes, onsets


def _equalisers(clips: int) -> Tensor:
    """Draw smooth curves in decibels over the bins: shape (clips, 1, N_BINS, 1)."""
    waves = torch.arange(1, 4).view(1, 3, 1) * math.pi * torch.arange(N_BINS).view(1, 1, -1) / N_BINS
    phases = 2 * math.pi * torch.rand(clips, 3, 1)
    curves = _EQUALISER_DB * torch.randn(clips, 3, 1) * torch.cos(waves + phases)
    return curves.sum(dim=1).view(clips, 1, N_BINS, 1)


def _noise(shape: torch.Size, range_db: float) -> Tensor:
    """Draw noise as levels, of a level and slope for each clip; every second clip has none."""
    clips = shape[0]
    low, high = _NOISE_DB
    levels = low + (high - low) * torch.rand(clips, 1, 1, 1)
    levels = torch.where(torch.rand(clips, 1, 1, 1) < 0.5, levels, -math.inf)
    slopes = 10 * torch.randn(clips, 1, 1, 1) * torch.linspace(-1, 1, N_BINS).view(1, 1, -1, 1)
    # The power of a band of noise is distributed exponentially.
    powers = torch.empty(shape).exponential_().clamp(min=1e-3)
    return 1 + (levels + slopes + 10 * torch.log10(powers)) / range_db
