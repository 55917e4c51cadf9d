"""What a dataset is made of."""

from __future__ import annotations

import zlib
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from timbrebench.datasets.instruments import SIX_INSTRUMENTS, programs_of

SPLITS = ("train", "judge", "validation", "test")


class Shares(BaseModel):
    """Shares of the pieces that go into each split; together 1.

    A piece is in one split with all its clips, so that nothing learned in training is met again in a test.
    Which split that is follows from its name and the shares alone: what a judge has learned from in one
    dataset is no test piece of another one with the same shares.

    Attributes
    ----------
    train : float
        What methods may learn from.
    judge : float
        What judges learn from. No method does: a network inside a method that had learned from the same clips
        as the judge could please it without sounding right.
    validation : float
        What judges are chosen by.
    test : float
        What suites are made of, and judges are tested on.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    train: float = Field(default=0.25, gt=0)
    judge: float = Field(default=0.4, gt=0)
    validation: float = Field(default=0.1, gt=0)
    test: float = Field(default=0.25, gt=0)

    @model_validator(mode="after")
    def _add_up(self) -> Self:
        total = self.train + self.judge + self.validation + self.test
        if abs(total - 1) > 1e-6:
            raise ValueError(f"the shares of the splits add up to {total:g}, not 1")
        return self

    def split_of(self, piece: str) -> str:
        """Return the split that a piece of this name belongs to."""
        place = zlib.crc32(f"split of {piece}".encode()) / 2**32
        for name in reversed(SPLITS):
            place -= getattr(self, name)
            if place < 0:
                return name
        return SPLITS[0]


class DatasetConfiguration(BaseModel):
    """A dataset of pieces rendered note for note on several instruments and soundfonts.

    Attributes
    ----------
    corpus : "music21"
        Where the pieces come from: the scores that music21 carries.
    pieces : int
        How many pieces, at least 4.
    instruments : tuple of str
        Names of instruments or families (:mod:`timbrebench.datasets.instruments`), at least 2.
    renderings : int
        How many times each piece is played by each instrument on each soundfont: once with the instrument's
        first program, and then with others drawn among its programs, as far as there are any that sound all
        pitches of the piece. The split "train" is played with the first only: methods learn what suites ask.
    soundfonts : tuple of str
        Names or paths; each piece is rendered with each.
    sample_rate : int
        Rate of the clips in hertz. 22,050 is what the literature's methods work at.
    clip_duration_s : float
        Length of a clip in seconds.
    clips_per_piece : int
        Clips of each piece, one after the other. Few clips of many pieces teach a judge more than the
        reverse: what it gets wrong are pieces unlike those that it knows.
    splits : Shares
        Shares of the pieces in each split.
    seed : int
        Seed of all that is drawn: the order of the pieces, tempi, where clips begin, further programs.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    corpus: Literal["music21"] = "music21"
    pieces: int = Field(default=112, ge=4)
    instruments: tuple[str, ...] = Field(default=tuple(SIX_INSTRUMENTS), min_length=2)
    renderings: int = Field(default=2, ge=1)
    soundfonts: tuple[str, ...] = Field(
        default=("FluidR3_GM", "TimGM6mb", "GeneralUser-v1.47", "sonivox"), min_length=1
    )
    sample_rate: int = Field(default=22_050, ge=8_000, le=96_000)
    clip_duration_s: float = Field(default=5.0, ge=1.0, le=60.0)
    clips_per_piece: int = Field(default=1, ge=1)
    splits: Shares = Shares()
    seed: int = Field(default=0, ge=0)

    @field_validator("instruments", "soundfonts")
    @classmethod
    def _no_repeats(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(names)) < len(names):
            raise ValueError("a name stands in the list twice")
        return names

    @field_validator("instruments")
    @classmethod
    def _known_instruments(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        for name in names:
            programs_of(name)
        return names
