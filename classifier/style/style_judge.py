"""A trained style judge: asking it, saving it, loading it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import AfterValidator, ConfigDict, Field

from timbrebench.audio.clips import Samples, as_samples
from timbrebench.classifier.clip_preparation import SHORTEST_S
from timbrebench.classifier.fitting import state_sha256
from timbrebench.classifier.stored_network import check_printable, load_weights
from timbrebench.classifier.style.familiarity import N_STATISTICS, Familiarity, is_nearly_empty, traits
from timbrebench.classifier.style.style_front_end import BaseFrontEnd, FrontEnd, standardise
from timbrebench.classifier.style.style_networks import Network, NetworkKind, create_network
from timbrebench.classifier.trained_judge import StoredJudge, TrainedJudge, check_finite
from timbrebench.core.errors import JudgeError
from timbrebench.core.frozen_model import FrozenModel


@dataclass(frozen=True)
class Prediction:
    """A judge's answer for a clip.

    Attributes
    ----------
    probabilities : numpy.ndarray, shape (n_labels,)
        Of each label.
    embedding : numpy.ndarray, shape (d,)
        The input of the network's last, linear layer: clips that are alike to the judge lie near each other.
        128 dimensions for the default network.
    is_unfamiliar : bool or None
        Whether the clip resembles nothing that the judge has learned, so that no label can be believed; None
        of a judge that cannot tell.
    """

    probabilities: NDArray[np.float64]
    embedding: NDArray[np.float64]
    is_unfamiliar: bool | None = None


@dataclass(frozen=True, kw_only=True)
class Judge(TrainedJudge):
    """A network with its front end, labels and calibration.

    It also has what every :class:`~timbrebench.classifier.trained_judge.TrainedJudge` has.

    Attributes
    ----------
    labels : tuple of str
        In the order of its answers.
    front_end : FrontEnd
        Computes its input.
    network_kind : {"harmonic", "four-block", "separable", "alexnet", "alexnet-wide", "alexnet-narrow"}
        What the network is.
    network : FourBlockNetwork, HarmonicNetwork, SeparableNetwork or AlexNet
        In evaluation mode.
    multi_label : bool
        Whether it gives each label a probability of its own.
    temperature : float
        What its logits are divided by, so that its probabilities can be believed.
    familiarity : Familiarity or None
        What resembles that which it has learned; None of a judge that cannot tell.
    """

    labels: tuple[str, ...]
    front_end: BaseFrontEnd
    network_kind: NetworkKind
    network: Network
    multi_label: bool
    temperature: float
    familiarity: Familiarity | None = None

    _kind = "style judge"
    _schema = 3
    _hint = "train a judge with `timbrebench judge train`"

    def predict(self, samples: Samples, sample_rate: int) -> Prediction:
        """Compute the probability of each label for a clip, and the clip's embedding.

        Parameters
        ----------
        samples : numpy.ndarray, shape (n,)
            Mono samples, at least 0.5 s.
        sample_rate : int
            Their rate in hertz.

        Returns
        -------
        Prediction
            Probabilities in the order of `labels`; they add up to 1, unless the judge is a multi-label one.

        Raises
        ------
        JudgeError
            If the clip is too short or silent.
        AudioError
            If it is not audio.
        """
        spectrogram = torch.from_numpy(self.front_end.spectrogram(samples, sample_rate))
        with torch.no_grad():
            embedding = self.network.embed(standardise(spectrogram.unsqueeze(0).float()))
            logits = self.network.head(embedding)
        return Prediction(
            self._probabilities(logits)[0],
            np.asarray(embedding[0].numpy(), dtype=np.float64),
            self._is_unfamiliar(traits(spectrogram.unsqueeze(0), embedding), samples, sample_rate),
        )

    def _is_unfamiliar(self, clip: torch.Tensor, samples: Samples, sample_rate: int) -> bool | None:
        if self.familiarity is None:
            return None
        if is_nearly_empty(as_samples(samples), sample_rate):
            return True
        return bool(self.familiarity.is_unfamiliar(clip)[0])

    def probabilities_of(self, spectrograms: torch.Tensor) -> NDArray[np.float64]:
        """Compute the probabilities of clips that went through the front end.

        Parameters
        ----------
        spectrograms : torch.Tensor, shape (clips, bands, frames)
            Of the judge's own front end.

        Returns
        -------
        numpy.ndarray, shape (clips, n_labels)
            Probabilities.
        """
        return self._probabilities(self.logits_of(spectrograms))

    def _probabilities(self, logits: torch.Tensor) -> NDArray[np.float64]:
        scaled = logits.double() / self.temperature
        answers = scaled.sigmoid() if self.multi_label else scaled.softmax(dim=1)
        check_finite(answers)
        return np.asarray(answers.numpy(), dtype=np.float64)

    def logits_of(self, spectrograms: torch.Tensor) -> torch.Tensor:
        """Return the network's answers, not divided by the temperature: shape (clips, n_labels)."""
        with torch.no_grad():
            return torch.cat(
                [self.network(standardise(batch.float())) for batch in torch.split(spectrograms, 64)]
            )

    def traits_of(self, spectrograms: torch.Tensor) -> torch.Tensor:
        """Return what clips are compared by (:func:`~timbrebench.classifier.style.familiarity.traits`)."""
        with torch.no_grad():
            return torch.cat(
                [
                    traits(batch, self.network.embed(standardise(batch.float())))
                    for batch in torch.split(spectrograms, 64)
                ]
            )

    def _content(self) -> dict[str, Any]:
        content: dict[str, Any] = {
            "labels": list(self.labels),
            "front_end": self.front_end.model_dump(mode="json"),
            "network": self.network_kind,
            "multi_label": self.multi_label,
            "temperature": self.temperature,
            "weights": self.network.state_dict(),
        }
        if self.familiarity is not None:
            content["familiarity"] = {**self.familiarity.state(), "threshold": self.familiarity.threshold}
        return content

    def _settings(self) -> list[Any]:
        settings = _settings(
            self.labels, self.network_kind, self.multi_label, self.temperature, self.front_end
        )
        return [*settings, *_familiarity_settings(self.familiarity)]

    @classmethod
    def load(cls, path: Path | str) -> Judge:
        """Read a judge; see :meth:`timbrebench.classifier.trained_judge.TrainedJudge.load`."""
        path = Path(path)
        stored = cls._read(path, StoredStyleJudge)
        try:
            network = create_network(stored.network, len(stored.labels), stored.front_end)
        except JudgeError as error:
            raise JudgeError(f"{path}: {error}") from error
        load_weights(network, stored.weights, path)
        _check_shortest(network, stored.front_end, path)
        return cls(
            labels=stored.labels,
            front_end=stored.front_end,
            network_kind=stored.network,
            network=network,
            multi_label=stored.multi_label,
            temperature=stored.temperature,
            familiarity=_familiarity(stored, network, path),
            **stored.learned_from(),
        )


