"""The tables of the report: the leaderboard, and every metric by the question that it answers."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from timbrebench.core.documents import parse_object
from timbrebench.core.errors import RunError
from timbrebench.experiments.ranking.headline import MEAN_STYLE, STYLE
from timbrebench.experiments.ranking.leaderboard import KEY_INVARIANCE
from timbrebench.experiments.ranking.listener_scores import COLUMN
from timbrebench.experiments.ranking.results import COSTS, Results
from timbrebench.metrics.registry import get

#: How clean outputs sound: the third figure, beside the halves of the headline and not in it.
_QUALITY = "sound_quality"

#: Metrics that stand on the leaderboard beside the headline and its halves.
_MAIN = (
    "onset_f1",
    "ioi_kl_content",
    "xcorr_content",
    "log_stft_mse",
    "log_spectral_distance",
)

#: The same for suites that rank nothing: distances to the style, and to the reference where there is one.
_UNRANKED = (
    KEY_INVARIANCE,
    STYLE,
    "mfcc_style_distance",
    "ioi_kl_style",
    "autocorrelation_error_style",
    "xcorr_style",
    "transcribed_note_f1",
    "xcorr_content",
    "mel_cepstral_distortion",
    "log_spectral_distance",
    "multi_resolution_stft",
)

#: Stand for a missing figure, and before a negative one.
DASH, MINUS = "\N{EN DASH}", "\N{MINUS SIGN}"

#: What has content kept 1, by version of the headline.
_CEILINGS = {1: "the reference's", 2: "the lower of the reference's and the untouched content's"}

#: Which share of the outputs resembles nothing that the judge has learned; only some judges can tell.
_UNFAMILIAR = "unfamiliar"


@dataclass(frozen=True)
class Column:
    """A column of figures: what it is called, which way is better, how it is written."""

    name: str
    unit: str
    direction: str
    summary: str
    decimals: int = 2

    def text(self, value: float) -> str:
        """Write a value with the column's decimals, costs with two significant digits; a dash for NaN."""
        if self.name in COSTS:
            return significant(value)
        if math.isnan(value):
            return DASH
        rounded = round(value, self.decimals) + 0.0  # no minus sign before zero
        return f"{rounded:.{self.decimals}f}".replace("-", MINUS)


def significant(value: float) -> str:
    """Write a figure with two significant digits, or all that stand before the decimal point."""
    if math.isnan(value):
        return DASH
    return f"{value:.0f}" if value >= 10 else f"{value:.2g}"


#: What a pair costs, beside the seconds that stand on the leaderboard.
_COST_COLUMNS = (
    Column("seconds", "s", "lower", "What does the median pair take?"),
    Column("realtime_factor", "1", "lower", "What does a second of content take, in seconds?"),
    Column("peak_memory_mib", "MiB", "lower", "How much memory does the process hold at most?"),
)


def leaderboard_columns(results: Results, table: pd.DataFrame) -> list[Column]:
    """List the columns of figures: the headline, its halves, quality, listeners, the time, main metrics.

    A suite that ranks nothing has no headline and other metrics, without those that have no value for any
    method.
    """
    seconds = Column("seconds", "s per pair", "lower", "What the median pair takes")
    if not results.suite.is_ranking:
        names = [name for name in _UNRANKED if name in table and table[name].notna().any()]
        return _with_decimals([*map(_metric_column, names), *listener_columns(results), seconds], table)
    made_of, measured = results.headline, results.configuration.metrics
    scaled = f"note F1, scaled so that the style copy's is 0 and {_CEILINGS[made_of.version]} is 1"
    style = "the mean style accuracy of two judges" if len(made_of.styles) > 1 else "style accuracy"
    can_tell = _UNFAMILIAR in measured and table[_UNFAMILIAR].notna().any()
    columns = [
        Column("headline", "1", "higher", f"Harmonic mean of {style} and of {scaled}"),
        Column(MEAN_STYLE, "1", "higher", "Mean style accuracy of both judges: half of the headline"),
        *(_metric_column(name) for name in made_of.styles if name in measured),
        Column("content_kept", "1", "higher", f"{scaled[0].upper()}{scaled[1:]}: half of the headline"),
        *([_metric_column(_QUALITY)] if _QUALITY in measured else []),
        *listener_columns(results),
        seconds,  # before what a narrow screen leaves to the side
        *(_metric_column(name) for name in (made_of.content, *_MAIN) if name in measured),
        *([_metric_column(_UNFAMILIAR)] if can_tell else []),
    ]
    return _with_decimals(columns, table)


def leaderboard_metrics(results: Results) -> tuple[str, ...]:
    """Return the metrics that a leaderboard shows or follows from, in the order of the configuration."""
    shown = {*results.headline.metrics, _QUALITY, *_MAIN, _UNFAMILIAR} if results.is_ranking else {*_UNRANKED}
    return tuple(name for name in results.configuration.metrics if name in shown)


#: What listeners were asked, by question.
_ASKED = {
    "style": "does it sound like the instrument of the style",
    "content": "are the notes of the content kept",
    "quality": "how good is the sound quality",
}


def listener_columns(results: Results) -> list[Column]:
    """List the columns of what listeners say, as far as they were asked."""
    return [
        Column(
            score.column,
            f"{score.lowest:.0f} to {score.highest:.0f}",
            "higher",
            f"Mean of {score.listeners} listeners ({score.kind}): {_ASKED[score.question]}?",
        )
        for score in {score.column: score for score in results.listeners}.values()
    ]


