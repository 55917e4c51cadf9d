"""Everything that can be verified of submissions, and what of it was: for one that is checked, or several."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from timbrebench.core.errors import RunError
from timbrebench.datasets import Dataset
from timbrebench.experiments.submissions.copied_outputs import find_copies
from timbrebench.experiments.submissions.rescoring import (
    compare_outputs,
    find_clips,
    rescore_outputs,
)
from timbrebench.experiments.submissions.submission_archive import Archive
from timbrebench.experiments.submissions.submission_checking import check_submission
from timbrebench.experiments.submissions.submission_reading import Submission
from timbrebench.experiments.submissions.submitted_outputs import has_outputs

#: What stands in a leaderboard beside a method of which nothing was scored again.
AS_STATED = "figures as stated"


@dataclass(frozen=True)
class Verification:
    """What was verified of a submission.

    Attributes
    ----------
    problems : tuple of str
        What disagrees, is missing or is impossible. Empty for a sound submission.
    summary : str
        What was compared.
    verified : mapping of str to str
        For each method and control what was verified: "scored again: 23 of 30", or "figures as stated".
    copies : mapping of str to str
        What the outputs of a method are copies of, by label, for methods that are copies.
    """

    problems: tuple[str, ...]
    summary: str
    verified: Mapping[str, str]
    copies: Mapping[str, str] = field(default_factory=dict)


def verify_submissions(
    submissions: Sequence[Submission], dataset: Path | None = None, *, every: bool = False
) -> list[Verification]:
    """Verify submissions of the same pairs.

    `dataset` is one that holds the suite's clips: with it, outputs that came along are scored again, a drawn
    number of them or `every` one. Raises RunError if the dataset lacks clips. A submission that came without
    outputs has figures as stated, with or without a dataset.
    """
    held = None if dataset is None else Dataset.open(dataset)
    clips = None if held is None else find_clips(submissions[0], held)
    verifications = [_verify(submission, held, every=every) for submission in submissions]
    if any(verification.problems for verification in verifications):
        return verifications  # outputs that are not what they are said to be are compared with nothing
    copies = find_copies(submissions, clips, held)
    return [
        Verification(each.problems, each.summary, each.verified, copied)
        for each, copied in zip(verifications, copies, strict=True)
    ]


def _verify(submission: Submission, dataset: Dataset | None, *, every: bool) -> Verification:
    problems = check_submission(submission)
    verified = dict.fromkeys(submission.results.labels, AS_STATED)
    with Archive(submission.path) as archive:
        came_with_outputs = has_outputs(archive)
    if not came_with_outputs:
        return Verification(tuple(problems), "not scored again: it comes without outputs", verified)
    differing, summary = compare_outputs(submission)
    problems += differing
    if dataset is None or problems:
        why = "there are problems" if problems else "no dataset was given"
        return Verification(tuple(problems), f"{summary}; not scored again: {why}", verified)
    try:
        rescored = rescore_outputs(submission, dataset, every=every)
    except RunError as error:
        return Verification((*problems, str(error)), summary, verified)
    verified |= {label: f"scored again: {again} of {of}" for label, (again, of) in rescored.counts.items()}
    return Verification((*problems, *rescored.problems), f"{summary}; {rescored.summary}", verified)
