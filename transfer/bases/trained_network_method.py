"""Base of methods that optimise a spectrogram under a network trained to name instruments.

`prepare` trains the network on the clips it is given
(:mod:`timbrebench.transfer.algorithms.network_training`); it is of another kind than the default judge's.

The optimisation runs over a magnitude spectrogram of the content's shape, in decibels under the loudest bin
of its clip, from -80 to 0 unless the method's source has another range. The result is clipped to that range
before it becomes magnitudes: ten to the power of an unbounded value would be any magnitude. What lies on the
floor becomes silence.

Networks learn from spectrograms with mean 0 and variance 1. Those of a pair are standardised by mean and
deviation of the two together. Each by its own would leave the level and the contrast of the output open: all
spectrograms that differ in nothing else would have the same loss.
"""

from __future__ import annotations

import copy
from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal, Self

import numpy as np
import pandas as pd
import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from timbrebench.audio.spectra import Spectrogram
from timbrebench.classifier.style.judge_configuration import JudgeConfiguration
from timbrebench.classifier.style.style_augmentation import Augmentation
from timbrebench.classifier.style.style_front_end import StftFrontEnd
from timbrebench.classifier.style.style_judge import Judge
from timbrebench.classifier.style.style_networks import AlexNet, FourBlockNetwork, NetworkKind
from timbrebench.core.errors import MethodError
from timbrebench.datasets.dataset import Dataset
from timbrebench.transfer.algorithms.network_training import as_they_are, train_network
from timbrebench.transfer.algorithms.optimisation import (
    Device,
    find_device,
    minimise_adam,
    minimise_lbfgs,
    with_gradient,
)
from timbrebench.transfer.bases.spectrogram_method import SpectrogramMethod, SpectrogramParameters
from timbrebench.transfer.contract import Learned, Parameters


class NetworkTraining(Parameters):
    """How the network is trained.

    Attributes
    ----------
    seed : int
        Of the first weights, the order of the clips, their excerpts, and the pieces held out; by default not
        the judges'.
    max_epochs : int
        Maximum passes through the clips.
    learning_rate : float
        Highest learning rate of the cycle.
    excerpt_s : float
        Seconds of each clip in a pass, at another place each time.
    """

    seed: int = Field(default=1, ge=0, lt=2**63)
    max_epochs: int = Field(default=12, ge=1, le=10_000)
    learning_rate: float = Field(default=4e-3, gt=0, allow_inf_nan=False)
    excerpt_s: float = Field(default=0.64, gt=0, allow_inf_nan=False)


class TrainedNetworkParameters(SpectrogramParameters):
    """Settings that every :class:`TrainedNetworkMethod` has.

    Attributes
    ----------
    training : NetworkTraining
        How the network is trained.
    optimiser : {"adam", "lbfgs"}
        Optimiser of the spectrogram.
    iterations : int
        Steps of Adam, or maximum iterations of L-BFGS.
    learning_rate : float or None
        Adam's step in decibels; the method's own by default. L-BFGS takes none.
    device : {"auto", "cpu", "cuda"}
        Where the spectrogram is optimised; "auto" takes a GPU where there is one. The network is trained on
        one core of the CPU, which gives the same weights everywhere.
    """

    training: NetworkTraining = NetworkTraining()
    optimiser: Literal["adam", "lbfgs"] = "adam"
    iterations: int = Field(default=300, gt=0, le=1_000_000)
    learning_rate: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    device: Device = "auto"

    @model_validator(mode="after")
    def _rate_is_adams(self) -> Self:
        if self.optimiser == "lbfgs" and self.learning_rate is not None:
            raise ValueError("L-BFGS finds its steps by itself: leave out learning_rate, or choose 'adam'")
        return self


