"""List the takes in a folder of recorded notes: which file is which note of which instrument.

``manifest.csv`` in the folder has one row for each file: ``path`` (relative to the folder), ``instrument``
and ``midi`` (the pitch, a whole number). Three more columns are read where they are there: ``source`` (who
recorded which instrument, one name for all that sounds alike), ``dynamic`` (``pianissimo`` or ``pp``) and
``length``, which is only for those who read it: how long a take lasts is measured.

An instrument has the name of :mod:`timbrebench.datasets.instruments`, General MIDI's, or an orchestra's
(``double-bass``, ``saxophone``). The n-th source of it, in the order of their names, stands for the n-th of
its programs; where a name stands for a single program, that one comes first. An instrument that General MIDI
lacks (``bass-clarinet``) takes its relative's program, if the folder has none of the relative's own.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd

from timbrebench.core.errors import DatasetError, UnknownNameError
from timbrebench.core.identifiers import is_below
from timbrebench.core.progress import log
from timbrebench.core.tables import read_csv
from timbrebench.datasets.instruments import FAMILIES, SIX_INSTRUMENTS, programs_of
from timbrebench.datasets.note_tables import PITCH_ADVICE

MANIFEST = "manifest.csv"
_COLUMNS = ("path", "instrument", "midi")

#: Which takes of a folder are used, as its path says it: ``FOLDER#even`` and ``FOLDER#odd`` share no file.
HALVES = {"even": 0, "odd": 1}

#: Common names of instruments that General MIDI calls otherwise.
_OTHER_NAMES = {
    "saxophone": "sax",
    "soprano-saxophone": "soprano-sax",
    "alto-saxophone": "alto-sax",
    "tenor-saxophone": "tenor-sax",
    "baritone-saxophone": "baritone-sax",
    "double-bass": "contrabass",
    "violoncello": "cello",
    "cor-anglais": "english-horn",
    "horn": "french-horn",
    "harp": "orchestral-harp",
    "grand-piano": "acoustic-grand-piano",
    "upright-piano": "bright-acoustic-piano",
    "acoustic-guitar": "guitar",
    "classical-guitar": "acoustic-guitar-nylon",
    "electric-bass": "electric-bass-finger",
    "pipe-organ": "church-organ",
    "harmonium": "reed-organ",
}

#: Instruments that General MIDI lacks, and the nearest that it has.
_RELATIVES = {
    "bass-clarinet": "clarinet",
    "contrabassoon": "bassoon",
    "alto-flute": "flute",
    "bass-flute": "flute",
    "cornet": "trumpet",
    "flugelhorn": "trumpet",
    "bass-trombone": "trombone",
    "euphonium": "tuba",
    "mandolin": "acoustic-guitar-steel",
    "ukulele": "acoustic-guitar-nylon",
}

#: The middle of the MIDI velocities that notation programs give each dynamic. Takes that get louder or softer
#: have no single one and are not used.
_VELOCITIES = {
    "molto-pianissimo": 16,
    "ppp": 16,
    "pianissimo": 33,
    "pp": 33,
    "piano": 49,
    "p": 49,
    "mezzo-piano": 64,
    "mp": 64,
    "mezzo-forte": 80,
    "mf": 80,
    "forte": 96,
    "f": 96,
    "fortissimo": 112,
    "ff": 112,
    "molto-fortissimo": 126,
    "fff": 126,
}
_CHANGING = {"crescendo", "decrescendo", "diminuendo", "cresc-decresc"}


@dataclass(frozen=True)
class Take:
    """A recorded note.

    Attributes
    ----------
    path : pathlib.Path
        The file.
    pitch : int
        MIDI pitch that the manifest states.
    velocity : int or None
        MIDI velocity, 1 to 127, that its dynamic stands for; None where none is stated.
    """

    path: Path
    pitch: int
    velocity: int | None


def split_reference(reference: str) -> tuple[str, str]:
    """Split what a configuration names into the folder and which half of its takes is used.

    The half is ``"even"``, ``"odd"``, or empty for all of them.

    >>> split_reference("recorded/notes#odd"), split_reference("recorded/notes")
    (('recorded/notes', 'odd'), ('recorded/notes', ''))
    """
    folder, mark, half = reference.rpartition("#")
    return (folder, half) if mark and half in HALVES else (reference, "")


def join_reference(folder: Path, half: str) -> str:
    """Return what a configuration calls a folder or a half of it; the inverse of :func:`split_reference`."""
    return f"{folder}#{half}" if half else str(folder)


def list_takes(folder: Path, half: str = "") -> dict[int, list[Take]]:
    """Read the manifest of a folder of recorded notes.

    Parameters
    ----------
    folder : pathlib.Path
        The folder.
    half : {"", "even", "odd"}
        Which takes: all, or every other one of a source in the order of their pitches and paths, so that
        either half covers its whole range. No file is in both.

    Returns
    -------
    dict
        The takes of each General MIDI program that there are any for, lowest first.

    Raises
    ------
    DatasetError
        If there is no manifest, one without the columns, or one with a wrong pitch, dynamic, or path,
        or a file that is missing.
    UnknownNameError
        If an instrument has no known name.
    """
    manifest = _read_manifest(folder)
    takes = {}
    for program, rows in _assign(folder, manifest).items():
        own = rows.sort_values(["midi", "path"])
        if half:
            own = own.iloc[HALVES[half] :: 2]
        steady = own[~own.dynamic.isin(_CHANGING)]
        listed = [
            Take(folder / path, int(pitch), _VELOCITIES.get(dynamic))
            for path, pitch, dynamic in zip(steady.path, steady.midi, steady.dynamic, strict=True)
        ]
        if listed:
            takes[program] = listed
    return takes


def sources_by_program(folder: Path) -> dict[int, str]:
    """Return which source of a folder plays each General MIDI program that there are any takes for.

    Raises as :func:`list_takes` does.
    """
    return {program: rows.source.iloc[0] for program, rows in _assign(folder, _read_manifest(folder)).items()}


def _assign(folder: Path, manifest: pd.DataFrame) -> dict[int, pd.DataFrame]:
    """Give each source a program of its instrument; say which are left without."""
    names = sorted(set(manifest.instrument), key=lambda name: (len(_programs(name)), name))
    own = [name for name in names if name not in _RELATIVES]
    covered = {program for name in own for program in _programs(name)}
    assigned: dict[int, pd.DataFrame] = {}
    without = []
    for name in (*own, *(name for name in names if name in _RELATIVES)):
        rows = manifest[manifest.instrument == name]
        blocked = covered if name in _RELATIVES else set()
        free = [program for program in _programs(name) if program not in {*assigned, *blocked}]
        for place, source in enumerate(sorted(set(rows.source))):
            if place < len(free):
                assigned[free[place]] = rows[rows.source == source]
            else:
                without.append(f"{name} {source}".strip())
    if without:
        _say_without(folder, ", ".join(without))
    return assigned


@lru_cache(maxsize=64)
def _say_without(folder: Path, names: str) -> None:
    """Say once in a process what is listed and not played."""
    log(
        f"{folder / MANIFEST}: not played, as General MIDI's programs of these instruments have other "
        f"recordings already: {names}"
    )


def _programs(name: str) -> tuple[int, ...]:
    return programs_of(_RELATIVES.get(name) or _OTHER_NAMES.get(name, name))


def _read_manifest(folder: Path) -> pd.DataFrame:
    """Read and check a manifest: `path`, `instrument` and `dynamic` in our spelling, `source`, `midi`."""
    path = folder / MANIFEST
    manifest = read_csv(path, DatasetError, dict.fromkeys(("instrument", "source", "dynamic"), "str"))
    missing = [column for column in _COLUMNS if column not in manifest]
    if missing:
        raise DatasetError(f"{path}: lacks the columns {', '.join(missing)}")
    optional = {name: manifest[name].fillna("") if name in manifest else "" for name in ("source", "dynamic")}
    pitches = pd.to_numeric(manifest.midi, errors="coerce")
    manifest = manifest.assign(**optional, instrument=_spelled(manifest.instrument.fillna("")))
    manifest["dynamic"] = _spelled(manifest.dynamic)
    _refuse_wrong(path, manifest, pitches)
    return manifest.assign(midi=pitches.astype(np.int64))


def _spelled(names: Iterable[str]) -> list[str]:
    """Write names in lower case, with hyphens: "Cor anglais" is ``cor-anglais``."""
    return [re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") for name in names]


def _refuse_wrong(path: Path, manifest: pd.DataFrame, pitches: pd.Series[float]) -> None:
    """Raise an error that names the first row which cannot be used."""
    known = [*SIX_INSTRUMENTS, *FAMILIES, *_OTHER_NAMES, *_RELATIVES]
    repeated = manifest.path.duplicated()
    for row, (name, instrument, dynamic) in enumerate(
        zip(manifest.path, manifest.instrument, manifest.dynamic, strict=True), start=2
    ):
        where = f"{path}, row {row}"
        if not isinstance(name, str) or not is_below(name):
            raise DatasetError(f"{where}: the path {name!r} leads out of the folder")
        if pitches.iloc[row - 2] not in range(128):
            raise DatasetError(f"{where}: midi is {manifest.midi.iloc[row - 2]}: {PITCH_ADVICE}")
        if dynamic and dynamic not in {*_VELOCITIES, *_CHANGING}:
            raise DatasetError(
                f"{where}: the dynamic {dynamic!r} is not one of {', '.join([*_VELOCITIES, *_CHANGING])}"
            )
        if repeated.iloc[row - 2]:
            raise DatasetError(f"{where}: {name} stands in the list twice")
        try:
            _programs(instrument)
        except UnknownNameError as error:
            raise DatasetError(
                f"{where}: {error}; known are the names of General MIDI, and {', '.join(known)}"
            ) from error
    for row, name in enumerate(manifest.path, start=2):
        if not (path.parent / name).is_file():
            raise DatasetError(f"{path}, row {row}: lists {name}, and there is no such file in the folder")
