"""How a style judge is made."""

from __future__ import annotations

from pydantic import Field

from timbrebench.classifier.fitting import FitConfiguration
from timbrebench.classifier.style.augmentation import Augmentation
from timbrebench.classifier.style.front_end import FrontEnd, LogFrequencyFrontEnd
from timbrebench.classifier.style.networks import NetworkKind

#: Splits that a judge learns from, and is chosen by: no suite may hold a piece of them.
JUDGE_SPLITS = ("judge", "validation")


class JudgeConfiguration(FitConfiguration):
    """How a style judge is made, beside what :class:`~timbrebench.classifier.fitting.FitConfiguration` says.

    Attributes
    ----------
    front_end : FrontEnd
        What it sees.
    network : {"harmonic", "four-block", "alexnet"}
        What it thinks with.
    augmentation : Augmentation
        How clips are varied.
    multi_label : bool
        Whether a clip can have several labels, parted by ``|`` in the manifest, or none.
    """

    front_end: FrontEnd = LogFrequencyFrontEnd()
    network: NetworkKind = "harmonic"
    augmentation: Augmentation = Augmentation()
    multi_label: bool = False
    max_epochs: int = Field(default=26, ge=1)
    learning_rate: float = Field(default=4e-3, gt=0)
