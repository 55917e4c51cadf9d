"""What listeners hand back: read, checked against the test's key, and left out where it cannot count.

A file of ratings is data of a stranger: it is read as JSON of a limited size, of a fixed layout, with names
that are hashes or plain identifiers, and none of its texts is ever run or shown as anything but text. One
that does not count stops nothing; it is left out, with the reason:

- it is not JSON, not of this layout, or too large;
- it is of another test;
- its checksum is not that of its content: it was edited or damaged. The checksum is that of ZIP files, which
  anybody can compute; it finds what was changed, and not who changed it;
- it rates a page twice, a page or a stimulus that the test does not have, or gives a score that is not on
  the scale;
- pages are missing;
- another file is of the same listener: of two equal ones the first counts, of two that differ none does;
- another file has the name that the page draws for each listener's session, under another listener's.
"""

from __future__ import annotations

import json
import zlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import pandas as pd
from pydantic import Field, ValidationError

from timbrebench.core.documents import read_json
from timbrebench.core.errors import RunError, TimbrebenchError, describe_validation
from timbrebench.core.frozen_model import FrozenModel
from timbrebench.experiments.listening.listening_test import HashedName, Key

#: Maximum bytes of a file: a thousand pages of twelve stimuli have one.
MAX_BYTES = 4 << 20


class Rating(FrozenModel):
    """The score of a stimulus."""

    stimulus: HashedName
    score: Annotated[int, Field(strict=True, ge=0, le=100)]


class RatedPage(FrozenModel):
    """The scores of a page, in the order in which its stimuli stood there, and the seconds that it took."""

    page: HashedName
    seconds: Annotated[int, Field(strict=True, ge=0, le=86_400)]
    ratings: tuple[Rating, ...] = Field(min_length=1, max_length=100)


class RatingsFile(FrozenModel):
    """What the page of a listening test saves.

    Attributes
    ----------
    format : str
        The layout.
    test : str
        Which test it is of.
    listener : str
        The listener's number or name, as typed.
    session : str
        Drawn by the page when the listener began.
    pages : tuple of RatedPage
        In the order in which they were shown.
    checksum : str
        CRC-32 of everything before it, as JSON without spaces.
    """

    format: Literal["timbrebench-ratings-1"]
    test: str = Field(max_length=100)
    listener: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,39}$")]
    session: HashedName
    pages: tuple[RatedPage, ...] = Field(max_length=10_000)
    checksum: Annotated[str, Field(pattern=r"^[0-9a-f]{8}$")]


@dataclass(frozen=True)
class LeftOut:
    """A file that does not count, and why."""

    name: str
    reason: str


@dataclass(frozen=True)
class Ratings:
    """The ratings that were handed in.

    Attributes
    ----------
    table : pandas.DataFrame
        One row for each stimulus that a listener rated: ``listener, page, position, question, pair_id, piece,
        stimulus, condition, score, seconds``.
    left_out : tuple of LeftOut
        Files that do not count.
    """

    table: pd.DataFrame
    left_out: tuple[LeftOut, ...]


_COLUMNS = (
    "listener",
    "page",
    "position",
    "question",
    "pair_id",
    "piece",
    "stimulus",
    "condition",
    "score",
    "seconds",
)


def read_ratings(key: Key, paths: Sequence[Path]) -> Ratings:
    """Read files of ratings.

    Parameters
    ----------
    key : Key
        The test's.
    paths : sequence of pathlib.Path
        The files.

    Returns
    -------
    Ratings
        What counts, and what does not.

    Raises
    ------
    RunError
        If no file counts.
    """
    files: dict[str, RatingsFile] = {}
    left_out: list[LeftOut] = []
    for path in paths:
        try:
            files[str(path)] = _read(key, path)
        except TimbrebenchError as error:
            left_out.append(LeftOut(path.name, str(error).removeprefix(f"{path}: ")))
    left_out += list(_doubled(files))
    if not files:
        reasons = "; ".join(f"{item.name}: {item.reason}" for item in left_out)
        raise RunError(f"no file of ratings can be counted: {reasons or 'none was given'}")
    rows = [row for file in files.values() for row in _rows(key, file)]
    return Ratings(pd.DataFrame(rows, columns=list(_COLUMNS)), tuple(left_out))


def _read(key: Key, path: Path) -> RatingsFile:
    content = read_json(path, RunError, MAX_BYTES)
    try:
        file = RatingsFile.model_validate(content)
    except ValidationError as error:
        raise describe_validation(error, str(path), RatingsFile.model_fields) from error
    if file.test != key.test:
        raise RunError("it is of another listening test")
    unsigned = {name: value for name, value in content.items() if name != "checksum"}
    if checksum(unsigned) != file.checksum:
        raise RunError("it was edited or damaged after it was saved: its checksum does not match")
    if problem := _problem(key, file):
        raise RunError(problem)
    return file


def checksum(content: object) -> str:
    """Return the CRC-32 of JSON without spaces, as the page computes it: eight hexadecimal digits."""
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    return f"{zlib.crc32(text.encode()):08x}"


def _problem(key: Key, file: RatingsFile) -> str:
    """Say why ratings of the test do not count; empty where they do."""
    counts = Counter(page.page for page in file.pages)
    if unknown := sorted(set(counts) - set(key.pages)):
        return f"it rates a page that the test does not have, {unknown[0]}"
    if doubled := [page for page, count in counts.items() if count > 1]:
        return f"it rates a page twice, {doubled[0]}"
    for page in file.pages:
        names = [rating.stimulus for rating in page.ratings]
        if len(names) != len(set(names)) or set(names) != set(key.pages[page.page].stimuli):
            return f"the stimuli of page {page.page} are not those of the test, each once"
        if problem := key.test_kind.problem([rating.score for rating in page.ratings]):
            return f"page {page.page}: {problem}"
    if len(counts) < len(key.pages):
        return f"it is incomplete: {len(counts)} of {len(key.pages)} pages are rated"
    return ""


def _doubled(files: dict[str, RatingsFile]) -> Iterable[LeftOut]:
    """Take out files of one listener or session that are there more than once."""
    by_listener: dict[str, list[str]] = {}
    for path, file in files.items():
        by_listener.setdefault(file.listener, []).append(path)
    for paths in by_listener.values():
        first, *others = paths
        differing = [other for other in others if files[other] != files[first]]
        for path in paths if differing else others:
            reason = "differ: keep the right one" if differing else "are equal: the first counts"
            listener = files.pop(path).listener
            yield LeftOut(Path(path).name, f"{len(paths)} files of listener {listener} {reason}")
    sessions = Counter(file.session for file in files.values())
    for path in [path for path, file in files.items() if sessions[file.session] > 1]:
        listener = files.pop(path).listener
        yield LeftOut(
            Path(path).name, f"the session of listener {listener} was handed in under another name as well"
        )


def _rows(key: Key, file: RatingsFile) -> Iterable[tuple[object, ...]]:
    for page in file.pages:
        behind = key.pages[page.page]
        for position, rating in enumerate(page.ratings):
            yield (
                file.listener,
                page.page,
                position,
                behind.question,
                behind.pair_id,
                behind.piece,
                rating.stimulus,
                behind.stimuli[rating.stimulus],
                rating.score,
                page.seconds,
            )
