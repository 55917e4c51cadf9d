"""The notes of MIDI files, read once.

What can be said of a file follows from its bytes alone, so notes, and the reasons of files that hold none,
are kept in the user's cache by the files' SHA-256.
"""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import platformdirs
from numpy.typing import NDArray

from timbrebench.core.errors import CorpusError
from timbrebench.core.files import atomic_path
from timbrebench.datasets.corpora.corpus import CorpusScore, Piece
from timbrebench.datasets.midi import parse_midi, read_content
from timbrebench.datasets.notes import COLUMNS

#: Raise it when reading MIDI files changes, so that cached notes are made again.
_READING = 3

#: Notes are kept in whole tenths of a millisecond, which is what they are rounded to.
_TICKS = 1e4

#: Before the names of the arrays of drums.
_DRUMS = "drum_"


def release() -> str:
    """Return the version of the reading: notes that were read in another way are cached apart."""
    return f"midi-{_READING}"


def convert_midi(score: CorpusScore) -> Piece:
    """Do what :func:`~timbrebench.datasets.corpora.corpus_opening.convert` does with MIDI files."""
    if not score.sha256:
        raise CorpusError("cannot be read")
    cache = Path(platformdirs.user_cache_dir("timbrebench")) / "scores" / release()
    path = cache / score.sha256[:2] / f"{score.sha256}.npz"
    cached = _read_cache(path)
    if cached is None:
        cached = _read_now(score)
        with atomic_path(path) as temporary:
            np.savez_compressed(temporary, allow_pickle=False, **cached)
    if "failure" in cached:
        raise CorpusError(str(cached["failure"]))
    return Piece(
        score,
        _unpacked(cached, ""),
        _unpacked(cached, _DRUMS),
        bool(cached["tempo_marked"]),
        tuple(cached["repairs"].tolist()),
    )


def _read_cache(path: Path) -> dict[str, NDArray[Any]] | None:
    """Return the content of the cache file; None if it is missing or damaged."""
    try:
        with np.load(path, allow_pickle=False) as arrays:
            cached = dict(arrays)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error):
        return None
    return cached if "failure" in cached or "repairs" in cached else None


def _read_now(score: CorpusScore) -> dict[str, NDArray[Any]]:
    try:
        played = parse_midi(read_content(score.path))
    except CorpusError as error:
        return {"failure": np.array(str(error))}
    return {
        **_packed(played.notes, ""),
        **_packed(played.drums, _DRUMS),
        "tempo_marked": np.array(played.tempo_marked),
        "repairs": np.array(played.repairs, dtype=np.str_),
    }


def _packed(table: pd.DataFrame, prefix: str) -> dict[str, NDArray[Any]]:
    """Return the columns of a table as arrays, under names that begin with `prefix`."""
    return {
        f"{prefix}onset": (table.onset_s * _TICKS).round().to_numpy(np.int32),
        f"{prefix}offset": (table.offset_s * _TICKS).round().to_numpy(np.int32),
        f"{prefix}pitch": table.pitch.to_numpy(np.uint8),
        f"{prefix}velocity": table.velocity.to_numpy(np.uint8),
    }


def _unpacked(cached: dict[str, NDArray[Any]], prefix: str) -> pd.DataFrame:
    """Return the table of which :func:`_packed` made arrays."""
    return pd.DataFrame(
        {
            "onset_s": cached[f"{prefix}onset"] / _TICKS,
            "offset_s": cached[f"{prefix}offset"] / _TICKS,
            "pitch": cached[f"{prefix}pitch"].astype(int),
            "velocity": cached[f"{prefix}velocity"].astype(int),
            "octave_shift": np.zeros(len(cached[f"{prefix}pitch"]), dtype=int),
        },
        columns=list(COLUMNS),
    )
