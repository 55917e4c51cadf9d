"""The leaderboard and the judge's card for a terminal or a log."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Hashable
from pathlib import Path
from typing import Any

import pandas as pd
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from timbrebench.classifier import Evaluation
from timbrebench.classifier.style.pipeline import EVALUATION_FILE
from timbrebench.experiments.leaderboard import Leaderboard

#: Columns shown, and what they are called where space is short; the CSV has all of them.
_SHOWN = {
    "headline": "headline",
    "style_accuracy": "style",
    "note_f1": "note F1",
    "onset_f1": "onset F1",
    "content_label_share": "content label",
    "ioi_kl_content": "IOI KL",
    "xcorr_content": "xcorr",
    "key_invariance_mse": "MSE",
    "seconds": "s/pair",
}

#: Columns that a terminal narrower than this many characters goes without.
_WIDE = 100
_WIDE_ONLY = ("content_label_share", "ioi_kl_content", "xcorr_content", "key_invariance_mse")


def print_leaderboard(leaderboard: Leaderboard) -> None:
    """Print a leaderboard to standard output: means, the interval of the headline, and the settings."""
    table, console = leaderboard.table, open_console()
    names = [name for name in _SHOWN if name in table]
    if console.width < _WIDE:
        names = [name for name in names if name not in _WIDE_ONLY]
    shown = Table(header_style="bold", box=SIMPLE_HEAD, padding=0, pad_edge=False)
    shown.add_column("rank", justify="right", no_wrap=True)
    shown.add_column("method", no_wrap=True)
    for name in [*(_SHOWN[name] for name in names), "missing"]:
        shown.add_column(name, justify="right", no_wrap=True)
    for row in table.to_dict("records"):
        rank = "-" if pd.isna(row.get("rank")) else str(row["rank"])
        cells = [_cell(row, name) for name in names]
        shown.add_row(rank, row["method"], *cells, str(row["missing"]))
    console.print(shown)
    console.print("Without a rank: controls, and methods with missing outputs.", style="dim")
    for row in table[table.violation != ""].to_dict("records"):
        console.print(f"NOT RANKED: {row['method']} {row['violation']}", style="bold red", markup=False)
    for row in table[table.kind == "method"].to_dict("records"):
        settings = ", ".join(f"{key}={value}" for key, value in json.loads(row["settings"]).items())
        console.print(f"{row['method']}: {settings or 'settings as published'}", markup=False)
    for problem in leaderboard.problems:
        console.print(f"NOT VALID: {problem}", style="bold red", markup=False)


def _cell(row: dict[Hashable, Any], name: str) -> str:
    value = row[name]
    if math.isnan(value):
        return "-"
    if name != "headline":
        return f"{value:.2f}"
    return f"{value:.2f} [{row['headline_low']:.2f}, {row['headline_high']:.2f}]"


def print_judge(root: Path) -> None:
    """Print how the style judge of a run does on pieces it has never heard."""
    text = (root / "judge" / EVALUATION_FILE).read_text(encoding="utf-8")
    evaluation = Evaluation.model_validate_json(text)
    shown = Table(header_style="bold", box=SIMPLE_HEAD)
    shown.add_column(f"style judge, {evaluation.clips} clips of unseen pieces")
    shown.add_column("accuracy", justify="right")
    shown.add_row("all", f"{evaluation.accuracy:.3f}")
    for name, accuracy in evaluation.accuracy_by_soundfont.items():
        shown.add_row(name, f"{accuracy:.3f}")
    open_console().print(shown)


def open_console() -> Console:
    """Return a console on standard output that is wide enough where there is no terminal."""
    # A log has no width of its own; narrow tables would be cut to nothing.
    return Console() if sys.stdout.isatty() else Console(width=140)
