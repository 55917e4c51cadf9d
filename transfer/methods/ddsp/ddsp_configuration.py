"""How the networks of DDSP are trained.

The training itself is in :mod:`timbrebench.transfer.methods.ddsp.ddsp_training`, whose library takes seconds
to import.
"""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import Field
from torch import nn
from torch.optim import Adam, Optimizer
from torch.optim.lr_scheduler import LambdaLR, LRScheduler

from timbrebench.classifier.fitting import FitConfiguration

#: Maximum width, layers and harmonics: the published ones, or somewhat more.
MAX_CHANNELS, MAX_LAYERS, MAX_HARMONICS = 1024, 8, 200


class DdspTraining(FitConfiguration):
    """How the networks are trained; the module of the method has the published values.

    Attributes
    ----------
    max_epochs, patience, batch_size, learning_rate, averaging, seed, accelerator, devices, strategy
        As in :class:`~timbrebench.classifier.fitting.FitConfiguration`; the learning rate is Adam's at first,
        and falls to a tenth of it on the way to the last step.
    channels : int
        Width of the networks.
    layers : int
        Layers of each perceptron.
    harmonics : int
        Harmonics of a voice.
    """

    max_epochs: int = Field(default=12, ge=1, le=100_000)
    patience: int = Field(default=12, ge=1, le=100_000)
    batch_size: int = Field(default=2, ge=2, le=65_536)
    learning_rate: float = Field(default=3e-3, gt=0, allow_inf_nan=False)
    averaging: float = Field(default=0.98, ge=0, lt=1)
    seed: int = Field(default=23, ge=0, lt=2**63)
    channels: int = Field(default=64, ge=4, le=MAX_CHANNELS)
    layers: int = Field(default=2, ge=1, le=MAX_LAYERS)
    harmonics: int = Field(default=60, ge=1, le=MAX_HARMONICS)

    def make_optimiser(self, weights: Iterable[nn.Parameter], steps: int) -> tuple[Optimizer, LRScheduler]:
        """Return Adam and its learning rate."""
        optimiser = Adam(weights, lr=self.learning_rate)
        return optimiser, LambdaLR(optimiser, lambda step: 0.1 ** (step / max(1, steps)))
