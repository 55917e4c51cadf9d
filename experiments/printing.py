"""The leaderboard and the judge's card for a terminal or a log."""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path

from rich.console import Console
from rich.table import Table

from timbrebench.classifier import Evaluation
from timbrebench.classifier.pipeline import EVALUATION_FILE
from timbrebench.datasets.soundfonts import Soundfont
from timbrebench.experiments.leaderboard import Leaderboard

#: Columns shown, and what they are called where space is short; the CSV has all of them.
_SHOWN = {
    "headline": "headline",
    "style_accuracy": "style",
    "content_label_share": "still content",
    "onset_f1": "onset F1",
    "ioi_kl_content": "IOI KL content",
    "xcorr_content": "xcorr content",
    "key_invariance_mse": "key-inv. MSE",
    "seconds": "s/pair",
}


def print_leaderboard(leaderboard: Leaderboard) -> None:
    """Print a leaderboard to standard output: means, with 95 % intervals for the headline and its halves."""
    table = leaderboard.table
    shown = Table(title=None, header_style="bold")
    shown.add_column("rank", justify="right")
    shown.add_column("method")
    names = [name for name in _SHOWN if name in table]
    for name in names:
        shown.add_column(_SHOWN[name], justify="right")
    shown.add_column("missing", justify="right")
    shown.add_column("settings")
    for row in table.to_dict("records"):
        rank = "-" if row.get("rank") is None or row["rank"] != row["rank"] else str(row["rank"])
        cells = [
            _cell(row, name, with_interval=name in {"headline", "style_accuracy", "onset_f1"})
            for name in names
        ]
        settings = ", ".join(f"{key}={value}" for key, value in json.loads(row["settings"]).items())
        kind = "control" if row["kind"] == "control" else settings or "as published"
        shown.add_row(rank, row["method"], *cells, str(row["missing"]), kind)
    _console().print(shown)
    for problem in leaderboard.problems:
        _console().print(f"NOT VALID: {problem}", style="bold red", markup=False)


def _cell(row: dict[object, float], name: str, *, with_interval: bool) -> str:
    value = row[name]
    if math.isnan(value):
        return "-"
    if not with_interval:
        return f"{value:.2f}"
    return f"{value:.2f} [{row[f'{name}_low']:.2f}, {row[f'{name}_high']:.2f}]"


def print_judge(root: Path) -> None:
    """Print how the judge of a run does on pieces it has never heard, and without each soundfont."""
    text = (root / "judge" / EVALUATION_FILE).read_text(encoding="utf-8")
    evaluation = Evaluation.model_validate_json(text)
    shown = Table(header_style="bold")
    shown.add_column(f"judge, on {evaluation.clips} clips of pieces it has never heard")
    shown.add_column("accuracy", justify="right")
    shown.add_column("trained without that family", justify="right")
    shown.add_row("all", f"{evaluation.accuracy:.3f}", "")
    for name, accuracy in evaluation.accuracy_by_soundfont.items():
        without = evaluation.accuracy_without_soundfont.get(Soundfont(name, Path(name)).family)
        shown.add_row(name, f"{accuracy:.3f}", "-" if without is None else f"{without:.3f}")
    _console().print(shown)


def _console() -> Console:
    # A log has no width of its own; narrow tables would be cut to nothing.
    return Console() if sys.stdout.isatty() else Console(width=200)
