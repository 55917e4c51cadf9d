"""A comparison for a terminal, and as Markdown."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from typing import Any

import pandas as pd
from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from timbrebench.core.statistics.effect_sizes import POWER
from timbrebench.core.tables import markdown_table
from timbrebench.experiments.report.escaping import plain_markdown
from timbrebench.experiments.report.terminal import open_console

_CAPTION = (
    "Difference: first less second, with its 95 % interval over content pieces. p: paired permutation test; "
    "corrected by Holm's method, within each metric: for all pairs of one run's methods, or for the "
    "methods of two runs. d_z: mean difference in standard deviations over pieces. Wins: probability that "
    "the first is better on a piece. Pairs needed: to show a difference of this size with a chance of "
    f"{POWER:.0%}."
)

_HEADER = ("metric", "first", "second", "difference", "p", "corrected", "d_z", "wins", "pairs", "needed")


def print_comparison(table: pd.DataFrame, notes: Sequence[str]) -> None:
    """Print a comparison to standard output, a table for each method.

    `table` is of :func:`~timbrebench.experiments.ranking.comparing.compare_sides`; `notes` are reasons for
    caution, such as a run that is not valid.
    """
    console = open_console()
    for (method, first, second), rows in _parts(table):
        shown = Table(header_style="bold", box=SIMPLE_HEAD, padding=0, pad_edge=False)
        # Names of runs are paths, which Rich would take for markup or emoji where they look like it.
        shown.title = Text(_title(method, first, second), style="table.title")
        for name in (*_HEADER, "verdict"):
            is_text = name in {"metric", "verdict"}
            shown.add_column(name, justify="left" if is_text else "right", overflow="fold")
        for row in rows.to_dict("records"):
            shown.add_row(*map(Text, (*_cells(row), str(row["verdict"]))))
        console.print(shown)
    console.print(_CAPTION, style="dim", markup=False)
    for note in notes:
        console.print(Text(f"NOTE: {note}"), style="bold red")


def comparison_markdown(table: pd.DataFrame, notes: Sequence[str]) -> str:
    """Write a comparison, as :func:`print_comparison` has it, as Markdown that ends with a newline."""
    lines = []
    for (method, first, second), rows in _parts(table):
        lines += [f"## {plain_markdown(_title(method, first, second))}", ""]
        cells = [(*_cells(row), plain_markdown(row["verdict"])) for row in rows.to_dict("records")]
        lines += [markdown_table(pd.DataFrame(cells, columns=[*_HEADER, "verdict"])), ""]
    lines += [_CAPTION, "", *(f"- {plain_markdown(note)}" for note in notes)]
    return "\n".join(lines).rstrip() + "\n"


def _parts(table: pd.DataFrame) -> list[tuple[tuple[str, str, str], pd.DataFrame]]:
    keys = ["method", "first", "second"]
    return [((str(key[0]), str(key[1]), str(key[2])), rows) for key, rows in table.groupby(keys, sort=False)]


def _title(method: str, first: str, second: str) -> str:
    return f"{first} and {second}" if method == first else f"{method}: {first} and {second}"


def _cells(row: dict[Hashable, Any]) -> list[str]:
    interval = f"[{_number(row['low'])}, {_number(row['high'])}]"
    deviations = (row["first_seed_sd"], row["second_seed_sd"])
    means = [
        _number(mean) + ("" if math.isnan(deviation) else f" (seeds ±{deviation:.2g})")
        for mean, deviation in zip((row["first_mean"], row["second_mean"]), deviations, strict=True)
    ]
    return [
        str(row["metric"]),
        *means,
        f"{_number(row['difference'], sign=True)} {interval}",
        _p(row["p"]),
        _p(row["p_corrected"]),
        _number(row["d_z"]),
        _number(row["superiority"]),
        str(row["pairs"]),
        f"{row['pairs_needed']:.0f}" if math.isfinite(row["pairs_needed"]) else "-",
    ]


def _number(value: float, *, sign: bool = False) -> str:
    return "-" if math.isnan(value) else f"{value:+.3g}" if sign else f"{value:.3g}"


def _p(value: float) -> str:
    return "-" if math.isnan(value) else "<0.001" if value < 0.001 else f"{value:.3f}"
