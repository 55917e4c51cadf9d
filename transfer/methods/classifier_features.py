"""Gatys et al. on a network that was trained to name instruments: the multi-instrument report (2023).

The spectrogram is optimised so that the features of a four-block classifier (see
:class:`~timbrebench.classifier.style.style_networks.FourBlockNetwork`) match those of the content, and their
Gram matrices those of the style. The report's authors found that nothing was transferred, whatever they
tried: 300 and 3,000 iterations, three starting points, total variation, other weights, two optimisers. All of
that can be set here.

Published settings, all of them the defaults here (preset ``text``): the network, which `prepare` trains; the
whole spectrogram, ``power_to_db`` of the magnitude; noise of deviation 90 to start from; the losses of Gatys
et al. with their factors ½ and 1/(4 N² M²), content weight 1e-3, style weight 1, no total variation; Adam;
Griffin-Lim.

*Decibels.* The report applies ``power_to_db``, 10 log10, to magnitudes. Its unit is therefore two decibels:
its range of -80 reaches 160 dB under the loudest bin, and its noise of 90 has a deviation of 180 dB. Here
decibels are decibels of the level, 20 log10 of the magnitude, and the values are the report's, converted.

What the text leaves open, and how it is settled here:

- *Step.* Adam's is 2 dB: 1 in the report's unit, as in the authors' code.
- *Layers.* Style of all four blocks, equally weighted; content of the third: Gatys et al. take the second
  last group, too.
- *Batch normalisation.* By the statistics of the training, as in a network that classifies.
- *Total variation.* The form of the authors' code, in the report's unit.
- *Lengths.* Gram matrices are divided by the number of positions of their own clip. A style that is started
  from is cut, or repeated, to the content's length.
- *Griffin-Lim.* 60 iterations from a random phase.

The authors' code (preset ``code``, https://github.com/jbccc/audio_style_transfer) does otherwise:

- *Layout.* It reads its arrays of 1025 bins × 431 frames, value by value, as 431 × 1025, instead of
  transposing them: neighbours in its pictures are not neighbours in time or frequency. Its network learns
  from such pictures, too. The parameter `layout` has this alone.
- *Content.* The mean squared difference of the spectrograms themselves, divided by 4; no features.
- *Style.* Products are summed over the width alone: a Gram matrix compares filters at one height with filters
  at another, and is divided by all three sizes. The sum of squared differences over the four blocks is
  divided by 4 · 4² · height². A style of another length is cut, or repeated.
- *Batch normalisation.* The network is left in training mode: each picture is normalised by its own
  statistics, filter by filter, which takes the mean levels out of the style.

Not as published, under either preset: how the network is trained (as this project's judges, on excerpts of
standardised spectrograms, with one softmax), and that a pair is standardised before the network.

The study `failure` (docs/studies/failure.md) measures what it does, on six pairs of the default dataset with
windows of 1,024 samples. From noise both losses fall to less than 1 % and the picture is noise still: noise
can have the features of this network, the content's too. Under the preset ``code`` the content's notes are
kept (note F1 0.61) and its instrument is heard, which is what the report says of its outputs. From the
content, Adam's steps of one unit do not lower the loss. In no setting is anything transferred.

References
----------
L. A. Gatys, A. S. Ecker and M. Bethge, "Image style transfer using convolutional neural networks", CVPR 2016.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Annotated, Literal, NamedTuple, Self

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field, model_validator
from torch import Tensor, nn

from timbrebench.audio.inversion import Inversion
from timbrebench.classifier.style.style_networks import NetworkKind
from timbrebench.transfer.algorithms.perceptual_losses import (
    activations,
    content_loss,
    gram,
    repeated,
    row_gram,
    style_loss,
    total_variation,
)
from timbrebench.transfer.bases.trained_network_method import (
    SpectrogramPair,
    TrainedNetworkMethod,
    TrainedNetworkParameters,
)

#: Decibels in the report's unit: it takes 10 log10 of magnitudes.
UNIT_DB = 2.0

#: Standard deviation of the noise to start from, in decibels: 90 in the report's unit.
NOISE_DB = 90 * UNIT_DB

#: A block of the network, from the first to the fourth.
Block = Annotated[int, Field(ge=1, le=4)]

#: How the network sees a spectrogram: as it is, or reshaped as in the authors' code.
Layout = Literal["whole", "reshaped"]


class ClassifierFeaturesParameters(TrainedNetworkParameters):
    """Settings of :class:`ClassifierFeatures`; the defaults are the published ones.

    Attributes
    ----------
    preset : {"text", "code"}
        Losses, batch normalisation and layout of the report's text, or of its authors' code.
    layout : {"whole", "reshaped"} or None
        How the network sees a spectrogram: as it is, or with its values read, bin after bin, into an array of
        frames × bins. By default the preset's, which is "whole" for "text" and "reshaped" for "code".
    content_weight, style_weight, total_variation_weight : float
        Weights of the losses; the report's alpha and beta are the first two.
    start : {"noise", "content", "style"}
        What the optimisation starts from.
    noise_db : float or None
        Standard deviation of the noise in decibels, by default 180, which the report calls 90. Other starts
        take none.
    content_layer : int or None
        Block whose features are the content, from 1 to 4; by default 3. The preset "code" takes none.
    style_layers : tuple of int
        Blocks whose Gram matrices are the style.
    inversion : Inversion
        By default 60 iterations of Griffin-Lim from a random phase.
    """

    preset: Literal["text", "code"] = "text"
    layout: Layout | None = None
    content_weight: float = Field(default=1e-3, ge=0, allow_inf_nan=False)
    style_weight: float = Field(default=1.0, ge=0, allow_inf_nan=False)
    total_variation_weight: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    start: Literal["noise", "content", "style"] = "noise"
    noise_db: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    content_layer: Block | None = None
    style_layers: tuple[Block, ...] = Field(default=(1, 2, 3, 4), min_length=1)
    inversion: Inversion = Inversion(algorithm="griffin-lim", iterations=60, start="random")

    @model_validator(mode="after")
    def _noise_is_started_from(self) -> Self:
        if self.start != "noise" and self.noise_db is not None:
            raise ValueError(f"a start from the {self.start} takes no noise: leave out noise_db")
        return self

    @model_validator(mode="after")
    def _code_takes_the_spectrogram(self) -> Self:
        if self.preset == "code" and self.content_layer is not None:
            raise ValueError(
                "the preset 'code' takes the content from the spectrogram itself: leave out content_layer"
            )
        return self


class LossTerms(NamedTuple):
    """The terms of the loss, before they are weighted; each of shape ().

    The variation is 0 where it has no weight.
    """

    content: Tensor
    style: Tensor
    variation: Tensor


class ClassifierFeatures(TrainedNetworkMethod):
    """Gatys' losses on a trained classifier; see the module for what is published and what is not."""

    name = "classifier-features"
    version = 2
    summary = "optimises a spectrogram to match features and Gram matrices of a trained classifier"
    source = "the multi-instrument report, 2023, after L. A. Gatys, A. S. Ecker and M. Bethge, CVPR 2016"
    Parameters = ClassifierFeaturesParameters
    parameters: ClassifierFeaturesParameters
    range_db = 80 * UNIT_DB
    learning_rate_db = UNIT_DB

    @property
    def network_kind(self) -> NetworkKind:
        """The report's four blocks."""
        return "four-block"

    @property
    def layout(self) -> Layout:
        """How the network sees a spectrogram."""
        return self.parameters.layout or ("whole" if self.parameters.preset == "text" else "reshaped")

    @property
    def network_name(self) -> str:
        """Name of the network's file, which says what it has learned from."""
        return "network" if self.layout == "whole" else "network-reshaped"

    def arrange(self, spectrograms: Tensor) -> Tensor:
        """Return spectrograms, shape (..., bins, frames), in the layout of the network.

        "reshaped" has the shape (..., frames, bins), and its rows are what comes next in memory, not frames.
        """
        if self.layout == "whole":
            return spectrograms
        *clips, bins, frames = spectrograms.shape
        return spectrograms.reshape(*clips, frames, bins)

    def probabilities(self, spectrogram: Tensor) -> NDArray[np.float64]:
        """Return what the network says of a spectrogram in decibels, before any inversion.

        Parameters
        ----------
        spectrogram : torch.Tensor, shape (bins, frames)
            Decibels, of any range.

        Returns
        -------
        numpy.ndarray, shape (n_labels,)
            Probabilities of the network's labels.

        Raises
        ------
        MethodError
            If the method has not been prepared.
        """
        network = self.prepared(self.network)
        probabilities: NDArray[np.float64] = network.probabilities_of(self.arrange(spectrogram.cpu())[None])[
            0
        ]
        return probabilities

    def loss(self, pair: SpectrogramPair, layers: nn.Sequential) -> Callable[[Tensor], Tensor]:
        """Return the weighted sum of content loss, style loss and total variation."""
        terms = self.terms(pair, layers)
        return lambda spectrogram: self.weighted(terms(spectrogram))

    def weighted(self, terms: LossTerms) -> Tensor:
        """Return the sum of the terms by their weights, shape ()."""
        settings = self.parameters
        return (
            settings.content_weight * terms.content
            + settings.style_weight * terms.style
            + settings.total_variation_weight * terms.variation
        )

    def terms(self, pair: SpectrogramPair, layers: nn.Sequential) -> Callable[[Tensor], LossTerms]:
        """Return the terms of the loss, not weighted.

        Parameters
        ----------
        pair : SpectrogramPair
            The pair.
        layers : torch.nn.Sequential
            The convolutional part of the network; it is not changed.

        Returns
        -------
        callable
            From a spectrogram in decibels, of the content's shape, to the terms.
        """
        return (self._of_text if self.parameters.preset == "text" else self._of_code)(pair, layers)

    def _of_text(self, pair: SpectrogramPair, layers: nn.Sequential) -> Callable[[Tensor], LossTerms]:
        settings = self.parameters
        content_layer = settings.content_layer or 3
        count = max(content_layer, *settings.style_layers)

        def features(spectrogram: Tensor) -> list[Tensor]:
            return activations(layers, self.arrange(pair.standardise(spectrogram)), count)

        def of_style(every: list[Tensor]) -> list[Tensor]:
            return [every[layer - 1] for layer in settings.style_layers]

        wanted_content = features(pair.content)[content_layer - 1]
        wanted_grams = [gram(layer) for layer in of_style(features(pair.style))]

        def terms(spectrogram: Tensor) -> LossTerms:
            every = features(spectrogram)
            return LossTerms(
                content_loss(every[content_layer - 1], wanted_content),
                style_loss(of_style(every), wanted_grams),
                self._variation(spectrogram),
            )

        return terms

    def _of_code(self, pair: SpectrogramPair, layers: nn.Sequential) -> Callable[[Tensor], LossTerms]:
        chosen = self.parameters.style_layers
        # In training mode batch normalisation goes by the picture itself, and notes what it has seen.
        layers = copy.deepcopy(layers).train()

        def grams(spectrogram: Tensor) -> list[Tensor]:
            every = activations(layers, self.arrange(pair.standardise(spectrogram)), max(chosen))
            return [row_gram(every[layer - 1]) for layer in chosen]

        wanted = grams(repeated(pair.style, pair.content.shape[1]))
        height = self.arrange(pair.content).shape[0]

        def terms(spectrogram: Tensor) -> LossTerms:
            squares = [
                (ours - target).square().sum()
                for ours, target in zip(grams(spectrogram), wanted, strict=True)
            ]
            return LossTerms(
                ((spectrogram - pair.content) / UNIT_DB).square().mean() / 4,
                torch.stack(squares).sum() / (4 * 4**2 * height**2),
                self._variation(spectrogram),
            )

        return terms

    def _variation(self, spectrogram: Tensor) -> Tensor:
        if self.parameters.total_variation_weight == 0:
            return spectrogram.new_zeros(())
        return total_variation(spectrogram / UNIT_DB)

    def start(self, pair: SpectrogramPair, noise: Tensor) -> Tensor:
        """Return noise, the content, or the style at the content's length."""
        match self.parameters.start:
            case "content":
                return pair.content
            case "style":
                return repeated(pair.style, pair.content.shape[1])
            case "noise":
                return noise * (NOISE_DB if self.parameters.noise_db is None else self.parameters.noise_db)
