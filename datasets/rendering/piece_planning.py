"""Choose the pieces of a dataset, their tempi, clips and splits, before anything is rendered."""

from __future__ import annotations

import zlib
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from timbrebench.core.errors import CorpusError, DatasetError
from timbrebench.core.progress import Tracker
from timbrebench.core.workers.executors import Executor
from timbrebench.datasets.corpora.corpus import Corpus, CorpusScore, Piece
from timbrebench.datasets.corpora.corpus_opening import convert, find_corpus
from timbrebench.datasets.corpora.duplicate_pieces import DuplicateIndex
from timbrebench.datasets.notes import fold, interval_ngrams, settle_drums, stretch
from timbrebench.datasets.rendering.dataset_configuration import SPLITS, DatasetConfiguration
from timbrebench.datasets.rendering.melody import skyline
from timbrebench.datasets.rendering.score_augmentation import Variation

#: The kind of all calls that build a dataset: their processes keep soundfonts and corpora in memory.
CALLS = "dataset"

#: Distinct onsets that a clip must hold: an interval between onsets needs two, a distribution of intervals
#: a few of them.
MIN_ONSETS = 4

#: Quarter notes a minute among which the tempo of a score without a tempo mark is drawn. With MIDI's default
#: for all of them, the onsets of unrelated pieces would fall together, and a copy of the style would seem to
#: keep the rhythm of the content.
_TEMPI = (72.0, 132.0)

