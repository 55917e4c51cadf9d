"""Put several submissions into one leaderboard.

Only what was measured alike can stand in one table: the same pairs of the same version, judged by the same
judges, with the same metrics and seeds. Everything else is refused with its reason.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from timbrebench.classifier.style.published_judges import published_name
from timbrebench.core.errors import RunError
from timbrebench.core.files import file_sha256, write_json, write_text
from timbrebench.core.tables import SIX_DIGITS, write_csv
from timbrebench.experiments.ranking.leaderboard import make_leaderboard
from timbrebench.experiments.ranking.learning_rules import LearnedFrom
from timbrebench.experiments.ranking.results import COSTS, Results
from timbrebench.experiments.report.escaping import plain_markdown, plain_table
from timbrebench.experiments.report.exports import with_interval
from timbrebench.experiments.report.leaderboard_tables import as_records, leaderboard_columns
from timbrebench.experiments.run.layout import LEADERBOARD, SETS
from timbrebench.experiments.run.run_configuration import CONTROLS, MethodEntry
from timbrebench.experiments.submissions.submission_description import About
from timbrebench.experiments.submissions.submission_reading import Submission, read_submission
from timbrebench.experiments.submissions.submission_verification import Verification, verify_submissions

#: By how much the figures of a control may differ between two submissions, on any pair: it is given the same
#: clips, and only rounding may differ.
_CONTROL_TOLERANCE = 0.01

#: Whose word the costs of every row are.
COSTS_AS_STATED = "as stated by the submitter"

#: How many problems of a submission an error names.
_SHOWN = 5

_JUDGE_ADVICE = (
    "name one that comes with timbrebench in [judge], or in [second_judge], and run both again (`timbrebench "
    "suite show` has those that know a suite), since a judge that is trained again elsewhere differs"
)


@dataclass(frozen=True)
class Merged:
    """Several submissions in one leaderboard.

    Attributes
    ----------
    table, sets : pandas.DataFrame
        The leaderboard, and all outputs of each method beside real clips, with the column ``submitter`` after
        ``method``, and after it ``verified``: what of a row was verified. Controls are the project's own.
        The leaderboard's ``costs`` says whose word seconds and memory are.
    results : Results
        All results together.
    notes : tuple of str
        What differs between submissions without keeping them apart.
    """

    table: pd.DataFrame
    sets: pd.DataFrame
    results: Results
    notes: tuple[str, ...]


def merge(paths: Sequence[Path], out: Path, *, dataset: Path | None = None, every: bool = False) -> Merged:
    """Verify submissions, at least one, and write one leaderboard of them.

    `dataset` is one that holds the suite's clips: with it, outputs that came along are scored again, so many
    that few false scores remain unnoticed, or `every` one. Of two submissions with the same outputs the
    later in `paths` has copied. The folder `out` gets ``leaderboard.csv``, ``leaderboard.md``, ``sets.csv``
    and ``submissions.json``, which lists the files. Raises RunError if a submission is incomplete or invalid,
    or anything in it does not hold, or two were not measured alike.
    """
    submissions = [read_submission(path) for path in paths]
    for other in submissions[1:]:
        refuse_mix(submissions[0], other)
    verifications = verify_submissions(submissions, dataset, every=every)
    for submission, verification in zip(submissions, verifications, strict=True):
        if verification.problems:
            raise RunError(f"{submission.path}: cannot be merged: {_first(verification.problems)}")
    merged = combine(submissions, verifications)
    write_csv(out / LEADERBOARD, merged.table, SIX_DIGITS)
    if len(merged.sets):
        write_csv(out / SETS, merged.sets, SIX_DIGITS)
    write_text(out / "leaderboard.md", leaderboard_markdown(merged, submissions[0].about))
    write_json(
        out / "submissions.json",
        [
            {
                "file": each.path.name,
                "sha256": file_sha256(each.path),
                "verified": verification.summary,
                **each.about.model_dump(mode="json"),
            }
            for each, verification in zip(submissions, verifications, strict=True)
        ],
    )
    return merged


def _first(problems: Sequence[str]) -> str:
    more = f"; and {len(problems) - _SHOWN} more" if len(problems) > _SHOWN else ""
    return "; ".join(problems[:_SHOWN]) + more


def refuse_mix(first: Submission, other: Submission) -> None:
    """Refuse two submissions that were not measured alike."""
    names = f"{first.path} and {other.path}"
    about, other_about = first.about, other.about
    if first.results.suite.title != other.results.suite.title:
        raise RunError(
            f"{names} are of different suites, {first.results.suite.title} and {other.results.suite.title}: "
            "a leaderboard never mixes pairs"
        )
    alike = {
        "settings of the suite": (about.setting, other_about.setting),
        "style judges": (about.judge, other_about.judge),
        "second style judges": (about.second_judge, other_about.second_judge),
        "content judges": (about.content_judge, other_about.content_judge),
        "seeds": (about.seeds, other_about.seeds),
        "versions of the headline": (first.results.headline.version, other.results.headline.version),
        "metrics": (about.metrics, other_about.metrics),
        "numbers of resamples": (
            first.results.configuration.resamples,
            other.results.configuration.resamples,
        ),
    }
    for what, (left, right) in alike.items():
        if left != right:
            advice = (
                _JUDGE_ADVICE if what.endswith("style judges") else "run one of them again with the other's"
            )
            raise RunError(f"{names} have different {what}: {advice}")
    judged = [name for name in first.results.headline.metrics if name in about.metrics]
    for label in CONTROLS:
        left, right = (
            submission.results.of(label)[judged].to_numpy(dtype=np.float64) for submission in (first, other)
        )
        if not np.allclose(left, right, rtol=0, atol=_CONTROL_TOLERANCE, equal_nan=True):
            raise RunError(f"{names} have different figures for the control {label}: one of them is wrong")


def combine(submissions: Sequence[Submission], verifications: Sequence[Verification]) -> Merged:
    """Put submissions, at least one, that were measured alike into one leaderboard.

    `verifications` are theirs. A method whose outputs are copies has that as its violation, and no rank.
    The controls are those of the first. Methods of one name get their submitter's beside it. Raises RunError
    if one submitter hands in two methods of one name.
    """
    counts = Counter(entry.name for each in submissions for entry in each.results.configuration.methods)
    entries: list[MethodEntry] = []
    submitter: dict[str, str] = {}
    violations: dict[str, str] = {}
    settings: dict[str, dict[str, Any]] = {}
    learned_from: dict[str, LearnedFrom] = {}
    verified = {label: verifications[0].verified[label] for label in CONTROLS}
    rows = [(submissions[0], label, label) for label in CONTROLS]
    for each, verification in zip(submissions, verifications, strict=True):
        name = each.about.submitter
        for entry in each.results.configuration.methods:
            label = entry.name if counts[entry.name] == 1 else f"{entry.name} ({name})"
            if label in submitter:
                raise RunError(f"{name} hands in {entry.name} twice: leave one out, or rename it")
            submitter[label] = name
            learned_from[label] = each.results.learned_from[entry.name]
            # Brackets and spaces are for people; configurations have neither.
            entries.append(entry.model_copy(update={"label": label}))
            rows.append((each, entry.name, label))
            verified[label] = verification.verified[entry.name]
            named = (each.results.violations, verification.copies)
            if reasons_of := [reasons[entry.name] for reasons in named if entry.name in reasons]:
                violations[label] = "; ".join(reasons_of)
            if entry.name in each.foreign:
                settings[label] = each.results.stated_settings[entry.name]
    first = submissions[0].results
    transfers, scores, reasons = (
        pd.concat(parts, ignore_index=True) for parts in zip(*(_rows(*row) for row in rows), strict=True)
    )
    configuration = first.configuration.model_copy(update={"methods": tuple(entries)})
    results = Results(
        configuration,
        first.suite,
        transfers,
        scores,
        reasons,
        violations,
        stated_settings=settings,
        learned_from=learned_from,
        second_judge=first.second_judge,
    )
    table = make_leaderboard(results).table
    compared = [part for part in (_sets(*row) for row in rows) if len(part)]
    sets = pd.concat(compared, ignore_index=True) if compared else pd.DataFrame()
    for frame in (table, sets):
        if "method" in frame:
            place = list(frame.columns).index("method") + 1
            frame.insert(place, "submitter", frame.method.map(submitter).fillna(""))
            frame.insert(place + 1, "verified", frame.method.map(verified))
    table.insert(list(table.columns).index("seconds"), "costs", COSTS_AS_STATED)
    return Merged(table, sets, results, tuple(_notes(submissions)))


def _notes(submissions: Sequence[Submission]) -> list[str]:
    """Say what else than methods may stand behind a difference."""
    notes = [
        "Seconds and memory are as stated by the submitters, each on a machine of their own, and cannot be "
        "verified: they compare methods of one submission, not of two."
    ]
    if not all(map(published_name, submissions[0].about.style_judges)):
        notes.append(
            "The style judges do not all come with timbrebench: figures are worth what they are worth."
        )
    learners = [each.about for each in submissions if _has_learner(each)]
    if len({about.training for about in learners}) > 1:
        listed = ", ".join(f"{about.training[:12]} by {about.submitter}" for about in learners)
        notes.append(f"Methods that learn have not learned from the same clips: {listed}.")
    return notes


def _has_learner(submission: Submission) -> bool:
    learned = [submission.records.learned.get(method.key) for method in submission.about.methods]
    return any(record is not None and record.clips for record in learned)


def _rows(submission: Submission, label: str, name: str) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Return a method's transfers, scores and reasons under a new label."""
    results = submission.results
    rows = results.transfers.label == label
    return results.transfers[rows].assign(label=name), results.scores[rows], results.reasons[rows]


