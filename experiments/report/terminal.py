"""A finished run, read from its files, for a terminal, a log or a program."""

from __future__ import annotations

import csv
import io
import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from timbrebench.core.documents import parse_object, read_json
from timbrebench.core.errors import RunError
from timbrebench.core.files import read_text
from timbrebench.core.plain_text import on_one_line
from timbrebench.experiments.report.standard_output import print_json, print_line
from timbrebench.experiments.run.layout import (
    CONFIGURATION,
    EVALUATION,
    LEADERBOARD,
    REPORT,
    SECOND_EVALUATION,
    VALIDITY,
)

#: What listeners say, where they were asked.
_LISTENERS = {
    "listeners_style": "rated style",
    "listeners_content": "rated notes",
    "listeners_quality": "rated sound",
}

#: Columns shown, and what they are called where space is short; the CSV has all of them.
_SHOWN = {
    "headline": "headline",
    "style_accuracy": "style",
    "second_style_accuracy": "style, 2nd judge",
    "sound_quality": "quality",
    "note_f1": "note F1",
    "note_f1_100ms": "note F1 100 ms",
    "onset_f1": "onset F1",
    "content_label_share": "content label",
    "ioi_kl_content": "IOI KL",
    "xcorr_content": "xcorr",
    "log_stft_mse": "MSE",
    **_LISTENERS,
    "seconds": "s/pair",
}

#: The same for suites that rank nothing: nearness to the style, and to the reference if there is one.
_SHOWN_UNRANKED = {
    "key_invariance_mse": "MSE to style",
    "style_accuracy": "style",
    "mfcc_style_distance": "MFCC",
    "ioi_kl_style": "IOI KL style",
    "xcorr_style": "xcorr style",
    "xcorr_content": "xcorr",
    "mel_cepstral_distortion": "MCD",
    "log_spectral_distance": "LSD",
    **_LISTENERS,
    "seconds": "s/pair",
}

#: Maximum bytes of a leaderboard: a thousand methods take one.
_MAX_BYTES = 4 << 20

#: What to do where a file of a run is not what the run has written.
_AGAIN = "`timbrebench leaderboard` writes it again"

#: Columns that a terminal narrower than this many characters goes without, and one with listeners' scores.
_WIDE = 100
_WIDE_ONLY = ("sound_quality", "content_label_share", "ioi_kl_content", "xcorr_content", "log_stft_mse")


#: The content judge that need not be named, by its name here since importing the judges takes seconds.
_OWN_CONTENT_JUDGE = "timbrebench"

#: Columns of the leaderboard that hold text; all others hold figures.
_TEXTS = ("method", "kind", "learned_from", "settings", "violation", "sample", "judge_dependent")


def print_run(root: Path, *, as_json: bool) -> None:
    """Print the leaderboard of a run that has one to standard output.

    For programs, `as_json`: whether the run is valid, why not, and the rows of the table, whose figures have
    six digits, as in the file. For people the judge's accuracy and where to find more are printed as well.
    """
    if as_json:
        print_json(_read_run(root))
        return
    print_judges(root)
    print_leaderboard(root)
    # Runs of before do not say it, since there was one only.
    content_judge = _read_json(root / CONFIGURATION).get("content_judge", {}).get("name", _OWN_CONTENT_JUDGE)
    if content_judge != _OWN_CONTENT_JUDGE:
        print_line(f"Scores by notes are those of the content judge {content_judge}.")
    print_line(root / LEADERBOARD)
    print_line(root / REPORT)


def print_tracks(tracks: Sequence[str], out: Path, *, as_json: bool) -> None:
    """Print what the runs on several tracks, each in its folder below `out`, have come to, side by side.

    For programs, `as_json`: by track what :func:`print_run` prints of a run.
    """
    runs = {name: _read_run(out / name) for name in tracks}
    if as_json:
        print_json({"tracks": runs})
        return
    console = open_console()
    shown = Table(header_style="bold", box=SIMPLE_HEAD, padding=(0, 1), pad_edge=False)
    shown.add_column("method", no_wrap=True)
    for name in tracks:
        shown.add_column("rank", justify="right")
        shown.add_column(name, justify="right", no_wrap=True)
        shown.add_column("learned from", no_wrap=True)
    rows = [{row["method"]: row for row in run["methods"]} for run in runs.values()]
    for label in dict.fromkeys(label for of_track in rows for label in of_track):
        cells = [cell for of_track in rows for cell in _track_cells(of_track.get(label))]
        shown.add_row(Text(on_one_line(label)), *cells)
    console.print(shown)
    console.print("Each track has ranks of its own: figures of two tracks do not compare.", style="dim")
    for name, run in runs.items():
        if run["methods"] and (sample := run["methods"][0].get("sample")):
            console.print(f"{name}: {sample}", markup=False)
        for row in run["methods"]:
            if row["violation"]:
                text = on_one_line(f"NOT RANKED on {name}: {row['method']} {row['violation']}")
                console.print(text, style="bold red", markup=False)
        for problem in run["problems"]:
            console.print(on_one_line(f"NOT VALID, {name}: {problem}"), style="bold red", markup=False)
    for path in (out / LEADERBOARD, *(out / name / REPORT for name in tracks), out / REPORT):
        print_line(path)


def _track_cells(row: dict[str, Any] | None) -> list[str]:
    """Return rank, headline and what was learned from, for a method of a track or a control."""
    if row is None:
        return ["", "", ""]
    rank = "-" if row["rank"] is None else str(row["rank"])
    learned = row["learned_from"] if row["kind"] == "method" else ""
    return [rank, "-" if row.get("headline") is None else _cell(row, "headline"), learned]


