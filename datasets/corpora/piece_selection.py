"""Which pieces of a corpus a dataset is made of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Self

import numpy as np
import pandas as pd
from pydantic import Field, model_validator

from timbrebench.core.frozen_model import FrozenModel


class PieceSelection(FrozenModel):
    """What pieces have to be like. Each setting narrows the choice; without any, all pieces will do.

    Attributes
    ----------
    folders : tuple of str
        Folders of the corpus, which stand for composers or genres: pieces in any of them, or in a folder
        below, will do. A folder is named by its own name, ``"Bach"``, or by several joined,
        ``"Classical/Bach"``, and may lie anywhere in the corpus.
    min_duration_s, max_duration_s : float or None
        Minimum and maximum length in seconds, at the tempo that the score states, or else at 120 quarter
        notes a minute.
    min_polyphony, max_polyphony : float or None
        Minimum and maximum of :func:`mean_polyphony`. Melodies have 1, four voices up to 4, piano music 2
        to 4.
    """

    folders: tuple[Annotated[str, Field(pattern=r"[^/]")], ...] = ()
    min_duration_s: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    max_duration_s: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    min_polyphony: float | None = Field(default=None, ge=1, allow_inf_nan=False)
    max_polyphony: float | None = Field(default=None, ge=1, allow_inf_nan=False)

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        for what in ("duration_s", "polyphony"):
            lowest, highest = getattr(self, f"min_{what}"), getattr(self, f"max_{what}")
            if lowest is not None and highest is not None and lowest > highest:
                raise ValueError(f"min_{what} is greater than max_{what}: no piece is left")
        return self

    def takes_folder(self, folders: Sequence[str]) -> bool:
        """Whether pieces in a folder of the corpus qualify.

        The folder is given by the names in its path, empty for pieces in no folder.
        """
        return not self.folders or any(_lies_in(folders, wanted) for wanted in self.folders)

    def takes(self, duration_s: float, polyphony: float) -> bool:
        """Whether a piece of this length and mean polyphony qualifies."""
        return _within(duration_s, self.min_duration_s, self.max_duration_s) and _within(
            polyphony, self.min_polyphony, self.max_polyphony
        )

    def takes_notes(self, notes: pd.DataFrame) -> bool:
        """Whether a piece with these notes qualifies."""
        return self.takes(float(notes.offset_s.max()), mean_polyphony(notes))


def mean_polyphony(notes: pd.DataFrame) -> float:
    """Return how many notes, of one or more, sound at once on average, over the time in which any does."""
    onsets, offsets = notes.onset_s.to_numpy(), notes.offset_s.to_numpy()
    # Sorted by onset: what a note adds to the time in which anything sounds begins where all before it end.
    before = np.concatenate([[0.0], np.maximum.accumulate(offsets)[:-1]])
    sounding = np.maximum(0, offsets - np.maximum(onsets, before)).sum()
    return float(max(1.0, (offsets - onsets).sum() / sounding))


def _lies_in(folders: Sequence[str], wanted: str) -> bool:
    """Whether the names in `wanted` stand next to one another in a folder's path."""
    names = [name for name in wanted.split("/") if name]
    runs = (list(folders[start : start + len(names)]) for start in range(len(folders) - len(names) + 1))
    return any(run == names for run in runs)


def _within(value: float, lowest: float | None, highest: float | None) -> bool:
    return (lowest is None or value >= lowest) and (highest is None or value <= highest)
