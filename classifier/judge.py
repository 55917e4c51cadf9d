"""A trained judge: asking it, saving it, loading it."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import ValidationError

from timbrebench.audio.clips import Samples
from timbrebench.audio.errors import JudgeError
from timbrebench.audio.storage import atomic_path, fingerprint
from timbrebench.classifier.front_end import FrontEnd, standardise
from timbrebench.classifier.networks import FourBlockNetwork

#: Version of the file; others are refused.
SCHEMA = 2


@dataclass(frozen=True)
class Judge:
    """A network with all that is needed to ask it.

    Attributes
    ----------
    labels : tuple of str
        What it can hear, in the order of its answers.
    front_end : FrontEnd
        What it sees of a clip.
    network : FourBlockNetwork
        In evaluation mode.
    training_pieces : tuple of str
        Pieces that it has learned from or was chosen by: no suite may hold them.
    soundfonts : tuple of str
        Soundfonts that it has heard.
    """

    labels: tuple[str, ...]
    front_end: FrontEnd
    network: FourBlockNetwork
    training_pieces: tuple[str, ...]
    soundfonts: tuple[str, ...]

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of all that decides its answers: weights, labels and front end."""
        weights = hashlib.sha256()
        for name, tensor in sorted(self.network.state_dict().items()):
            weights.update(name.encode())
            weights.update(tensor.numpy().tobytes())
        return fingerprint([weights.hexdigest(), list(self.labels), self.front_end.model_dump(mode="json")])

    def probabilities(self, samples: Samples, sample_rate: int) -> NDArray[np.float64]:
        """Say how probable each label is for a clip.

        Parameters
        ----------
        samples : numpy.ndarray, shape (n,)
            Mono samples, at least 0.5 s.
        sample_rate : int
            Their rate in hertz.

        Returns
        -------
        numpy.ndarray, shape (n_labels,)
            Probabilities in the order of `labels`; they add up to 1.

        Raises
        ------
        JudgeError
            If the clip is too short or silent.
        AudioError
            If it is no audio.
        """
        decibels = torch.from_numpy(self.front_end.decibels(samples, sample_rate))
        answer: NDArray[np.float64] = self.probabilities_of(decibels.unsqueeze(0))[0]
        return answer

    def probabilities_of(self, decibels: torch.Tensor) -> NDArray[np.float64]:
        """Say the same for clips that went through the front end.

        Parameters
        ----------
        decibels : torch.Tensor, shape (clips, bands, frames)
            Of the judge's own front end.

        Returns
        -------
        numpy.ndarray, shape (clips, n_labels)
            Probabilities.
        """
        with torch.no_grad():
            batches = [self.network(standardise(batch.float())) for batch in torch.split(decibels, 64)]
            answers: NDArray[np.float64] = torch.cat(batches).double().softmax(dim=1).numpy()
        return answers

    def predict(self, samples: Samples, sample_rate: int) -> str:
        """Return the most probable label of a clip; takes and raises what :meth:`probabilities` does."""
        return self.labels[int(self.probabilities(samples, sample_rate).argmax())]

    def save(self, path: Path | str) -> None:
        """Write the judge, whole or not at all.

        Raises
        ------
        StorageError
            If the file cannot be written.
        """
        content = {
            "schema": SCHEMA,
            "labels": list(self.labels),
            "front_end": self.front_end.model_dump(mode="json"),
            "weights": self.network.state_dict(),
            "training_pieces": list(self.training_pieces),
            "soundfonts": list(self.soundfonts),
            "fingerprint": self.fingerprint,
        }
        # Written to a file, torch would put the file's name into it, and equal judges would differ.
        archive = io.BytesIO()
        torch.save(content, archive)
        with atomic_path(Path(path)) as temporary:
            temporary.write_bytes(archive.getvalue())

    @classmethod
    def load(cls, path: Path | str) -> Judge:
        """Read a judge. Nothing in the file is ever run.

        Raises
        ------
        JudgeError
            If the file is missing, damaged, of another version, or no judge.
        """
        path = Path(path)
        if not path.is_file():
            raise JudgeError(f"{path}: no such file; train a judge with `timbrebench judge train`")
        try:
            content = torch.load(path, map_location="cpu", weights_only=True)
        except Exception as error:  # a foreign file fails in whatever way its bytes happen to be read
            raise JudgeError(f"{path}: not a judge, or damaged: train it again") from error
        if not isinstance(content, dict) or content.get("schema") != SCHEMA:
            found = content.get("schema") if isinstance(content, dict) else None
            raise JudgeError(f"{path}: version {found}, this program reads {SCHEMA}: train the judge again")
        try:
            judge = cls._from_content(content)
            whole = judge.fingerprint == content["fingerprint"]
        except (KeyError, TypeError, AttributeError, RuntimeError, ValidationError) as error:
            raise JudgeError(f"{path}: not a judge, or damaged: train it again") from error
        if not whole:
            # torch does not check what it reads, and damaged weights answer like any others.
            raise JudgeError(f"{path}: damaged, its weights are not those that were saved: train it again")
        return judge

    @classmethod
    def _from_content(cls, content: dict[str, Any]) -> Judge:
        labels: Sequence[str] = content["labels"]
        network = FourBlockNetwork(len(labels))
        network.load_state_dict(content["weights"])
        network.eval()
        return cls(
            tuple(labels),
            FrontEnd.model_validate(content["front_end"]),
            network,
            tuple(content["training_pieces"]),
            tuple(content["soundfonts"]),
        )
