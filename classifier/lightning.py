"""Fit a network with PyTorch Lightning: the pipeline that both judges are trained by."""

from __future__ import annotations

import copy
import errno
import io
import logging
import signal
import threading
import warnings
import zipfile
from collections.abc import Iterator, Sized
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pandas as pd
import pytorch_lightning as lightning
import torch
from pytorch_lightning.callbacks import Callback, EarlyStopping, ModelCheckpoint
from pytorch_lightning.loggers import TensorBoardLogger
from pytorch_lightning.plugins import TorchCheckpointIO
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel
from torch.utils.data import DataLoader, Sampler

from timbrebench.classifier.fitting import FitConfiguration, one_thread
from timbrebench.core.errors import JudgeError
from timbrebench.core.files import atomic_path, storage_error
from timbrebench.core.progress import Tracker, log

#: Inside a folder of a training: the state after the last epoch, and TensorBoard's events.
CHECKPOINT = "last.ckpt"
EVENTS = "tensorboard"


class FittedModule(lightning.LightningModule):
    """What :func:`fit` fits: a module with a `network`, and the optimiser of the configuration.

    Subclasses define `training_step`, which asks `network`, and `validation_step`, which asks `averaged`, and
    log ``train_loss``, ``validation_loss`` and whatever else belongs on the learning curve.

    Parameters
    ----------
    network : torch.nn.Module
        What learns; the running average of its weights is kept.
    configuration : FitConfiguration
        How.
    steps_per_epoch : int
        Batches in one pass.
    """

    def __init__(self, network: nn.Module, configuration: FitConfiguration, steps_per_epoch: int) -> None:
        super().__init__()
        self.network = network
        self.averaged = AveragedModel(network, avg_fn=self._average, use_buffers=True)
        self._fit = configuration
        self._steps = steps_per_epoch * configuration.max_epochs

    def configure_optimizers(self) -> Any:  # noqa: ANN401 - one of many forms that Lightning takes
        """Return the optimiser and the schedule of its learning rate over all steps."""
        optimizer, schedule = self._fit.make_optimiser(self.network.parameters(), self._steps)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def on_train_batch_end(self, *_: object) -> None:
        """Let the average follow the weights."""
        self.averaged.update_parameters(self.network)

    def _average(self, averaged: Tensor, current: Tensor, steps: Tensor | int) -> Tensor:
        decay = min(self._fit.averaging, (1 + int(steps)) / (10 + int(steps)))
        # Counters among the buffers are whole numbers.
        return (decay * averaged + (1 - decay) * current).to(averaged.dtype)

    def on_train_batch_start(self, _: object, number: int) -> None:
        """Begin the epoch's own draws: a fit that is taken up again draws what it would have."""
        # Not where the epoch begins: what follows there draws more after a checkpoint than otherwise.
        if number == 0:
            torch.manual_seed(self._fit.seed + 1_000_003 * (self.current_epoch + 1))