@dataclass(frozen=True)
class SpectrogramPair:
    """The spectrograms of a pair in decibels, and their standardisation for the network.

    Attributes
    ----------
    content, style : torch.Tensor, shapes (bins, frames) and (bins, frames of the style)
        Decibels, from -range_db to 0.
    mean, deviation : float
        Of the values of both together, in decibels.
    """

    content: Tensor
    style: Tensor
    mean: float
    deviation: float

    @classmethod
    def of(cls, content: Tensor, style: Tensor) -> SpectrogramPair:
        """Return the pair of two spectrograms in decibels."""
        values = torch.cat([content.flatten(), style.flatten()])
        # Two clips of one level throughout have a deviation of 0.
        return cls(content, style, float(values.mean()), max(float(values.std()), 1e-3))

    def standardise(self, spectrogram: Tensor) -> Tensor:
        """Return the network's input for a spectrogram in decibels."""
        return (spectrogram - self.mean) / self.deviation


class TrainedNetworkMethod(SpectrogramMethod):
    """A method that optimises a spectrogram under a network that `prepare` has trained.

    A subclass names the kind of network (:attr:`network_kind`), and writes :meth:`loss` and :meth:`start`.

    Attributes
    ----------
    configuration_type : type of JudgeConfiguration
        What the network is trained by; by default as this project's judges are.
    range_db : float
        What lies further under the loudest bin is cut off there.
    learning_rate_db : float
        Decibels that Adam moves a bin in one step where nothing else is asked for. By default 1: 300 steps
        lead anywhere in a range of 80 dB, and back.
    network : Judge or None
        The trained network, with what it has learned from.
    """

    Parameters: ClassVar[type[TrainedNetworkParameters]] = TrainedNetworkParameters
    parameters: TrainedNetworkParameters
    configuration_type: ClassVar[type[JudgeConfiguration]] = JudgeConfiguration
    range_db: ClassVar[float] = 80.0
    learning_rate_db: ClassVar[float] = 1.0

    def __init__(self, /, **parameters: object) -> None:
        super().__init__(**parameters)
        self.network: Judge | None = None

    @property
    @abstractmethod
    def network_kind(self) -> NetworkKind:
        """Architecture of the network."""

    @property
    def front_end(self) -> StftFrontEnd:
        """The network's front end: the method's own spectrogram."""
        settings = self.parameters
        return StftFrontEnd(
            sample_rate=settings.sample_rate,
            n_fft=settings.n_fft,
            win_length=self.win_length,
            hop_length=settings.hop_length,
            range_db=self.range_db,
        )

    @property
    def network_name(self) -> str:
        """Name of the network's file; networks that see spectrograms arranged otherwise have another."""
        return "network"

    def arrange(self, spectrograms: Tensor) -> Tensor:
        """Return spectrograms, shape (..., bins, frames), as the network takes them: here as they are."""
        return as_they_are(spectrograms)

    @abstractmethod
    def loss(self, pair: SpectrogramPair, layers: nn.Sequential) -> Callable[[Tensor], Tensor]:
        """Return the loss to minimise.

        Parameters
        ----------
        pair : SpectrogramPair
            The pair.
        layers : torch.nn.Sequential
            The convolutional part of the network.

        Returns
        -------
        callable
            From a spectrogram in decibels, of the content's shape, to a tensor with one value.
        """

    @abstractmethod
    def start(self, pair: SpectrogramPair, noise: Tensor) -> Tensor:
        """Return the spectrogram in decibels that the optimisation starts from.

        Parameters
        ----------
        pair : SpectrogramPair
            The pair.
        noise : torch.Tensor, shape (bins, frames)
            Independent, with mean 0 and variance 1.

        Returns
        -------
        torch.Tensor, shape (bins, frames)
            Decibels, of any range.
        """

    def prepare(self, dataset: Dataset, workdir: Path) -> None:
        """Train the network, or load the one that was trained on the same clips before.

        Parameters
        ----------
        dataset : Dataset
            Clips of equal duration with two labels or more, each in two pieces or more.
        workdir : pathlib.Path
            Holds the network. A damaged file is made again.

        Raises
        ------
        JudgeError
            If there are too few labels or pieces, a clip is silent, or the training diverges.
        StorageError
            If the network cannot be written.
        """
        configuration = self._configuration(dataset.manifest)
        self.network = train_network(dataset, configuration, workdir, self.network_name, self.arrange)

    def _configuration(self, manifest: pd.DataFrame) -> JudgeConfiguration:
        training = self.parameters.training
        longest = float(manifest.duration_s.max()) if len(manifest) else training.excerpt_s
        return self.configuration_type(
            front_end=self.front_end,
            network=self.network_kind,
            augmentation=Augmentation(
                crop=min(1.0, training.excerpt_s / longest),
                share=0,
                shift_semitones=0,
                masked_bands=0,
                masked_frames=0,
            ),
            max_epochs=training.max_epochs,
            learning_rate=training.learning_rate,
            seed=training.seed,
        )

    def learned(self) -> Learned:
        """Return the network's weights and the clips that it was trained or chosen by."""
        if self.network is None:
            return Learned()
        return Learned(frozenset({self.network.weights_sha256}), self.network.training_clips)

    def transform(self, content: Spectrogram, style: Spectrogram, rng: np.random.Generator) -> Spectrogram:
        """Return the magnitudes of the optimised spectrogram, as loud as the content."""
        network = self.prepared(self.network)
        device = find_device(self.parameters.device)
        clips = [torch.from_numpy(decibels(clip, self.range_db)).to(device) for clip in (content, style)]
        pair = SpectrogramPair.of(*clips)
        noise = torch.from_numpy(rng.standard_normal(content.shape, dtype=np.float32)).to(device)
        layers = copy.deepcopy(convolutions(network)).to(device).eval().requires_grad_(False)
        optimised = self.minimise(self.loss(pair, layers), self.start(pair, noise))
        return magnitudes(optimised.cpu().numpy(), float(content.max()), self.range_db)

    def minimise(self, loss: Callable[[Tensor], Tensor], start: Tensor) -> Tensor:
        """Return the spectrogram in decibels that the optimiser reaches from a start, not clipped."""
        settings, objective = self.parameters, with_gradient(_scaled(loss, start))
        if settings.optimiser == "lbfgs":
            return minimise_lbfgs(objective, start, max_iterations=settings.iterations, name=self.name)
        rate = self.learning_rate_db if settings.learning_rate is None else settings.learning_rate
        return minimise_adam(
            objective, start, iterations=settings.iterations, learning_rate=rate, name=self.name
        )


