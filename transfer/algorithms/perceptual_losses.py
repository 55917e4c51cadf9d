"""Losses between features of spectrograms in a network, after Gatys et al., and losses on their energies.

Features are the activations after one ReLU of a network, shape (filters, height, width). Those of one layer
are its content; their Gram matrix, the correlations between filters, is its style: it keeps what occurs
together, not where. All losses can be differentiated by torch.

References
----------
L. A. Gatys, A. S. Ecker and M. Bethge, "Image style transfer using convolutional neural networks", CVPR 2016.
A. Mahendran and A. Vedaldi, "Understanding deep image representations by inverting them", CVPR 2015.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

_NEPERS_PER_DECIBEL = math.log(10) / 10


def activations(layers: nn.Sequential, spectrogram: Tensor, count: int) -> list[Tensor]:
    """Return the features after each of the first `count` ReLUs of a network, from the first layer on.

    The spectrogram has the shape (bins, frames). Layers after the last ReLU needed are not run.
    """
    features: list[Tensor] = []
    hidden = spectrogram[None, None]
    for layer in layers:
        hidden = layer(hidden)
        if isinstance(layer, nn.ReLU):
            features.append(hidden[0])
            if len(features) == count:
                break
    return features


def gram(features: Tensor) -> Tensor:
    """Return the mean products of filters.

    Parameters
    ----------
    features : torch.Tensor, shape (filters, height, width)
        Features.

    Returns
    -------
    torch.Tensor, shape (filters, filters)
        Their inner products, divided by the number of positions, so that clips of unequal length compare.
    """
    flat = features.flatten(start_dim=1)
    return flat @ flat.T / flat.shape[1]


def row_gram(features: Tensor) -> Tensor:
    """Return the products of filters at each height with filters at each height, summed over the width.

    Parameters
    ----------
    features : torch.Tensor, shape (filters, height, width)
        Features.

    Returns
    -------
    torch.Tensor, shape (filters * height, filters * height)
        Divided by the number of values of `features`.
    """
    rows = features.flatten(end_dim=1)
    return rows @ rows.T / features.numel()


def content_loss(features: Tensor, target: Tensor) -> Tensor:
    """Return half the sum of squared differences: equation 1 of Gatys et al.

    Parameters
    ----------
    features, target : torch.Tensor, same shape
        Features.

    Returns
    -------
    torch.Tensor, shape ()
        0 or more.
    """
    return (features - target).square().sum() / 2


def style_loss(features: Sequence[Tensor], targets: Sequence[Tensor]) -> Tensor:
    """Return the mean over layers of squared differences of Gram matrices: equations 4 and 5 of Gatys et al.

    A layer of N filters has the loss ∑ (G - A)² / (4 N²); the M² of the source's denominator is in the
    matrices, which are divided by the number of their positions.

    Parameters
    ----------
    features : sequence of torch.Tensor, shapes (filters, height, width)
        Features of each layer.
    targets : sequence of torch.Tensor, shapes (filters, filters)
        :func:`gram` of the style's.

    Returns
    -------
    torch.Tensor, shape ()
        0 or more.
    """
    losses = [
        (gram(layer) - target).square().sum() / (4 * len(target) ** 2)
        for layer, target in zip(features, targets, strict=True)
    ]
    return torch.stack(losses).mean()


def relative_error(values: Tensor, target: Tensor) -> Tensor:
    """Return the sum of squared differences as a share of the target's sum of squares, shape ()."""
    # Filters that never respond make a target of zeros.
    return (values - target).square().sum() / target.square().sum().clamp(min=torch.finfo(target.dtype).eps)


def total_variation(spectrogram: Tensor) -> Tensor:
    """Return the sum over bins of the squared gradient's length, to the power of 1.25.

    The gradient is the difference to the next bin and that to the next frame; the last bin and the last frame
    have none. Mahendran & Vedaldi's form with an exponent of 2.5: 0 for a constant spectrogram, and a steep
    slope costs more than a gentle one between the same values.

    Parameters
    ----------
    spectrogram : torch.Tensor, shape (bins, frames)
        Any values.

    Returns
    -------
    torch.Tensor, shape ()
        0 or more, in the spectrogram's unit to the power of 2.5.
    """
    across = spectrogram[1:, :-1] - spectrogram[:-1, :-1]
    along = spectrogram[:-1, 1:] - spectrogram[:-1, :-1]
    return (across.square() + along.square()).pow(1.25).sum()


def temporal_envelope(spectrogram: Tensor) -> Tensor:
    """Return the mean energy of each frame.

    Parameters
    ----------
    spectrogram : torch.Tensor, shape (bins, frames)
        Decibels.

    Returns
    -------
    torch.Tensor, shape (frames,)
        Decibels: 10 log10 of the mean power of the bins. Where in a frame the energy lies does not matter.
    """
    return _mean_level(spectrogram, dim=0)


def spectral_envelope(spectrogram: Tensor) -> Tensor:
    """Return the mean energy of each bin, shape (bins,), in decibels: when it sounds does not matter."""
    return _mean_level(spectrogram, dim=1)


def _mean_level(spectrogram: Tensor, dim: int) -> Tensor:
    levels = torch.logsumexp(spectrogram * _NEPERS_PER_DECIBEL, dim=dim) - math.log(spectrogram.shape[dim])
    return levels / _NEPERS_PER_DECIBEL


def repeated(values: Tensor, length: int) -> Tensor:
    """Return `values` cut at, or repeated up to, `length` along the last dimension."""
    return values[..., torch.arange(length, device=values.device) % values.shape[-1]]
