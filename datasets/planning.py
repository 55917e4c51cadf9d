"""Choose the pieces of a dataset, their tempi, clips and splits, before anything is rendered."""

from __future__ import annotations

import zlib
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from timbrebench.audio.errors import CorpusError, DatasetError
from timbrebench.audio.executors import Executor
from timbrebench.audio.progress import Tracker
from timbrebench.datasets.configuration import SPLITS, DatasetConfiguration
from timbrebench.datasets.corpora import Piece, Score, convert, list_scores
from timbrebench.datasets.notes import fold, melodic_turns, stretch, window

#: The kind of all calls that build a dataset: their processes keep soundfonts and corpora in memory.
CALLS = "dataset"

#: Distinct onsets that a clip must hold: an interval between onsets needs two, a distribution of intervals
#: a few of them.
_FEWEST_ONSETS = 4

#: Quarter notes a minute among which the tempo of a score without a tempo mark is drawn. With MIDI's default
#: for all of them, the onsets of unrelated pieces would fall together, and a copy of the style would seem to
#: keep the rhythm of the content.
_TEMPI = (72.0, 132.0)

_DEFAULT_TEMPO = 120.0

#: Share of the smaller piece's melodic turns found in the larger one, from which on both are one piece in two
#: editions. Different pieces of one composer share a few hundredths.
_SAME_MUSIC = 0.5


@dataclass(frozen=True)
class PlannedPiece:
    """A piece as it will be rendered.

    Attributes
    ----------
    name, composer, split : str
        Identity and split.
    notes : pandas.DataFrame
        Its notes at the final tempo, folded into the range of all instruments.
    starts_s : tuple of float
        Where its clips begin, in seconds.
    """

    name: str
    composer: str
    split: str
    notes: pd.DataFrame
    starts_s: tuple[float, ...]


def plan_pieces(
    configuration: DatasetConfiguration, pitch_range: tuple[int, int], executor: Executor
) -> tuple[list[PlannedPiece], list[dict[str, str]]]:
    """Choose pieces from the corpus until there are enough.

    Parameters
    ----------
    configuration : DatasetConfiguration
        What is wanted.
    pitch_range : tuple of int
        First and last MIDI pitch that all instruments sound.
    executor : Executor
        Where scores are converted.

    Returns
    -------
    pieces : list of PlannedPiece
        As many as configured; the same wherever scores are converted.
    failures : list of dict
        ``source`` and ``reason`` of each score that was tried and could not be used.

    Raises
    ------
    DatasetError
        If the corpus has too few usable scores.
    """
    seats = _Seats(configuration)
    turns: dict[str, frozenset[tuple[int, ...]]] = {}
    pieces: list[PlannedPiece] = []
    failures: list[dict[str, str]] = []
    scores = deque(list_scores(configuration.seed))
    with Tracker("converting scores", configuration.pieces, "scores") as tracker:
        while any(seats.free.values()):
            batch = seats.next_batch(scores)
            for score, converted in zip(batch, executor.map(_try_convert, batch, CALLS), strict=True):
                try:
                    piece = _prepare(converted, configuration, pitch_range, seats.split(score))
                    turns[score.piece] = _new_turns(converted, turns)
                except CorpusError as error:
                    failures.append({"source": score.piece, "reason": str(error)})
                    continue
                pieces.append(piece)
                seats.take(score)
                tracker.advance()
    return pieces, failures


class _Seats:
    """How many pieces each split still wants.

    Which split a piece belongs to follows from a hash of its name, never from what else is in the dataset.
    """

    def __init__(self, configuration: DatasetConfiguration) -> None:
        shares, pieces = configuration.splits, configuration.pieces
        self.free = {name: max(1, round(getattr(shares, name) * pieces)) for name in SPLITS}
        # Rounding is made good where it changes least.
        largest = max(self.free, key=lambda name: self.free[name])
        self.free[largest] += pieces - sum(self.free.values())
        self._configuration = configuration

    def split(self, score: Score) -> str:
        """Return the split that a score belongs to."""
        return self._configuration.splits.split_of(score.piece)

    def take(self, score: Score) -> None:
        """Give a score its seat."""
        self.free[self.split(score)] -= 1

    def next_batch(self, scores: deque[Score]) -> list[Score]:
        """Take scores off the queue until every free seat has a candidate; drop those without a seat."""
        open_seats = dict(self.free)
        batch = []
        while any(open_seats.values()) and scores:
            score = scores.popleft()
            split = self.split(score)
            if open_seats[split]:
                open_seats[split] -= 1
                batch.append(score)
        if not batch:
            missing = ", ".join(f"{count} for {split}" for split, count in self.free.items() if count)
            raise DatasetError(
                f"the corpus {self._configuration.corpus} has too few usable pieces: of "
                f"{self._configuration.pieces} there still miss {missing}: "
                "ask for fewer, shorter clips or fewer clips of each"
            )
        return batch


