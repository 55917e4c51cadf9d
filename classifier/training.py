"""Train a judge with PyTorch Lightning."""

from __future__ import annotations

import contextlib
import copy
import logging
import signal
import threading
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

import pandas as pd
import pytorch_lightning as lightning
import torch
from pydantic import BaseModel, ConfigDict, Field
from pytorch_lightning.callbacks import Callback, EarlyStopping
from torch import Tensor
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader, TensorDataset

from timbrebench.audio.errors import JudgeError
from timbrebench.audio.progress import Tracker
from timbrebench.classifier.features import Features
from timbrebench.classifier.front_end import standardise
from timbrebench.classifier.judge import Judge
from timbrebench.classifier.networks import FourBlockNetwork


class JudgeConfiguration(BaseModel):
    """How a judge is trained.

    Attributes
    ----------
    max_epochs : int
        Most passes through the training clips; the learning rate runs through one cycle in as many.
    patience : int
        Passes without a better validation loss after which training ends.
    batch_size : int
        Clips in one step.
    learning_rate : float
        Highest learning rate of the cycle.
    crop : float
        Share of a clip, drawn anew each time, that a training step sees: the judge learns more from fewer
        pieces so, and to judge shorter clips.
    masked_bands : int
        Most neighbouring mel bands, their number drawn anew each time, that a training step does not see
        (SpecAugment of Park et al. 2019): the judge relies on no single part of the spectrum.
    seed : int
        Seed of the first weights, the order of the clips, the crops and the masks.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    max_epochs: int = Field(default=24, ge=1)
    patience: int = Field(default=8, ge=1)
    batch_size: int = Field(default=32, ge=2)
    learning_rate: float = Field(default=3e-3, gt=0)
    crop: float = Field(default=0.5, gt=0, le=1)
    masked_bands: int = Field(default=24, ge=0)
    seed: int = Field(default=0, ge=0)


@dataclass(frozen=True)
class Training:
    """A judge and how its training went.

    Attributes
    ----------
    judge : Judge
        With the weights of the epoch whose validation loss was lowest.
    curve : pandas.DataFrame
        One row for each epoch: ``epoch, train_loss, validation_loss, validation_accuracy``.
    """

    judge: Judge
    curve: pd.DataFrame


def train_judge(
    features: Features, configuration: JudgeConfiguration, *, description: str = "training the judge"
) -> Training:
    """Train on the training split, and stop and choose by the validation split.

    Parameters
    ----------
    features : Features
        Clips with the splits "train" and "validation"; others are not looked at.
    configuration : JudgeConfiguration
        How.
    description : str
        Shown with the progress.

    Returns
    -------
    Training
        The same on the same machine for the same features and configuration.

    Raises
    ------
    JudgeError
        If there is only one label, or one is missing in a split.
    KeyboardInterrupt
        When interrupted.
    """
    train, validation = features.where(split=["train"]), features.where(split=["validation"])
    labels = _labels(train, validation)
    with torch.random.fork_rng(devices=[]), _one_thread():
        torch.manual_seed(configuration.seed)
        module = _Module(FourBlockNetwork(len(labels)), configuration, len(train.manifest))
        recorder = _Recorder(configuration.max_epochs, description)
        loaders = (
            _loader(train, labels, configuration, shuffle=True),
            _loader(validation, labels, configuration, shuffle=False),
        )
        _fit(module, recorder, configuration, *loaders)
    if not recorder.best_weights:
        raise JudgeError(
            "training diverged: no epoch had a finite validation loss; "
            f"lower learning_rate, now {configuration.learning_rate:g}"
        )
    module.network.load_state_dict(recorder.best_weights)
    module.network.eval()
    heard = pd.concat([train.manifest, validation.manifest])
    judge = Judge(
        labels=labels,
        front_end=features.front_end,
        network=module.network,
        training_pieces=tuple(sorted(heard.piece.unique())),
        soundfonts=tuple(sorted(heard.soundfont.unique())),
    )
    return Training(judge, pd.DataFrame(recorder.rows))


@contextlib.contextmanager
def _one_thread() -> Iterator[None]:
    """Keep torch to one thread: on so small a network more of them wait for each other most of the time.

    It also makes the weights independent of the number of cores.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _labels(train: Features, validation: Features) -> tuple[str, ...]:
    labels = tuple(sorted(set(train.manifest.label)))
    if len(labels) < 2:
        raise JudgeError(f"the training split has {len(labels)} labels: a judge needs two to tell apart")
    missing = sorted(set(labels) ^ set(validation.manifest.label))
    if missing:
        raise JudgeError(f"{', '.join(missing)} is not in both training and validation: use more pieces")
    return labels