def _sets(submission: Submission, label: str, name: str) -> pd.DataFrame:
    """Return a method's comparison of whole sets under a new label."""
    sets = submission.results.sets
    return sets[sets.method == label].assign(method=name) if len(sets) else sets


def leaderboard_markdown(merged: Merged, about: About) -> str:
    """Return a leaderboard for people: rank, method, submitter, and each figure with its interval.

    `about` is what the first of the submissions says of itself.
    """
    columns = leaderboard_columns(merged.results, merged.table)
    rows = [
        {
            "rank": "" if pd.isna(row["rank"]) else str(row["rank"]),
            "method": row["method"],
            "submitter": row["submitter"],
            "verified": row["verified"],
            **{_heading(column.name): with_interval(row, column) for column in columns},
            **({"judge-dependent": row["judge_dependent"]} if "judge_dependent" in row else {}),
            "not ranked": row["violation"],
        }
        for row in as_records(merged.table)
    ]
    if not any(row["not ranked"] for row in rows):
        rows = [{name: text for name, text in row.items() if name != "not ranked"} for row in rows]
    suite = plain_markdown(merged.results.suite.name or "Drawn pairs")
    sample = f", {merged.results.suite.size}" if merged.results.suite.sample_of else ""
    heading = f"# {suite}{sample}, suite version {about.suite_version}\n\n"
    judges = " and ".join(f"`{name}`" for name in about.judge_names)
    plural = "judges" if about.second_judge else "judge"
    headline = f"version {merged.results.headline.version} of the headline"
    end = (
        f"\n\n{about.setting}, style {plural} {judges}, content judge `{about.content_judge[:12]}`, "
        f"{headline}.\n"
    )
    notes = "".join(f"\n{plain_markdown(note)}\n" for note in merged.notes)
    return heading + plain_table(pd.DataFrame(rows), names=4) + end + notes


def _heading(column: str) -> str:
    return f"{column} ({COSTS_AS_STATED})" if column in COSTS else column
