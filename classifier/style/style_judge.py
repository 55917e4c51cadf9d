"""A trained style judge: asking it, saving it, loading it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import TypeAdapter

from timbrebench.audio.clips import Samples
from timbrebench.classifier.fitting import weights_sha256
from timbrebench.classifier.style.style_front_end import BaseFrontEnd, FrontEnd, standardise
from timbrebench.classifier.style.style_networks import Network, NetworkKind, create_network
from timbrebench.classifier.weights_archive import pack_hashes, read_archive, unpack_hashes, write_archive
from timbrebench.core.files import fingerprint

#: Version of the file; others are refused.
SCHEMA = 3

_KIND = "style judge"
_HINT = "train a judge with `timbrebench judge train`"


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
    """

    probabilities: NDArray[np.float64]
    embedding: NDArray[np.float64]


@dataclass(frozen=True)
class Judge:
    """A network with its front end, labels and calibration.

    Attributes
    ----------
    labels : tuple of str
        In the order of its answers.
    front_end : FrontEnd
        Computes its input.
    network_kind : {"harmonic", "four-block", "alexnet"}
        What the network is.
    network : FourBlockNetwork, HarmonicNetwork or AlexNet
        In evaluation mode.
    multi_label : bool
        Whether it gives each label a probability of its own.
    temperature : float
        What its logits are divided by, so that its probabilities can be believed.
    training_pieces : tuple of str
        Pieces that it has learned from or was chosen by: no suite may hold them.
    soundfonts : tuple of str
        Soundfonts that it has learned from.
    training_clips : frozenset of str
        SHA-256 of the clips that it has learned from or was chosen by: no network inside a method that it
        scores may have learned from them.
    """

    labels: tuple[str, ...]
    front_end: BaseFrontEnd
    network_kind: NetworkKind
    network: Network
    multi_label: bool
    temperature: float
    training_pieces: tuple[str, ...]
    soundfonts: tuple[str, ...]
    training_clips: frozenset[str]

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of all that decides its answers: weights, labels, temperature and front end."""
        decisive = [list(self.labels), self.network_kind, self.multi_label, self.temperature]
        return fingerprint([self.weights_sha256, *decisive, self.front_end.model_dump(mode="json")])

    @cached_property
    def weights_sha256(self) -> str:
        """SHA-256 of the weights alone."""
        return weights_sha256(self.network)

    def with_temperature(self, temperature: float) -> Judge:
        """Return the judge with another temperature."""
        return replace(self, temperature=temperature)

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
        return Prediction(self._probabilities(logits)[0], np.asarray(embedding[0].numpy(), dtype=np.float64))

    def probabilities_of(self, spectrograms: torch.Tensor) -> NDArray[np.float64]:
        """Compute the probabilities, shape (clips, n_labels), of clips that went through the front end."""
        return self._probabilities(self.logits_of(spectrograms))

    def _probabilities(self, logits: torch.Tensor) -> NDArray[np.float64]:
        scaled = logits.double() / self.temperature
        answers = scaled.sigmoid() if self.multi_label else scaled.softmax(dim=1)
        return np.asarray(answers.numpy(), dtype=np.float64)

    def logits_of(self, spectrograms: torch.Tensor) -> torch.Tensor:
        """Return the network's answers, not divided by the temperature: shape (clips, n_labels)."""
        with torch.no_grad():
            return torch.cat(
                [self.network(standardise(batch.float())) for batch in torch.split(spectrograms, 64)]
            )

    def save(self, path: Path | str) -> None:
        """Write the judge, whole or not at all.

        Raises
        ------
        StorageError
            If the file cannot be written.
        """
        content = {
            "labels": list(self.labels),
            "front_end": self.front_end.model_dump(mode="json"),
            "network": self.network_kind,
            "multi_label": self.multi_label,
            "temperature": self.temperature,
            "weights": self.network.state_dict(),
            "training_pieces": list(self.training_pieces),
            "soundfonts": list(self.soundfonts),
            "training_clips": pack_hashes(self.training_clips),
            "fingerprint": self.fingerprint,
        }
        write_archive(path, kind=_KIND, schema=SCHEMA, content=content)

    @classmethod
    def load(cls, path: Path | str) -> Judge:
        """Read a judge. Nothing in the file is ever run.

        Raises
        ------
        JudgeError
            If the file is missing, damaged, of another version, or no judge.
        """
        return read_archive(path, cls._from_content, kind=_KIND, schema=SCHEMA, hint=_HINT)

    @classmethod
    def _from_content(cls, content: dict[str, Any]) -> Judge:
        labels: Sequence[str] = content["labels"]
        front_end = TypeAdapter[BaseFrontEnd](FrontEnd).validate_python(content["front_end"])
        network = create_network(content["network"], len(labels), front_end)
        network.load_state_dict(content["weights"])
        network.eval()
        return cls(
            labels=tuple(labels),
            front_end=front_end,
            network_kind=content["network"],
            network=network,
            multi_label=bool(content["multi_label"]),
            temperature=float(content["temperature"]),
            training_pieces=tuple(content["training_pieces"]),
            soundfonts=tuple(content["soundfonts"]),
            training_clips=unpack_hashes(content["training_clips"]),
        )
