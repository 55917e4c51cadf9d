"""What one loss and gradient of `multi-representation` costs, beside the same networks in their direct form.

The direct form has the same weights. It convolves position by position, by torch's own convolutions, and
compares matrices of filters × filters; torch differentiates all of it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.nn.functional import conv2d, max_pool2d, pad, selu

from timbrebench.audio.clips import Samples
from timbrebench.audio.differentiable import stft_magnitude
from timbrebench.experiments.speed.evaluation_times import time_evaluations
from timbrebench.transfer.algorithms.optimisation import with_gradient
from timbrebench.transfer.algorithms.perceptual_losses import content_loss, gram
from timbrebench.transfer.algorithms.random_convolution import START_STD
from timbrebench.transfer.methods.multi_representation.gradient_normalisation import Terms, weighted_sum
from timbrebench.transfer.methods.multi_representation.loss_configurations import Kind
from timbrebench.transfer.methods.multi_representation.multi_representation import MultiRepresentation
from timbrebench.transfer.methods.multi_representation.representation_settings import (
    Frames,
    RepresentationSettings,
)
from timbrebench.transfer.methods.multi_representation.representations import Draw, Network, lecun_normal


@dataclass(frozen=True)
class _DirectNetwork:
    """A network with the weights of its layers, shapes (filters, channels, taps in pitch, taps in time)."""

    network: Network
    weights: list[Tensor]

    def __call__(self, samples: Tensor, hop_length: int) -> list[Tensor]:
        """Return the features of each layer, shape (filters, bins, frames)."""
        front = self.network.front
        x = front.spectrogram(stft_magnitude(samples, front.n_fft, hop_length))
        first, *others = self.weights
        # A convolution over time alone has frequencies for channels.
        x = x[None, None] if first.shape[2] > 1 else x[None, :, None]
        x = _padded(x, first, 1) if others else x
        layers = [max_pool2d(selu(conv2d(x, first)), (self.network.pooling, 1))]
        stream = layers[0]
        for block, dilated, point in zip(self.network.blocks, others[::2], others[1::2], strict=True):
            apart = block.dilated.dilation
            inner = selu(conv2d(_padded(layers[-1], dilated, apart), dilated, dilation=apart))
            stream = stream + conv2d(inner, point)
            layers.append(selu(stream))
        return [layer[0] for layer in layers]


def _padded(features: Tensor, weights: Tensor, apart: int) -> Tensor:
    sides = [side * apart for taps in reversed(weights.shape[2:]) for side in ((taps - 1) // 2, taps // 2)]
    return pad(features, sides)


def _direct_network(
    settings: RepresentationSettings, kind: Kind, frames: Frames, draw: Draw
) -> _DirectNetwork:
    drawn: dict[int, Tensor] = {}

    def record(layer: int, shape: tuple[int, ...]) -> Tensor:
        drawn[layer] = draw(layer, shape)
        return drawn[layer]

    network = settings.draw([kind], frames, record)[kind]
    weights = [drawn[layer] for layer in sorted(drawn)]
    return _DirectNetwork(
        network, [own.view(*own.shape[:2], *(1,) * (4 - own.ndim), *own.shape[2:]) for own in weights]
    )


def direct_terms(method: MultiRepresentation, seed: int, content: Tensor, style: Tensor) -> Terms:
    """Return the losses of a method's :meth:`~MultiRepresentation.losses` in their direct form."""
    parameters = method.parameters
    hop_length = parameters.hop_length
    frames = Frames(parameters.sample_rate, parameters.n_fft, hop_length)
    networks: dict[tuple[str, Kind], _DirectNetwork] = {}
    for number, (name, settings) in enumerate(parameters.networks.items()):
        draw = lecun_normal(seed + number, truncated=parameters.preset == "code")
        for kind in parameters.compared(name):
            networks[name, kind] = _direct_network(settings, kind, frames, draw)
    with torch.no_grad():
        targets = {
            (name, kind): network(content, hop_length)[-1:]
            if kind == "content"
            else [gram(layer) for layer in network(style, hop_length)]
            for (name, kind), network in networks.items()
        }

    def terms(samples: Tensor) -> dict[str, Tensor]:
        made = {}
        for (name, kind), network in networks.items():
            layers, target = network(samples, hop_length), targets[name, kind]
            if kind == "content":
                made[f"{name}_content"] = content_loss(layers[-1], target[0])
                continue
            distances = [
                (gram(f) - g).square().sum() / len(g) ** 2 for f, g in zip(layers, target, strict=True)
            ]
            made[f"{name}_style"] = torch.stack(distances).sum()
        if "sparsity" in parameters.terms:
            made["sparsity"] = stft_magnitude(samples, parameters.n_fft, hop_length).log1p().sum()
        return made

    return terms


def time_representations(
    method: MultiRepresentation, content: Samples, style: Samples, *, rounds: int
) -> pd.DataFrame:
    """Time one loss and gradient, from where an optimisation starts, in both forms.

    Content and style are samples at the method's rate. Returns the columns ``form, seconds, times_as_fast``,
    as those of :func:`~timbrebench.experiments.speed.evaluation_times.time_evaluations`.
    """
    clips = torch.from_numpy(content), torch.from_numpy(style)
    start = np.random.default_rng(0).standard_normal(len(content), dtype=np.float32) * START_STD
    weights = dict.fromkeys(method.parameters.terms, 1.0)
    forms = {
        "direct": lambda: with_gradient(weighted_sum(direct_terms(method, 0, *clips), weights)),
        f"`{method.name}`": lambda: with_gradient(
            weighted_sum(method.losses(0, torch.device("cpu")).towards(clips[0], [clips[1]]), weights)
        ),
    }
    return time_evaluations(forms, torch.from_numpy(start), rounds, "timing networks")
