"""Tables of notes as people write them: separators, names of columns, and what cannot be a note.

Commas, semicolons and tabs separate columns, and where a semicolon or tab does, a comma may stand for the
decimal point, as spreadsheets of many countries write it. Columns may have other usual names
(:data:`COLUMN_NAMES`), and a duration may take the place of the end. Everything else is refused with its row:
a pitch in hertz would otherwise be a note that nobody played, and score as such.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from itertools import chain
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from timbrebench.core.errors import CorpusError
from timbrebench.core.files import read_text
from timbrebench.core.tables import parse_csv

#: Maximum bytes of a table: half a million notes. The longest pieces for piano have some thirty thousand.
LARGEST_BYTES = 16 << 20

#: Maximum seconds from the beginning, a day. Times in milliseconds soon exceed it.
LONGEST_S = 86_400.0

#: Maximum median of durations in seconds, of more notes than may be drones: others are in another unit.
_LONGEST_MEDIAN_S, _DRONES = 60.0, 3

#: What columns may be called besides, in any case; spaces and hyphens count as underscores. Where a file has
#: a column of the first name, others that could mean it are left out.
COLUMN_NAMES = {
    "onset_s": (
        *("onset", "onset_time", "onset_sec", "onset_seconds", "start", "start_s", "start_time"),
        *("start_sec", "start_seconds", "begin", "time", "time_s"),
    ),
    "offset_s": (
        *("offset", "offset_time", "offset_sec", "offset_seconds", "end", "end_s", "end_time"),
        *("end_sec", "end_seconds", "stop"),
    ),
    "pitch": ("midi", "midi_pitch", "midi_note", "midi_number", "pitch_midi", "note", "note_number", "key"),
    "velocity": ("vel", "midi_velocity"),
    "duration_s": ("duration", "dur", "duration_sec", "duration_seconds"),
    "octave_shift": (),
    "drum": (),
}

_CANONICAL = {alias: name for name, aliases in COLUMN_NAMES.items() for alias in (name, *aliases)}

_NEEDED = ("onset_s", "offset_s", "pitch", "velocity")

#: The column of pitches in hertz, which annotators of recordings may have for ``pitch``; its other names.
FREQUENCY = "frequency_hz"
_IN_HERTZ = frozenset(("hz", "f0", "f0_hz", "freq", "freq_hz", "frequency", "frequency_hz", "pitch_hz"))

_WITH_HERTZ = {**_CANONICAL, **dict.fromkeys(_IN_HERTZ, FREQUENCY)}

#: Around a unit in the name of a column: ``onset (s)``.
_BRACKETS = str.maketrans("()[]-", "     ")

#: What to do about pitches that are in another unit.
PITCH_ADVICE = "give a whole MIDI number from 0 to 127: 69 for 440 Hz and A4, not hertz and not names"
_VELOCITIES = "give a whole number from 1 to 127"
_TIMES = f"give finite seconds, up to {LONGEST_S:g}, not milliseconds, samples or ticks"


def read_table(path: Path) -> pd.DataFrame:
    """Read a table of notes, at most :data:`LARGEST_BYTES` long, with or without strokes of drums.

    Parameters
    ----------
    path : pathlib.Path
        A text file in UTF-8, with or without a byte-order mark, whose first line names the columns.

    Returns
    -------
    pandas.DataFrame
        ``onset_s``, ``offset_s`` (float, seconds), ``pitch`` and ``velocity`` (int), and ``octave_shift`` and
        ``drum`` where the file has them, in its order; others are left out.

    Raises
    ------
    CorpusError
        If it cannot be read, lacks a column or has one twice, or a row is not a note; the message names the
        file, the row, counted from 1 with the header, and the column. If half of four notes or more last
        longer than a minute, which is how times in milliseconds look.
    """
    table = _named(path, _CANONICAL, _check_columns)
    problem = next(chain(problems(table), without_length(table)), None)
    if problem is not None:
        place, what = problem
        raise CorpusError(f"{path}, row {table.index[place]}: {what}")
    _check_unit(path, table)
    times = {"onset_s", "offset_s"}
    return pd.DataFrame(
        {
            name: numbers(table[name]).astype(np.float64 if name in times else np.int64)
            for name in table.columns.drop("duration_s", errors="ignore")
        }
    )


def read_annotated(path: Path) -> pd.DataFrame:
    """Read a table of notes as annotators of recordings write them.

    Parameters
    ----------
    path : pathlib.Path
        As :func:`read_table` has it. Pitches may be in hertz, in a column ``frequency_hz`` or with another of
        its names, and there may be no velocities.

    Returns
    -------
    pandas.DataFrame
        ``onset_s``, ``offset_s``, ``pitch`` or ``frequency_hz``, and ``velocity`` where the file has it, as
        they stand in it, unchecked; indexed by their rows, counted from 1 with the header. Strokes of drums,
        which have no pitch, are left out.

    Raises
    ------
    CorpusError
        If it cannot be read, or lacks a column or has one twice.
    """
    table = _named(path, _WITH_HERTZ, _check_annotated)
    if "drum" in table:
        table = table[numbers(table.drum) != 1]
    unused = [name for name in ("duration_s", "octave_shift", "drum") if name in table]
    if "pitch" in table and FREQUENCY in table:
        unused.append(FREQUENCY)
    return table.drop(columns=unused)


def problems(notes: pd.DataFrame) -> Iterator[tuple[int, str]]:
    """Say what is wrong with a table that has the columns of notes.

    Parameters
    ----------
    notes : pandas.DataFrame
        With the columns ``onset_s``, ``offset_s``, ``pitch`` and ``velocity``, of any type.

    Yields
    ------
    tuple of (int, str)
        For each column that holds something else: the place of the first such row, counted from 0, and what
        it holds and should hold. A note may end where it begins.
    """
    onset, offset, pitch, velocity = (numbers(notes[name]) for name in _NEEDED)
    rules = [
        ("onset_s", np.abs(onset) <= LONGEST_S, _TIMES),
        ("offset_s", np.abs(offset) <= LONGEST_S, _TIMES),
        ("offset_s", offset >= onset, "the note ends before its onset, both in seconds"),
        ("pitch", (pitch >= 0) & (pitch <= 127) & (np.floor(pitch) == pitch), PITCH_ADVICE),
        ("velocity", (velocity >= 1) & (velocity <= 127) & (np.floor(velocity) == velocity), _VELOCITIES),
        *(
            (name, np.isin(numbers(notes[name]), allowed), f"give one of {allowed[0]} to {allowed[-1]}")
            for name, allowed in (("drum", range(2)), ("octave_shift", range(-10, 11)))
            if name in notes
        ),
    ]
    for name, right, remedy in rules:
        if not right.all():
            place = int(np.flatnonzero(~right)[0])
            yield place, f"{name} is {_shown(notes[name].iloc[place])}: {remedy}"


def without_length(notes: pd.DataFrame) -> Iterator[tuple[int, str]]:
    """Yield the first note that ends where it begins, which nobody has played, as :func:`problems` does."""
    for place in np.flatnonzero(numbers(notes.offset_s) == numbers(notes.onset_s))[:1]:
        yield int(place), f"offset_s is {_shown(notes.offset_s.iloc[place])}: the note ends at its onset"


def _check_unit(path: Path, notes: pd.DataFrame) -> None:
    """Refuse times that are not in seconds, as far as they give themselves away."""
    if len(notes) <= _DRONES:
        return
    median_s = float(np.median(numbers(notes.offset_s) - numbers(notes.onset_s)))
    if median_s > _LONGEST_MEDIAN_S:
        raise CorpusError(
            f"{path}: half of its notes last {median_s:g} s or longer: give times in seconds, not in "
            "milliseconds, samples or ticks"
        )


def _named(
    path: Path, canonical: Mapping[str, str], check: Callable[[Path, str, list[str]], None]
) -> pd.DataFrame:
    """Read the columns that have a canonical name, indexed by their rows' numbers, and work out ends."""
    text = read_text(path, LARGEST_BYTES, CorpusError)
    numbered = [
        (number, line) for number, line in enumerate(io.StringIO(text, newline=None), 1) if line.strip()
    ]
    lines = [line for _, line in numbered]
    header = lines[0].rstrip("\n") if lines else ""
    separator, names = _columns(path, header, canonical)
    check(path, header, names)
    rows = lines[1:] if separator == "," else _with_commas(lines[1:], separator)
    columns = ",".join(name or f"column {place}" for place, name in enumerate(names))
    _check_lengths(path, text, separator, len(names))
    table = parse_csv("".join([f"{columns}\n", *rows]).encode(), str(path), CorpusError, {})
    table = table[[name for name in names if name]]
    if "offset_s" not in table:
        onset, duration = (numbers(table[name]) for name in ("onset_s", "duration_s"))
        table = table.assign(offset_s=onset + duration)
    return table.set_index(pd.Index([number for number, _ in numbered[1 : len(table) + 1]]))