def _metric_column(name: str) -> Column:
    about = get(name).specification
    return Column(name, about.unit, about.direction, about.summary)


def _with_decimals(columns: Iterable[Column], table: pd.DataFrame) -> list[Column]:
    """Leave out what the table lacks, and choose decimals by the values of the rest."""
    present = [column for column in columns if column.name in table]
    return [replace(column, decimals=_decimals(table[column.name])) for column in present]


def _decimals(values: Iterable[float]) -> int:
    """Choose how many decimals a column is written with: two or three digits for its largest value."""
    largest = max((abs(value) for value in values if math.isfinite(value) and value), default=1.0)
    minimum = 2 if largest < 10 else 1 if largest < 100 else 0
    return min(max(1 - math.floor(math.log10(largest)), minimum), 6)


def leaderboard_groups(
    results: Results, table: pd.DataFrame, columns: Sequence[Column]
) -> list[dict[str, Any]]:
    """Return the leaderboard's rows, methods and controls apart."""
    ranks = [int(rank) for rank in table["rank"].dropna()]
    groups = []
    for kind, name in (("method", "methods"), ("control", "controls")):
        rows = []
        for row in as_records(table[table.kind == kind]):
            rank = None if pd.isna(row["rank"]) else int(row["rank"])
            rows.append(
                {
                    "label": row["method"],
                    "rank": rank,
                    "is_tied": rank is not None and ranks.count(rank) > 1,
                    "why_unranked": _why_unranked(row) if kind == "method" and rank is None else "",
                    "learned_from": row["learned_from"],
                    "settings": parse_object(row["settings"], "the settings of a leaderboard", RunError),
                    "outputs": row["outputs"],
                    "missing": row["missing"],
                    "violation": row["violation"],
                    "judge_dependent": row.get("judge_dependent", ""),
                    "cells": [_cell(results, row, column) for column in columns],
                }
            )
        groups.append({"name": name, "rows": rows})
    return groups


def _why_unranked(row: dict[str, Any]) -> str:
    """Say why a method has no rank."""
    if row["missing"]:
        return "outputs are missing"
    if row["violation"]:
        return str(row["violation"])
    if math.isnan(row.get("headline", math.nan)):
        return "it has no headline"
    return "on some pairs its headline has no value, and the reference's has"


def _cell(results: Results, row: dict[str, Any], column: Column) -> dict[str, Any]:
    """Return a figure of the leaderboard: value, interval, and why there is none."""
    value, low, high = (float(row[f"{column.name}{end}"]) for end in ("", "_low", "_high"))
    number = row.get(f"{column.name}_n", row["outputs"])
    return {
        "value": value,
        "low": low,
        "high": high,
        "text": column.text(value),
        "interval": "" if math.isnan(low) else f"{column.text(low)} {DASH} {column.text(high)}",
        "note": f"{number} of {row['outputs']}" if 0 < number < row["outputs"] else "",
        "reason": _why_missing(results, row, column.name) if math.isnan(value) else "",
    }


def _why_missing(results: Results, row: dict[str, Any], name: str) -> str:
    """Say why a method has no figure: the commonest reason among its outputs."""
    if name in {"headline", MEAN_STYLE, "content_kept"}:
        needed = results.headline.metrics
        if any(math.isnan(row[part]) for part in needed):
            return f"needs {' and '.join(needed)}"
        return "what has content kept 1 has no higher note F1 than the style copy"
    if name in COSTS:
        return why_no_cost(results, row["method"])
    if name.startswith(COLUMN):
        return "listeners were not asked about it"
    if name not in results.reasons:
        return "not run"
    reasons = results.reasons[name][results.transfers.label == row["method"]]
    counts = reasons[reasons != ""].value_counts()
    return str(counts.index[0]) if len(counts) else "no output"


def why_no_cost(results: Results, label: str) -> str:
    """Say why it is not known what a method costs."""
    statuses = set(results.of(label).status)
    if statuses == {"missing"}:
        return "not run yet"
    if "ok" not in statuses:
        return "no output"
    return "not measured: the work was done elsewhere, or the system does not report it"


def questions(results: Results, table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return every metric, by the question that it answers with others.

    Each ``question`` has ``rows``: a ``column`` and its ``cells``, with methods in the leaderboard's order.
    """
    records = as_records(table)
    by_question = metrics_by_question(results.configuration.metrics, table)
    if results.listeners:
        by_question["What listeners say"] = _with_decimals(listener_columns(results), table)
    by_question["What it costs"] = _with_decimals(_COST_COLUMNS, table)
    return [
        {
            "question": question,
            "rows": [
                {"column": column, "cells": [_cell(results, row, column) for row in records]}
                for column in columns
            ],
        }
        for question, columns in by_question.items()
    ]


def metrics_by_question(names: Iterable[str], table: pd.DataFrame) -> dict[str, list[Column]]:
    """Return metrics that a table has as columns, by the question that they answer."""
    by_question: dict[str, list[Column]] = {}
    for name in names:
        by_question.setdefault(get(name).question.rstrip("."), []).append(_metric_column(name))
    return {question: _with_decimals(columns, table) for question, columns in by_question.items()}


def as_records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows of a table as dicts by column."""
    return [{str(key): value for key, value in row.items()} for row in table.to_dict("records")]