class _Module(lightning.LightningModule):
    """Cross-entropy on logits: a softmax before it would put a floor under the loss."""

    def __init__(self, network: FourBlockNetwork, configuration: JudgeConfiguration, n_clips: int) -> None:
        super().__init__()
        self.network = network
        self._configuration = configuration
        self._steps = -(-n_clips // configuration.batch_size) * configuration.max_epochs

    def training_step(self, batch: list[Tensor], _: int) -> Tensor:
        decibels, targets = batch
        loss = cross_entropy(self.network(self._mask(standardise(self._crop(decibels.float())))), targets)
        self.log("train_loss", loss, on_step=False, on_epoch=True, batch_size=len(targets))
        return loss

    def validation_step(self, batch: list[Tensor], _: int) -> None:
        decibels, targets = batch
        logits = self.network(standardise(decibels.float()))
        right = (logits.argmax(dim=1) == targets).float().mean()
        self.log("validation_loss", cross_entropy(logits, targets), batch_size=len(targets))
        self.log("validation_accuracy", right, batch_size=len(targets))

    def configure_optimizers(self) -> Any:  # noqa: ANN401 - one of many forms that Lightning takes
        rate = self._configuration.learning_rate
        optimizer = torch.optim.AdamW(self.parameters(), lr=rate)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=self._steps)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def _crop(self, decibels: Tensor) -> Tensor:
        """Cut a window out of each clip of a batch, all of one length."""
        frames = decibels.shape[2]
        length = max(1, round(self._configuration.crop * frames))
        starts = torch.randint(0, frames - length + 1, (len(decibels), 1))
        window = (starts + torch.arange(length)).unsqueeze(1).expand(-1, decibels.shape[1], -1)
        return decibels.gather(2, window)

    def _mask(self, spectrograms: Tensor) -> Tensor:
        """Set some neighbouring bands of each standardised clip to its mean, 0."""
        clips, bands = spectrograms.shape[:2]
        widths = torch.rand(clips, 1, 1) * min(self._configuration.masked_bands, bands)
        firsts = torch.rand(clips, 1, 1) * (bands - widths)
        band = torch.arange(bands).view(1, -1, 1)
        return spectrograms.masked_fill((band >= firsts) & (band < firsts + widths), 0.0)


class _Recorder(Callback):
    """Keeps the learning curve and the best weights, and shows how far training is."""

    def __init__(self, epochs: int, description: str) -> None:
        self.rows: list[dict[str, float]] = []
        self.best_weights: dict[str, Tensor] = {}
        self._lowest = float("inf")
        self._tracker = Tracker(description, epochs, "epochs")

    def on_train_start(self, *_: object) -> None:
        self._tracker.__enter__()

    def on_train_epoch_end(self, trainer: lightning.Trainer, module: lightning.LightningModule) -> None:
        figures = {name: float(value) for name, value in trainer.callback_metrics.items()}
        names = ("train_loss", "validation_loss", "validation_accuracy")
        self.rows.append({"epoch": trainer.current_epoch, **{name: figures[name] for name in names}})
        if figures["validation_loss"] < self._lowest:
            self._lowest = figures["validation_loss"]
            self.best_weights = copy.deepcopy(cast("_Module", module).network.state_dict())
        self._tracker.advance()

    def teardown(self, *_: object, **__: object) -> None:
        self._tracker.__exit__(None, None, None)


def _loader(
    features: Features, labels: tuple[str, ...], configuration: JudgeConfiguration, *, shuffle: bool
) -> DataLoader[tuple[Tensor, ...]]:
    data = TensorDataset(features.decibels, features.targets(labels))
    generator = torch.Generator().manual_seed(configuration.seed)
    return DataLoader(data, batch_size=configuration.batch_size, shuffle=shuffle, generator=generator)


def _fit(
    module: _Module,
    recorder: _Recorder,
    configuration: JudgeConfiguration,
    train: DataLoader[tuple[Tensor, ...]],
    validation: DataLoader[tuple[Tensor, ...]],
) -> None:
    """Run Lightning without its remarks, and let an interruption through as what it is."""
    logger = logging.getLogger("pytorch_lightning")
    level, handler = logger.level, signal.getsignal(signal.SIGINT)
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # on workers for the data, which lie in memory
            trainer = lightning.Trainer(
                max_epochs=configuration.max_epochs,
                callbacks=[EarlyStopping("validation_loss", patience=configuration.patience), recorder],
                accelerator="cpu",
                devices=1,
                logger=False,
                enable_checkpointing=False,
                enable_progress_bar=False,
                enable_model_summary=False,
                num_sanity_val_steps=0,
            )
            trainer.fit(module, train, validation)
    except SystemExit as stop:
        # Lightning ends the process when it is interrupted, and ignores further interruptions.
        raise KeyboardInterrupt from stop
    finally:
        logger.setLevel(level)
        if threading.current_thread() is threading.main_thread():  # others may not set handlers
            signal.signal(signal.SIGINT, handler)