class EpochSampler(Sampler[int]):
    """Goes through the data in an order that follows from seed and epoch.

    Parameters
    ----------
    data : sized
        What is sampled.
    seed : int
        Seed of all orders.
    weights : torch.Tensor, optional
        How often each item is drawn, with replacement, relative to others. By default each once.
    """

    def __init__(self, data: Sized, seed: int, weights: Tensor | None = None) -> None:
        self._length, self._seed, self._weights = len(data), seed, weights
        self._epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the order; Lightning calls it before every pass."""
        self._epoch = epoch

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[int]:
        generator = torch.Generator().manual_seed(self._seed + 1_000_003 * (self._epoch + 1))
        if self._weights is None:
            order = torch.randperm(self._length, generator=generator)
        else:
            order = torch.multinomial(self._weights, self._length, replacement=True, generator=generator)
        return iter(order.tolist())


@dataclass(frozen=True)
class Fit:
    """What came of fitting.

    Attributes
    ----------
    weights : dict
        Of the network, after the epoch whose validation loss was lowest.
    curve : pandas.DataFrame
        One row for each epoch: ``epoch`` and what the module logged.
    """

    weights: dict[str, Tensor]
    curve: pd.DataFrame


def fit(
    module: FittedModule,
    train: DataLoader[Any],
    validation: DataLoader[Any],
    configuration: FitConfiguration,
    *,
    description: str,
    folder: Path | None = None,
) -> Fit:
    """Fit a module; choose the epoch and stop by the validation loss.

    Parameters
    ----------
    module : FittedModule
        What to fit; on return its network has the chosen weights and is in evaluation mode.
    train, validation : torch.utils.data.DataLoader
        Batches. To be the same after an interruption, `train` needs an :class:`EpochSampler`.
    configuration : FitConfiguration
        How.
    description : str
        Shown with the progress.
    folder : pathlib.Path, optional
        Gets a checkpoint after each epoch, which a later call goes on from, and events for TensorBoard.
        Without it nothing is written.

    Returns
    -------
    Fit
        Weights and curve.

    Raises
    ------
    JudgeError
        If no epoch has a finite validation loss.
    StorageError
        If a checkpoint cannot be written; the one before stays.
    KeyboardInterrupt
        When interrupted; the checkpoint stays.
    """
    recorder = _Recorder(configuration.max_epochs, description)
    with one_thread():
        _run_trainer(module, recorder, configuration, train, validation, folder)
    if not recorder.best_weights:
        raise JudgeError(
            "training diverged: no epoch had a finite validation loss; "
            f"lower learning_rate, now {configuration.learning_rate:g}"
        )
    module.network.load_state_dict(recorder.best_weights)
    module.network.cpu().eval()
    return Fit(recorder.best_weights, pd.DataFrame(recorder.rows))


class _Recorder(Callback):
    """Keeps the learning curve and the best weights, and shows how far fitting is."""

    def __init__(self, epochs: int, description: str) -> None:
        self.rows: list[dict[str, float]] = []
        self.best_weights: dict[str, Tensor] = {}
        self._lowest = float("inf")
        self._tracker = Tracker(description, epochs, "epochs")

    def on_train_start(self, trainer: lightning.Trainer, _: lightning.LightningModule) -> None:
        stopping = trainer.early_stopping_callback
        # A fit that had stopped early when the checkpoint was written is over.
        trainer.should_stop = stopping is not None and stopping.stopped_epoch > 0
        self._tracker.__enter__()
        self._tracker.advance(len(self.rows))

    def on_train_epoch_end(self, trainer: lightning.Trainer, module: lightning.LightningModule) -> None:
        figures = {name: float(value) for name, value in sorted(trainer.callback_metrics.items())}
        self.rows.append({"epoch": trainer.current_epoch, **figures})
        if figures["validation_loss"] < self._lowest:
            self._lowest = figures["validation_loss"]
            averaged = cast("FittedModule", module).averaged.module
            self.best_weights = {
                name: copy.deepcopy(tensor).cpu() for name, tensor in averaged.state_dict().items()
            }
        self._tracker.advance()

    def state_dict(self) -> dict[str, Any]:
        return {"rows": self.rows, "best_weights": self.best_weights, "lowest": self._lowest}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.rows, self.best_weights = list(state_dict["rows"]), dict(state_dict["best_weights"])
        self._lowest = state_dict["lowest"]

    def teardown(self, *_: object, **__: object) -> None:
        self._tracker.__exit__(None, None, None)

    def on_exception(
        self, trainer: lightning.Trainer, _: lightning.LightningModule, exception: BaseException
    ) -> None:
        # Lightning does not tear callbacks down then, and the lines about progress would never end.
        del trainer
        self._tracker.__exit__(type(exception), exception, None)


class _AtomicCheckpoints(TorchCheckpointIO):
    """Writes checkpoints whole or not at all.

    Lightning's own are written to the folder for temporary files and, where that is on another disk, copied:
    one that a full disk or a signal cuts off takes the place of the one before.
    """

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | Path, storage_options: object = None
    ) -> None:
        """Write a checkpoint; raises StorageError if it cannot be written."""
        del storage_options
        content = io.BytesIO()  # written to a file, torch would make another error of a full disk
        torch.save(checkpoint, content)
        with atomic_path(Path(path)) as temporary:
            temporary.write_bytes(content.getbuffer())


def _whole_checkpoint(folder: Path) -> Path | None:
    """Return the checkpoint of a folder; None where it is missing or was cut off."""
    path = folder / CHECKPOINT
    if not path.is_file():
        return None
    if not zipfile.is_zipfile(path):  # its list of contents comes last
        log(f"{path}: was cut off when it was written, so that this training begins anew")
        return None
    return path


def _run_trainer(  # noqa: PLR0917 - all that there is
    module: FittedModule,
    recorder: _Recorder,
    configuration: FitConfiguration,
    train: DataLoader[Any],
    validation: DataLoader[Any],
    folder: Path | None,
) -> None:
    """Run Lightning without its remarks, and let an interruption through as what it is."""
    logger = logging.getLogger("pytorch_lightning")
    level = logger.level
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    logger.setLevel(logging.ERROR)
    # The recorder comes before what saves the checkpoint, which must hold the epoch that it ends.
    callbacks: list[Callback] = [EarlyStopping("validation_loss", patience=configuration.patience), recorder]
    if folder:
        # With save_last, nothing would be written before the end.
        callbacks.append(
            ModelCheckpoint(
                folder,
                filename=Path(CHECKPOINT).stem,
                enable_version_counter=False,
                save_on_train_epoch_end=True,
            )
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # on workers for the data, which lie in memory
            trainer = lightning.Trainer(
                max_epochs=configuration.max_epochs,
                callbacks=callbacks,
                accelerator=configuration.accelerator,
                devices=configuration.devices,
                strategy=configuration.strategy,
                logger=TensorBoardLogger(folder, name="", version=EVENTS) if folder else False,
                enable_checkpointing=folder is not None,
                enable_progress_bar=False,
                enable_model_summary=False,
                num_sanity_val_steps=0,
                log_every_n_steps=1_000_000,  # curves go by epochs
                plugins=[_AtomicCheckpoints()],
            )
            resume = _whole_checkpoint(folder) if folder else None
            trainer.fit(module, train, validation, ckpt_path=resume, weights_only=True if resume else None)
    except (SystemExit, Exception) as error:
        # When it is interrupted, Lightning ends the process, or fails where its loops have not begun.
        if _follows_interruption(error):
            raise KeyboardInterrupt from error
        if folder and isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise storage_error(folder, error) from error  # from the events of TensorBoard
        raise
    finally:
        logger.setLevel(level)
        if threading.current_thread() is threading.main_thread():  # others may not set handlers
            for number, handler in handlers.items():
                signal.signal(number, handler)


def _follows_interruption(error: BaseException | None) -> bool:
    """Whether an error was raised while an interruption was handled."""
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__context__
    return error is not None