#: AudioSet's longest label has 58 characters.
_Label = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(check_printable)]


class StoredFamiliarity(FrozenModel):
    """What the file of a style judge holds of its familiarity.

    Attributes
    ----------
    centres, whitening, threshold, strangeness
        Those of :class:`~timbrebench.classifier.style.familiarity.Familiarity`; files of earlier versions
        hold no strangeness.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)

    centres: torch.Tensor
    whitening: torch.Tensor
    threshold: float = Field(gt=0, allow_inf_nan=False)
    strangeness: torch.Tensor | None = None

    def familiarity(self) -> Familiarity:
        """Return it as a judge has it."""
        return Familiarity(self.centres, self.whitening, self.threshold, self.strangeness)


class StoredStyleJudge(StoredJudge):
    """What the file of a style judge holds.

    Attributes
    ----------
    labels : tuple of str
        In the order of its answers: at most 4,096, of at most 200 characters. AudioSet has 632.
    front_end, network, multi_label, temperature, familiarity
        Those of :class:`Judge`; files of earlier versions hold no familiarity.
    """

    labels: Annotated[tuple[_Label, ...], Field(min_length=1, max_length=4096)]
    front_end: FrontEnd
    network: NetworkKind
    multi_label: bool
    temperature: float = Field(gt=0, allow_inf_nan=False)
    familiarity: StoredFamiliarity | None = None

    def settings(self) -> list[Any]:
        """Return all that decides its answers but the weights, in the order of the judge's own."""
        settings = _settings(self.labels, self.network, self.multi_label, self.temperature, self.front_end)
        stored = self.familiarity
        return [*settings, *_familiarity_settings(stored.familiarity() if stored else None)]


def _settings(
    labels: tuple[str, ...],
    network: NetworkKind,
    multi_label: bool,
    temperature: float,
    front_end: BaseFrontEnd,
) -> list[Any]:
    return [list(labels), network, multi_label, temperature, front_end.model_dump(mode="json")]


def _familiarity_settings(familiarity: Familiarity | None) -> list[Any]:
    """Return what decides whether a clip is familiar; nothing of a judge that cannot tell."""
    return [] if familiarity is None else [state_sha256(familiarity.state()), familiarity.threshold]


def _familiarity(stored: StoredStyleJudge, network: Network, path: Path) -> Familiarity | None:
    """Return the familiarity that a file holds, whose tensors have to be those of its network's embedding."""
    if stored.familiarity is None:
        return None
    familiarity, size = stored.familiarity.familiarity(), network.head.in_features + N_STATISTICS
    shapes = {"centres": (len(stored.labels), size), "whitening": (size, size), "strangeness": (size + 2,)}
    for name, tensor in familiarity.state().items():
        shape = shapes[name]
        if tensor.dtype != torch.float32 or tuple(tensor.shape) != shape or not torch.isfinite(tensor).all():
            raise JudgeError(
                f"{path}: familiarity.{name} is {tensor.dtype} of shape {tuple(tensor.shape)}, the network "
                f"needs finite torch.float32 of shape {shape}: train it again"
            )
    return familiarity


def _check_shortest(network: Network, front_end: BaseFrontEnd, path: Path) -> None:
    """Refuse a network that halves the shortest clip's spectrogram more often than it can be halved."""
    frames = 1 + int(SHORTEST_S * front_end.sample_rate) // front_end.hop_length
    try:
        with torch.no_grad():
            network(torch.zeros(1, front_end.height, frames))
    except RuntimeError as error:
        raise JudgeError(
            f"{path}: the spectrogram of a clip of {SHORTEST_S} s has {front_end.height} bands and {frames} "
            "frames, too few for the network"
        ) from error