_DEFAULT_TEMPO = 120.0


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
    variation : Variation or None
        What makes it a copy of another piece; None for pieces as they were composed.
    drums : pandas.DataFrame or None
        Strokes of drums that are played beside the notes; None where datasets leave them out.
    repairs : tuple of str
        What of the notes its file leaves open, and how it was read.
    """

    name: str
    composer: str
    split: str
    notes: pd.DataFrame
    starts_s: tuple[float, ...]
    variation: Variation | None = None
    drums: pd.DataFrame | None = None
    repairs: tuple[str, ...] = ()

    @property
    def source_piece(self) -> str:
        """Name of the piece that it is, or is a copy of."""
        return self.variation.source_piece if self.variation else self.name


def plan_pieces(
    configuration: DatasetConfiguration,
    corpus: Corpus,
    pitch_range: tuple[int, int],
    executor: Executor,
    quotas: Mapping[str, int] | None = None,
) -> tuple[list[PlannedPiece], list[tuple[str, str]]]:
    """Choose as many pieces from the corpus as configured, played in a range of MIDI pitches, both included.

    `quotas` are numbers of pieces by split that take the place of those that are configured: splits that they
    leave out get none, and each is chosen before the next, whose pieces are no other editions of its. The
    pieces are the same wherever scores are converted. Returned as well are source and reason of each score
    that was tried, or is known beforehand, and cannot be used; those that merely do not fit the selection are
    not listed. Raises DatasetError if the corpus has too few usable scores, UnknownNameError if it has no
    folder of a name in the selection.
    """
    duplicates = DuplicateIndex()
    pieces: list[PlannedPiece] = []
    candidates = corpus.candidates(configuration.selection, configuration.seed, executor)
    failures = candidates.failures
    rounds = [split_quotas(configuration)] if quotas is None else [{name: quotas[name]} for name in quotas]
    with Tracker("converting scores", sum(sum(each.values()) for each in rounds), "scores") as tracker:
        for wanted in rounds:
            left, scores = _SplitQuotas(configuration, wanted), deque(candidates.scores)
            while any(left.missing.values()):
                batch = left.next_batch(scores)
                for score, converted in zip(batch, executor.map(_try_convert, batch, CALLS), strict=True):
                    if isinstance(converted, Piece) and not configuration.selection.takes_notes(
                        converted.notes
                    ):
                        continue
                    try:
                        piece = _prepare(converted, configuration, pitch_range, left.split(score))
                        duplicates.add(score.piece, interval_ngrams(_converted(converted).notes))
                    except CorpusError as error:
                        failures.append((score.source or score.piece, str(error)))
                        continue
                    pieces.append(piece)
                    _add_copies(pieces, failures, converted, configuration, pitch_range)
                    left.take(score)
                    tracker.advance()
    return pieces, failures


def plan_named(
    names: Sequence[str],
    configuration: DatasetConfiguration,
    pitch_range: tuple[int, int],
    executor: Executor,
) -> list[PlannedPiece]:
    """Prepare pieces that are chosen already, as :func:`plan_pieces` does with the same configuration.

    Parameters
    ----------
    names : sequence of str
        Names of pieces.
    configuration : DatasetConfiguration
        Its corpus, its clips' length and number, its splits and its seed count.
    pitch_range : tuple of int
        First and last MIDI pitch that all instruments sound.
    executor : Executor
        Where scores are converted.

    Returns
    -------
    list of PlannedPiece
        In the order of the names.

    Raises
    ------
    DatasetError
        If the corpus has no piece of a name, or one that cannot be used here.
    CorpusError, MissingResourceError
        If the corpus cannot be had.
    """
    corpus = find_corpus(configuration.corpus, configuration.corpus_sha256)
    scores = {score.piece: score for score in corpus.scores()}
    absent = sorted(set(names) - set(scores))
    if absent:
        raise DatasetError(
            f"the corpus {configuration.corpus} has no {', '.join(absent)}: another version of it does"
        )
    chosen = [scores[name] for name in names]
    pieces = []
    with Tracker("converting scores", len(chosen), "scores") as tracker:
        for score, converted in zip(chosen, executor.map(_try_convert, chosen, CALLS), strict=True):
            try:
                split = configuration.splits.split_of(score.piece)
                pieces.append(_prepare(converted, configuration, pitch_range, split))
            except CorpusError as error:
                raise DatasetError(f"{score.piece} cannot be used: {error}") from error
            tracker.advance()
    return pieces


def split_quotas(configuration: DatasetConfiguration) -> dict[str, int]:
    """Return how many pieces a dataset has in each split."""
    shares, pieces = configuration.splits, configuration.pieces
    quotas = {name: max(1, round(getattr(shares, name) * pieces)) for name in SPLITS}
    # Rounding is made good where it changes least.
    largest = max(quotas, key=lambda name: quotas[name])
    quotas[largest] += pieces - sum(quotas.values())
    return quotas


class _SplitQuotas:
    """How many pieces are still missing in each split.

    Which split a piece belongs to follows from a hash of its name, never from what else is in the dataset.
    """

    def __init__(self, configuration: DatasetConfiguration, quotas: Mapping[str, int]) -> None:
        self.missing = dict.fromkeys(SPLITS, 0) | dict(quotas)
        self._wanted = sum(self.missing.values())
        self._configuration = configuration

    def split(self, score: CorpusScore) -> str:
        """Return the split that a score belongs to."""
        return self._configuration.splits.split_of(score.piece)

    def take(self, score: CorpusScore) -> None:
        """Count a score into its split."""
        self.missing[self.split(score)] -= 1

    def next_batch(self, scores: deque[CorpusScore]) -> list[CorpusScore]:
        """Take scores off the queue until every missing piece has a candidate; drop those of full splits."""
        open_places = dict(self.missing)
        batch = []
        while any(open_places.values()) and scores:
            score = scores.popleft()
            split = self.split(score)
            if open_places[split]:
                open_places[split] -= 1
                batch.append(score)
        if not batch:
            missing = ", ".join(f"{count} for {split}" for split, count in self.missing.items() if count)
            raise DatasetError(
                f"the corpus {self._configuration.corpus} has too few usable pieces: of "
                f"{self._wanted}, still missing are {missing}: "
                "ask for fewer, for shorter clips or fewer of each, or select less strictly"
            )
        return batch


def shared_range(sounding: Iterable[tuple[str, set[int]]]) -> tuple[int, int]:
    """Find the longest run of pitches that every instrument sounds: its first and last MIDI pitch.

    `sounding` has the name of an instrument on a soundfont, and the pitches it sounds. Raises DatasetError if
    the run is shorter than two octaves, which would fold chords into clusters.
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


def _try_convert(score: CorpusScore) -> Piece | CorpusError:
    """Convert a score in a worker, with the failure as a value, so that the batch goes on."""
    try:
        return convert(score)
    except CorpusError as error:
        return error