def _columns(path: Path, header: str, canonical: Mapping[str, str]) -> tuple[str, list[str]]:
    """Return the separator with which a header names most columns, and their names; empty where unknown."""
    named: dict[str, list[str]] = {}
    for separator in ",;\t":
        try:
            words = next(csv.reader([header], delimiter=separator), [])
        except csv.Error as error:
            raise CorpusError(f"{path}: cannot be read as a table of notes ({error})") from error
        words = ["_".join(word.casefold().translate(_BRACKETS).split()) for word in words]
        exact = {word for word in words if word in COLUMN_NAMES}
        names = [canonical.get(word, "") for word in words]
        named[separator] = [
            "" if name in exact and word != name else name for name, word in zip(names, words, strict=True)
        ]
    separator = max(named, key=lambda each: sum(map(bool, named[each])))
    return separator, named[separator]


def _check_lengths(path: Path, text: str, separator: str, columns: int) -> None:
    """Refuse a row that has more cells than the header, as decimal commas between commas make them."""
    for number, line in enumerate(io.StringIO(text, newline=None), start=1):
        if line.count(separator) < columns:
            continue
        try:
            cells = next(csv.reader([line], delimiter=separator), [])
        except csv.Error as error:
            raise CorpusError(f"{path}, row {number}: cannot be read ({error})") from error
        if len(cells) > columns and cells[columns:] not in ([""], ["\n"]):  # a separator at the end
            raise CorpusError(
                f"{path}, row {number}: has {len(cells)} cells under a header of {columns}: separate columns "
                "by semicolons or tabs where a comma is the decimal point"
            )


