"""How the networks of `paired` are trained.

The training itself is in :mod:`timbrebench.transfer.methods.paired.paired_training`, whose library takes
seconds to import.
"""

from __future__ import annotations

from pydantic import Field

from timbrebench.classifier.fitting import FitConfiguration

#: Maximum channels at the finest level.
MAX_CHANNELS = 256


class PairedTraining(FitConfiguration):
    """How the networks are trained: by AdamW, with one cycle of its learning rate.

    Attributes
    ----------
    max_epochs, patience, batch_size, learning_rate, averaging, seed, accelerator, devices, strategy
        As in :class:`~timbrebench.classifier.fitting.FitConfiguration`. In an epoch each clip is played once.
    channels : int
        Channels at the finest level of the network.
    excerpt_frames : int
        Frames of an excerpt that is learned from: 64, which are 1.5 s, hold a note with its decay.
    """

    max_epochs: int = Field(default=16, ge=1, le=100_000)
    patience: int = Field(default=16, ge=1, le=100_000)
    batch_size: int = Field(default=8, ge=2, le=65_536)
    learning_rate: float = Field(default=6e-3, gt=0, allow_inf_nan=False)
    averaging: float = Field(default=0.98, ge=0, lt=1)
    seed: int = Field(default=29, ge=0, lt=2**63)
    channels: int = Field(default=16, ge=2, le=MAX_CHANNELS)
    excerpt_frames: int = Field(default=64, ge=8, le=100_000)
