"""Choose the pieces of a dataset, their tempi, clips and splits, before anything is rendered."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from joblib import Parallel, delayed

from timbrebench.audio.errors import CorpusError, DatasetError
from timbrebench.audio.progress import Tracker
from timbrebench.datasets.configuration import SPLITS, DatasetConfiguration
from timbrebench.datasets.corpora import Piece, Score, convert, list_scores
from timbrebench.datasets.notes import fold, melodic_turns, stretch, window

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
    configuration: DatasetConfiguration, pitch_range: tuple[int, int], workers: int
) -> tuple[list[PlannedPiece], list[dict[str, str]]]:
    """Choose pieces from the corpus until there are enough.

    Parameters
    ----------
    configuration : DatasetConfiguration
        What is wanted.
    pitch_range : tuple of int
        First and last MIDI pitch that all instruments sound.
    workers : int
        Processes that convert scores.

    Returns
    -------
    pieces : list of PlannedPiece
        As many as configured; the same for any number of workers.
    failures : list of dict
        ``source`` and ``reason`` of each score that was tried and could not be used.

    Raises
    ------
    DatasetError
        If the corpus has too few usable scores.
    """
    usable: list[tuple[Piece, pd.DataFrame, tuple[float, ...]]] = []
    turns: dict[str, frozenset[tuple[int, ...]]] = {}
    failures: list[dict[str, str]] = []
    wanted = configuration.pieces
    scores = list_scores(configuration.seed)
    with (
        Tracker("converting scores", wanted, "scores") as tracker,
        Parallel(n_jobs=workers, return_as="generator") as parallel,
    ):
        position = 0
        while len(usable) < wanted:
            batch = scores[position : position + wanted - len(usable)]
            position += len(batch)
            if not batch:
                raise DatasetError(
                    f"the corpus {configuration.corpus} has {len(usable)} usable pieces, "
                    f"{wanted} are wanted: ask for fewer, shorter clips or fewer clips of each"
                )
            for score, converted in zip(
                batch, parallel(delayed(_try_convert)(s) for s in batch), strict=True
            ):
                try:
                    prepared = _prepare(converted, configuration, pitch_range)
                    turns[score.piece] = _new_turns(prepared[0], turns)
                    usable.append(prepared)
                    tracker.advance()
                except CorpusError as error:
                    failures.append({"source": score.piece, "reason": str(error)})
    splits = _draw_splits(wanted, configuration)
    return [
        PlannedPiece(piece.score.piece, piece.score.composer, split, notes, starts)
        for (piece, notes, starts), split in zip(usable, splits, strict=True)
    ], failures


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


def _new_turns(piece: Piece, known: dict[str, frozenset[tuple[int, ...]]]) -> frozenset[tuple[int, ...]]:
    """Return a piece's melodic turns, and refuse it where a piece that is known has the same.

    The corpus holds some pieces in several editions; one in training and one in a test would be a leak.
    """
    turns = melodic_turns(piece.notes)
    for name, others in known.items():
        common = len(turns & others) / max(1, min(len(turns), len(others)))
        if common >= _SAME_MUSIC:
            raise CorpusError(f"holds the same music as {name}: {common:.0%} of the melodic turns are shared")
    return turns


def _prepare(
    converted: Piece | CorpusError, configuration: DatasetConfiguration, pitch_range: tuple[int, int]
) -> tuple[Piece, pd.DataFrame, tuple[float, ...]]:
    """Set a piece's tempo, fold it, and place its clips."""
    if isinstance(converted, CorpusError):
        raise converted
    # The name takes part in the seed, so that a piece is the same whichever others are chosen.
    generator = np.random.default_rng([configuration.seed, zlib.crc32(converted.score.piece.encode())])
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
    end = starts[-1] + configuration.clip_duration_s
    return converted, notes[notes.onset_s < end].reset_index(drop=True), tuple(starts)


def _clip_starts(notes: pd.DataFrame, first: float, configuration: DatasetConfiguration) -> list[float]:
    """Lay windows end to end from `first` on and keep those that hold enough onsets."""
    duration = configuration.clip_duration_s
    starts: list[float] = []
    for start in np.arange(first, notes.offset_s.max() - duration, duration):
        if len(starts) == configuration.clips_per_piece:
            break
        inside = window(notes, float(start), duration)
        if inside.onset_s.round(2).nunique() >= _FEWEST_ONSETS:
            starts.append(round(float(start), 3))
    return starts


def _draw_splits(pieces: int, configuration: DatasetConfiguration) -> Sequence[str]:
    """Draw a split for each piece; every split has at least one."""
    shares = configuration.splits
    validation = max(1, round(shares.validation * pieces))
    test = max(1, round(shares.test * pieces))
    names = np.repeat(SPLITS, [max(1, pieces - validation - test), validation, test])[:pieces]
    return [str(name) for name in np.random.default_rng(configuration.seed).permutation(names)]
