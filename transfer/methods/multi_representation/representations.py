"""Networks with random weights on three representations of a sound: its STFT, its mel bands, its CQT.

Each begins with a magnitude spectrogram on its own frequency axis, x, taken as log(1 + x). A first
convolution with the activation SELU makes the features h_0. Each of B residual blocks spans twice the time
of the one before it:

    s_0 = h_0 = selu(W_0 * log(1 + x)),
    s_b = s_{b-1} + V_b * selu(W_b *_{2^(b-1)} h_{b-1}),    h_b = selu(s_b),

where *_d is a convolution with its taps d apart and V_b mixes channels at one position. Weights are drawn as
LeCun et al. (1998) do, normal with a variance of 1 / fan-in: with it SELU (Klambauer et al. 2017) keeps mean
and variance of the features from layer to layer. Values beyond two standard deviations are drawn again.

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
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import conv1d, conv2d, max_pool2d, pad, selu


def lecun_normal(shape: tuple[int, ...], generator: torch.Generator) -> nn.Parameter:
    """Draw the weights of a convolution, not to be trained.

    The shape is filters, channels, and the taps along each axis. Weights are normal with variance 1 /
    (channels · taps), cut off at two standard deviations, as in the authors' code of the method that this is
    for.
    """
    weights = torch.randn(math.prod(shape), generator=generator)
    # Several times as fast as torch's own truncated normal, which counts for tens of millions of weights.
    far = torch.nonzero(weights.abs() > 2)[:, 0]
    while len(far):
        weights[far] = torch.randn(len(far), generator=generator)
        far = far[weights[far].abs() > 2]
    weights *= 1 / math.sqrt(math.prod(shape[1:]))
    return nn.Parameter(weights.reshape(shape), requires_grad=False)


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


def reach(taps: int, n_blocks: int) -> int:
    """Return how many frames beyond its own a feature after so many blocks depends on."""
    return (taps - 1) * ((1 << n_blocks) - 1)


class ResidualBlocks(nn.Module):
    """Dilated residual blocks over features of one or two axes.

    Parameters
    ----------
    n_filters : int
        Channels.
    kernel : tuple of int
        Taps of each block's dilated convolution along each axis, time last.
    n_blocks : int
        Number of blocks; 0 gives the features back.
    generator : torch.Generator
        Source of the weights.
    """

    def __init__(
        self, n_filters: int, kernel: tuple[int, ...], n_blocks: int, generator: torch.Generator
    ) -> None:
        super().__init__()
        point = (1,) * len(kernel)
        shapes = [(n_filters, n_filters, *kernel), (n_filters, n_filters, *point)] * n_blocks
        self._weights = nn.ParameterList([lecun_normal(shape, generator) for shape in shapes])
        self._convolve: Callable[..., Tensor] = conv1d if len(kernel) == 1 else conv2d
        self.n_blocks = n_blocks

    def forward(self, features: Tensor) -> list[Tensor]:
        """Return the features and those after each block, all of the shape (1, n_filters, ...)."""
        layers, stream = [features], features
        for block in range(self.n_blocks):
            dilated, point = self._weights[2 * block], self._weights[2 * block + 1]
            padded = pad_to_same(layers[-1], dilated, 2**block)
            inner = selu(self._convolve(padded, dilated, dilation=2**block))
            stream = stream + self._convolve(inner, point)
            layers.append(selu(stream))
        return layers


class Network(nn.Module):
    """A random network on a magnitude spectrogram.

    Parameters
    ----------
    bands : torch.Tensor or None, shape (channels or bins, 1 + n_fft // 2)
        What each bin of the STFT adds to each place of the network's frequency axis. None for the bins
        themselves.
    first : torch.nn.Parameter, shape (n_filters, channels, width) or (n_filters, 1, bins, width)
        Weights of the first convolution: over time, or over time and frequency.
    blocks : ResidualBlocks
        What follows it.
    pooling : int
        Neighbouring bins that the maximum of the first features is taken over; for two axes only.
    """

    _bands: Tensor | None

    def __init__(
        self, bands: Tensor | None, first: nn.Parameter, blocks: ResidualBlocks, pooling: int = 1
    ) -> None:
        super().__init__()
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
        if self._blocks.n_blocks:
            x = pad_to_same(x, self._first)
        if self._first.ndim == 3:
            features = selu(conv1d(x, self._first))
        else:
            features = max_pool2d(selu(conv2d(x, self._first)), (self._pooling, 1))
        return [layer[0] for layer in self._blocks(features)]


@dataclass(frozen=True)
class Representation:
    """What content and style are compared by.

    Attributes
    ----------
    n_fft : int
        Window of the magnitudes that both networks take.
    content : Network
        Its last layer holds the content.
    style : Network
        The correlations of the features of each of its layers hold the style; often the same network.
    """

    n_fft: int
    content: Network
    style: Network