def _converted(piece: Piece | CorpusError) -> Piece:
    """Return the piece, or raise the failure that stands in its place."""
    if isinstance(piece, CorpusError):
        raise piece
    return piece


def _add_copies(
    pieces: list[PlannedPiece],
    failures: list[tuple[str, str]],
    converted: Piece | CorpusError,
    configuration: DatasetConfiguration,
    pitch_range: tuple[int, int],
) -> None:
    """Plan the copies of the last piece; one that holds too few clips is listed among the failures."""
    if configuration.augmentation is None:
        return
    piece = pieces[-1]
    for variation in configuration.augmentation.variations(piece.name, piece.split, configuration.seed):
        try:
            pieces.append(_prepare(converted, configuration, pitch_range, piece.split, variation))
        except CorpusError as error:
            failures.append((variation.name, str(error)))


def _prepare(
    converted: Piece | CorpusError,
    configuration: DatasetConfiguration,
    pitch_range: tuple[int, int],
    split: str,
    variation: Variation | None = None,
) -> PlannedPiece:
    """Set a piece's tempo, vary and fold it, and place its clips."""
    converted = _converted(converted)
    score = converted.score
    # The name takes part in the seed, so that a piece is the same whichever others are chosen.
    generator = np.random.default_rng([configuration.seed, zlib.crc32(score.piece.encode())])
    tempo = generator.uniform(*_TEMPI)
    offset = generator.uniform(0, configuration.clip_duration_s)
    if configuration.clips_per_piece == "all":
        offset = 0.0
    notes = _at_tempo(converted.notes, converted, tempo)
    drums = settle_drums(_at_tempo(converted.drums, converted, tempo)) if configuration.keep_drums else None
    if configuration.melody_only:
        notes = skyline(notes)
    if variation:
        notes = variation.apply(notes)
        drums = None if drums is None else variation.apply_to_drums(drums)
        offset /= variation.tempo  # the clips begin at the same place of the music
    notes = fold(notes, *pitch_range)
    starts = _clip_starts(notes, round(offset, 3), configuration)
    wanted = 1 if configuration.clips_per_piece == "all" else configuration.clips_per_piece
    if len(starts) < wanted:
        raise CorpusError(
            f"holds {len(starts)} clips of {configuration.clip_duration_s:g} s with at least "
            f"{MIN_ONSETS} onsets, {wanted} are wanted"
        )
    end = starts[-1] + configuration.clip_duration_s
    name = variation.name if variation else score.piece
    strokes = None if drums is None else _until(drums, end)
    return PlannedPiece(
        name,
        score.composer,
        split,
        _until(notes, end),
        tuple(starts),
        variation,
        strokes,
        converted.repairs,
    )


def _at_tempo(table: pd.DataFrame, piece: Piece, tempo: float) -> pd.DataFrame:
    """Return notes of a piece at the tempo that it states or, if it states none, at `tempo`."""
    return table if piece.tempo_marked else stretch(table, _DEFAULT_TEMPO / tempo)


def _until(table: pd.DataFrame, end_s: float) -> pd.DataFrame:
    """Return the notes that begin before the end of the last clip: nothing later sounds in a clip."""
    return table[table.onset_s < end_s].reset_index(drop=True)


def _clip_starts(notes: pd.DataFrame, first: float, configuration: DatasetConfiguration) -> list[float]:
    """Lay windows end to end from `first` on and keep those that hold enough onsets."""
    duration = configuration.clip_duration_s
    onsets = notes.onset_s.to_numpy()  # in rising order
    starts: list[float] = []
    for start in np.arange(first, notes.offset_s.max() - duration, duration):
        if len(starts) == configuration.clips_per_piece:
            break
        # Times in a clip are rounded to 0.1 ms, so an onset just before its start can lie on it.
        near, end = np.searchsorted(onsets, (start - 1e-3, start + duration))
        inside = (onsets[near:end] - start).round(4)
        if len(np.unique(inside[inside >= 0].round(2))) >= MIN_ONSETS:
            starts.append(round(float(start), 3))
    return starts
