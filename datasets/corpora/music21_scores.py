"""Scores that can be had without a download: the corpus that music21 carries.

A score is converted to notes once: music21 writes it as MIDI, that is read, and the notes are in the user's
cache folder, together with the reasons of those that could not be converted.
"""

from __future__ import annotations

import contextlib
import io
import warnings
from importlib.metadata import version
from pathlib import Path
from typing import Any

import platformdirs

from timbrebench.core.documents import read_json
from timbrebench.core.errors import CorpusError
from timbrebench.core.files import write_json
from timbrebench.core.workers.executors import Executor
from timbrebench.datasets.corpora.corpus import (
    Candidates,
    Corpus,
    CorpusScore,
    Piece,
    in_folders,
    piece_name,
    round_robin_by_composer,
)
from timbrebench.datasets.corpora.piece_selection import PieceSelection
from timbrebench.datasets.midi import read_midi
from timbrebench.datasets.midi_events import read_events
from timbrebench.datasets.notes import COLUMNS, drums_table, notes_table

#: Raise it when the conversion changes, so that cached notes are made again.
_CONVERSION = 2

#: Folders of music21's corpus that do not hold pieces: exercises, demonstrations, books of many tunes.
_EXCLUDED = {
    "demos",
    "theoryExercises",
    "airdsAirs",
    "essenFolksong",
    "leadSheet",
    "miscFolk",
    "nottingham-dataset",
    "oneills1850",
}

#: Maximum ticks of a score that music21 has written as MIDI. Datasets and frozen suites hold no longer one,
#: since the library that read them took more for damage. The reason is part of failures.csv: worded as ever.
_MAX_TICKS = 10_000_000
_TOO_MANY_TICKS = (
    "MIDI data: cannot be read as MIDI (ValueError: MIDI file has a largest tick of {}, it is likely corrupt)"
)

#: Largest file in bytes that is parsed, by format. Larger ones are movements that take up to a minute.
_LARGEST = {
    ".abc": 20_000,
    ".krn": 30_000,
    ".mxl": 25_000,
    ".musicxml": 500_000,
    ".xml": 500_000,
}


class Music21Corpus(Corpus):
    """The scores that music21 carries, of which those small enough to be parsed in seconds count."""

    name = "music21"

    def source(self) -> dict[str, str]:
        """Return its name and music21's version, which settles its content."""
        return {"name": self.name, "version": version("music21")}

    def scores(self) -> list[CorpusScore]:
        """Return all scores, sorted by path."""
        from music21.corpus.corpora import CoreCorpus  # noqa: PLC0415 - takes a while

        scores: dict[tuple[str, str], CorpusScore] = {}
        for path in sorted(CoreCorpus().getPaths()):
            parts = path.parts[path.parts.index("corpus") + 1 :]
            if parts[0] not in _EXCLUDED and path.stat().st_size <= _LARGEST.get(path.suffix, 0):
                name = piece_name([*parts[:-1], Path(parts[-1]).stem])
                # One piece can be there in several formats.
                scores.setdefault((parts[0], name), CorpusScore(name, parts[0], path))
        return list(scores.values())

    def candidates(self, selection: PieceSelection, seed: int, executor: Executor) -> Candidates:  # noqa: ARG002
        """Return the scores in the wanted folders. Length and polyphony show when they are converted."""
        return Candidates(round_robin_by_composer(in_folders(self.scores(), selection), seed))


def convert_with_music21(score: CorpusScore) -> Piece:
    """Do what :func:`~timbrebench.datasets.corpora.corpus_opening.convert` does with music21's scores."""
    release = f"music21-{version('music21')}-{_CONVERSION}"
    folder = Path(platformdirs.user_cache_dir("timbrebench")) / "scores" / release
    path = folder / f"{score.piece}{score.path.suffix}.json"
    cached = _read_cache(path)
    if cached is None:
        cached = _convert_now(score)
        write_json(path, cached)
    if "failure" in cached:
        raise CorpusError(str(cached["failure"]))
    notes, drums = ([tuple(row) for row in cached[name]] for name in ("notes", "drums"))
    return Piece(score, notes_table(notes), drums_table(drums), bool(cached["tempo_marked"]), ())


def _read_cache(path: Path) -> dict[str, Any] | None:
    """Return the content of the cache file; None if it is missing or damaged."""
    try:
        cached = read_json(path, CorpusError)
    except CorpusError:
        return None
    return cached if "failure" in cached or {"notes", "drums", "tempo_marked"} <= set(cached) else None


def _convert_now(score: CorpusScore) -> dict[str, Any]:
    from music21 import converter, midi, stream  # noqa: PLC0415 - takes a while

    try:
        with warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()):
            warnings.simplefilter("ignore")  # music21 remarks on oddities of notation that do not matter here
            parsed = converter.parse(score.path, forceSource=True)
            if isinstance(parsed, stream.Opus):
                return {"failure": f"a collection of {len(parsed.scores)} scores, not a piece"}
            content = midi.translate.streamToMidiFile(parsed).writestr()
        ticks = read_events(content).last_tick + 1
        if ticks > _MAX_TICKS:
            return {"failure": _TOO_MANY_TICKS.format(ticks)}
        played = read_midi(content)
    except CorpusError as error:
        return {"failure": str(error)}
    except Exception as error:  # music21 fails in many ways on unusual notation; all mean the same here
        return {"failure": f"music21 cannot convert it ({type(error).__name__}: {error})"}
    notes, drums = (table[list(COLUMNS[:4])].to_numpy().tolist() for table in (played.notes, played.drums))
    return {"notes": notes, "drums": drums, "tempo_marked": played.tempo_marked}
