"""What is known of each file of a corpus of MIDI files before a dataset is made of some of them.

All files are read once: those that are broken, and those with the music of another one, are found whatever
is selected later. The index is kept in the user's cache, and made again where a file was added, changed or
taken away.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass
from pathlib import Path

import numpy as np
import platformdirs
from numpy.typing import NDArray

from timbrebench.core.documents import JSON_BYTES, parse_json
from timbrebench.core.errors import CorpusError
from timbrebench.core.files import fingerprint, read_text, write_json
from timbrebench.core.progress import Tracker
from timbrebench.core.workers.executors import Executor
from timbrebench.datasets.corpora.corpus import CorpusScore
from timbrebench.datasets.corpora.duplicate_pieces import SAME_MUSIC, DuplicateIndex
from timbrebench.datasets.corpora.midi_notes import convert_midi, release
from timbrebench.datasets.corpora.piece_selection import mean_polyphony
from timbrebench.datasets.notes import interval_ngrams

#: Raise it when the index changes, so that kept ones are made again.
_INDEX = 1

#: The kind of the calls that read files.
_CALLS = "reading MIDI files"


@dataclass(frozen=True)
class IndexEntry:
    """What is known of a file.

    Attributes
    ----------
    duration_s : float
        When the last note ends, in seconds.
    polyphony : float
        Notes that sound at once, on average
        (:func:`timbrebench.datasets.corpora.piece_selection.mean_polyphony`).
    failure : str
        Why it cannot be used; empty if it can. Then the others count.
    """

    duration_s: float = 0.0
    polyphony: float = 0.0
    failure: str = ""


def index_scores(scores: Sequence[CorpusScore], executor: Executor) -> list[IndexEntry]:
    """Read all files of a corpus, sorted by path, or take the index of them from the cache.

    Of those with the same music the first is used. The entries, in the files' order, are the same wherever
    and however they are read.
    """
    content = [_INDEX, SAME_MUSIC, release(), [[score.source, score.sha256] for score in scores]]
    path = Path(platformdirs.user_cache_dir("timbrebench")) / "indexes" / f"{fingerprint(content)}.json"
    entries = _read_cache(path, len(scores))
    if entries is None:
        entries = _make(scores, executor)
        write_json(path, [astuple(entry) for entry in entries])
    return entries


def _read_cache(path: Path, files: int) -> list[IndexEntry] | None:
    """Return the index in the cache; None if it is missing or damaged."""
    try:
        rows = parse_json(read_text(path, JSON_BYTES, CorpusError), str(path), CorpusError)
        entries = [IndexEntry(*row) for row in rows]
    except (CorpusError, TypeError):
        return None
    return entries if len(entries) == files else None


def _make(scores: Sequence[CorpusScore], executor: Executor) -> list[IndexEntry]:
    first: dict[str, CorpusScore] = {}
    for score in scores:
        first.setdefault(_content(score), score)
    originals = [score for score in scores if first[_content(score)] is score]
    index = DuplicateIndex()
    entries: dict[str, IndexEntry] = {}
    with Tracker("reading MIDI files", len(originals), "files") as tracker:
        read = executor.map(_read, originals, _CALLS)
        for score, music in zip(originals, read, strict=True):
            entries[score.source] = _entry(score, music, index)
            tracker.advance()
    copies = {
        score.source: IndexEntry(failure=f"the same file as {first[_content(score)].source}")
        for score in scores
        if first[_content(score)] is not score
    }
    return [(copies | entries)[score.source] for score in scores]


def _content(score: CorpusScore) -> str:
    """Return what is equal for equal files, and for no others; files that cannot be read equal none."""
    return score.sha256 or score.source


@dataclass(frozen=True)
class _FileMusic:
    """What a worker reads from a file."""

    duration_s: float
    polyphony: float
    ngrams: NDArray[np.int64]


def _read(score: CorpusScore) -> _FileMusic | CorpusError:
    """Read a file in a worker, with the failure as a value, so that the others go on."""
    try:
        notes = convert_midi(score).notes
    except CorpusError as error:
        return error
    return _FileMusic(
        round(float(notes.offset_s.max()), 4), round(mean_polyphony(notes), 4), interval_ngrams(notes)
    )


def _entry(score: CorpusScore, music: _FileMusic | CorpusError, index: DuplicateIndex) -> IndexEntry:
    if isinstance(music, CorpusError):
        return IndexEntry(failure=str(music))
    try:
        index.add(score.source, music.ngrams)
    except CorpusError as error:
        return IndexEntry(failure=str(error))
    return IndexEntry(music.duration_s, music.polyphony)
