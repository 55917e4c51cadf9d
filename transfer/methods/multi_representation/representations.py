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
from collections.abc import Callable
from copy import copy

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import conv1d, conv2d, max_pool2d, pad, selu

#: From the number of a layer and the shape of its weights (filters, channels, taps along each axis) to these.
#: The same number and shape give the same weights.
Draw = Callable[[int, tuple[int, ...]], nn.Parameter]


def lecun_normal(seed: int, *, truncated: bool) -> Draw:
    """Return what draws the weights of layers, which are not trained: normal with variance 1 / fan-in.

    `truncated` ones are drawn again beyond two standard deviations, which leaves 0.77 of that variance.
    """

    def draw(layer: int, shape: tuple[int, ...]) -> nn.Parameter:
        generator = torch.Generator().manual_seed(
            int(np.random.SeedSequence([seed, layer]).generate_state(1)[0])
        )
        weights = torch.randn(math.prod(shape), generator=generator)
        # Several times as fast as torch's own truncated normal, which counts for tens of millions of weights.
        far = torch.nonzero(weights.abs() > 2)[:, 0] if truncated else weights[:0]
        while len(far):
            weights[far] = torch.randn(len(far), generator=generator)
            far = far[weights[far].abs() > 2]
        weights *= 1 / math.sqrt(math.prod(shape[1:]))
        return nn.Parameter(weights.reshape(shape), requires_grad=False)

    return draw


def pad_to_same(features: Tensor, weights: Tensor, dilation: int = 1) -> Tensor:
    """Add the zeros with which a convolution keeps the number of positions.

    Parameters
    ----------
    features : torch.Tensor, shape (1, channels, ...)
        What is to be convolved.
    weights : torch.Tensor, shape (filters, channels, ...)
        With what. Of an even number of taps, the one after the middle stands at the position.
    dilation : int, default 1
        Distance between taps.

    Returns
    -------
    torch.Tensor, shape (1, channels, ...)
        The features between zeros.
    """
    padding: list[int] = []
    for taps in reversed(weights.shape[2:]):  # torch's pad begins with the last axis
        total = (taps - 1) * dilation
        padding += [total // 2, total - total // 2]
    return pad(features, padding)


def dilations(n_blocks: int, first: int) -> tuple[int, ...]:
    """Return the distance between taps in each of several residual blocks, which doubles from `first` on.

    A single block is not dilated.
    """
    return tuple(first << block for block in range(n_blocks)) if n_blocks > 1 else (1,) * n_blocks


class ResidualBlocks(nn.Module):
    """Dilated residual blocks over features of one or two axes.

    Parameters
    ----------
    n_filters : int
        Channels.
    kernel : tuple of int
        Taps of each block's dilated convolution along each axis, time last.
    dilations : tuple of int
        Distance between the taps of each block; empty for no blocks.
    draw : Draw
        Source of the weights.
    """

    def __init__(
        self, n_filters: int, kernel: tuple[int, ...], dilations: tuple[int, ...], draw: Draw
    ) -> None:
        super().__init__()
        point = (1,) * len(kernel)
        shapes = [(n_filters, n_filters, *kernel), (n_filters, n_filters, *point)] * len(dilations)
        self._weights = nn.ParameterList([draw(layer, shape) for layer, shape in enumerate(shapes, start=1)])
        self._convolve: Callable[..., Tensor] = conv1d if len(kernel) == 1 else conv2d
        self.dilations = dilations

    def first(self, count: int) -> ResidualBlocks:
        """Return the first blocks, which share their weights with these."""
        blocks = copy(self)
        blocks.dilations = self.dilations[:count]
        return blocks

    def forward(self, features: Tensor) -> list[Tensor]:
        """Return the features and those after each block, all of the shape (1, n_filters, ...)."""
        layers, stream = [features], features
        for block, dilation in enumerate(self.dilations):
            dilated, point = self._weights[2 * block], self._weights[2 * block + 1]
            padded = pad_to_same(layers[-1], dilated, dilation)
            inner = selu(self._convolve(padded, dilated, dilation=dilation))
            stream = stream + self._convolve(inner, point)
            layers.append(selu(stream))
        return layers


class Network(nn.Module):
    """A random network on a magnitude spectrogram.

    Parameters
    ----------
    n_fft : int
        Window of the spectrogram.
    bands : torch.Tensor or None, shape (channels or bins, 1 + n_fft // 2)
        What each bin of the STFT adds to each place of the network's frequency axis. None for the bins
        themselves.
    first : torch.nn.Parameter, shape (n_filters, channels, width) or (n_filters, 1, bins, width)
        Weights of the first convolution: over time, or over time and frequency.
    blocks : ResidualBlocks, optional
        What follows it.
    pooling : int, default 1
        Neighbouring bins that the maximum of the first features is taken over, before the blocks; for two
        axes only.
    """

    _bands: Tensor | None

    def __init__(
        self,
        n_fft: int,
        bands: Tensor | None,
        first: nn.Parameter,
        blocks: ResidualBlocks | None = None,
        pooling: int = 1,
    ) -> None:
        super().__init__()
        self.n_fft = n_fft
        self.register_buffer("_bands", bands)
        self._first, self._blocks, self._pooling = first, blocks, pooling

    def forward(self, magnitude: Tensor) -> list[Tensor]:
        """Return the features of each layer.

        Parameters
        ----------
        magnitude : torch.Tensor, shape (1 + n_fft // 2, frames)
            STFT magnitudes.

        Returns
        -------
        list of torch.Tensor, shape (n_filters, frames) or (n_filters, bins, frames)
            After the first convolution and after each block. A network without blocks keeps to positions
            that its filters lie within; others are padded with silence.
        """
        x = torch.log1p(magnitude if self._bands is None else self._bands @ magnitude)
        x = x[None] if self._first.ndim == 3 else x[None, None]
        if self._blocks is not None and self._blocks.dilations:
            x = pad_to_same(x, self._first)
        if self._first.ndim == 3:
            features = selu(conv1d(x, self._first))
        else:
            features = max_pool2d(selu(conv2d(x, self._first)), (self._pooling, 1))
        layers = [features] if self._blocks is None else self._blocks(features)
        return [layer[0] for layer in layers]
