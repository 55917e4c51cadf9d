"""How the network of :mod:`timbrebench.transfer.methods.reinstrument.note_network` is trained.

The training itself is in :mod:`timbrebench.transfer.methods.reinstrument.note_training`, whose library takes
seconds to import.
"""

from __future__ import annotations

from pydantic import Field

from timbrebench.classifier.fitting import FitConfiguration

#: Maximum width of the network, several times the default's; the file of a trained one may be a stranger's.
MAX_CHANNELS = 256


class NoteTraining(FitConfiguration):
    """How the network is trained.

    Attributes
    ----------
    max_epochs, patience, batch_size, learning_rate, averaging, seed
        As in :class:`~timbrebench.classifier.fitting.FitConfiguration`.
    examples : int
        Examples in an epoch, all of them new.
    frames : int
        Length of an example; 128 are 3 s at the default rate and step.
    blended : float
        Share of examples in which two pieces sound together.
    misread : float
        Share of contents that are read with templates of another timbre; of styles it is three fifths.
    channels : int
        Width of the network, at most 256.
    """

    max_epochs: int = Field(default=24, ge=1, le=100_000)
    patience: int = Field(default=24, ge=1, le=100_000)
    batch_size: int = Field(default=4, ge=2, le=65_536)
    learning_rate: float = Field(default=3e-3, gt=0, allow_inf_nan=False)
    seed: int = Field(default=11, ge=0, lt=2**63)
    examples: int = Field(default=1000, ge=1, le=1_000_000)
    frames: int = Field(default=128, ge=16, le=100_000)
    blended: float = Field(default=0.5, ge=0, le=1)
    misread: float = Field(default=0.5, ge=0, le=1)
    channels: int = Field(default=40, ge=4, le=MAX_CHANNELS)
