"""Augmentation of training clips: changes to which a content judge must be invariant.

Outputs of style transfer come with other spectra, noise and artefacts than the renderings that the judge
learns from. All changes are made to the levels, which costs nothing beside the network.
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

#: Range of the level of noise, in decibels relative to the loudest bin.
_NOISE_DB = (-75.0, -25.0)

#: Maximum decibels by which a clip is lowered, as it is where something else in the clip is louder.
_LOWER_DB = 15.0

#: Maximum semitones by which a batch is transposed.
_SEMITONES = 4


def vary(levels: Tensor, notes: Tensor, onsets: Tensor, range_db: float) -> tuple[Tensor, Tensor, Tensor]:
    """Transpose a batch, and equalise, lower and cover each clip of it with noise.

    Parameters
    ----------
    levels : torch.Tensor, shape (clips, 2, 309, frames)
        Levels from 0 to 1.
    notes, onsets : torch.Tensor, shape (clips, 88, frames)
        Targets.
    range_db : float
        The decibels that 0 to 1 stand for.

    Returns
    -------
    levels, notes, onsets : torch.Tensor, same shapes
        New ones; drawn with torch's generator.
    """
    semitones = int(torch.randint(-_SEMITONES, _SEMITONES + 1, ()))
    levels = shift_rows(levels, BINS_PER_SEMITONE * semitones, levels.shape[2])
    notes, onsets = (shift_rows(target, semitones, target.shape[-2]) for target in (notes, onsets))
    changes = _equalisers(len(levels)) - _LOWER_DB * torch.rand(len(levels), 1, 1, 1)
    changed = torch.where(levels > 0, levels + changes / range_db, 0.0)
    return torch.maximum(changed, _noise(levels.shape, range_db)).clamp(0, 1), notes, onsets


def _equalisers(clips: int) -> Tensor:
    """Draw smooth curves in decibels over the bins: shape (clips, 1, N_BINS, 1)."""
    waves = torch.arange(1, 4).view(1, 3, 1) * math.pi * torch.arange(N_BINS).view(1, 1, -1) / N_BINS
    phases = 2 * math.pi * torch.rand(clips, 3, 1)
    curves = _EQUALISER_DB * torch.randn(clips, 3, 1) * torch.cos(waves + phases)
    return curves.sum(dim=1).view(clips, 1, N_BINS, 1)


def _noise(shape: torch.Size, range_db: float) -> Tensor:
    """Draw noise of a level and slope for each clip, on the scale of levels; every second clip has none."""
    clips = shape[0]
    low, high = _NOISE_DB
    noise_db = low + (high - low) * torch.rand(clips, 1, 1, 1)
    noise_db = torch.where(torch.rand(clips, 1, 1, 1) < 0.5, noise_db, -math.inf)
    slopes = 10 * torch.randn(clips, 1, 1, 1) * torch.linspace(-1, 1, N_BINS).view(1, 1, -1, 1)
    # The power of a band of noise is distributed exponentially.
    powers = torch.empty(shape).exponential_().clamp(min=1e-3)
    return 1 + (noise_db + slopes + 10 * torch.log10(powers)) / range_db
