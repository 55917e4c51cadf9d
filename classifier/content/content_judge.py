"""The trained content judge: asking it, saving it, loading it."""

from __future__ import annotations

import importlib.resources
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from pydantic import Field

from timbrebench.audio.clips import Samples
from timbrebench.classifier.content.content_front_end import PitchFrontEnd
from timbrebench.classifier.content.content_networks import MAX_BLOCKS, MAX_CHANNELS, NoteNetwork, scale
from timbrebench.classifier.content.note_decoding import Decoding, Probabilities, Transcription
from timbrebench.classifier.fitting import one_thread
from timbrebench.classifier.stored_network import load_weights
from timbrebench.classifier.trained_judge import StoredJudge, TrainedJudge, check_finite
from timbrebench.core.errors import UnknownNameError
from timbrebench.core.frozen_model import FrozenModel

#: The judges that come with the package, by name; figures of the first are those that are published.
WEIGHTS = {"timbrebench": "weights/content.pt"}

#: Clips in a batch: more of them leave the processor's cache and take up to three times
#: as long each.
AT_ONCE = 2


@dataclass(frozen=True, kw_only=True)
class ContentJudge(TrainedJudge):
    """A network that transcribes notes, with its front end and thresholds.

    Attributes
    ----------
    front_end : PitchFrontEnd
        What it sees of a clip.
    network : NoteNetwork
        In evaluation mode.
    decoding : Decoding
        How notes are read off its answers.
    """

    front_end: PitchFrontEnd
    network: NoteNetwork
    decoding: Decoding

    _kind = "content judge"
    _schema = 1
    _hint = "train a content judge, or use the one that is installed"

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
        notes, onsets = (torch.cat(parts).sigmoid() for parts in zip(*answers, strict=True))
        for probabilities in (notes, onsets):
            check_finite(probabilities)
        return notes.numpy(), onsets.numpy()

    def _content(self) -> dict[str, Any]:
        return {
            "front_end": self.front_end.model_dump(mode="json"),
            "network": {"channels": self.network.channels, "blocks": self.network.blocks},
            "weights": self.network.state_dict(),
            "decoding": self.decoding.model_dump(mode="json"),
        }

    def _settings(self) -> list[Any]:
        return _settings(self.front_end, self.decoding)

    @classmethod
    def load(cls, path: Path | str) -> ContentJudge:
        """Read a judge; see :meth:`timbrebench.classifier.trained_judge.TrainedJudge.load`."""
        path = Path(path)
        stored = cls._read(path, StoredContentJudge)
        network = NoteNetwork(stored.network.channels, stored.network.blocks)
        load_weights(network, stored.weights, path)
        return cls(
            front_end=stored.front_end, network=network, decoding=stored.decoding, **stored.learned_from()
        )


class NetworkSize(FrozenModel):
    """Size of a :class:`~timbrebench.classifier.content.content_networks.NoteNetwork`, within bounds.

    Attributes
    ----------
    channels, blocks : int
        At most four times those of the judge that comes with the package.
    """

    channels: int = Field(ge=4, le=MAX_CHANNELS)
    blocks: int = Field(ge=1, le=MAX_BLOCKS)


class StoredContentJudge(StoredJudge):
    """What the file of a content judge holds.

    Attributes
    ----------
    front_end, decoding
        Those of :class:`ContentJudge`.
    network : NetworkSize
        How large the network is.
    """

    front_end: PitchFrontEnd
    network: NetworkSize
    decoding: Decoding

    def settings(self) -> list[Any]:
        """Return front end and thresholds; the weights say how large the network is."""
        return _settings(self.front_end, self.decoding)


def _settings(front_end: PitchFrontEnd, decoding: Decoding) -> list[Any]:
    return [part.model_dump(mode="json") for part in (front_end, decoding)]


def load_content_judge(name: str = "timbrebench") -> ContentJudge:
    """Return a content judge that comes with the package.

    Parameters
    ----------
    name : str
        One of :data:`WEIGHTS`.

    Returns
    -------
    ContentJudge
        The same object each time.

    Raises
    ------
    UnknownNameError
        If there is none of that name.
    JudgeError
        If the installation lacks it, or its file is damaged.
    """
    return _load(name)


@lru_cache(maxsize=len(WEIGHTS))
def _load(name: str) -> ContentJudge:
    if name not in WEIGHTS:
        raise UnknownNameError("content judge of this package", name, WEIGHTS)
    resource = importlib.resources.files("timbrebench.classifier.content").joinpath(WEIGHTS[name])
    with importlib.resources.as_file(resource) as path:
        return ContentJudge.load(path)


@lru_cache(maxsize=1)
def load_tuned_judge() -> ContentJudge:
    """Return ``timbrebench-tuned``: the first content judge behind a front end that takes the tuning out.

    The network and thresholds are those of ``timbrebench``, whose figures are the published ones: it has
    learned from what is in tune, and a clip that is not is brought to where it knows it.

    Raises
    ------
    JudgeError
        If the installation lacks the first judge, or its file is damaged.
    """
    first = load_content_judge()
    tuned = first.front_end.model_copy(update={"tuned": True})
    return replace(first, front_end=tuned)
