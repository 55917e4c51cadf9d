"""Tell whether a piece holds the music of one that is known: the same piece in another edition, key or tempo.

A corpus holds some pieces several times, and one of them in a training and another in a test would be a leak.
An inverted index from interval n-grams to the pieces that have them finds all relatives of a piece at once,
however many pieces are known.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from timbrebench.core.errors import CorpusError

#: Share of the smaller piece's interval n-grams that the larger one has, from which on both are one piece in
#: two editions. Different pieces of one composer share a few hundredths.
SAME_MUSIC = 0.5


@dataclass(frozen=True)
class _Postings:
    """N-grams in rising order, each as often as there are pieces that have it, and those pieces' numbers."""

    ngrams: NDArray[np.int64]
    pieces: NDArray[np.int32]

    def owners(self, ngrams: NDArray[np.int64]) -> NDArray[np.int32]:
        """Return the numbers of the pieces that have these n-grams, once for each n-gram."""
        first = np.searchsorted(self.ngrams, ngrams, side="left")
        counts = np.searchsorted(self.ngrams, ngrams, side="right") - first
        # Of the runs [first, first + count), the places one after the other.
        places = np.arange(counts.sum()) + np.repeat(first - np.cumsum(counts) + counts, counts)
        owners: NDArray[np.int32] = self.pieces[places]
        return owners

    def merged(self, other: _Postings) -> _Postings:
        ngrams = np.concatenate([self.ngrams, other.ngrams])
        order = np.argsort(ngrams, kind="stable")
        return _Postings(ngrams[order], np.concatenate([self.pieces, other.pieces])[order])


class DuplicateIndex:
    """The pieces that are known, by their interval n-grams.

    It takes 12 bytes for each n-gram: 100 MB for four thousand pieces of average length.
    """

    def __init__(self) -> None:
        self._names: list[str] = []
        self._sizes: list[int] = []
        # Each at least twice as long as the next, so that there are few, and no n-gram is merged often.
        self._levels: list[_Postings] = []

    def add(self, name: str, ngrams: NDArray[np.int64]) -> None:
        """Add a piece whose music is not known yet.

        Parameters
        ----------
        name : str
            The piece's name, for messages.
        ngrams : numpy.ndarray, shape (ngrams,), int64
            Of :func:`timbrebench.datasets.notes.interval_ngrams`.

        Raises
        ------
        CorpusError
            If a piece that was added before holds the same music: at least half of the n-grams of the smaller
            are in the larger. Nothing is added then.
        """
        shared = np.zeros(len(self._names), dtype=np.int64)
        for level in self._levels:
            shared += np.bincount(level.owners(ngrams), minlength=len(shared))
        shares = shared / np.maximum(1, np.minimum(np.array(self._sizes, dtype=np.int64), len(ngrams)))
        alike = np.flatnonzero(shares >= SAME_MUSIC)
        if len(alike):
            first = alike[0]
            # Part of failures.csv and of the indexes in caches, and so worded as ever.
            raise CorpusError(
                f"holds the same music as {self._names[first]}: "
                f"{shares[first]:.0%} of the melodic turns are shared"
            )
        number = np.full(len(ngrams), len(self._names), dtype=np.int32)
        self._names.append(name)
        self._sizes.append(len(ngrams))
        self._levels.append(_Postings(np.asarray(ngrams), number))
        while len(self._levels) > 1 and len(self._levels[-2].ngrams) < 2 * len(self._levels[-1].ngrams):
            last = self._levels.pop()
            self._levels.append(self._levels.pop().merged(last))
