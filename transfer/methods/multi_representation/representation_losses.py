"""Content and style losses of a sound in several representations at once.

With F the features of the output, C those of the content and S those of the style, the content loss of a
representation is ‖F − C‖² over the last layer, and its style loss the sum of ‖gram(F) − gram(S)‖² over all
layers. The sparsity loss is the sum of log(1 + magnitude) over the output's STFT, which is its L1 norm.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from timbrebench.audio.differentiable import stft_magnitude
from timbrebench.transfer.algorithms.perceptual_losses import gram
from timbrebench.transfer.methods.multi_representation.representations import Network, Representation

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

    def content(self, representation: Representation) -> Tensor:
        """Return the features that the content is compared by."""
        return self._features(representation.n_fft, representation.content)[-1]

    def style(self, representation: Representation) -> list[Tensor]:
        """Return the features whose correlations are the style, layer by layer."""
        return self._features(representation.n_fft, representation.style)

    def _features(self, n_fft: int, network: Network) -> list[Tensor]:
        if network not in self._layers:
            self._layers[network] = network(self.magnitude(n_fft))
        return self._layers[network]


@dataclass(frozen=True)
class RepresentationLosses:
    """Losses in several representations.

    Attributes
    ----------
    representations : mapping of str to Representation
        The representations, by name.
    hop_length : int
        Samples from one frame to the next.
    sparsity_n_fft : int or None
        Window of the STFT that the sparsity loss is taken of; None for no such loss.
    """

    representations: Mapping[str, Representation]
    hop_length: int
    sparsity_n_fft: int | None = None

    def contents(self, samples: Tensor, names: Iterable[str]) -> Contents:
        """Return the content features of a sound, shape (n,), in the representations named."""
        cached = CachedFeatures(samples, self.hop_length)
        return {name: cached.content(self.representations[name]) for name in names}

    def styles(self, parts: Iterable[Tensor], names: Iterable[str]) -> Styles:
        """Return the Gram matrices of a sound in the representations named.

        Parameters
        ----------
        parts : iterable of torch.Tensor, shape (n,)
            The sound; a long one in parts of about one length, whose matrices are averaged.
        names : iterable of str
            Representations.

        Returns
        -------
        dict of str to list of torch.Tensor, shape (n_filters, n_filters)
            A matrix for each layer.
        """
        parts = list(parts)
        styles: Styles = {name: [] for name in names}
        for part in parts:
            cached = CachedFeatures(part, self.hop_length)
            for name, means in styles.items():
                grams = [gram(f) / len(parts) for f in cached.style(self.representations[name])]
                styles[name] = [m + g for m, g in zip(means, grams, strict=True)] if means else grams
        return styles

    def __call__(self, samples: Tensor, contents: Contents, styles: Styles) -> dict[str, Tensor]:
        """Return the losses of a sound of the content's length, shape (n,), each a tensor with one value.

        They are ``{representation}_content``, ``{representation}_style`` and ``sparsity``, as far as they are
        asked for: a representation that `contents` or `styles` leaves out has no such loss.
        """
        cached = CachedFeatures(samples, self.hop_length)
        losses = {}
        for name, content in contents.items():
            features = cached.content(self.representations[name])
            losses[f"{name}_content"] = (features - content).square().sum()
        for name, grams in styles.items():
            layers = cached.style(self.representations[name])
            errors = [(gram(f) - g).square().sum() for f, g in zip(layers, grams, strict=True)]
            losses[f"{name}_style"] = sum(errors[1:], start=errors[0])
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
