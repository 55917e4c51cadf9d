"""Train the content judge with PyTorch Lightning."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from pydantic import Field, field_validator
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits
from torch.utils.data import DataLoader, Dataset

from timbrebench.classifier.content.content_augmentation import vary
from timbrebench.classifier.content.content_evaluation import choose_decoding
from timbrebench.classifier.content.content_features import ContentFeatures
from timbrebench.classifier.content.content_front_end import PitchFrontEnd
from timbrebench.classifier.content.content_judge import AT_ONCE, ContentJudge, load_content_judge
from timbrebench.classifier.content.content_networks import MAX_BLOCKS, MAX_CHANNELS, NoteNetwork
from timbrebench.classifier.content.note_decoding import Decoding
from timbrebench.classifier.fitting import FitConfiguration
from timbrebench.classifier.lightning import EpochSampler, FittedModule, fit
from timbrebench.classifier.style.phrases.phrase_configuration import PhraseConfiguration
from timbrebench.classifier.style.sound_variation import SoundVariation
from timbrebench.classifier.trained_judge import learned_from
from timbrebench.core.errors import JudgeError

#: Weight of a missed onset relative to a false positive: there are many more frames without an onset.
_ONSET_WEIGHT = 2.0


class ContentConfiguration(FitConfiguration):
    """How a content judge is trained.

    Attributes
    ----------
    max_epochs, patience, batch_size, learning_rate
        As in :class:`~timbrebench.classifier.fitting.FitConfiguration`. A pass through the clips takes
        minutes: a few of them are enough, and early stopping has little to do.
    crop_frames : int
        Frames of a clip, drawn anew each time, that a training step sees: 43 are 1 s. Short windows of
        many clips teach more than long ones of few.
    validation_clips : int
        Maximum number of clips of the validation split, drawn at random, that choose the epoch and the
        thresholds.
    channels, blocks : int
        Size of the network (:class:`~timbrebench.classifier.content.content_networks.NoteNetwork`).
    front_end : PitchFrontEnd
        What it sees of a clip.
    start : str
        A content judge that comes with the package, from whose weights training goes on: its size has to be
        the same, and what it learned from counts as learned from. Empty to begin with random weights.
    variation : SoundVariation or None
        How the sound of further copies of the clips, and of phrases, differs; None for no copies. Clips that
        are detuned are played faster or slower, which moves their notes, so its `cents` have to be 0:
        `front_end` takes the tuning out.
    phrases : PhraseConfiguration or None
        Invented phrases that are learned from beside the datasets' clips; None for none. `share` is theirs in
        all draws, by default that which equal draws of each label give them.
    """

    max_epochs: int = Field(default=8, ge=1, le=100_000)
    patience: int = Field(default=4, ge=1, le=100_000)
    batch_size: int = Field(default=8, ge=2, le=65_536)
    learning_rate: float = Field(default=6e-3, gt=0, allow_inf_nan=False)
    crop_frames: int = Field(default=43, ge=16, le=100_000)
    validation_clips: int = Field(default=240, ge=1, le=1_000_000)
    channels: int = Field(default=32, ge=4, le=MAX_CHANNELS)
    blocks: int = Field(default=3, ge=1, le=MAX_BLOCKS)
    front_end: PitchFrontEnd = PitchFrontEnd()
    start: str = ""
    variation: SoundVariation | None = None
    phrases: PhraseConfiguration | None = None

    @field_validator("variation")
    @classmethod
    def _notes_stay(cls, variation: SoundVariation | None) -> SoundVariation | None:
        if variation is not None and variation.cents:
            raise ValueError("cents have to be 0: what is detuned is played faster, and its notes are others")
        return variation


@dataclass(frozen=True)
class ContentTraining:
    """A content judge and how its training went.

    Attributes
    ----------
    judge : ContentJudge
        With the weights of the epoch whose validation loss was lowest.
    curve : pandas.DataFrame
        One row for each epoch: ``epoch, train_loss, validation_loss``.
    """

    judge: ContentJudge
    curve: pd.DataFrame


def train_content_judge(
    features: ContentFeatures,
    configuration: ContentConfiguration,
    *,
    description: str = "training the content judge",
    folder: Path | None = None,
) -> ContentTraining:
    """Train on the split "judge"; choose epoch and thresholds by the split "validation".

    Each label is drawn equally often, whatever its number of clips. Checkpoints and TensorBoard's events go
    to `folder` (:func:`~timbrebench.classifier.lightning.fit`). The same on the same machine for the same
    features and configuration.

    Raises
    ------
    JudgeError
        If a split is empty, or training diverges.
    KeyboardInterrupt
        When interrupted.
    """
    train, validation = features.where(split=["judge"]), features.where(split=["validation"])
    for split, part in (("judge", train), ("validation", validation)):
        if part.manifest.empty:
            raise JudgeError(f"the split {split!r} is empty: build a dataset of more pieces")
    validation = _draw(validation, configuration.validation_clips, configuration.seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(configuration.seed)
        network = _first_network(configuration)
        loader = _loader(train, configuration, learning=True)
        module = _ContentModule(network, configuration, len(loader), features.front_end.range_db)
        fitted = fit(
            module,
            loader,
            _loader(validation, configuration, learning=False),
            configuration,
            description=description,
            folder=folder,
        )
    judge = ContentJudge(
        front_end=features.front_end,
        network=network,
        decoding=Decoding(),
        **_learned_from(train, validation, configuration),
    )
    return ContentTraining(_with_thresholds(judge, validation), fitted.curve)


def _first_network(configuration: ContentConfiguration) -> NoteNetwork:
    """Return a network with random weights, or with those that training starts from."""
    network = NoteNetwork(configuration.channels, configuration.blocks)
    if not configuration.start:
        return network
    start = load_content_judge(configuration.start).network
    if (start.channels, start.blocks) != (network.channels, network.blocks):
        raise JudgeError(
            f"start: {configuration.start} has {start.channels} channels and {start.blocks} blocks: "
            "choose the same"
        )
    network.load_state_dict(start.state_dict())
    return network


def _learned_from(
    train: ContentFeatures, validation: ContentFeatures, configuration: ContentConfiguration
) -> dict[str, Any]:
    """Return what the judge has learned from, with what that which it starts from has."""
    learned = learned_from(train.manifest, validation.manifest)
    if not configuration.start:
        return learned
    start = load_content_judge(configuration.start)
    return {
        "training_pieces": tuple(sorted({*learned["training_pieces"], *start.training_pieces})),
        "soundfonts": tuple(sorted({*learned["soundfonts"], *start.soundfonts})),
        "training_clips": learned["training_clips"] | start.training_clips,
    }


def _with_thresholds(judge: ContentJudge, validation: ContentFeatures) -> ContentJudge:
    answers = judge.probabilities_of(validation.levels)
    return replace(judge, decoding=choose_decoding(validation, *answers))


class _ContentModule(FittedModule):
    """Binary cross-entropy for every key and frame, on notes and on onsets alike."""

    def __init__(
        self, network: NoteNetwork, configuration: ContentConfiguration, steps: int, range_db: float
    ) -> None:
        super().__init__(network, configuration, steps)
        self._range_db = range_db

    def training_step(self, batch: list[Tensor], _: int) -> Tensor:
        loss = self._loss(*vary(*_as_floats(batch), self._range_db))
        self.log("train_loss", loss, on_step=False, on_epoch=True, batch_size=len(batch[0]))
        return loss

    def validation_step(self, batch: list[Tensor], _: int) -> None:
        self.log("validation_loss", self._loss(*_as_floats(batch)), batch_size=len(batch[0]))

    def _loss(self, levels: Tensor, notes: Tensor, onsets: Tensor) -> Tensor:
        note_logits, onset_logits = self.network(levels)
        weight = torch.tensor(_ONSET_WEIGHT, device=levels.device)
        return binary_cross_entropy_with_logits(note_logits, notes) + binary_cross_entropy_with_logits(
            onset_logits, onsets, pos_weight=weight
        )


def _as_floats(batch: list[Tensor]) -> tuple[Tensor, Tensor, Tensor]:
    levels, notes, onsets = batch
    return levels.float() / 255, notes.float(), onsets.float()


class _Clips(Dataset[tuple[Tensor, Tensor, Tensor]]):
    """Levels and targets of clips, or of windows of a length, drawn with torch's generator."""

    def __init__(self, features: ContentFeatures, crop_frames: int | None) -> None:
        self._tensors = (features.levels, features.notes, features.onsets)
        self._frames = features.levels.shape[3]
        self._length = min(crop_frames or self._frames, self._frames)

    def __len__(self) -> int:
        return len(self._tensors[0])

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor, Tensor]:
        start = 0
        if self._length < self._frames:
            start = int(torch.randint(0, self._frames - self._length + 1, ()))
        levels, notes, onsets = (tensor[index, ..., start : start + self._length] for tensor in self._tensors)
        return levels, notes, onsets


