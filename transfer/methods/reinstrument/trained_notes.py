"""A trained note network and what it has learned from, on the disk; one comes with the package.

The one in the package has learned from the training pieces of the default dataset, played by TimGM6mb and
Sonivox. It was trained without relatives of FluidR3, so it may be used in either setting of suites that
FluidR3 plays. ``timbrebench train-notes`` makes it again.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property
from importlib import resources
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from pydantic import Field

from timbrebench.classifier.fitting import one_thread, weights_sha256
from timbrebench.classifier.stored_network import StoredNetwork, load_weights, read_stored
from timbrebench.classifier.weights_archive import write_archive
from timbrebench.core.files import fingerprint
from timbrebench.datasets.dataset import Dataset
from timbrebench.datasets.instruments import SIX_INSTRUMENTS
from timbrebench.transfer.algorithms.nmf import Matrix
from timbrebench.transfer.algorithms.note_templates import Analysis, NoteTemplates, timbre_of
from timbrebench.transfer.algorithms.template_learning import learn
from timbrebench.transfer.methods.reinstrument.annotated_clips import gather
from timbrebench.transfer.methods.reinstrument.note_configuration import MAX_CHANNELS, NoteTraining
from timbrebench.transfer.methods.reinstrument.note_network import PLAYED, READ, ActivationNetwork, normalise

#: File in the package.
WEIGHTS = "weights/notes.pt"

#: Lowest and highest MIDI pitch that are read, whatever was learned from: E1 to E flat 7.
COMPASS = (28, 99)

#: What the network in the package has learned from: soundfonts, and first programs of the six instruments.
PACKAGED_SOUNDFONTS = frozenset({"TimGM6mb", "sonivox"})
PACKAGED_PROGRAMS = frozenset(programs[0] for programs in SIX_INSTRUMENTS.values())

_KIND, _SCHEMA = "note network", 1

#: What decides the network's answers besides its weights.
_SETTINGS = [PLAYED.begins_s, PLAYED.release]


@dataclass(frozen=True, eq=False)
class TrainedNotes:
    """A note network that is ready to use.

    Attributes
    ----------
    network : ActivationNetwork
        In evaluation mode.
    training_clips : frozenset of str
        SHA-256 of the clips that it was trained or chosen by.
    """

    network: ActivationNetwork
    training_clips: frozenset[str]

    @cached_property
    def weights_sha256(self) -> str:
        """SHA-256 of the weights."""
        return weights_sha256(self.network)

    @property
    def fingerprint(self) -> str:
        """SHA-256 of all that decides its answers."""
        return fingerprint([self.weights_sha256, *_SETTINGS])

    def play(self, content: Matrix, style: Matrix) -> Matrix:
        """Translate the notes of the content to the style's instrument.

        Activations, shapes (2 * pitches, frames) and (2 * pitches, frames of the style), are of the templates
        of what plays each: attacks and the rest. Returned are those of the templates of the style's timbre,
        shape (stages * pitches, frames), for the stages of
        :data:`~timbrebench.transfer.methods.reinstrument.note_network.PLAYED`.
        """
        inputs = [torch.from_numpy(normalise(clip))[None] for clip in (content, style)]
        with one_thread(), torch.inference_mode():
            played: Matrix = self.network.play(*inputs)[0].flatten(0, 1).numpy()
        return played

    def save(self, path: Path) -> None:
        """Write it atomically."""
        content = {
            "channels": self.network.channels,
            "weights": self.network.state_dict(),
            "training_clips": sorted(self.training_clips),
            "fingerprint": self.fingerprint,
        }
        write_archive(path, kind=_KIND, schema=_SCHEMA, content=content)

    @classmethod
    def load(cls, path: Path) -> TrainedNotes:
        """Read it; :class:`JudgeError` if the file is missing, damaged, or not a note network."""
        hint = "make it by `timbrebench train-notes`"
        stored = read_stored(path, _StoredNotes, kind=_KIND, schema=_SCHEMA, hint=hint)
        network = ActivationNetwork(stored.channels)
        load_weights(network, stored.weights, path)
        return cls(network, stored.training_clips)


class _StoredNotes(StoredNetwork):
    """What the file of a note network holds; the one in the package has 40 channels."""

    channels: int = Field(ge=4, le=MAX_CHANNELS)

    def settings(self) -> list[Any]:
        return _SETTINGS


@cache
def packaged_notes() -> TrainedNotes:
    """Return the note network that comes with the package."""
    with resources.as_file(resources.files("timbrebench.transfer.methods.reinstrument") / WEIGHTS) as path:
        return TrainedNotes.load(path)


def train_notes(
    learned: Dataset,
    checked: Dataset,
    analysis: Analysis,
    training: NoteTraining,
    *,
    templates: tuple[NoteTemplates, NoteTemplates],
    folder: Path | None = None,
) -> tuple[TrainedNotes, pd.DataFrame]:
    """Train a note network.

    Parameters
    ----------
    learned, checked : Dataset
        Clips with known notes to learn from, and to choose the epoch by. Clips of timbres that there are no
        templates of are left out.
    analysis : Analysis
        How clips become spectrograms.
    training : NoteTraining
        How.
    templates : tuple of NoteTemplates
        To read and to play with: of attack and rest, and of the stages of
        :data:`~timbrebench.transfer.methods.reinstrument.note_network.PLAYED`.
    folder : pathlib.Path, optional
        Gets checkpoints that an interrupted training goes on from.

    Returns
    -------
    notes : TrainedNotes
        The network.
    curve : pandas.DataFrame
        One row for each epoch: ``epoch, train_loss, validation_loss``.

    Raises
    ------
    DatasetError
        If there are fewer than two timbres, or two windows of pieces, in either part.
    JudgeError
        If training diverges.
    """
    from timbrebench.transfer.methods.reinstrument.note_training import (  # noqa: PLC0415 - Lightning takes seconds to import
        train_note_network,
    )

    parts = []
    for dataset in (learned, checked):
        known = [clip.clip_id for clip in dataset.clips() if timbre_of(clip) in templates[0].timbres]
        parts.append(dataset.select(clip_id=known))
    first, second = (
        gather(part, *templates, analysis, seed=training.seed + number) for number, part in enumerate(parts)
    )
    network, fit = train_note_network(first, second, training, folder=folder)
    clips = frozenset(digest for part in parts for digest in part.manifest.sha256)
    return TrainedNotes(network, clips), fit.curve


def learn_templates(
    dataset: Dataset, analysis: Analysis, *, iterations: int, clips_per_timbre: int, folder: Path
) -> tuple[NoteTemplates, NoteTemplates]:
    """Learn the templates that a note network reads and plays with, for the same timbres and pitches.

    They are of attack and rest, and of the stages of
    :data:`~timbrebench.transfer.methods.reinstrument.note_network.PLAYED`. `folder` keeps what is learned as
    it comes (:func:`~timbrebench.transfer.algorithms.template_learning.learn`).
    """
    reading, playing = (
        learn(
            dataset,
            analysis,
            iterations=iterations,
            clips_per_timbre=clips_per_timbre,
            stages=stages,
            compass=COMPASS,
            folder=folder / name,
        )
        for name, stages in (("reading", READ), ("playing", PLAYED))
    )
    return reading, playing
