"""What a corpus is: scores that have names, and how they become notes."""

from __future__ import annotations

import re
import unicodedata
from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from timbrebench.core.errors import UnknownNameError
from timbrebench.core.workers.executors import Executor
from timbrebench.datasets.corpora.piece_selection import PieceSelection


@dataclass(frozen=True)
class CorpusScore:
    """A score of a corpus.

    Attributes
    ----------
    piece : str
        Its name in datasets: of letters, digits, hyphens and dots.
    composer : str
        The corpus's folder, with those above it: ``bach``, ``Classical/Romantic/Chopin``.
    path : pathlib.Path
        The file.
    source : str
        Its path in the corpus, for MIDI files; empty for what music21 converts.
    sha256 : str
        Of a MIDI file; empty where it cannot be read.
    """

    piece: str
    composer: str
    path: Path
    source: str = ""
    sha256: str = ""

    @property
    def folders(self) -> tuple[str, ...]:
        """The names of the corpus's folders that it lies in, the outermost first."""
        return tuple(self.composer.split("/"))


@dataclass(frozen=True)
class Piece:
    """The notes of a score.

    Attributes
    ----------
    score : CorpusScore
        Where they come from.
    notes : pandas.DataFrame
        A table of notes at the score's tempo.
    drums : pandas.DataFrame
        Likewise of strokes of drums; empty for most scores.
    tempo_marked : bool
        Whether the score states its tempo; else the notes run at 120 quarter notes a minute.
    repairs : tuple of str
        What of the notes the score's file leaves open, and how it was read; empty for almost all.
    """

    score: CorpusScore
    notes: pd.DataFrame
    drums: pd.DataFrame
    tempo_marked: bool
    repairs: tuple[str, ...]


@dataclass(frozen=True)
class Candidates:
    """What a dataset may be made of.

    Attributes
    ----------
    scores : list of CorpusScore
        In the order in which a dataset takes them.
    failures : list of (str, str)
        Source and reason of what cannot be used whatever the dataset is, as far as that is known
        before scores are converted.
    """

    scores: list[CorpusScore]
    failures: list[tuple[str, str]] = field(default_factory=list)


class Corpus(ABC):
    """A collection of scores.

    Attributes
    ----------
    name : str
        As datasets list it among their sources.
    """

    name: str

    @abstractmethod
    def source(self) -> dict[str, str]:
        """Return what ``dataset.json`` says of it: its name, and the version or SHA-256 of its content."""

    @abstractmethod
    def scores(self) -> list[CorpusScore]:
        """Return all scores, broken ones among them."""

    @abstractmethod
    def candidates(self, selection: PieceSelection, seed: int, executor: Executor) -> Candidates:
        """Return the scores in the folders of a selection, in the order that `seed` gives them.

        What else is known of them decides as well; the executor looks at scores where that is needed. Raises
        UnknownNameError if the corpus has no folder of a name.
        """


def round_robin_by_composer(scores: Iterable[CorpusScore], seed: int) -> list[CorpusScore]:
    """Put scores, given in an order that is always the same, into the order in which a dataset takes them.

    Round robin over the composers, each with a score drawn from theirs, so that any first n scores are by as
    many composers as possible.
    """
    by_composer: dict[str, list[CorpusScore]] = defaultdict(list)
    for score in scores:
        by_composer[score.composer].append(score)
    generator = np.random.default_rng(seed)
    queues = []
    for composer in sorted(by_composer):
        own = by_composer[composer]
        queues.append([own[index] for index in generator.permutation(len(own))])
    longest = max((len(queue) for queue in queues), default=0)
    return [queue[turn] for turn in range(longest) for queue in queues if turn < len(queue)]


def in_folders(scores: Sequence[CorpusScore], selection: PieceSelection) -> list[CorpusScore]:
    """Return the scores that lie in the folders of a selection.

    Raises UnknownNameError if no score lies in one of them.
    """
    every = {score.folders for score in scores}
    for wanted in selection.folders:
        folder = PieceSelection(folders=(wanted,))
        if not any(folder.takes_folder(folders) for folders in every):
            known = {name for folders in every for name in folders}
            raise UnknownNameError("folder of the corpus", wanted, known)
    return [score for score in scores if selection.takes_folder(score.folders)]


def piece_name(parts: Sequence[str]) -> str:
    """Make the name of a piece of the names of its folders and its file, without the file's ending.

    It has letters and digits of ASCII, hyphens and dots; letters with accents lose them. It can be that of
    another piece, and empty where no letter is Latin.
    """
    plain = [unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode() for name in parts]
    words = [re.sub(r"[^A-Za-z0-9.]+", "-", name).strip("-.") for name in plain]
    return ".".join(word for word in words if word)
