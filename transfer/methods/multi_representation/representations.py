"""Networks with random weights on three representations of a sound: its STFT, its mel bands, its CQT.

Each begins with a magnitude spectrogram on its own frequency axis, x, taken as log(1 + x). A first
convolution with the activation SELU makes the features h_0. Each of B residual blocks spans twice the time
of the one before it:

    s_0 = h_0 = selu(W_0 * log(1 + x)),
    s_b = s_{b-1} + V_b * selu(W_b *_{d_b} h_{b-1}),    h_b = selu(s_b),

where *_d is a convolution with its taps d apart and V_b mixes channels at one position. Weights are drawn as
LeCun et al. (1998) do, normal with a variance of 1 / fan-in: with it SELU (Klambauer et al. 2017) keeps mean
and variance of the features from layer to layer.

For the STFT and the mel bands frequencies are channels, and convolutions go over time. For the CQT they go
over time and pitch, so that a transposed sound has the same features, moved; the maximum over neighbouring
pitches then hides small moves.

References
----------
Y. LeCun, L. Bottou, G. Orr and K.-R. Müller, "Efficient BackProp", in: Neural Networks: Tricks of the Trade,
1998.

G. Klambauer, T. Unterthiner, A. Mayr and S. Hochreiter, "Self-normalizing neural networks", Advances in
Neural Information Processing Systems 30, 2017.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad

from timbrebench.transfer.algorithms.tiled_convolution import Scratch, TiledConvolution
from timbrebench.transfer.algorithms.written_gradients import map_linearly, selu

#: From the number of a layer and the shape of its weights (filters, channels, taps along each axis) to these.
#: The same number and shape give the same weights.
Draw = Callable[[int, tuple[int, ...]], Tensor]

#: Frames that convolutions are arranged for: 5 s of 22,050 Hz and a hop of 512.
_TYPICAL_FRAMES = 216

#: Positions that tiles of a convolution make, over time alone and over time and pitch: as many as let all
#: networks at the text's settings fit into some 2 GiB.
_LONGEST_STEP_IN_TIME, _LONGEST_STEP = 10, 22


def lecun_normal(seed: int, *, truncated: bool, device: torch.device | str = "cpu") -> Draw:
    """Return what draws the weights of layers: normal with variance 1 / fan-in, ``float32``.

    `truncated` ones are drawn again beyond two standard deviations, which leaves 0.77 of that variance.
    """

    def draw(layer: int, shape: tuple[int, ...]) -> Tensor:
        state = np.random.SeedSequence([seed, layer]).generate_state(1)
        generator = torch.Generator().manual_seed(int(state[0]))
        weights = torch.randn(math.prod(shape), generator=generator)
        # Several times as fast as torch's own truncated normal, which counts for tens of millions of weights.
        far = torch.nonzero(weights.abs() > 2)[:, 0] if truncated else weights[:0]
        while len(far):
            weights[far] = torch.randn(len(far), generator=generator)
            far = far[weights[far].abs() > 2]
        weights *= 1 / math.sqrt(math.prod(shape[1:]))
        return weights.reshape(shape).to(device)

    return draw


class FirstConvolution(Protocol):
    """The first convolution of a network.

    Attributes
    ----------
    taps : tuple of int
        Taps of its filters along bins and frames.
    """

    taps: tuple[int, int]

    def __call__(self, spectrogram: Tensor) -> Tensor:
        """Convolve a spectrogram, shape (bins, frames), with silence beyond its ends.

        Returns the shape (bins, frames, filters); a convolution for which bins are channels leaves one.
        """


class TimeConvolution:
    """A convolution over time, of which frequencies are the channels; see :class:`FirstConvolution`.

    Parameters
    ----------
    weights : torch.Tensor, shape (filters, bins, taps)
        The filters.
    """

    def __init__(self, weights: Tensor) -> None:
        self.taps = (1, weights.shape[2])
        self._convolution = TiledConvolution(
            weights[:, :, None],
            size=(1, _TYPICAL_FRAMES),
            longest_step=_LONGEST_STEP_IN_TIME,
            scratch=Scratch(),
        )

    def __call__(self, spectrogram: Tensor) -> Tensor:
        """Convolve a spectrogram."""
        return map_linearly(spectrogram.T[None], self._convolution)


class PitchConvolution:
    """A convolution over time and pitch; see :class:`FirstConvolution`.

    Parameters
    ----------
    weights : torch.Tensor, shape (filters, 1, taps in pitch, taps in time)
        The filters.
    """

    def __init__(self, weights: Tensor) -> None:
        bins, frames = weights.shape[2:]
        self.taps = (bins, frames)
        self._weights = weights.flatten(1).T

    def __call__(self, spectrogram: Tensor) -> Tensor:
        """Convolve a spectrogram."""
        bins, frames = self.taps
        padded = pad(spectrogram, ((frames - 1) // 2, frames // 2, (bins - 1) // 2, bins // 2))
        return padded.unfold(0, bins, 1).unfold(1, frames, 1).flatten(2) @ self._weights


@dataclass(frozen=True, eq=False)
class Front:
    """What a network begins with: a magnitude spectrogram on its frequency axis, and the first convolution.

    Attributes
    ----------
    n_fft : int
        Window of the spectrogram.
    bands : torch.Tensor or None, shape (channels or bins, 1 + n_fft // 2)
        What each bin of the STFT adds to each place of the network's frequency axis. None for the bins
        themselves.
    convolution : FirstConvolution
        The first convolution.
    gathers_logarithms : bool
        Whether bands gather logarithms of the magnitudes, of which another logarithm is taken then.
    """

    n_fft: int
    bands: Tensor | None
    convolution: FirstConvolution
    gathers_logarithms: bool = False

    def __call__(self, magnitude: Tensor) -> Tensor:
        """Return the first features, shape (bins, frames, filters), with silence beyond the ends.

        `magnitude` are STFT magnitudes, shape (1 + n_fft // 2, frames).
        """
        return selu(self.convolution(self.spectrogram(magnitude)))

    def spectrogram(self, magnitude: Tensor) -> Tensor:
        """Return what is convolved, shape (channels or bins, frames)."""
        gathered = torch.log1p(magnitude) if self.gathers_logarithms else magnitude
        return torch.log1p(gathered if self.bands is None else self.bands @ gathered)


def dilations(n_blocks: int, first: int) -> tuple[int, ...]:
    """Return the distance between taps in each of several residual blocks, which doubles from `first` on.

    A single block is not dilated.
    """
    return tuple(first << block for block in range(n_blocks)) if n_blocks > 1 else (1,) * n_blocks


@dataclass(frozen=True)
class ResidualBlock:
    """A residual block.

    Attributes
    ----------
    dilated : TiledConvolution
        W in the module.
    point : torch.Tensor, shape (filters, filters)
        The transpose of V.
    """

    dilated: TiledConvolution
    point: Tensor


def draw_blocks(
    n_filters: int, kernel: tuple[int, int], apart: tuple[int, ...], draw: Draw, n_bins: int = 1
) -> list[ResidualBlock]:
    """Draw residual blocks, whose taps in pitch and time are `kernel`, and `apart` the distances of these."""
    blocks, scratch = [], Scratch()
    for block, dilation in enumerate(apart):
        dilated = TiledConvolution(
            draw(2 * block + 1, (n_filters, n_filters, *kernel)),
            dilation=dilation,
            size=(n_bins, _TYPICAL_FRAMES),
            longest_step=_LONGEST_STEP if n_bins > 1 else _LONGEST_STEP_IN_TIME,
            scratch=scratch,
        )
        point = draw(2 * block + 2, (n_filters, n_filters))
        blocks.append(ResidualBlock(dilated, point.T.contiguous()))
    return blocks


@dataclass(frozen=True, eq=False)
class Network:
    """A random network on a magnitude spectrogram.

    Attributes
    ----------
    front : Front
        What it begins with.
    blocks : sequence of ResidualBlock
        What follows. Without blocks, only positions that the first filters lie within are kept.
    pooling : int
        Neighbouring bins that the maximum of the first features is taken over, before the blocks.
    """

    front: Front
    blocks: Sequence[ResidualBlock] = ()
    pooling: int = 1

    def __call__(self, magnitude: Tensor) -> list[Tensor]:
        """Return the features of each layer, after the first convolution and after each block.

        `magnitude` are STFT magnitudes, shape (1 + n_fft // 2, frames); features have the shape (bins,
        frames, filters).
        """
        return self.layers(self.front(magnitude))

    def layers(self, features: Tensor) -> list[Tensor]:
        """Do the same from what :attr:`front` returns."""
        if not self.blocks:
            inside = (slice((n - 1) // 2, -(n // 2) or None) for n in self.front.convolution.taps)
            features = features[tuple(inside)]
        if self.pooling > 1:
            whole = len(features) // self.pooling * self.pooling
            features = features[:whole].reshape(-1, self.pooling, *features.shape[1:]).amax(1)
        layers, stream = [features], features
        for block in self.blocks:
            inner = selu(map_linearly(layers[-1], block.dilated))
            stream = torch.addmm(stream.flatten(0, 1), inner.flatten(0, 1), block.point).view_as(features)
            layers.append(selu(stream))
        return layers
