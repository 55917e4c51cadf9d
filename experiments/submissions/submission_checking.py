"""Check that a submission's records are complete and possible, and that its tables follow from them."""

from __future__ import annotations

import json
import math

import numpy as np
import pandas as pd

from timbrebench.classifier import load_content_judge
from timbrebench.classifier.style.published_judges import load_published, published_name
from timbrebench.core.documents import parse_object
from timbrebench.core.errors import RunError
from timbrebench.core.tables import SIX_DIGITS, csv_text
from timbrebench.experiments.ranking.leaderboard import make_leaderboard
from timbrebench.experiments.ranking.results import COSTS, NOT_SCORED, Results
from timbrebench.experiments.run.layout import CONFIGURATION, LEADERBOARD, SETS
from timbrebench.experiments.run.record_types import Record
from timbrebench.experiments.run.run_configuration import CONTROLS, MethodEntry
from timbrebench.experiments.run.scores import score_key
from timbrebench.experiments.run.tasks import base_key, learned_by
from timbrebench.experiments.submissions.submission_description import SubmittedMethod
from timbrebench.experiments.submissions.submission_packing import predictions
from timbrebench.experiments.submissions.submission_reading import Submission, parse_table
from timbrebench.metrics.registry import get
from timbrebench.transfer.contract import learns
from timbrebench.transfer.registry import create, method_class

#: By how much a figure may differ that another machine computed: relatively, and near 0.
RELATIVE, ABSOLUTE = 1e-3, 1e-4


def check_submission(submission: Submission) -> list[str]:
    """Compare what a submission states with what follows from its records, and check that the run is valid.

    Returns what disagrees, is missing or is impossible; empty where the submission is sound.
    """
    problems = [
        f"{method.label}: its records are of other settings than {CONFIGURATION} has"
        for method, entry in _methods(submission)
        if not _has_settings(method, entry, submission)
    ]
    problems += _unknown_controls(submission) + _missing(submission) + _strays(submission)
    problems += _impossible(submission.results) + _learned(submission)
    board = make_leaderboard(submission.results)
    problems += [f"the run is not valid: {problem}" for problem in board.problems]
    if submission.tables is None:
        return problems
    problems += _leaderboard_differences(board.table, submission, submission.tables.leaderboard)
    return problems + _sets_differences(submission.results, submission.tables.sets)


def _methods(submission: Submission) -> list[tuple[SubmittedMethod, MethodEntry]]:
    entries = submission.results.configuration.entries
    return list(zip(submission.about.methods, entries, strict=True))


def _is_known(method: SubmittedMethod, submission: Submission) -> bool:
    """Return whether a method's identity follows from its settings here, in the version that was run."""
    return method.label not in submission.foreign and method.version == method_class(method.method).version


def _has_settings(method: SubmittedMethod, entry: MethodEntry, submission: Submission) -> bool:
    """Return whether a method's key follows from its settings, as far as that can be known here."""
    if not _is_known(method, submission):
        return True
    created = create(entry.method, entry.parameters)
    return method.key == base_key(entry, submission.about.training if learns(created) else "")


def _unknown_controls(submission: Submission) -> list[str]:
    """List controls of another version than is here, which the scale of the headline would follow from."""
    return [
        f"{method.label}: is version {method.version} of the control, here is version "
        f"{method_class(method.method).version}"
        for method, entry in _methods(submission)
        if entry.method in CONTROLS and method.version != method_class(method.method).version
    ]


def _strays(submission: Submission) -> list[str]:
    """Count the records that no output of the submission, and none of its clips, has."""
    records, tasks, about = submission.records, submission.tasks, submission.about
    transfers = {task.key: task for task in tasks}
    scores = {
        score_key(records.transfers[key], task.pair, metric, about.judges)
        for key, task in transfers.items()
        if key in records.transfers
        for metric in about.metrics
    }
    judged = _judged(submission)
    counts = {
        "an output": len(records.transfers.keys() - transfers.keys()),
        "a score": len(records.scores.keys() - scores),
        "a prediction": len(records.predictions.keys() - judged.keys()),
    }
    return [
        f"{count} records of {what} belong to no method and pair of it"
        for what, count in counts.items()
        if count
    ]


def _judged(submission: Submission) -> dict[str, Record | None]:
    """Return the records of the judge's predictions that a whole submission has, by key."""
    about, suite = submission.about, submission.results.suite
    return predictions(submission.tasks, suite, about.judge, submission.records)


def _missing(submission: Submission) -> list[str]:
    """Count the records that a finished run has and the submission lacks."""
    results = submission.results
    judged = {} if submission.about.is_reduced else _judged(submission)
    counts = {
        "outputs have no record": int((results.transfers.status == "missing").sum()),
        "scores have no record": int((results.reasons == NOT_SCORED).to_numpy().sum()),
        "clips have no record of the judge's prediction": list(judged.values()).count(None),
    }
    return [f"{count} {what}" for what, count in counts.items() if count]