def shared_range(sounding: Iterable[tuple[str, set[int]]]) -> tuple[int, int]:
    """Find the longest run of pitches that every instrument sounds.

    Parameters
    ----------
    sounding : iterable of (str, set of int)
        The name of an instrument on a soundfont, and the MIDI pitches it sounds.

    Returns
    -------
    tuple of int
        First and last pitch.

    Raises
    ------
    DatasetError
        If the run is shorter than two octaves, which would fold chords into clusters.
    """
    named = list(sounding)
    common = sorted(set.intersection(*(pitches for _, pitches in named)))
    runs = np.split(common, np.flatnonzero(np.diff(common) != 1) + 1)
    longest = max(runs, key=len)
    if len(longest) < 25:
        name, pitches = min(named, key=lambda item: len(item[1]))
        raise DatasetError(
            f"the instruments share no two octaves of pitches without a gap; {name} sounds only "
            f"{len(pitches)} keys of a piano: leave it out or choose another soundfont"
        )
    return int(longest[0]), int(longest[-1])


def _try_convert(score: Score) -> Piece | CorpusError:
    """Convert a score in a worker, with the failure as a value, so that the batch goes on."""
    try:
        return convert(score)
    except CorpusError as error:
        return error


def _new_turns(
    piece: Piece | CorpusError, known: dict[str, frozenset[tuple[int, ...]]]
) -> frozenset[tuple[int, ...]]:
    """Return a piece's melodic turns, and refuse it where a piece that is known has the same.

    The corpus holds some pieces in several editions; one in training and one in a test would be a leak.
    """
    if isinstance(piece, CorpusError):
        raise piece
    turns = melodic_turns(piece.notes)
    for name, others in known.items():
        common = len(turns & others) / max(1, min(len(turns), len(others)))
        if common >= _SAME_MUSIC:
            raise CorpusError(f"holds the same music as {name}: {common:.0%} of the melodic turns are shared")
    return turns


def _prepare(
    converted: Piece | CorpusError,
    configuration: DatasetConfiguration,
    pitch_range: tuple[int, int],
    split: str,
) -> PlannedPiece:
    """Set a piece's tempo, fold it, and place its clips."""
    if isinstance(converted, CorpusError):
        raise converted
    score = converted.score
    # The name takes part in the seed, so that a piece is the same whichever others are chosen.
    generator = np.random.default_rng([configuration.seed, zlib.crc32(score.piece.encode())])
    tempo = generator.uniform(*_TEMPI)
    offset = generator.uniform(0, configuration.clip_duration_s)
    notes = converted.notes if converted.tempo_marked else stretch(converted.notes, _DEFAULT_TEMPO / tempo)
    notes = fold(notes, *pitch_range)
    starts = _clip_starts(notes, round(offset, 3), configuration)
    if len(starts) < configuration.clips_per_piece:
        raise CorpusError(
            f"holds {len(starts)} clips of {configuration.clip_duration_s:g} s with at least "
            f"{_FEWEST_ONSETS} onsets, {configuration.clips_per_piece} are wanted"
        )
    # Nothing that begins after the last clip is heard.
    heard = notes[notes.onset_s < starts[-1] + configuration.clip_duration_s].reset_index(drop=True)
    return PlannedPiece(score.piece, score.composer, split, heard, tuple(starts))


def _clip_starts(notes: pd.DataFrame, first: float, configuration: DatasetConfiguration) -> list[float]:
    """Lay windows end to end from `first` on and keep those that hold enough onsets."""
    duration = configuration.clip_duration_s
    starts: list[float] = []
    for start in np.arange(first, notes.offset_s.max() - duration, duration):
        if len(starts) == configuration.clips_per_piece:
            break
        inside = window(notes, float(start), duration)
        if inside.onset_s[inside.onset_s >= 0].round(2).nunique() >= _FEWEST_ONSETS:
            starts.append(round(float(start), 3))
    return starts
