"""A small convolutional network that translates the notes of a clip to another instrument.

It reads how loud each pitch is over time (activations of note templates,
:mod:`timbrebench.transfer.algorithms.nmf`) in the content and in the style, and predicts for each pitch at
each time the stage of a note's life, if a note sounds, and its loudness. What the content's instrument lets
ring, and the style's holds, is the same note to it: it has learned from pieces that both play. Its input is
no spectrum, so it can be used with unseen timbres.

All pitches share one convolution over time, whose input also holds the pitches at the distance of an octave,
a twelfth and some other intervals: a pitch may be a partial of another note. A vector of the content and one
of the style, each a mean over its notes, scale and shift the layers' outputs: an attack may swell or strike.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import gelu

from timbrebench.transfer.algorithms.nmf import TINY, Matrix
from timbrebench.transfer.algorithms.note_templates import ATTACK_AND_REST, Stages

#: What the network reads: activations of attacks and of the rest.
READ = ATTACK_AND_REST

#: What it writes. Among renderings of known notes these six stages came to 4.0 dB from the spectra of six
#: instruments, the two above to 4.4 dB, and one alone to 5.4 dB.
PLAYED = Stages((0.0, 0.04, 0.12, 0.4, 1.2), release=True)

#: Other pitches in the input of each, in semitones: partials of its own, notes that it may be a partial
#: of, and its neighbours.
INTERVALS = (-24, -19, -12, -7, -1, 1, 7, 12, 19, 24)

#: Pitches of a clip that are read, the loudest; all others are silent.
MAX_PITCHES = 28

_KERNEL = 5
_INPUTS = len(READ) + len(INTERVALS) + 1


def normalise(activations: Matrix) -> NDArray[np.float32]:
    """Scale activations so that the loudest pitch of a frame is about 1, and part stages from pitches.

    Parameters
    ----------
    activations : numpy.ndarray, shape (stages * pitches, frames)
        Activations of the templates of a timbre, stage by stage.

    Returns
    -------
    numpy.ndarray, shape (stages, pitches, frames), float32
        Scaled by the loudness that nine frames in ten do not exceed.
    """
    by_stage = activations.reshape(len(READ), -1, activations.shape[1])
    loud = float(np.quantile(by_stage.sum(axis=0).max(axis=0), 0.9))
    return np.asarray(by_stage / max(loud, float(TINY)), dtype=np.float32)


class ActivationNetwork(nn.Module):
    """The network; see the module.

    Parameters
    ----------
    channels : int
        Width of the writer. The listener to content and style as wholes has 16, as have their vectors.
    """

    def __init__(self, channels: int = 40) -> None:
        super().__init__()
        self.channels = channels
        listening = vector = 16
        self.listener = _Convolutions(listening, dilations=(1, 3, 9))
        self.summary = nn.Linear(listening, vector)
        self.writer = _Convolutions(channels, dilations=(1, 2, 4, 8, 16), condition=2 * vector)
        self.stage = nn.Conv1d(channels, len(PLAYED) + 1, 1)
        self.log_loudness = nn.Conv1d(channels, 1, 1)

    def forward(self, content: Tensor, style: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Read normalised activations.

        Parameters
        ----------
        content, style : torch.Tensor, shapes (batch, stages, pitches, frames)
            Normalised activations (:func:`normalise`); the numbers of frames may differ.

        Returns
        -------
        stages : torch.Tensor, shape (batch, read, stages + 1, frames)
            Logits: no note, then each stage of :data:`PLAYED`; for the pitches that were read.
        log_loudness : torch.Tensor, shape (batch, read, frames)
            Natural logarithm of how loud a note is, in units of normalised activations.
        pitches : torch.Tensor, shape (batch, read), int
            Which pitches were read.
        """
        features, pitches, loudness = _look(content)
        style_features, _, style_loudness = _look(style)
        condition = torch.cat(
            [self._summarise(features, loudness), self._summarise(style_features, style_loudness)], dim=1
        )
        batch, read, _, frames = features.shape
        hidden = self.writer(features, condition)
        stages = self.stage(hidden).reshape(batch, read, -1, frames)
        log_loudness = self.log_loudness(hidden).reshape(batch, read, frames).clamp(-6, 2)
        return stages, log_loudness, pitches

    def play(self, content: Tensor, style: Tensor) -> Tensor:
        """Return activations for the style's templates: of each stage, its probability times the loudness.

        They have the shape (batch, stages, pitches, frames), stages those of :data:`PLAYED`, and are 0 at
        pitches that were not read. Clips are as for :meth:`forward`.
        """
        stages, log_loudness, pitches = self(content, style)
        played = stages.softmax(dim=2)[:, :, 1:] * log_loudness.exp()[:, :, None]
        shape = (len(content), len(PLAYED), content.shape[2], content.shape[3])
        places = pitches[:, None, :, None].expand(-1, shape[1], -1, shape[3])
        everywhere: Tensor = played.new_zeros(shape).scatter(2, places, played.transpose(1, 2))
        return everywhere

    def _summarise(self, features: Tensor, loudness: Tensor) -> Tensor:
        """Return the mean of the features over all pitches and times, weighted by loudness."""
        batch, read, _, frames = features.shape
        listened = self.listener(features).reshape(batch, read, -1, frames)
        weights = loudness + 1e-6
        mean = torch.einsum("bpct,bpt->bc", listened, weights) / weights.sum(dim=(1, 2))[:, None]
        summary: Tensor = self.summary(mean)
        return summary