def _impossible(results: Results) -> list[str]:
    """List figures outside the range that a metric declares, or that a cost can have."""
    bounds = dict.fromkeys(("seconds", "peak_memory_mib"), (0.0, math.inf))
    for name in map(str, results.scores.columns):
        declared = get(name).specification
        bounds[name] = (declared.lower, declared.upper)
    table = pd.concat([results.transfers, results.scores], axis=1)
    problems = []
    for name, (lower, upper) in bounds.items():
        values = table[name].to_numpy(dtype=np.float64)
        # Infinity is refused even where there is no bound.
        wrong = ~np.isnan(values) & ~(np.isfinite(values) & (lower <= values) & (values <= upper))
        for place in np.flatnonzero(wrong)[:1]:
            row = table.iloc[place]
            problems.append(
                f"{row.label}, {row.pair_id}: {name} is {values[place]:g}, and can only be a number from "
                f"{lower:g} to {upper:g} ({int(wrong.sum())} such values)"
            )
    unexplained = results.scores.isna() & (results.reasons == "")
    if count := int(unexplained.to_numpy().sum()):
        problems.append(f"{count} scores are NaN without a reason")
    return problems


def _learned(submission: Submission) -> list[str]:
    """List judges and methods without a true record of what they learned from, or that know the suite."""
    about, records = submission.about, submission.records.learned
    tested = {clip.sha256 for clip in submission.results.suite.every_clip}
    judges = {about.judge: "the style judge", about.content_judge: "the content judge"}
    if about.second_judge:
        judges[about.second_judge] = "the second style judge"
    learners = {
        *judges,
        *(method.key for method, entry in _methods(submission) if _learns(method, entry, submission)),
    }
    problems = []
    for key, name in {**judges, **{method.key: method.label for method in about.methods}}.items():
        clips = set(records[key].clips) if key in records else set()
        if key in learners and not clips:
            problems.append(f"{name}: no record of what it has learned from")
        if shared := len(clips & tested):
            problems.append(f"{name}: has learned from {shared} clips of the suite")
    published = [name for name in map(published_name, about.style_judges) if name]
    true = [learned_by(load_content_judge()), *(learned_by(load_published(name)) for name in published)]
    problems += [
        f"{judges[record.key]}: has not learned what its record says"
        for record in true
        if records.get(record.key, record) != record
    ]
    return problems


def _learns(method: SubmittedMethod, entry: MethodEntry, submission: Submission) -> bool:
    """Return whether a method has learned from clips, and so has a record, as far as is known here."""
    if not _is_known(method, submission) or not learns(create(entry.method, entry.parameters)):
        return False
    return bool((submission.results.of(method.label).status == "ok").any())


def _leaderboard_differences(made: pd.DataFrame, submission: Submission, stated: pd.DataFrame) -> list[str]:
    """List the first figures in which the leaderboard differs from the one that the records give."""
    made, stated = (_with_sorted_settings(table) for table in (_as_read(made), stated))
    if "learned_from" not in stated:  # as in submissions of before
        made = made.drop(columns="learned_from")
    if list(made.columns) != list(stated.columns) or list(made.method) != list(stated.method):
        return [f"{LEADERBOARD} has other methods, columns or ranks than its records give"]
    # Submissions of earlier versions have counted, as costs, what failed pairs took as well.
    costs = {f"{name}{end}" for name in COSTS for end in ("", "_low", "_high")}
    return [
        f"{made.method[row]} has {stated[column][row]} as {column} in {LEADERBOARD}, "
        f"records give {made[column][row]}"
        for row, column in _differing_cells(made, stated, relative=1e-4, absolute=1e-6)
        if not (column == "settings" and made.method[row] in submission.foreign)
        and not (column in costs and made.missing[row])
    ][:5]


def _as_read(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table as it is read from its file."""
    return parse_table(csv_text(table, SIX_DIGITS), "a table") if len(table) else table


def _with_sorted_settings(table: pd.DataFrame) -> pd.DataFrame:
    """Return a leaderboard whose settings are in one order: another version may declare them in another."""

    def sorted_settings(settings: object) -> str:
        try:
            return json.dumps(parse_object(str(settings), "settings", RunError), sort_keys=True)
        except RunError:
            return str(settings)

    return table.assign(settings=table.settings.map(sorted_settings)) if "settings" in table else table


def _sets_differences(results: Results, stated: pd.DataFrame) -> list[str]:
    """List the first figures in which the comparison of sets differs from the one that the records give."""
    made = _as_read(results.sets)
    if list(made.columns) != list(stated.columns) or len(made) != len(stated):
        return [f"{SETS} has other rows or columns than its records give"]
    # Eigenvalues of large matrices stand behind these, which another machine rounds differently.
    return [
        f"{made.method[row]}, {made.label[row]}: {column} is {stated[column][row]} in {SETS}, "
        f"records give {made[column][row]}"
        for row, column in _differing_cells(made, stated, relative=RELATIVE, absolute=ABSOLUTE)
    ][:5]


def _differing_cells(
    made: pd.DataFrame, stated: pd.DataFrame, *, relative: float, absolute: float
) -> list[tuple[int, str]]:
    """List row and column of the cells in which two tables with the same rows and columns differ."""
    cells = []
    for column in made.columns:
        sides = made[column], stated[column]
        if all(map(pd.api.types.is_numeric_dtype, sides)):
            first, second = (side.astype(float) for side in sides)
            same = np.isclose(first, second, rtol=relative, atol=absolute, equal_nan=True)
        else:
            texts = [side.fillna("").astype(str) for side in sides]
            same = (texts[0] == texts[1]).to_numpy()
        cells += [(int(row), str(column)) for row in np.flatnonzero(~same)]
    return cells
