"""What was verified, for a terminal and for a comment on a pull request."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from timbrebench.classifier.style.published_judges import published_name
from timbrebench.core.errors import RunError
from timbrebench.experiments.report.escaping import plain_table
from timbrebench.experiments.submissions.entry import GIVEN_CLIPS, entry_folders, read_given
from timbrebench.experiments.submissions.entry_verification import (
    EntryVerdict,
    SuiteEntries,
    rank_entries,
    verify_entries,
)
from timbrebench.experiments.submissions.submission_merging import combine, leaderboard_markdown
from timbrebench.experiments.submissions.submission_reading import Submission, read_submission
from timbrebench.experiments.submissions.submission_verification import Verification, verify_submissions


@dataclass(frozen=True)
class Report:
    """What was found of submissions and entries.

    Attributes
    ----------
    lines : tuple of str
        For a terminal.
    held, refused : tuple of (str, str)
        Which hold, and what was compared; which do not, and why.
    leaderboards : tuple of str
        What the former come to, as Markdown.
    """

    lines: tuple[str, ...] = ()
    held: tuple[tuple[str, str], ...] = ()
    refused: tuple[tuple[str, str], ...] = ()
    leaderboards: tuple[str, ...] = ()

    def __add__(self, other: Report) -> Report:
        return Report(
            self.lines + other.lines,
            self.held + other.held,
            self.refused + other.refused,
            self.leaderboards + other.leaderboards,
        )

    def markdown(self) -> str:
        """Return what was found as Markdown, with all that strangers have written escaped."""
        count = len(self.held) + len(self.refused)
        rows = [
            *({"": "refused", "entry": name, "why": why} for name, why in self.refused),
            *({"": "holds", "entry": name, "why": why} for name, why in self.held),
        ]
        heading = f"# {len(self.held)} of {count} hold\n\n"
        return heading + "\n".join([plain_table(pd.DataFrame(rows), names=3) + "\n", *self.leaderboards])


def report_entries(paths: Sequence[Path]) -> Report:
    """Verify all entries at some paths, with the clips that lie beside them, and rank those that hold."""
    verdicts = verify_entries([folder for path in paths for folder in entry_folders(path)])
    lines, held, refused = [], [], []
    for verdict in verdicts:
        name = f"{verdict.folder.parent.name}/{verdict.folder.name}"
        problems = [*verdict.problems, *_copies(verdict.verification)]
        if problems:
            refused.append((name, "; ".join(problems)))
            lines += [f"{verdict.folder}: REFUSED: {problem}" for problem in problems]
        else:
            held.append((name, _stated(verdict)))
            lines.append(f"{verdict.folder}: holds: {_stated(verdict)}")
    suites = rank_entries(verdicts)
    for problem in filter(None, map(_given_problem, suites)):
        refused.append(problem)
        lines.append(f"REFUSED: {problem[1]}")
    boards = [leaderboard_markdown(suite.merged, suite.entries[0].submission.about) for suite in suites]
    return Report(tuple(lines), tuple(held), tuple(refused), tuple(boards))


def _given_problem(suite: SuiteEntries) -> tuple[str, str] | None:
    """Say which of the clips beside the entries of a suite is none; None where all are."""
    try:
        read_given(suite.entries[0].folder.parent, suite.merged.results.suite)
    except RunError as error:
        return f"{suite.suite}/{GIVEN_CLIPS}", str(error)
    return None


def _stated(verdict: EntryVerdict) -> str:
    assert verdict.entry is not None  # noqa: S101 - it holds
    card = verdict.entry.card
    return f"learned from {card.learned_from}, {'open' if card.is_open else 'closed'} code, figures as stated"


def report_file(path: Path, dataset: Path | None, *, every: bool) -> Report:
    """Verify a submission; `dataset` and `every` are those of :func:`verify_submissions`."""
    submission = read_submission(path)
    verification = verify_submissions([submission], dataset, every=every)[0]
    if problems := [*verification.problems, *_copies(verification)]:
        return Report((*problems, verification.summary), refused=((path.name, "; ".join(problems)),))
    lines = _held_lines(submission, verification)
    board = leaderboard_markdown(combine([submission], [verification]), submission.about)
    return Report(lines, held=((path.name, verification.summary),), leaderboards=(board,))


def _copies(verification: Verification | None) -> list[str]:
    copies = {} if verification is None else verification.copies
    return [f"{label}: {what}: not ranked" for label, what in copies.items()]


def _held_lines(submission: Submission, verification: Verification) -> tuple[str, ...]:
    about = submission.about
    judge = published_name(about.judge)
    follows = "its figures follow" if about.is_reduced else "the tables follow"
    return (
        f"{submission.path}: {about.submitter}'s run {about.run!r} on {submission.results.suite.title}",
        f"every file is what the list says, and {follows} from the records",
        f"scored by the published style judge {judge}"
        if judge
        else f"scored by a style judge of their own, {about.judge[:12]}",
        "seconds and memory are as stated by the submitter",
        verification.summary,
    )