def _with_commas(lines: list[str], separator: str) -> Iterator[str]:
    """Write rows with commas, and numbers with decimal points."""
    for line in lines:
        yield line.replace('"', "").replace(",", ".").replace(separator, ",")


def _check_columns(path: Path, header: str, names: list[str]) -> None:
    """Refuse a header that lacks a column or has one twice."""
    shown = f"{header[:200]!r}"
    _check_twice(path, shown, names)
    wanted = _NEEDED if "duration_s" not in names else tuple(name for name in _NEEDED if name != "offset_s")
    missing = [name for name in wanted if name not in names]
    if not missing:
        return
    words = {word.strip().casefold() for word in header.replace(";", ",").replace("\t", ",").split(",")}
    if "pitch" in missing and words & _IN_HERTZ:
        raise CorpusError(
            f"{path}: its header {shown} names pitches in hertz: add a column pitch, and {PITCH_ADVICE}"
        )
    raise CorpusError(
        f"{path}: a table of notes needs the columns {', '.join(_NEEDED)}, separated by commas, semicolons "
        f"or tabs; its header {shown} lacks {', '.join(missing)}"
    )


def _check_annotated(path: Path, header: str, names: list[str]) -> None:
    """Refuse a header of an annotator's table that lacks a column or has one twice."""
    shown = f"{header[:200]!r}"
    _check_twice(path, shown, names)
    wanted = (("onset_s",), ("offset_s", "duration_s"), ("pitch", FREQUENCY))
    missing = [" or ".join(either) for either in wanted if not set(either) & set(names)]
    if missing:
        raise CorpusError(
            f"{path}: notes of a recording need columns onset_s, offset_s or duration_s, and pitch or "
            f"{FREQUENCY}, named in the first line and separated by commas, semicolons or tabs; {shown} "
            f"lacks {', '.join(missing)}"
        )


def _check_twice(path: Path, shown: str, names: list[str]) -> None:
    twice = [name for name, count in Counter(names).items() if name and count > 1]
    if twice:
        raise CorpusError(f"{path}: its header {shown} names {twice[0]} twice: keep one")


def numbers(column: pd.Series) -> NDArray[np.float64]:
    """Return a column as numbers, NaN where it holds something else."""
    numbers: NDArray[np.float64] = pd.to_numeric(column, errors="coerce").to_numpy(np.float64)
    return numbers


def _shown(value: object) -> str:
    """Return what a cell holds, for a message."""
    if isinstance(value, int | float | np.number):
        text = f"{value:g}"
    else:
        text = repr(value[:40]) if isinstance(value, str) else str(value)[:40]
    return "missing" if text in {"nan", "None", "NaT", "<NA>"} else text
