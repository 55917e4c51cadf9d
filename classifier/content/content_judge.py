"""The trained content judge: asking it, saving it, loading it."""

from __future__ import annotations

import importlib.resources
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import torch

from timbrebench.audio.clips import Samples
from timbrebench.classifier.content.content_front_end import PitchFrontEnd
from timbrebench.classifier.content.content_networks import NoteNetwork, scale
from timbrebench.classifier.content.note_decoding import Decoding, Probabilities, Transcription
from timbrebench.classifier.fitting import one_thread, weights_sha256
from timbrebench.classifier.weights_archive import pack_hashes, read_archive, unpack_hashes, write_archive
from timbrebench.core.files import fingerprint

#: Version of the file; others are refused.
SCHEMA = 1

#: The judge that comes with the package.
WEIGHTS = "weights/content.pt"

_KIND = "content judge"
_HINT = "train a content judge, or use the one that is installed"

#: Clips in a batch: more of them leave the processor's cache and take up to three times
#: as long each.
AT_ONCE = 2


@dataclass(frozen=True)
class ContentJudge:
    """A network that transcribes notes, with its front end and thresholds.

    Attributes
    ----------
    front_end : PitchFrontEnd
        What it sees of a clip.
    network : NoteNetwork
        In evaluation mode.
    decoding : Decoding
        How notes are read off its answers.
    training_pieces : tuple of str
        Pieces that it has learned from or was chosen by: no suite may hold them.
    soundfonts : tuple of str
        Soundfonts that it has learned from.
    training_clips : frozenset of str
        SHA-256 of the files of the clips that it has learned from or was chosen by.
    """

    front_end: PitchFrontEnd
    network: NoteNetwork
    decoding: Decoding
    training_pieces: tuple[str, ...]
    soundfonts: tuple[str, ...]
    training_clips: frozenset[str]

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of all that decides its answers: weights, front end and thresholds."""
        settings = [part.model_dump(mode="json") for part in (self.front_end, self.decoding)]
        return fingerprint([self.weights_sha256, *settings])

    @cached_property
    def weights_sha256(self) -> str:
        """SHA-256 of the weights alone."""
        return weights_sha256(self.network)

    def transcribe(self, samples: Samples, sample_rate: int) -> Transcription:
        """Transcribe a clip.

        Parameters
        ----------
        samples : numpy.ndarray, shape (n,)
            Mono samples, at least 0.5 s.
        sample_rate : int
            Their rate in hertz.

        Returns
        -------
        Transcription
            Notes, and the keys that sound at each moment. Empty without a note.

        Raises
        ------
        JudgeError
            If the clip is too short or silent.
        AudioError
            If it is not audio.
        """
        notes, onsets = self.probabilities(samples, sample_rate)
        return Transcription(
            notes=self.decoding.notes(notes, onsets, self.front_end.frame_s),
            roll=notes >= self.decoding.note,
            frame_s=self.front_end.frame_s,
        )

    def probabilities(self, samples: Samples, sample_rate: int) -> tuple[Probabilities, Probabilities]:
        """Return how probable it is that a key sounds, and is struck: shape (88, frames) each.

        Takes and raises what :meth:`transcribe` does.
        """
        decibels = torch.from_numpy(self.front_end.decibels(samples, sample_rate))
        notes, onsets = self.probabilities_of(scale(decibels, self.front_end.range_db).unsqueeze(0))
        return notes[0], onsets[0]

    def probabilities_of(self, levels: torch.Tensor) -> tuple[Probabilities, Probabilities]:
        """Return the same, shape (clips, 88, frames), for clips that went through the front end.

        Levels, shape (clips, 2, 309, frames), are from 0 to 1, or uint8 in steps of 1/255.
        """
        step = 255 if levels.dtype == torch.uint8 else 1
        with torch.no_grad(), one_thread():
            answers = [self.network(batch.float() / step) for batch in torch.split(levels, AT_ONCE)]
        notes, onsets = (torch.cat(parts).sigmoid().numpy() for parts in zip(*answers, strict=True))
        return notes, onsets

    def save(self, path: Path | str) -> None:
        """Write the judge, whole or not at all.

        Raises
        ------
        StorageError
            If the file cannot be written.
        """
        content = {
            "front_end": self.front_end.model_dump(mode="json"),
            "network": {"channels": self.network.channels, "blocks": self.network.blocks},
            "weights": self.network.state_dict(),
            "decoding": self.decoding.model_dump(mode="json"),
            "training_pieces": list(self.training_pieces),
            "soundfonts": list(self.soundfonts),
            "training_clips": pack_hashes(self.training_clips),
            "fingerprint": self.fingerprint,
        }
        write_archive(path, kind=_KIND, schema=SCHEMA, content=content)

    @classmethod
    def load(cls, path: Path | str) -> ContentJudge:
        """Read a content judge. Nothing in the file is ever run.

        Raises
        ------
        JudgeError
            If the file is missing, damaged, of another version, or no content judge.
        """
        return read_archive(path, cls._from_content, kind=_KIND, schema=SCHEMA, hint=_HINT)

    @classmethod
    def _from_content(cls, content: dict[str, Any]) -> ContentJudge:
        network = NoteNetwork(**content["network"])
        network.load_state_dict(content["weights"])
        network.eval()
        return cls(
            PitchFrontEnd.model_validate(content["front_end"]),
            network,
            Decoding.model_validate(content["decoding"]),
            tuple(content["training_pieces"]),
            tuple(content["soundfonts"]),
            unpack_hashes(content["training_clips"]),
        )


@lru_cache(maxsize=1)
def load_content_judge() -> ContentJudge:
    """Return the content judge that comes with the package.

    Raises
    ------
    JudgeError
        If the installation lacks it, or its file is damaged.
    """
    resource = importlib.resources.files("timbrebench.classifier.content").joinpath(WEIGHTS)
    with importlib.resources.as_file(resource) as path:
        return ContentJudge.load(path)
