"""What both judges share: what they learned from, and their files."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Self

import pandas as pd
from torch import nn

from timbrebench.classifier.fitting import weights_sha256
from timbrebench.classifier.weights_archive import pack_hashes, read_archive, unpack_hashes, write_archive


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
        raise NotImplementedError

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

    @classmethod
    def load(cls, path: Path | str) -> Self:
        """Read a judge. Nothing in the file is ever run.

        Raises
        ------
        JudgeError
            If the file is missing, damaged, of another version, or of another kind.
        """
        return read_archive(path, cls._of, kind=cls._kind, schema=cls._schema, hint=cls._hint)

    @classmethod
    def _of(cls, content: dict[str, Any]) -> Self:
        judge = cls(
            **cls._parts(content),
            training_pieces=tuple(content["training_pieces"]),
            soundfonts=tuple(content["soundfonts"]),
            training_clips=unpack_hashes(content["training_clips"]),
        )
        judge.network.load_state_dict(content["weights"])
        judge.network.eval()
        return judge

    @classmethod
    def _parts(cls, content: dict[str, Any]) -> dict[str, Any]:
        """Return this kind of judge's own attributes; the network still without its weights."""
        raise NotImplementedError


def learned_from(*manifests: pd.DataFrame) -> dict[str, Any]:
    """Return the attributes of a :class:`TrainedJudge` that say what it learned from."""
    learned = pd.concat(manifests)
    return {
        "training_pieces": tuple(sorted(learned.piece.unique())),
        "soundfonts": tuple(sorted(learned.soundfont.unique())),
        "training_clips": frozenset(learned.sha256),
    }
