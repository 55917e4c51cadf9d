"""How a style judge is made."""

from __future__ import annotations

from typing import Any, Self

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from timbrebench.classifier.fitting import FitConfiguration
from timbrebench.classifier.style.phrases.phrase_configuration import PhraseConfiguration
from timbrebench.classifier.style.sound_variation import SoundVariation
from timbrebench.classifier.style.style_augmentation import Augmentation
from timbrebench.classifier.style.style_front_end import FrontEnd, LogFrequencyFrontEnd
from timbrebench.classifier.style.style_networks import NetworkKind

#: Splits that a judge learns from, and is chosen by: no suite may hold a piece of them.
JUDGE_SPLITS = ("judge", "validation")

#: Fields that earlier versions did not have.
_LATER = {"variation", "phrases"}


class JudgeConfiguration(FitConfiguration):
    """How a style judge is made, beside what :class:`~timbrebench.classifier.fitting.FitConfiguration` says.

    Attributes
    ----------
    name : str
        A judge that comes with the package (:mod:`timbrebench.classifier.style.published_judges`), such as
        ``instruments-6-1``. It is trained already, so that nothing below may be given beside it. Empty where
        a judge is trained.
    front_end : FrontEnd
        What it sees.
    network : {"harmonic", "four-block", "separable", "alexnet", "alexnet-wide", "alexnet-narrow"}
        What it thinks with.
    augmentation : Augmentation
        How spectrograms of clips are varied at each step.
    variation : SoundVariation or None
        How the sound of further copies of the clips differs, which are made before training; None for no
        copies. A judge that is to be asked about recordings needs them; they multiply the time that training
        takes.
    phrases : PhraseConfiguration or None
        Invented phrases that are learned from beside the dataset's clips; None for none. They bring sources
        that the dataset does not have, which is what a judge of recordings lacks most.
    multi_label : bool
        Whether a clip can have several labels, separated by ``|`` in the manifest, or none.
    """

    name: str = ""
    front_end: FrontEnd = LogFrequencyFrontEnd()
    network: NetworkKind = "harmonic"
    augmentation: Augmentation = Augmentation()
    variation: SoundVariation | None = None
    phrases: PhraseConfiguration | None = None
    multi_label: bool = False
    max_epochs: int = Field(default=26, ge=1, le=100_000)
    learning_rate: float = Field(default=4e-3, gt=0, allow_inf_nan=False)

    @model_serializer(mode="wrap")
    def _without_later_fields(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out what earlier versions did not have: judges keep the keys that they were stored under."""
        content: dict[str, Any] = handler(self)
        return {key: value for key, value in content.items() if key not in _LATER or value is not None}

    @model_validator(mode="after")
    def _check_name(self) -> Self:
        if not self.name:
            return self
        # A published judge is looked up only where one is asked for: reading it takes the network's module.
        from timbrebench.classifier.style.published_judges import published_card  # noqa: PLC0415

        published_card(self.name)
        fields = type(self).model_fields.items()
        given = [key for key, field in fields if key != "name" and getattr(self, key) != field.default]
        if given:
            raise ValueError(f"the judge {self.name!r} is trained already: leave out {', '.join(given)}")
        return self
