"""Tell whether a piece holds the music of one that is known: the same piece in another edition, key or tempo.

A corpus holds some pieces several times, and one of them in a training and another in a test would be a leak.
An inverted index from melodic turns to the pieces that have them finds all relatives of a piece at once,
however many pieces are known.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from timbrebench.core.errors import CorpusError

#: Share of the smaller piece's melodic turns found in the larger one, from which on both are one piece in two
#: editions. Different pieces of one composer share a few hundredths.
SAME_MUSIC = 0.5


@dataclass(frozen=True)
class _Postings:
    """Turns in rising order, each as often as there are pieces that have it, and those pieces' numbers."""

    turns: NDArray[np.int64]
    pieces: NDArray[np.int32]

    def owners(self, turns: NDArray[np.int64]) -> NDArray[np.int32]:
        """Return the numbers of the pieces that have these turns, once for each turn."""
        first = np.searchsorted(self.turns, turns, side="left")
        counts = np.searchsorted(self.turns, turns, side="right") - first
        # Of the runs [first, first + count), the places one after the other.
        places = np.arange(counts.sum()) + np.repeat(first - np.cumsum(counts) + counts, counts)
        owners: NDArray[np.int32] = self.pieces[places]
        return owners

    def merged(self, other: _Postings) -> _Postings:
        turns = np.concatenate([self.turns, other.turns])
        order = np.argsort(turns, kind="stable")
        return _Postings(turns[order], np.concatenate([self.pieces, other.pieces])[order])


class KnownMusic:
    """The pieces that are known, by their melodic turns.

    It takes 12 bytes for each turn: 100 MB for four thousand pieces of average length.
    """

    def __init__(self) -> None:
        self._names: list[str] = []
        self._sizes: list[int] = []
        # Each at least twice as long as the next, so that there are few, and no turn is merged often.
        self._levels: list[_Postings] = []

    def add(self, name: str, turns: NDArray[np.int64]) -> None:
        """Add a piece whose music is not known yet.

        Parameters
        ----------
        name : str
            The piece's name, for messages.
        turns : numpy.ndarray, shape (turns,), int64
            Of :func:`timbrebench.datasets.notes.melodic_turns`.

        Raises
        ------
        CorpusError
            If a piece that was added before holds the same music: at least half of the turns of the smaller
            of both are in the other one. Nothing is added then.
        """
        shared = np.zeros(len(self._names), dtype=np.int64)
        for level in self._levels:
            shared += np.bincount(level.owners(turns), minlength=len(shared))
        shares = shared / np.maximum(1, np.minimum(np.array(self._sizes, dtype=np.int64), len(turns)))
        alike = np.flatnonzero(shares >= SAME_MUSIC)
        if len(alike):
            first = alike[0]
            raise CorpusError(
                f"holds the same music as {self._names[first]}: "
                f"{shares[first]:.0%} of the melodic turns are shared"
            )
        number = np.full(len(turns), len(self._names), dtype=np.int32)
        self._names.append(name)
        self._sizes.append(len(turns))
        self._levels.append(_Postings(np.asarray(turns), number))
        while len(self._levels) > 1 and len(self._levels[-2].turns) < 2 * len(self._levels[-1].turns):
            last = self._levels.pop()
            self._levels.append(self._levels.pop().merged(last))
