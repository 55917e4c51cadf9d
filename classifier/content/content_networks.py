"""The content judge's network: from levels of pitch bins to notes and onsets for every key."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from timbrebench.classifier.content.content_front_end import BINS_PER_SEMITONE, N_CHANNELS, N_PITCHES

#: Multiples of a pitch's frequency that are stacked on it, for each channel of the front end.
HARMONICS = ((0.5, 1, 2, 3, 4, 5, 6, 7), (1, 2, 3))

#: Largest network, four times the one that comes with the package: a file may be a stranger's.
MAX_CHANNELS, MAX_BLOCKS = 128, 12

#: Intervals in semitones between keys whose features are combined: unison, and those of common overtones,
#: which are the octave, the twelfth, the double octave, and the major third above that.
_RELATED_KEYS = (-28, -24, -19, -12, 0, 12, 19, 24, 28)


class NoteNetwork(nn.Module):
    """Convolutions on harmonically stacked levels, with a head for notes and one for onsets.

    The overtones of a pitch lie at the same distances above it whatever the pitch, so that shifted copies put
    a pitch and its overtones at the same place, where a small filter sees them together
    (Bittner et al. 2017). The first convolution goes from three bins to one for each key. After it, blocks of
    3×3 convolutions alternate with ones that see the keys related by overtones.

    Parameters
    ----------
    channels : int
        Filters of each convolution.
    blocks : int
        Number of pairs of convolutions after the first.
    """

    def __init__(self, channels: int = 32, blocks: int = 3) -> None:
        super().__init__()
        self.channels, self.blocks = channels, blocks
        stacked = sum(len(harmonics) for harmonics in HARMONICS)
        self.first = nn.Sequential(
            nn.Conv2d(
                stacked, channels, kernel_size=5, stride=(BINS_PER_SEMITONE, 1), padding=(1, 2), bias=False
            ),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
        )
        self.body = nn.Sequential(*(_Block(channels) for _ in range(blocks)))
        self.notes = nn.Conv2d(channels, 1, kernel_size=3, padding=1)
        self.onsets = nn.Conv2d(channels, 1, kernel_size=3, padding=1)

    def forward(self, levels: Tensor) -> tuple[Tensor, Tensor]:
        """Return logits.

        Parameters
        ----------
        levels : torch.Tensor, shape (clips, 2, 309, frames)
            Of :func:`scale`.

        Returns
        -------
        notes, onsets : torch.Tensor, shape (clips, 88, frames)
            Logits: a sigmoid makes them probabilities that a key sounds, and that it is struck.
        """
        features = self.body(self.first(_stack(levels)))
        return self.notes(features).squeeze(1), self.onsets(features).squeeze(1)


class _Block(nn.Module):
    """A residual block: a 3×3 convolution and one over related keys, with squeeze and excitation.

    Means over all keys and frames weigh the channels (Hu et al. 2018): whether a sound starts slowly, or has
    an octave of its own, as the stops of an organ do, does not show in a single note.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.near = nn.Sequential(
            nn.Conv2d(channels, channels, kernel_size=3, padding=1, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
        )
        # A quarter of the channels meets those of other keys: all would cost more than the rest of the block.
        self.told = nn.Conv2d(channels, channels // 4, kernel_size=1)
        self.whole = nn.Sequential(
            nn.Linear(2 * channels, channels), nn.ReLU(), nn.Linear(channels, channels)
        )
        self.related = nn.Sequential(
            nn.Conv2d(channels // 4 * len(_RELATED_KEYS), channels, kernel_size=1, bias=False),
            nn.BatchNorm2d(channels),
        )

    def forward(self, features: Tensor) -> Tensor:
        near = self.near(features)
        told = self.told(near)
        shifted = torch.cat([shift_rows(told, keys, told.shape[2]) for keys in _RELATED_KEYS], dim=1)
        summary = torch.cat([near.mean(dim=(2, 3)), near.amax(dim=2).mean(dim=2)], dim=1)
        weights = self.whole(summary).sigmoid()[:, :, None, None]
        return torch.relu(features + near + 2 * weights * self.related(shifted))


def scale(decibels: Tensor, range_db: float) -> Tensor:
    """Map decibels from -range_db to 0 onto 0 to 1: silence is 0, as are rows beyond the bins."""
    return 1 + decibels / range_db


def _stack(levels: Tensor) -> Tensor:
    """Put the bins of each key and of its harmonics into channels: shape (clips, 11, 264, frames)."""
    bins = N_PITCHES * BINS_PER_SEMITONE
    return torch.cat(
        [
            shift_rows(levels[:, [channel]], round(12 * BINS_PER_SEMITONE * math.log2(harmonic)), bins)
            for channel in range(N_CHANNELS)
            for harmonic in HARMONICS[channel]
        ],
        dim=1,
    )


def shift_rows(table: Tensor, first: int, length: int) -> Tensor:
    """Return rows `first` to `first` + `length` of the last axis but one, with zeros where there are none."""
    rows = table.shape[-2]
    inside = table[..., max(first, 0) : min(first + length, rows), :]
    below = max(-first, 0)
    return pad(inside, (0, 0, below, length - below - inside.shape[-2]))
