"""Check that a submission's records are whole and can be, and that its tables follow from them."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from timbrebench.classifier import load_content_judge
from timbrebench.classifier.style.published_judges import load_published, published_name
from timbrebench.core.tables import SIX_DIGITS, csv_text
from timbrebench.experiments.ranking.leaderboard import make_leaderboard
from timbrebench.experiments.ranking.results import COSTS, NOT_SCORED, Results
from timbrebench.experiments.run.layout import CONFIGURATION, LEADERBOARD, SETS
from timbrebench.experiments.run.run_configuration import MethodEntry
from timbrebench.experiments.run.tasks import base_key, learned_by
from timbrebench.experiments.submissions.submission_description import SubmittedMethod
from timbrebench.experiments.submissions.submission_packing import predictions
from timbrebench.experiments.submissions.submission_reading import Submission, parse_table
from timbrebench.metrics.registry import get
from timbrebench.transfer.contract import learns
from timbrebench.transfer.method_calls import query_fingerprint
from timbrebench.transfer.registry import create, method_class

#: By how much a figure may differ that another machine computed: relatively, and near 0.
RELATIVE, ABSOLUTE = 1e-3, 1e-4


def check_submission(submission: Submission) -> list[str]:
    """Compare what a submission says with what follows from its records, and see that the run is valid.

    Parameters
    ----------
    submission : Submission
        As it was read.

    Returns
    -------
    list of str
        What does not agree, is missing or cannot be; empty where all is as it should be.
    """
    problems = [
        f"{method.label}: its records are of other settings than {CONFIGURATION} has"
        for method, entry in _methods(submission)
        if not _is_of(method, entry, submission)
    ]
    problems += _missing(submission) + _impossible(submission.results) + _learned(submission)
    made = make_leaderboard(submission.results)
    problems += [f"the run is not valid: {problem}" for problem in made.problems]
    table = parse_table(csv_text(made.table, SIX_DIGITS))
    problems += _differences(table, submission.leaderboard, submission.foreign)
    return problems + _differences_of_sets(submission)


def _methods(submission: Submission) -> list[tuple[SubmittedMethod, MethodEntry]]:
    entries = submission.results.configuration.entries
    return list(zip(submission.about.methods, entries, strict=True))


def _is_known(method: SubmittedMethod, submission: Submission) -> bool:
    """Tell whether a method is installed here in the version that was run."""
    return method.label not in submission.foreign and method.version == method_class(method.method).version


def _is_of(method: SubmittedMethod, entry: MethodEntry, submission: Submission) -> bool:
    """Tell whether a method's key follows from its settings, as far as that can be known here."""
    if not _is_known(method, submission):
        return True
    one = create(entry.method, entry.parameters)
    if any(query_fingerprint(one)):
        return True  # it depends on files, which may be others here
    return method.key == base_key(entry, submission.about.training if learns(one) else "")


def _missing(submission: Submission) -> list[str]:
    """Count what a finished run has records of and the submission has none of."""
    results = submission.results
    heard = predictions(submission.tasks, results.suite, submission.about.judge, submission.records)
    counts = {
        "outputs have no record": int((results.transfers.status == "missing").sum()),
        "scores have no record": int((results.reasons == NOT_SCORED).to_numpy().sum()),
        "clips have no record of what the judge makes of them": sum(one is None for one in heard.values()),
    }
    return [f"{count} {what}" for what, count in counts.items() if count]


def _impossible(results: Results) -> list[str]:
    """Name figures that no metric gives and no output costs."""
    bounds = dict.fromkeys(("seconds", "peak_memory_mib"), (0.0, math.inf))
    for name in map(str, results.scores.columns):
        declared = get(name).specification
        bounds[name] = (declared.lower, declared.upper)
    table = pd.concat([results.transfers, results.scores], axis=1)
    problems = []
    for name, (lower, upper) in bounds.items():
        values = table[name].to_numpy(dtype=np.float64)
        # Infinity is no figure, even where there is no bound.
        wrong = ~np.isnan(values) & ~(np.isfinite(values) & (lower <= values) & (values <= upper))
        for place in np.flatnonzero(wrong)[:1]:
            row = table.iloc[place]
            problems.append(
                f"{row.label}, {row.pair_id}: {name} is {values[place]:g}, and can only be a number from "
                f"{lower:g} to {upper:g} ({int(wrong.sum())} such values)"
            )
    mute = results.scores.isna() & (results.reasons == "")
    if count := int(mute.to_numpy().sum()):
        problems.append(f"{count} scores are no number, and have no reason for it")
    return problems