def _loader(
    features: ContentFeatures, configuration: ContentConfiguration, *, learning: bool
) -> DataLoader[tuple[Tensor, Tensor, Tensor]]:
    clips = _Clips(features, configuration.crop_frames if learning else None)
    weights = torch.tensor(_sampling_weights(features.manifest, configuration.phrases))
    sampler = EpochSampler(clips, configuration.seed, weights) if learning else None
    return DataLoader(clips, batch_size=configuration.batch_size if learning else AT_ONCE, sampler=sampler)


def _sampling_weights(manifest: pd.DataFrame, phrases: PhraseConfiguration | None) -> NDArray[np.float64]:
    """Return how often each clip is drawn relative to others: each label equally often, in clips and phrases.

    Phrases take the share of all draws that the configuration gives them.
    """
    labels, is_phrase = manifest.label, manifest.piece.isna()
    if phrases is None or phrases.share is None:
        return np.asarray(1 / labels.map(labels.value_counts()), dtype=np.float64)
    weights = 1 / labels.groupby([labels, is_phrase]).transform("size")
    shares = is_phrase.map({True: phrases.share, False: 1 - phrases.share})
    weights *= shares / weights.groupby(is_phrase).transform("sum")
    return np.asarray(weights, dtype=np.float64)


def _draw(features: ContentFeatures, max_clips: int, seed: int) -> ContentFeatures:
    """Draw at most `max_clips` clips at random: the manifest is sorted by instrument."""
    order = np.random.default_rng(seed).permutation(len(features.manifest))
    return features.select(np.isin(np.arange(len(order)), order[:max_clips]))