def _scaled(loss: Callable[[Tensor], Tensor], start: Tensor) -> Callable[[Tensor], Tensor]:
    """Return a loss whose gradient at the start has a root mean square of 1.

    Adam adds 1e-8 to what it divides by, and the first step of L-BFGS is as long as the gradient: where the
    weights make a loss small, both would hardly move.
    """
    _, gradient = with_gradient(loss)(start)
    size = float(gradient.square().mean().sqrt())
    return (lambda spectrogram: loss(spectrogram) / size) if size > 0 else loss


def convolutions(network: Judge) -> nn.Sequential:
    """Return the convolutional part of a trained network."""
    match network.network:
        case AlexNet(layers=layers):
            return layers
        case FourBlockNetwork(blocks=blocks):
            return blocks
    raise MethodError(f"the network {network.network_kind!r} is not a plain stack of convolutions")


def decibels(magnitude: Spectrogram, range_db: float) -> Spectrogram:
    """Return magnitudes in decibels under the loudest, not further down than `range_db`, float32."""
    loudest = np.maximum(magnitude.max(), np.finfo(np.float32).tiny)
    floor = 10 ** (-range_db / 20)
    return np.asarray(20 * np.log10(np.maximum(magnitude / loudest, floor)), dtype=np.float32)


def magnitudes(spectrogram: Spectrogram, loudest: float, range_db: float) -> Spectrogram:
    """Return the magnitudes of a spectrogram in decibels, of any range.

    Parameters
    ----------
    spectrogram : numpy.ndarray, shape (bins, frames)
        Decibels; values above 0 count as 0.
    loudest : float
        Magnitude at 0 decibels.
    range_db : float
        Values this far under 0, or further, become 0.

    Returns
    -------
    numpy.ndarray, shape of `spectrogram`, float32
        From 0 to `loudest`.
    """
    audible = spectrogram > -range_db
    bounded = np.clip(spectrogram, -range_db, 0)
    return np.where(audible, loudest * 10 ** (bounded / 20), 0).astype(np.float32)
