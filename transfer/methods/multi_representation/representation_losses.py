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
from timbrebench.transfer.algorithms.gram_loss import GramLoss, gram_loss
from timbrebench.transfer.algorithms.perceptual_losses import content_loss
from timbrebench.transfer.algorithms.written_gradients import gram_distance
from timbrebench.transfer.methods.multi_representation.representations import Front, Network


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
        self._fronts: dict[Front, Tensor] = {}
        self._layers: dict[Network, list[Tensor]] = {}

    def magnitude(self, n_fft: int) -> Tensor:
        """Return the STFT magnitudes, shape (1 + n_fft // 2, frames)."""
        if n_fft not in self._magnitudes:
            self._magnitudes[n_fft] = stft_magnitude(self._samples, n_fft, self._hop_length)
        return self._magnitudes[n_fft]

    def layers(self, network: Network) -> list[Tensor]:
        """Return the features of each layer of a network, shape (bins, frames, filters)."""
        front = network.front
        if front not in self._fronts:
            self._fronts[front] = front(self.magnitude(front.n_fft))
        if network not in self._layers:
            self._layers[network] = network.layers(self._fronts[front])
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

    def contents(self, samples: Tensor) -> dict[str, Tensor]:
        """Return the content features of a sound, shape (n,), in each representation."""
        cached = CachedFeatures(samples, self.hop_length)
        return {name: cached.layers(network)[-1] for name, network in self.content.items()}

    @torch.no_grad()
    def towards(self, content: Tensor, style: Sequence[Tensor]) -> TargetedLosses:
        """Return the losses of sounds that are as long as the content.

        Parameters
        ----------
        content : torch.Tensor, shape (n,)
            The content.
        style : sequence of torch.Tensor, shape (m,)
            The style; a long one in parts of about one length, whose Gram matrices are averaged.
        """
        grams = {}
        for name, network in self.style.items():
            magnitudes = (
                stft_magnitude(clip, network.front.n_fft, self.hop_length) for clip in (content, *style)
            )
            positions = [layer.shape[:2].numel() for layer in network(next(magnitudes))]
            of_parts = zip(*map(network, magnitudes), strict=True)
            grams[name] = [_gram_loss(*layer) for layer in zip(of_parts, positions, strict=True)]
        return TargetedLosses(self, self.contents(content), grams)


def _gram_loss(parts: Sequence[Tensor], positions: int) -> GramLoss:
    """Return the loss against the mean Gram matrix of features, shapes (bins, frames, filters)."""
    flat = [part.flatten(end_dim=1) for part in parts]
    scaled = torch.cat([part / (len(part) * len(parts)) ** 0.5 for part in flat])
    return gram_loss(scaled, 1, positions=positions, divisor=positions)


@dataclass(frozen=True)
class TargetedLosses:
    """Losses of sounds against one content and one style.

    Attributes
    ----------
    losses : RepresentationLosses
        The networks.
    contents : mapping of str to torch.Tensor
        Features of the content, by representation.
    grams : mapping of str to sequence of GramLoss
        For each layer, by representation, the loss of its features.
    """

    losses: RepresentationLosses
    contents: Mapping[str, Tensor]
    grams: Mapping[str, Sequence[GramLoss]]

    def __call__(self, samples: Tensor) -> dict[str, Tensor]:
        """Return the losses of a sound of the content's length, shape (n,), each a tensor with one value.

        They are ``{representation}_content``, ``{representation}_style`` and ``sparsity``, as far as there
        are networks for them.
        """
        cached = CachedFeatures(samples, self.losses.hop_length)
        made = {}
        for name, network in self.losses.content.items():
            made[f"{name}_content"] = content_loss(cached.layers(network)[-1], self.contents[name])
        for name, network in self.losses.style.items():
            distances = [
                gram_distance(layer.flatten(end_dim=1), loss) / layer.shape[2] ** 2
                for layer, loss in zip(cached.layers(network), self.grams[name], strict=True)
            ]
            made[f"{name}_style"] = torch.stack(distances).sum()
        if self.losses.sparsity_n_fft is not None:
            made["sparsity"] = cached.magnitude(self.losses.sparsity_n_fft).log1p().sum()
        return made


@dataclass(frozen=True)
class ContinuationLosses:
    """Losses of a sound of which the beginning, `before`, is settled; of no samples where nothing is."""

    losses: TargetedLosses
    before: Tensor

    def __call__(self, free: Tensor) -> dict[str, Tensor]:
        """Return the losses of the beginning, shape (m,), followed by `free`, shape (n - m,)."""
        return self.losses(torch.cat([self.before, free]))
