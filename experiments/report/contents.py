"""What a report shows of a run, worked out once for its page, its figures and its tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from timbrebench.experiments.ranking.headline import MEAN_STYLE, Headline
from timbrebench.experiments.ranking.leaderboard import Leaderboard
from timbrebench.experiments.ranking.results import Results
from timbrebench.experiments.report.cost_figures import speed_table
from timbrebench.experiments.report.leaderboard_tables import (
    Column,
    as_records,
    leaderboard_columns,
    questions,
)
from timbrebench.experiments.report.matrices import TransferMatrix, transfer_matrices
from timbrebench.experiments.report.plane import Point


@dataclass(frozen=True)
class Contents:
    """What a report shows.

    `leaderboard` has the methods ranked, and `columns` are its figures; `questions` are every metric. Of the
    style-content plane, `points` are empty if either was not measured; of `matrices`, there is one for each
    method with a score of the style judge. `speed` is what methods cost, and `failures` are transfers without
    output by method and reason: ``label, status, reason, count, example``.
    """

    results: Results
    leaderboard: Leaderboard
    columns: list[Column]
    questions: list[dict[str, Any]]
    points: list[Point]
    matrices: list[TransferMatrix]
    speed: pd.DataFrame
    failures: list[dict[str, Any]]

    @classmethod
    def of(cls, results: Results, leaderboard: Leaderboard) -> Contents:
        """Work out what there is to show of a run."""
        table = leaderboard.table
        columns = leaderboard_columns(results, table)
        return cls(
            results,
            leaderboard,
            columns,
            questions(results, table),
            _points(results.headline, table, columns),
            transfer_matrices(results, [str(method) for method in table.method]),
            speed_table(results, table),
            _failures(results),
        )


def _points(headline: Headline, table: pd.DataFrame, columns: Sequence[Column]) -> list[Point]:
    if not headline.is_measured_by(column.name for column in columns):
        return []
    style = MEAN_STYLE if len(headline.styles) > 1 else headline.styles[0]
    content = headline.content
    return [
        Point(
            row["method"],
            row[style],
            row[content],
            (row[f"{style}_low"], row[f"{style}_high"]),
            (row[f"{content}_low"], row[f"{content}_high"]),
            row["kind"] == "control",
            not pd.isna(row["rank"]),
        )
        for row in as_records(table)
    ]


def _failures(results: Results) -> list[dict[str, Any]]:
    """Count the transfers without output by method and reason, with a pair as an example."""
    failed = results.transfers[results.transfers.status != "ok"]
    # The silence control fails as it must: what needs looking at stands above it.
    failed = failed.sort_values("label", key=lambda labels: labels == "silence", kind="stable")
    groups = failed.groupby(["label", "status", "reason"], sort=False)
    return as_records(groups.agg(count=("pair_id", "size"), example=("pair_id", "first")).reset_index())
