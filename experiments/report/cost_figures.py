"""What methods cost: seconds, seconds for each second of content, memory."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from timbrebench.experiments.ranking.results import COSTS, Results
from timbrebench.experiments.report.drawing import Inks, style_axes
from timbrebench.experiments.report.leaderboard_tables import as_records, significant, why_no_cost

#: The table's columns beside the method, in order of interest.
SHOWN = ("seconds", "seconds_most", "realtime_factor", "peak_memory_mib")

#: Inches that a method takes in the figure.
_ROW = 0.26


def speed_table(results: Results, table: pd.DataFrame) -> pd.DataFrame:
    """Return what each method costs, quickest first, given the leaderboard's table.

    Columns are ``method, kind``; each of :data:`~timbrebench.experiments.ranking.results.COSTS` of the median
    pair, with ``_low`` and ``_high``, between which 95 % of the pairs lie; and ``seconds_least``,
    ``seconds_most`` of any pair. Pairs without an output do not count. What is unknown is NaN, as for methods
    that are run elsewhere; those stand last.
    """
    ends = [f"{name}{end}" for name in COSTS for end in ("", "_low", "_high")]
    costs = table[["method", "kind", *ends]].copy()
    # To fail soon is not to be fast.
    done = results.transfers[results.transfers.status == "ok"]
    seconds = done.groupby("label").seconds
    for name, values in (("seconds_least", seconds.min()), ("seconds_most", seconds.max())):
        costs[name] = costs.method.map(values)
    return costs.sort_values("seconds", kind="stable", ignore_index=True)


def speed_rows(results: Results, speed: pd.DataFrame) -> list[dict[str, Any]]:
    """Write what methods cost, as :func:`speed_table` has it.

    Rows are a ``method`` and ``cells`` for :data:`SHOWN`: ``value``, ``text``, and the ``reason`` where there
    is no value.
    """
    return [
        {
            "method": row["method"],
            "cells": [
                {
                    "value": row[name],
                    "text": significant(row[name]),
                    "reason": why_no_cost(results, row["method"]) if math.isnan(row[name]) else "",
                }
                for name in SHOWN
            ],
        }
        for row in as_records(speed)
    ]


def draw_speed(speed: pd.DataFrame, inks: Inks) -> Figure:
    """Draw the time and the memory that each method takes for a pair, as :func:`speed_table` has them.

    On the left, on a logarithmic scale, the median pair is a point on a line from the quickest pair to the
    slowest; on the right is the memory. Controls are grey.
    """
    shown = speed[speed.seconds > 0].reset_index(drop=True)
    figure = Figure(figsize=(7.0, _ROW * max(len(shown), 3) + 0.9), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True, width_ratios=(3, 2))
    for axes, label in ((left, "seconds for a pair"), (right, "memory of the process, MiB")):
        style_axes(axes, inks)
        axes.set_xlabel(label)
        axes.grid(visible=False, axis="y")
    if len(shown):
        left.set_xscale("log")
    left.set_yticks(range(len(shown)), shown.method)
    left.set_ylim(len(shown) - 0.4, -0.6)
    for text in left.get_yticklabels():
        text.set_parse_math(False)
    for place, row in enumerate(as_records(shown)):
        colour, alpha, marker = (inks.ink, 0.5, "s") if row["kind"] == "control" else (inks.accent, 1.0, "o")
        left.plot(
            [row["seconds_least"], row["seconds_most"]],
            [place, place],
            color=colour,
            alpha=alpha,
            linewidth=1.2,
        )
        left.plot(
            row["seconds"], place, marker=marker, markersize=5.5, markeredgewidth=0, color=colour, alpha=alpha
        )
        if np.isfinite(row["peak_memory_mib"]):
            right.barh(place, row["peak_memory_mib"], height=0.55, color=colour, alpha=0.8 * alpha)
    return figure
