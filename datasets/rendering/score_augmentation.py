"""Further versions of a piece: in another key, at another tempo, struck harder or more softly.

A copy is a piece of its own, with its own notes, which are what is played. It is named after its original and
is always in the same split, and only what methods and judges learn from has copies: what they are chosen by
and tested on stays as it was composed.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Self

import numpy as np
import pandas as pd
from pydantic import Field, field_validator, model_validator

from timbrebench.core.frozen_model import FrozenModel
from timbrebench.datasets.notes import settle_drums, stretch

#: The splits whose pieces have copies.
AUGMENTED_SPLITS = ("train", "judge")

#: What stands between a piece's name and the number of the copy. No piece has it in its own name.
_SEPARATOR = "~"


class NoteAugmentation(FrozenModel):
    """How far copies may differ from their originals.

    Each copy draws one value from each range, all values being equally likely, and keeps it throughout.

    Attributes
    ----------
    copies : int
        Copies of each piece of the splits "train" and "judge", besides the original.
    transposition : tuple of int
        Minimum and maximum semitones up; negative is down. At most two octaves. Notes that leave the range of
        the instruments are folded back into it, as those of originals are.
    tempo : tuple of float
        Slowest and fastest tempo, as a factor of the original's: 2 is twice as fast. From 0.25 to 4.
    velocity : tuple of float
        Minimum and maximum factor of the velocities, from 0.1 to 10; what leaves 1 to 127 is set to the
        bound. Renderings are scaled to one level, so this changes the timbre of the attack, not how loud a
        clip is.
    """

    copies: int = Field(default=1, ge=1, le=100)
    transposition: tuple[int, int] = (-3, 3)
    tempo: tuple[float, float] = (0.85, 1.15)
    velocity: tuple[float, float] = (0.7, 1.2)

    @field_validator("transposition")
    @classmethod
    def _two_octaves(cls, bounds: tuple[int, int]) -> tuple[int, int]:
        _check(bounds, -24, 24)
        return bounds

    @field_validator("tempo")
    @classmethod
    def _two_doublings(cls, bounds: tuple[float, float]) -> tuple[float, float]:
        _check(bounds, 0.25, 4.0)
        return bounds

    @field_validator("velocity")
    @classmethod
    def _tenfold(cls, bounds: tuple[float, float]) -> tuple[float, float]:
        _check(bounds, 0.1, 10.0)
        return bounds

    @model_validator(mode="after")
    def _change_something(self) -> Self:
        if (self.transposition, self.tempo, self.velocity) == ((0, 0), (1.0, 1.0), (1.0, 1.0)):
            raise ValueError("copies that differ in nothing from their originals: widen a range")
        return self

    def variations(self, piece: str, split: str, seed: int) -> list[Variation]:
        """Draw the copies of a piece: as many as configured for what is learned from, else none.

        They follow from the name and the seed, whatever else is in the dataset.
        """
        if split not in AUGMENTED_SPLITS:
            return []
        return [
            self._variation(f"{piece}{_SEPARATOR}{copy}", piece, seed) for copy in range(1, self.copies + 1)
        ]

    def _variation(self, name: str, piece: str, seed: int) -> Variation:
        generator = np.random.default_rng([seed, zlib.crc32(name.encode())])
        return Variation(
            name=name,
            source_piece=piece,
            transposition=int(generator.integers(*self.transposition, endpoint=True)),
            tempo=round(float(generator.uniform(*self.tempo)), 3),
            velocity=round(float(generator.uniform(*self.velocity)), 3),
        )


@dataclass(frozen=True)
class Variation:
    """What a copy does to the notes of its original: semitones up, factors of tempo and velocities."""

    name: str
    source_piece: str
    transposition: int
    tempo: float
    velocity: float

    def apply(self, notes: pd.DataFrame) -> pd.DataFrame:
        """Return the notes of the copy.

        Parameters
        ----------
        notes : pandas.DataFrame
            The original's table of notes, not folded.

        Returns
        -------
        pandas.DataFrame
            As many notes. Pitches can lie outside 0 to 127 until they are folded.
        """
        return self._played(notes.assign(pitch=notes.pitch + self.transposition))

    def apply_to_drums(self, drums: pd.DataFrame) -> pd.DataFrame:
        """Return the strokes of the copy: the same drums at its tempo and velocity, not transposed.

        Those that fall together at a faster tempo are one.
        """
        return settle_drums(self._played(drums))

    def _played(self, notes: pd.DataFrame) -> pd.DataFrame:
        struck = (notes.velocity * self.velocity).round().clip(1, 127).astype(int)
        return stretch(notes.assign(velocity=struck), 1 / self.tempo)


def _check(bounds: tuple[float, float], lowest: float, highest: float) -> None:
    if not lowest <= bounds[0] <= bounds[1] <= highest:
        raise ValueError(f"give the lower bound first, both between {lowest:g} and {highest:g}")
