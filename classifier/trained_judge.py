"""What both judges share: what they learned from, and their files."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, ClassVar, Self

import pandas as pd
import torch
from pydantic import AfterValidator, Field
from torch import nn

from timbrebench.classifier.fitting import weights_sha256
from timbrebench.classifier.stored_network import (
    Stored,
    StoredNetwork,
    check_printable,
    pack_hashes,
    read_stored,
)
from timbrebench.classifier.weights_archive import write_archive
from timbrebench.core.errors import JudgeError
from timbrebench.core.files import fingerprint

#: A name of a piece or a soundfont, which may be a path: those have at most 4,096 characters.
_Name = Annotated[str, Field(min_length=1, max_length=4096), AfterValidator(check_printable)]


class StoredJudge(StoredNetwork):
    """What the file of a judge holds, beside what that of every trained network does.

    Attributes
    ----------
    training_pieces : tuple of str
        Pieces that it has learned from or was chosen by, at most a million.
    soundfonts : tuple of str
        Soundfonts that it has learned from.
    """

    training_pieces: Annotated[tuple[_Name, ...], Field(max_length=1_000_000)]
    soundfonts: Annotated[tuple[_Name, ...], Field(max_length=10_000)]

    def learned_from(self) -> dict[str, Any]:
        """Return the attributes of a :class:`TrainedJudge` that say what it learned from."""
        return {name: getattr(self, name) for name in ("training_pieces", "soundfonts", "training_clips")}


@dataclass(frozen=True, kw_only=True)
class TrainedJudge:
    """What both judges are: a network in evaluation mode that says what it learned from, and its file.

    Attributes
    ----------
    network : torch.nn.Module
        In evaluation mode.
    training_pieces : tuple of str
        Pieces that it has learned from or was chosen by: no suite may hold them.
    soundfonts : tuple of str
        Soundfonts that it has learned from.
    training_clips : frozenset of str
        SHA-256 of the files of the clips that it has learned from or was chosen by: no network inside a
        method that it scores may have learned from them.
    """

    network: nn.Module
    training_pieces: tuple[str, ...]
    soundfonts: tuple[str, ...]
    training_clips: frozenset[str]

    #: What the file is, its version (others are refused), and how to get a judge where the file is missing.
    _kind: ClassVar[str]
    _schema: ClassVar[int]
    _hint: ClassVar[str]

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of all that decides its answers."""
        return fingerprint([self.weights_sha256, *self._settings()])

    @cached_property
    def weights_sha256(self) -> str:
        """SHA-256 of the weights alone."""
        return weights_sha256(self.network)

    @property
    def parameters(self) -> int:
        """Number of weights of the network."""
        return sum(weights.numel() for weights in self.network.parameters())

    def save(self, path: Path | str) -> None:
        """Write the judge, whole or not at all.

        Raises
        ------
        StorageError
            If the file cannot be written.
        """
        content = {
            **self._content(),
            "training_pieces": list(self.training_pieces),
            "soundfonts": list(self.soundfonts),
            "training_clips": pack_hashes(self.training_clips),
            "fingerprint": self.fingerprint,
        }
        write_archive(path, kind=self._kind, schema=self._schema, content=content)

    def _content(self) -> dict[str, Any]:
        """Return what its file holds of this kind of judge: tensors, numbers, texts, lists and dicts."""
        raise NotImplementedError

    def _settings(self) -> list[Any]:
        """Return what decides its answers besides the weights, as its file's ``settings()``."""
        raise NotImplementedError

    @classmethod
    def load(cls, path: Path | str) -> Self:
        """Read a judge. Nothing in the file is ever run.

        Raises
        ------
        JudgeError
            If the file is missing, too large, damaged, of another version, or of another kind, or a field is
            outside its bounds.
        """
        raise NotImplementedError

    @classmethod
    def _read(cls, path: Path, model: type[Stored]) -> Stored:
        return read_stored(path, model, kind=cls._kind, schema=cls._schema, hint=cls._hint)


def check_finite(answers: torch.Tensor) -> None:
    """Refuse answers that hold NaN or infinity, which weights of any file may give; JudgeError says so."""
    if not torch.isfinite(answers).all():
        raise JudgeError("the judge's answer holds NaN: its weights are damaged, so train it again")


def learned_from(*manifests: pd.DataFrame) -> dict[str, Any]:
    """Return the attributes of a :class:`TrainedJudge` that say what it learned from."""
    learned = pd.concat(manifests)
    return {
        "training_pieces": tuple(sorted(learned.piece.dropna().unique())),  # invented phrases are of none
        "soundfonts": tuple(sorted(learned.soundfont.unique())),
        "training_clips": frozenset(learned.sha256),
    }