def _learned(submission: Submission) -> list[str]:
    """Name who does not say what it has learned from, does not say it truly, or knows the suite."""
    about, suite = submission.about, submission.results.suite
    tested = {clip.sha256 for clip in suite.every_clip}
    names = {about.judge: "the style judge", about.content_judge: "the content judge"}
    telling = {
        *names,
        *(method.key for method, entry in _methods(submission) if _tells(method, entry, submission)),
    }
    names |= {method.key: method.label for method in about.methods}
    problems = []
    for key, name in names.items():
        record = submission.records.learned.get(key)
        clips = set(record.clips) if record else set()
        if key in telling and not clips:
            problems.append(f"{name}: no record says what it has learned from")
        if known := len(clips & tested):
            problems.append(f"{name}: has learned from {known} clips of the suite")
    published = published_name(about.judge)
    for judge in (load_content_judge(), *((load_published(published),) if published else ())):
        record = submission.records.learned.get(judge.fingerprint)
        if record is not None and record != learned_by(judge):
            problems.append(f"{names[judge.fingerprint]}: has not learned what its record says")
    return problems


def _tells(method: SubmittedMethod, entry: MethodEntry, submission: Submission) -> bool:
    """Tell whether a method has learned from clips, and so has a record of them, as far as is known here."""
    if not _is_known(method, submission) or not learns(create(entry.method, entry.parameters)):
        return False
    return bool((submission.results.of(method.label).status == "ok").any())


def _differences(made: pd.DataFrame, stated: pd.DataFrame, foreign: frozenset[str]) -> list[str]:
    """Name the first figures in which two leaderboards differ."""
    if list(made.columns) != list(stated.columns) or list(made.method) != list(stated.method):
        return [f"{LEADERBOARD} has other methods, columns or ranks than its records give"]
    others = _other_cells(made, stated, relative=1e-4, absolute=1e-6)
    # Submissions of before have counted, as costs, what failed pairs took as well.
    costs = {f"{name}{end}" for name in COSTS for end in ("", "_low", "_high")}
    return [
        f"{made.method[row]} has {stated[column][row]} as {column} in {LEADERBOARD}, "
        f"records give {made[column][row]}"
        for row, column in others
        if not (column == "settings" and made.method[row] in foreign)
        and not (column in costs and made.missing[row])
    ][:5]


def _differences_of_sets(submission: Submission) -> list[str]:
    """Name the first figures in which two comparisons of whole sets differ."""
    found, stated = submission.results.sets, submission.sets
    made = parse_table(csv_text(found, SIX_DIGITS)) if len(found) else found
    if list(made.columns) != list(stated.columns) or len(made) != len(stated):
        return [f"{SETS} has other rows or columns than its records give"]
    # Eigenvalues of large matrices stand behind these, which another machine rounds differently.
    others = _other_cells(made, stated, relative=RELATIVE, absolute=ABSOLUTE)
    return [
        f"{made.method[row]}, {made.label[row]}: {column} is {stated[column][row]} in {SETS}, "
        f"records give {made[column][row]}"
        for row, column in others
    ][:5]


def _other_cells(
    made: pd.DataFrame, stated: pd.DataFrame, *, relative: float, absolute: float
) -> list[tuple[int, str]]:
    """List row and column of the cells in which two tables with the same rows and columns differ."""
    cells = []
    for column in made.columns:
        one, other = made[column], stated[column]
        if pd.api.types.is_numeric_dtype(one) and pd.api.types.is_numeric_dtype(other):
            numbers = one.astype(float), other.astype(float)
            same = np.isclose(*numbers, rtol=relative, atol=absolute, equal_nan=True)
        else:
            same = (one.fillna("").astype(str) == other.fillna("").astype(str)).to_numpy()
        cells += [(int(row), str(column)) for row in np.flatnonzero(~same)]
    return cells
