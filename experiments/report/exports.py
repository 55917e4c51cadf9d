"""The report's tables as files to publish: CSV for programs, Markdown and LaTeX for people.

The same run gives the same bytes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from timbrebench.core.files import write_text
from timbrebench.core.tables import SIX_DIGITS, latex_table, write_csv
from timbrebench.experiments.ranking.results import COSTS
from timbrebench.experiments.report.contents import Contents
from timbrebench.experiments.report.cost_figures import speed_rows
from timbrebench.experiments.report.escaping import plain_table
from timbrebench.experiments.report.leaderboard_tables import DASH, Column, as_records
from timbrebench.experiments.report.matrices import TransferMatrix
from timbrebench.experiments.run.layout import TABLES

_MATRICES = "transfer-matrices"
_SUFFIXES = (".csv", ".md", ".tex")

#: Which way is better.
_ARROWS = {"higher": "\N{UPWARDS ARROW}", "lower": "\N{DOWNWARDS ARROW}", "none": ""}


@dataclass(frozen=True)
class Export:
    """A table, for programs and for people.

    `name` is that of its files, without suffix. `data` has figures as they are, one fact to a column; `text`
    the same as it is written, fit to be printed, whose first `names` columns are names and not figures.
    """

    name: str
    data: pd.DataFrame
    text: pd.DataFrame
    names: int


def write_tables(contents: Contents, root: Path) -> None:
    """Write the leaderboard, every metric, what methods cost, transfer matrices, and failures.

    The run's folder gets ``tables/<name>.csv``, ``.md`` and ``.tex``, a ``tabular`` with the rules of the
    package booktabs. Raises :class:`StorageError` if a file cannot be written.
    """
    table = contents.leaderboard.table
    exports = [
        _leaderboard(table, contents.columns),
        _metrics(table, contents.questions),
        _speed(contents),
        _failures(contents.failures),
    ]
    if contents.matrices:
        exports.append(_matrices(contents.matrices))
    else:
        for suffix in _SUFFIXES:  # of an earlier report, when style accuracy was still measured
            (root / TABLES / _MATRICES).with_suffix(suffix).unlink(missing_ok=True)
    for export in exports:
        path = root / TABLES / export.name
        write_csv(path.with_suffix(".csv"), export.data, SIX_DIGITS)
        write_text(path.with_suffix(".md"), plain_table(export.text, export.names) + "\n")
        write_text(path.with_suffix(".tex"), latex_table(export.text, export.names))


def _leaderboard(table: pd.DataFrame, columns: Sequence[Column]) -> Export:
    """Return the leaderboard as the report shows it."""
    facts = ["rank", "method", "kind", "judge_dependent", "outputs", "missing"]
    figures = [f"{column.name}{end}" for column in columns for end in ("", "_low", "_high")]
    present = [name for name in facts if name in table]
    ranks = table["rank"].dropna().tolist() if "rank" in table else []
    text = pd.DataFrame(
        [
            {
                "rank": _rank(row, ranks),
                "method": row["method"],
                **{_head(column): with_interval(row, column) for column in columns},
                **({"judge-dependent": row["judge_dependent"]} if "judge_dependent" in row else {}),
                "outputs": str(row["outputs"]),
            }
            for row in as_records(table)
        ]
    )
    return Export("leaderboard", table[[*present, *figures]], text, names=2)


def _metrics(table: pd.DataFrame, questions: Sequence[dict[str, Any]]) -> Export:
    """Return every metric, a row each, with a column for each method."""
    rows = [(group["question"], row) for group in questions for row in group["rows"]]
    values = pd.DataFrame(
        [
            {
                "question": question,
                "metric": row["column"].name,
                "unit": row["column"].unit,
                "direction": row["column"].direction,
                "method": method,
                **{key: cell[key] for key in ("value", "low", "high", "reason")},
            }
            for question, row in rows
            for method, cell in zip(table.method, row["cells"], strict=True)
        ]
    )
    text = pd.DataFrame(
        [[_head(row["column"]), *(cell["text"] for cell in row["cells"])] for _, row in rows],
        columns=["metric", *table.method],
    )
    return Export("metrics", values, text, names=1)


def _speed(contents: Contents) -> Export:
    """Return what methods cost."""
    text = pd.DataFrame(
        [
            [row["method"], *(cell["text"] for cell in row["cells"])]
            for row in speed_rows(contents.results, contents.speed)
        ],
        columns=["method", "median pair, s", "slowest pair, s", "s per s of content", "memory, MiB"],
    )
    return Export("speed", contents.speed, text, names=1)


def _matrices(matrices: Sequence[TransferMatrix]) -> Export:
    """Return the share of outputs classified as the style, by method and the labels of content and style."""
    values = pd.DataFrame(
        [
            {
                "method": matrix.method,
                "content": content,
                "style": style,
                "share": matrix.shares.loc[content, style],
                "outputs": matrix.counts.loc[content, style],
            }
            for matrix in matrices
            for content in matrix.shares.index
            for style in matrix.shares.columns
            if matrix.counts.loc[content, style]
        ],
        columns=["method", "content", "style", "share", "outputs"],
    )
    labels = list(matrices[0].shares.columns)
    text = pd.DataFrame(
        [
            [
                matrix.method,
                content,
                *(_share(matrix.shares.loc[content, style]) for style in labels),
                _share(matrix.by_content[content]),
            ]
            for matrix in matrices
            for content in matrix.shares.index
        ],
        columns=["method", "content", *map(str, labels), "all"],
    )
    return Export(_MATRICES, values, text, names=2)


def _failures(failures: Sequence[dict[str, Any]]) -> Export:
    """Return what methods failed on, by reason."""
    columns = ["label", "status", "reason", "example", "count"]
    values = pd.DataFrame(failures, columns=columns).rename(columns={"label": "method", "count": "transfers"})
    return Export("failures", values, values.astype(str), names=4)


def _rank(row: dict[str, Any], ranks: Sequence[int]) -> str:
    """Write a rank, with a sign where methods share it."""
    rank = row.get("rank")
    if rank is None or pd.isna(rank):
        return ""
    return f"{rank}=" if ranks.count(rank) > 1 else str(rank)


def _head(column: Column) -> str:
    unit = "" if column.unit == "1" else f", {column.unit}"
    return f"{column.name.replace('_', ' ')}{unit} {_ARROWS[column.direction]}".rstrip()


def with_interval(row: dict[str, Any], column: Column) -> str:
    """Write a figure of a row of the leaderboard, followed by the interval of its mean in brackets.

    Costs are the figure alone, since the range of most pairs is not an interval of the mean.
    """
    value, low, high = (float(row[f"{column.name}{end}"]) for end in ("", "_low", "_high"))
    if column.name in COSTS or math.isnan(value) or math.isnan(low):
        return column.text(value)
    return f"{column.text(value)} [{column.text(low)}, {column.text(high)}]"


def _share(value: float) -> str:
    return DASH if math.isnan(value) else f"{100 * value:.0f}"
