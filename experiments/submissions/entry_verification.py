"""Verify entries, each by itself and beside the others of its suite, and rank those that hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from timbrebench.core.errors import RunError, TimbrebenchError
from timbrebench.experiments.submissions.entry import (
    Entry,
    card_problems,
    entry_folders,
    read_entry,
    track_problems,
)
from timbrebench.experiments.submissions.submission_merging import Merged, combine, refuse_mix
from timbrebench.experiments.submissions.submission_verification import Verification, verify_submissions


@dataclass(frozen=True)
class EntryVerdict:
    """What was found of an entry.

    Attributes
    ----------
    folder : Path
        Where it lies.
    problems : tuple of str
        Why it is refused; empty for one that holds.
    entry : Entry or None
        As it was read; None for one that cannot be.
    verification : Verification or None
        What was verified of it; None as well.
    """

    folder: Path
    problems: tuple[str, ...]
    entry: Entry | None = None
    verification: Verification | None = None


@dataclass(frozen=True, eq=False)
class SuiteEntries:
    """The entries of a suite that hold, with one leaderboard.

    Attributes
    ----------
    suite : str
        Name and version.
    entries : tuple of Entry
        In the order in which they arrived.
    merged : Merged
        All of them ranked.
    """

    suite: str
    entries: tuple[Entry, ...]
    merged: Merged


def verify_entries(folders: Sequence[Path]) -> list[EntryVerdict]:
    """Verify entries, and compare those of one suite with each other.

    One that cannot be read is refused with its reason, and the others are verified all the same.
    """
    verdicts = [_read(folder) for folder in folders]
    refused = [verdict for verdict in verdicts if verdict.entry is None]
    read = sorted((verdict.entry for verdict in verdicts if verdict.entry), key=_by_suite)
    for _, entries in groupby(read, key=lambda entry: entry.suite):
        refused += _verified(list(entries))
    return sorted(refused, key=lambda verdict: verdict.folder)


def rank_entries(verdicts: Sequence[EntryVerdict]) -> list[SuiteEntries]:
    """Put entries that hold into one leaderboard for each suite, by the suite's name."""
    held = [verdict for verdict in verdicts if not verdict.problems]
    pairs = [(each.entry, each.verification) for each in held if each.entry and each.verification]
    pairs.sort(key=lambda pair: _by_suite(pair[0]))
    ranked = []
    for suite, group in groupby(pairs, key=lambda pair: pair[0].suite):
        entries, verifications = zip(*group, strict=True)
        merged = combine([entry.submission for entry in entries], verifications)
        ranked.append(SuiteEntries(suite, tuple(entries), merged))
    return ranked


def read_results(root: Path) -> list[SuiteEntries]:
    """Read and rank all entries of a folder; raise RunError if any of them does not hold."""
    verdicts = verify_entries(entry_folders(root))
    for verdict in verdicts:
        if verdict.problems:
            raise RunError(f"{verdict.folder}: {'; '.join(verdict.problems)}")
    return rank_entries(verdicts)


def _by_suite(entry: Entry) -> tuple[object, ...]:
    return entry.suite, *entry.order


def _read(folder: Path) -> EntryVerdict:
    try:
        return EntryVerdict(folder, (), read_entry(folder))
    except TimbrebenchError as error:
        return EntryVerdict(folder, (str(error).removeprefix(f"{folder}: "),))


def _verified(entries: Sequence[Entry]) -> list[EntryVerdict]:
    """Verify entries of one suite; what cannot stand beside the first is refused."""
    verdicts, alike = [], [entries[0]]
    for entry in entries[1:]:
        try:
            refuse_mix(entries[0].submission, entry.submission)
            alike.append(entry)
        except RunError as error:
            verdicts.append(EntryVerdict(entry.folder, (str(error),), entry))
    verifications = verify_submissions([entry.submission for entry in alike])
    for entry, verification in zip(alike, verifications, strict=True):
        problems = (
            *verification.problems,
            *track_problems(entry.submission),
            *card_problems(entry.card, entry.submission),
        )
        verdicts.append(EntryVerdict(entry.folder, problems, entry, verification))
    return verdicts
