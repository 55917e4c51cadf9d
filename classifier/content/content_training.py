"""Train the content judge with PyTorch Lightning."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from pydantic import Field
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits
from torch.utils.data import DataLoader, Dataset

from timbrebench.classifier.content.content_augmentation import vary
from timbrebench.classifier.content.content_evaluation import choose_decoding
from timbrebench.classifier.content.content_features import ContentFeatures
from timbrebench.classifier.content.content_judge import AT_ONCE, ContentJudge
from timbrebench.classifier.content.content_networks import MAX_BLOCKS, MAX_CHANNELS, NoteNetwork
from timbrebench.classifier.content.note_decoding import Decoding
from timbrebench.classifier.fitting import FitConfiguration
from timbrebench.classifier.lightning import EpochSampler, FittedModule, fit
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
    """

    max_epochs: int = Field(default=8, ge=1, le=100_000)
    patience: int = Field(default=4, ge=1, le=100_000)
    batch_size: int = Field(default=8, ge=2, le=65_536)
    learning_rate: float = Field(default=6e-3, gt=0, allow_inf_nan=False)
    crop_frames: int = Field(default=43, ge=16, le=100_000)
    validation_clips: int = Field(default=240, ge=1, le=1_000_000)
    channels: int = Field(default=32, ge=4, le=MAX_CHANNELS)
    blocks: int = Field(default=3, ge=1, le=MAX_BLOCKS)


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
        network = NoteNetwork(configuration.channels, configuration.blocks)
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
        **learned_from(train.manifest, validation.manifest),
    )
    return ContentTraining(_with_thresholds(judge, validation), fitted.curve)


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
    labels = features.manifest.label
    weights = torch.tensor(1 / labels.map(labels.value_counts()).to_numpy(dtype=np.float64))
    sampler = EpochSampler(clips, configuration.seed, weights) if learning else None
    return DataLoader(clips, batch_size=configuration.batch_size if learning else AT_ONCE, sampler=sampler)


def _draw(features: ContentFeatures, max_clips: int, seed: int) -> ContentFeatures:
    """Draw at most `max_clips` clips at random: the manifest is sorted by instrument."""
    order = np.random.default_rng(seed).permutation(len(features.manifest))
    return features.select(np.isin(np.arange(len(order)), order[:max_clips]))
