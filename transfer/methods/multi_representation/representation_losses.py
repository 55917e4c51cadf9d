"""Content and style losses of a sound in several representations at once.

With F the features of the output, C those of the content and S those of the style, the content loss of a
representation is ½ ‖F − C‖² over the last layer, and its style loss the sum over all layers of
‖gram(F) − gram(S)‖² / N², with N filters and Gram matrices that are divided by the number of positions. The
sparsity loss is the sum of log(1 + magnitude) over the output's STFT, which is its L1 norm.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from timbrebench.audio.differentiable import stft_magnitude
from timbrebench.transfer.algorithms.perceptual_losses import content_loss, gram
from timbrebench.transfer.methods.multi_representation.representations import Network

#: Content features by representation.
Contents = dict[str, Tensor]

#: Gram matrices of each layer by representation.
Styles = dict[str, list[Tensor]]


class CachedFeatures:
    """Features of one sound, each computed once.

    Parameters
    ----------
    samples : torch.Tensor, shape (n,)
        The sound.
    hop_length : int
        Samples from one frame to the next.
    """

    def __init__(self, samples: Tensor, hop_length: int) -> None:
        self._samples, self._hop_length = samples, hop_length
        self._magnitudes: dict[int, Tensor] = {}
        self._layers: dict[Network, list[Tensor]] = {}

    def magnitude(self, n_fft: int) -> Tensor:
        """Return the STFT magnitudes, shape (1 + n_fft // 2, frames)."""
        if n_fft not in self._magnitudes:
            self._magnitudes[n_fft] = stft_magnitude(self._samples, n_fft, self._hop_length)
        return self._magnitudes[n_fft]

    def layers(self, network: Network) -> list[Tensor]:
        """Return the features of each layer of a network."""
        if network not in self._layers:
            self._layers[network] = network(self.magnitude(network.n_fft))
        return self._layers[network]


@dataclass(frozen=True)
class RepresentationLosses:
    """Losses in several representations.

    Attributes
    ----------
    content, style : mapping of str to Network
        By representation, the network whose last layer holds the content, and the one of which the
        correlations of the features of each layer hold the style.
    hop_length : int
        Samples from one frame to the next.
    sparsity_n_fft : int or None
        Window of the STFT that the sparsity loss is taken of; None for no such loss.
    """

    content: Mapping[str, Network]
    style: Mapping[str, Network]
    hop_length: int
    sparsity_n_fft: int | None = None

    def contents(self, samples: Tensor) -> Contents:
        """Return the content features of a sound, shape (n,), in each representation."""
        cached = CachedFeatures(samples, self.hop_length)
        return {name: cached.layers(network)[-1] for name, network in self.content.items()}

    def styles(self, parts: Sequence[Tensor]) -> Styles:
        """Return the Gram matrices of a sound in each representation.

        Parameters
        ----------
        parts : sequence of torch.Tensor, shape (n,)
            The sound; a long one in parts of about one length, whose matrices are averaged.

        Returns
        -------
        dict of str to list of torch.Tensor, shape (n_filters, n_filters)
            A matrix for each layer.
        """
        styles: Styles = {}
        for part in parts:
            cached = CachedFeatures(part, self.hop_length)
            for name, network in self.style.items():
                grams = [gram(f) / len(parts) for f in cached.layers(network)]
                means = styles.get(name)
                styles[name] = [m + g for m, g in zip(means, grams, strict=True)] if means else grams
        return styles

    def __call__(self, samples: Tensor, contents: Contents, styles: Styles) -> dict[str, Tensor]:
        """Return the losses of a sound of the content's length, shape (n,), each a tensor with one value.

        They are ``{representation}_content``, ``{representation}_style`` and ``sparsity``, as far as there
        are networks for them.
        """
        cached = CachedFeatures(samples, self.hop_length)
        losses = {}
        for name, network in self.content.items():
            losses[f"{name}_content"] = content_loss(cached.layers(network)[-1], contents[name])
        for name, network in self.style.items():
            errors = [
                (gram(f) - g).square().sum() / len(g) ** 2
                for f, g in zip(cached.layers(network), styles[name], strict=True)
            ]
            losses[f"{name}_style"] = torch.stack(errors).sum()
        if self.sparsity_n_fft is not None:
            losses["sparsity"] = cached.magnitude(self.sparsity_n_fft).log1p().sum()
        return losses


@dataclass(frozen=True)
class ContinuationLosses:
    """Losses of a sound of which the beginning, `before`, is settled; of no samples where nothing is."""

    losses: RepresentationLosses
    contents: Contents
    styles: Styles
    before: Tensor

    def __call__(self, free: Tensor) -> dict[str, Tensor]:
        """Return the losses of the beginning, shape (m,), followed by `free`, shape (n - m,)."""
        return self.losses(torch.cat([self.before, free]), self.contents, self.styles)