def _read_run(root: Path) -> dict[str, Any]:
    validity = _read_json(root / VALIDITY)
    return {"valid": validity["valid"], "problems": validity["problems"], "methods": read_leaderboard(root)}


def read_leaderboard(root: Path) -> list[dict[str, Any]]:
    """Return the rows of the leaderboard of a run that has one, by column; None where there is no figure."""
    text = read_text(root / LEADERBOARD, _MAX_BYTES, RunError)
    try:  # not with pandas, which takes a second to import
        return [
            {name: cell if name in _TEXTS else _figure(cell or "") for name, cell in row.items()}
            for row in csv.DictReader(io.StringIO(text, newline=""), strict=True)
        ]
    except (ValueError, AttributeError, csv.Error) as error:
        raise RunError(f"{root / LEADERBOARD}: holds what is not a figure ({error}): {_AGAIN}") from error


def _figure(cell: str) -> float | None:
    if cell.lstrip("-").isdecimal():
        return int(cell)
    return float(cell) if cell and math.isfinite(float(cell)) else None


def print_leaderboard(root: Path) -> None:
    """Print a run's leaderboard for people: means, the interval of the headline, and the settings."""
    rows, console = read_leaderboard(root), open_console()
    is_ranked = any(row.get("headline") is not None for row in rows)
    titles = _SHOWN if is_ranked else _SHOWN_UNRANKED
    names = [name for name in titles if any(row.get(name) is not None for row in rows)]
    if "note_f1_100ms" in names:  # what the headline follows from, instead
        names = [name for name in names if name != "note_f1"]
    if console.width < _WIDE or any(name in _LISTENERS for name in names):
        names = [name for name in names if name not in _WIDE_ONLY]
    shown = Table(header_style="bold", box=SIMPLE_HEAD, padding=0, pad_edge=False)
    shown.add_column("rank", justify="right", no_wrap=True)
    shown.add_column("method", no_wrap=True)
    for name in [*(titles[name] for name in names), "missing"]:
        shown.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        rank = "-" if row["rank"] is None else str(row["rank"])
        shown.add_row(
            rank, Text(on_one_line(row["method"])), *(_cell(row, name) for name in names), str(row["missing"])
        )
    console.print(shown)
    console.print(
        "Without a rank: controls, and methods with missing outputs or scores."
        if is_ranked
        else "Nothing is ranked: a headline needs style accuracy, and note F1 against known notes.",
        style="dim",
    )
    for row in rows:
        if row["violation"]:
            console.print(
                on_one_line(f"NOT RANKED: {row['method']} {row['violation']}"), style="bold red", markup=False
            )
    _print_judges(console, rows)
    for row in rows:
        if row["kind"] == "method":
            given = parse_object(row["settings"], f"{root / LEADERBOARD}: settings", RunError)
            settings = ", ".join(f"{key}={value}" for key, value in given.items())
            console.print(
                on_one_line(f"{row['method']}: {settings or 'settings as published'}"), markup=False
            )
    for problem in _read_json(root / VALIDITY)["problems"]:
        console.print(on_one_line(f"NOT VALID: {problem}"), style="bold red", markup=False)


def _print_judges(console: Console, rows: list[dict[str, Any]]) -> None:
    """Print of what suite a sample is, how many judges there are, and what hangs on them."""
    if rows and rows[0].get("sample"):
        console.print(f"On a sample of the suite: {rows[0]['sample']}.", markup=False)
    if all(row.get("second_style_accuracy") is None for row in rows):
        console.print(
            "Style is scored by one judge: name a second one in [second_judge].", style="dim", markup=False
        )
    for row in rows:
        if row.get("judge_dependent"):
            console.print(
                on_one_line(f"JUDGE-DEPENDENT: {row['method']}: {row['judge_dependent']}"), markup=False
            )
    counts = {
        row["method"]: round(row["unfamiliar"] * row["unfamiliar_n"]) for row in rows if row.get("unfamiliar")
    }
    if counts:
        listed = ", ".join(f"{label} {count}" for label, count in counts.items())
        console.print(
            on_one_line(f"Outputs that resemble nothing that the judge has learned: {listed}"), markup=False
        )


def _cell(row: dict[str, Any], name: str) -> str:
    value = row[name]
    if value is None:
        return "-"
    if name == "seconds":
        return "<0.001" if value < 0.001 else f"{value:.0f}" if value >= 10 else f"{value:.2g}"
    if name != "headline":
        return f"{value:.2f}"
    return f"{value:.2f} [{row['headline_low']:.2f}, {row['headline_high']:.2f}]"


def print_judges(root: Path) -> None:
    """Print the accuracy of a run's style judges on unseen pieces."""
    _print_judge(root / EVALUATION, "style judge")
    if _read_json(root / CONFIGURATION).get("second_judge"):
        _print_judge(root / SECOND_EVALUATION, "second style judge")


def _print_judge(path: Path, title: str) -> None:
    evaluation = _read_json(path)
    shown = Table(header_style="bold", box=SIMPLE_HEAD)
    shown.add_column(f"{title}, {evaluation['clips']} clips of unseen pieces")
    shown.add_column("accuracy", justify="right")
    shown.add_row("all", f"{evaluation['accuracy']:.3f}")
    for name, accuracy in evaluation["accuracy_by_soundfont"].items():
        shown.add_row(Text(on_one_line(name)), f"{accuracy:.3f}")
    open_console().print(shown)


def _read_json(path: Path) -> dict[str, Any]:
    return read_json(path, RunError)


def open_console() -> Console:
    """Return a console on standard output that is wide enough where there is no terminal."""
    # A log has no width of its own; narrow tables would be cut to nothing.
    return Console() if sys.stdout.isatty() else Console(width=140)