class _Convolutions(nn.Module):
    """Residual dilated convolutions over time, one pitch like the other."""

    def __init__(self, channels: int, *, dilations: tuple[int, ...], condition: int = 0) -> None:
        super().__init__()
        self.first = nn.Conv1d(_INPUTS, channels, _KERNEL, padding=_KERNEL // 2)
        self.layers = nn.ModuleList(
            nn.Conv1d(channels, channels, _KERNEL, padding=_KERNEL // 2 * step, dilation=step)
            for step in dilations
        )
        self.modulations = nn.ModuleList(nn.Linear(condition, 2 * channels) for _ in dilations if condition)

    def forward(self, features: Tensor, condition: Tensor | None = None) -> Tensor:
        """Take (batch, pitches, features, frames) to (batch * pitches, channels, frames)."""
        batch, pitches, count, frames = features.shape
        hidden: Tensor = gelu(self.first(features.reshape(batch * pitches, count, frames)))
        for number, layer in enumerate(self.layers):
            update = layer(hidden)
            if condition is not None:
                scale, shift = self.modulations[number](condition).repeat_interleave(pitches, 0).chunk(2, 1)
                update = update * (1 + scale[..., None]) + shift[..., None]
            hidden = hidden + gelu(update)
        return hidden


def _look(activations: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return features, numbers and loudness of the pitches that are read."""
    compressed = torch.log1p(20 * activations) / 3
    total = compressed.sum(dim=1)
    features = torch.stack(
        [
            *compressed.unbind(dim=1),
            *(_at_interval(total, interval) for interval in INTERVALS),
            total.amax(dim=1, keepdim=True).expand_as(total),
        ],
        dim=2,
    )
    loudness = activations.sum(dim=1)
    pitches = loudness.amax(dim=2).topk(min(MAX_PITCHES, loudness.shape[1]), dim=1).indices
    places = pitches[:, :, None].expand(-1, -1, loudness.shape[2])
    wide = places[:, :, None].expand(-1, -1, features.shape[2], -1)
    return features.gather(1, wide), pitches, loudness.gather(1, places)


def _at_interval(total: Tensor, interval: int) -> Tensor:
    """Return what sounds so many semitones above each pitch; nothing beyond the pitches there are."""
    moved = torch.zeros_like(total)
    if abs(interval) >= total.shape[1]:
        return moved
    if interval > 0:
        moved[:, :-interval] = total[:, interval:]
    else:
        moved[:, -interval:] = total[:, :interval]
    return moved
