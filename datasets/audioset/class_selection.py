"""Choose segments by their labels, so that classes are balanced and no video lies in two splits."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse

from timbrebench.core.errors import DatasetError
from timbrebench.datasets.audioset.ontology import Ontology
from timbrebench.datasets.audioset.segments import Segments
from timbrebench.datasets.rendering.dataset_configuration import SPLITS, Shares


@dataclass(frozen=True)
class SegmentSelection:
    """Segments that carry at least one of the wanted classes.

    Attributes
    ----------
    table : pandas.DataFrame
        ``ytid``, ``start_ms``, ``end_ms``, sorted by video and start; one row for each segment.
    classes : tuple of str
        Identifiers of the wanted classes.
    names : tuple of str
        Their display names.
    carries : scipy.sparse.csr_array, shape (segments, classes), bool
        Which segment carries which.
    splits : numpy.ndarray, shape (segments,), int8
        The split of each segment's video, as an index into
        :data:`~timbrebench.datasets.rendering.dataset_configuration.SPLITS`.
    """

    table: pd.DataFrame
    classes: tuple[str, ...]
    names: tuple[str, ...]
    carries: sparse.csr_array
    splits: NDArray[np.int8]

    def __len__(self) -> int:
        return len(self.table)

    def label(self, row: int) -> str:
        """Return the names of a segment's wanted classes, sorted and joined with ``|``."""
        first, last = self.carries.indptr[row : row + 2]
        return "|".join(sorted(self.names[index] for index in self.carries.indices[first:last]))

    def clip_id(self, row: int) -> str:
        """Return the name of a segment's clip: the video and the start in milliseconds."""
        return f"{self.table.ytid.iloc[row]}_{self.table.start_ms.iloc[row]}"

    def count(self, rows: NDArray[np.bool_]) -> NDArray[np.int64]:
        """Count the segments of each class among `rows`, shape (segments,): shape (classes,)."""
        return np.asarray(rows.astype(np.int64) @ self.carries, dtype=np.int64)


def select_segments(
    segments: Segments, ontology: Ontology, classes: Sequence[str], shares: Shares, *, descendants: bool
) -> SegmentSelection:
    """Keep the segments that carry a wanted class, and find the split of each.

    Classes are given as names, identifiers or subtrees; with `descendants` those below them are wanted too.
    Some may have no segment. The split of a video follows from its identifier and the shares. Raises
    UnknownNameError if a class does not exist, DatasetError if no segment carries any, or one carries a label
    that the ontology lacks.
    """
    wanted = ontology.select(classes, descendants=descendants)
    carries = _carries(segments, ontology, wanted)
    carriers = np.flatnonzero(np.diff(carries.indptr))
    if not len(carriers):
        raise DatasetError(f"none of {len(segments)} segments carries any of {len(wanted)} wanted classes")
    table = segments.table.iloc[carriers].drop(columns="labels").reset_index(drop=True)
    videos, identifiers = pd.factorize(table.ytid)
    places = np.array([SPLITS.index(shares.split_of(name)) for name in identifiers], dtype=np.int8)
    names = tuple(ontology.names[identifier] for identifier in wanted)
    return SegmentSelection(table, tuple(wanted), names, carries[carriers], places[videos])


def _carries(segments: Segments, ontology: Ontology, wanted: list[str]) -> sparse.csr_array:
    columns = {identifier: column for column, identifier in enumerate(wanted)}
    known = set(ontology.labels)
    rows: list[int] = []
    indices: list[int] = []
    for row, labels in enumerate(segments.label_sets):
        for label in labels:
            if label not in known:
                raise DatasetError(
                    f"segments carry the label {label!r}, which the list of labels lacks: "
                    "the files are of different releases"
                )
            if label in columns:
                rows.append(row)
                indices.append(columns[label])
    shape = (len(segments.label_sets), len(wanted))
    sets = sparse.csr_array((np.ones(len(rows), dtype=bool), (rows, indices)), shape=shape)
    return sets[segments.table["labels"].to_numpy()]


def choose(
    selection: SegmentSelection,
    usable: NDArray[np.bool_],
    clips_per_class: int | None,
    shares: Shares,
    seed: int,
) -> NDArray[np.bool_]:
    """Choose segments so that each class has as many clips as wanted, as far as segments reach.

    The rarest class chooses first; what was chosen for it counts for all classes that it carries. Of the
    segments that a class can choose from, those with the fewest wanted classes come first, since they fill no
    other class beyond its number; equals come in a drawn order. A class so common that others bring more
    clips of it than wanted keeps them: the number is a bound only where labels allow it.

    Parameters
    ----------
    selection : SegmentSelection
        The segments.
    usable : numpy.ndarray, shape (segments,), bool
        Which of them may be chosen.
    clips_per_class : int or None
        How many are wanted of each class in all splits together, divided among them by `shares`; None for
        all.
    shares : Shares
        Shares of the splits.
    seed : int
        Seed of the order.

    Returns
    -------
    numpy.ndarray, shape (segments,), bool
        Which are chosen. Taking a segment away that was not chosen changes nothing.
    """
    if clips_per_class is None:
        return usable.copy()
    quotas = _quotas(clips_per_class, shares)
    order = _order(selection, usable, seed)
    by_class = sparse.csc_array(selection.carries[order])
    # How rare a class is does not depend on what is usable, or a clip that fails could change the order.
    total = selection.count(np.ones(len(selection), dtype=bool))
    splits, chosen = selection.splits[order], np.zeros(len(order), dtype=bool)
    for column in np.argsort(total, kind="stable"):
        candidates = np.sort(by_class.indices[by_class.indptr[column] : by_class.indptr[column + 1]])
        for split, quota in enumerate(quotas):
            own = candidates[splits[candidates] == split]
            missing = quota - int(chosen[own].sum())
            chosen[own[~chosen[own]][: max(0, missing)]] = True
    rows = np.zeros(len(selection), dtype=bool)
    rows[order[chosen]] = True
    return rows


def _quotas(clips: int, shares: Shares) -> list[int]:
    """Divide a class's clips among the splits; what rounding leaves goes to the largest remainders."""
    exact = np.array([getattr(shares, name) * clips for name in SPLITS])
    whole = np.floor(exact + 1e-9).astype(int)
    for index in np.argsort(whole - exact, kind="stable")[: clips - int(whole.sum())]:
        whole[index] += 1
    return [int(count) for count in whole]


def _order(selection: SegmentSelection, usable: NDArray[np.bool_], seed: int) -> NDArray[np.int64]:
    """Return the rows that may be chosen, in the order in which classes take them.

    The draw follows from the segment's own name, so that it is the same whichever others there are.
    """
    rows = np.flatnonzero(usable)
    table = selection.table.iloc[rows]
    draws = np.fromiter(
        (
            zlib.crc32(f"{seed} {ytid} {start}".encode())
            for ytid, start in zip(table.ytid.tolist(), table.start_ms.tolist(), strict=True)
        ),
        dtype=np.uint32,
        count=len(rows),
    )
    return rows[np.lexsort((rows, draws, np.diff(selection.carries.indptr)[rows]))]
