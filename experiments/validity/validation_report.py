"""What a validation of metrics found, as files: tables for programs and for people, and a figure."""

from __future__ import annotations

from itertools import cycle
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from timbrebench.core.figures import save_figure
from timbrebench.core.files import write_text
from timbrebench.core.tables import SIX_DIGITS, markdown_table, write_csv
from timbrebench.experiments.validity.conditions import GRADES
from timbrebench.experiments.validity.validation import LEAST_CORRELATION, ValidityStudy
from timbrebench.metrics.contract import CORRUPTIONS, Specification

VERDICTS = "validity.csv"
VALUES = "validity_values.csv"
TABLE = "validity.md"
FIGURE = "validity"

#: Colours of Okabe & Ito (2008), which colour-blind readers can tell apart; they come twice, with other
#: markers.
_COLOURS = ("#000000", "#E69F00", "#D55E00", "#0072B2", "#CC79A7", "#56B4E9", "#009E73")
_LINES = dict(zip(CORRUPTIONS, zip(cycle(_COLOURS), "os^vDPX*<>h", strict=False), strict=True))

#: Controls that panels show, by the letters they are shown by. Silence has hardly ever a score.
_LETTERS = {"identity": "i", "style-copy": "s", "noise": "n"}

_ARROWS = {"higher": "higher is better", "lower": "lower is better", "none": "no better way"}

#: Columns of the table.
_HEADS = (
    "metric",
    "better",
    "responds as declared",
    "responds, undeclared",
    "invariant as declared",
    "does not hold",
)

#: Panels side by side.
_COLUMNS = 4
_DPI = 110


def write_validation(study: ValidityStudy, root: Path) -> None:
    """Write what was found into a folder, or raise a `StorageError`.

    The files are ``validity.csv`` (verdicts), ``validity_values.csv`` (means), ``validity.md`` (one line for
    each metric) and ``validity.png`` and ``.svg`` (means over grades).
    """
    for name, table in ((VERDICTS, study.verdicts), (VALUES, study.means)):
        write_csv(root / name, table, SIX_DIGITS)
    write_text(root / TABLE, markdown(study))
    figure = validity_figure(study)
    for suffix in (".svg", ".png"):
        save_figure(figure, (root / FIGURE).with_suffix(suffix), dpi=_DPI)


def markdown(study: ValidityStudy) -> str:
    """Return a table with one line for each metric: what it declares and holds, what else it does.

    Rank correlations of grade and mean stand in brackets. What was not promised is listed where the rank
    correlation would do and the mean moves by `relevant_change` or more.
    """
    pairs = int(study.means[["n", "unscorable"]].sum(axis=1).max())
    lines = [
        "# Do the metrics move as they declare?",
        "",
        "References are degraded more and more, and every metric is computed at six grades; a response holds",
        "where grade and mean have a rank correlation of at least 0.9 with the declared sign. A metric is",
        "invariant to a change (12 dB more or less, the sign, five samples' shift) that moves its mean by a",
        "tenth of its relevant change at most. Made by `make validate-metrics`.",
        "",
        f"Means over {pairs} pairs; in brackets, Spearman's rank correlation of grade and mean.",
        "",
    ]
    table = []
    for declared in study.specifications:
        rows = study.verdicts[study.verdicts.metric == declared.name]
        kept, broken = rows[rows.holds == "yes"], rows[rows.holds.isin(["no", "not measured"])]
        cells = (
            f"`{declared.name}`",
            declared.direction if declared.direction != "none" else "neither",
            _responses(kept[kept.kind == "corruption"]),
            _responses(_undeclared(rows, declared)),
            ", ".join(kept[kept.kind == "invariance"].change),
            "; ".join(describe(row) for row in broken.itertuples()),
        )
        table.append([cell or "\N{EN DASH}" for cell in cells])
    lines += [
        markdown_table(pd.DataFrame(table, columns=_HEADS), names=len(_HEADS)),
        "",
        f"![Every metric over the grade of each corruption]({FIGURE}.png)",
    ]
    return "\n".join(lines) + "\n"


def describe(verdict: object) -> str:
    """Say in a few words what became of a promise: a row of the verdicts, as ``itertuples`` gives it."""
    row = verdict._asdict()  # type: ignore[attr-defined] # itertuples has no type of its own
    if row["holds"] == "not measured":
        return f"{row['change']} not measured ({row['reason'] or 'no value'})"
    if row["kind"] == "corruption":
        return f"{row['change']} {row['promised']} ({row['found']:+.2f})"
    return f"{row['change']} moves it by {row['found']:.2g}, more than {row['limit']:.2g}"


def _responses(rows: pd.DataFrame) -> str:
    parts = []
    for way, sign in (("falls", -1), ("rises", 1)):
        moved = rows[np.sign(rows.found) == sign]
        listed = ", ".join(f"{row.change} ({row.found:+.2f})" for row in moved.itertuples())
        parts += [f"{way}: {listed}"] if listed else []
    return "; ".join(parts)


def _undeclared(rows: pd.DataFrame, declared: Specification) -> pd.DataFrame:
    clear = (rows.found.abs() >= LEAST_CORRELATION) & (rows.moved.abs() >= declared.relevant_change)
    return rows[(rows.kind == "corruption") & (rows.promised == "") & clear]


def validity_figure(study: ValidityStudy) -> Figure:
    """Draw the means of each metric over the grades of each corruption.

    Lines of declared responses are thick, others thin and broken. The grey band reaches `relevant_change` to
    both sides of the reference. At the right stand the means of the controls.
    """
    rows = -(-len(study.specifications) // _COLUMNS)
    figure = Figure(figsize=(3.6 * _COLUMNS, 2.5 * rows + 0.9), layout="constrained")
    panels = figure.subplots(rows, _COLUMNS, squeeze=False).ravel()
    for axes, declared in zip(panels, study.specifications, strict=False):
        _draw_panel(axes, declared, study.means[study.means.metric == declared.name])
    for axes in panels[len(study.specifications) :]:
        axes.set_visible(False)
    figure.legend(handles=_legend(), loc="outside upper center", ncols=6, frameon=False, fontsize=9)
    figure.supxlabel("grade of corruption", fontsize=10)
    return figure


def _draw_panel(axes: Axes, declared: Specification, values: pd.DataFrame) -> None:
    axes.set_title(f"{declared.name} ({_ARROWS[declared.direction]})", fontsize=9)
    axes.tick_params(labelsize=8)
    axes.grid(alpha=0.2)
    axes.set(xlim=(-0.04, 1.2), xticks=GRADES)
    controls = values[values.kind == "control"].set_index("change")["mean"]
    middle, reach = controls["reference"], declared.relevant_change
    if np.isnan(middle):
        axes.text(0.5, 0.5, "no score for the reference", ha="center", transform=axes.transAxes, fontsize=8)
        return
    axes.axhspan(middle - reach, middle + reach, color="#7F7F7F", alpha=0.25, linewidth=0)
    for change, rows in values[values.kind == "corruption"].groupby("change", sort=False):
        colour, marker = _LINES[str(change)]
        promised = change in declared.responds
        axes.plot(
            rows.grade,
            rows["mean"],
            color=colour,
            marker=marker,
            markersize=4.5 if promised else 3,
            linewidth=2.0 if promised else 0.8,
            linestyle="-" if promised else "--",
            alpha=1.0 if promised else 0.7,
            zorder=3 if promised else 2,
        )
    for name, letter in _LETTERS.items():
        if np.isfinite(controls[name]):
            axes.plot([1.07, 1.11], [controls[name]] * 2, color="#404040", linewidth=1)
            axes.text(1.125, controls[name], letter, fontsize=8, va="center", color="#404040")


def _legend() -> list[Line2D | Patch]:
    lines = [
        Line2D([], [], color=colour, marker=marker, markersize=4.5, label=name.replace("_", " "))
        for name, (colour, marker) in _LINES.items()
    ]
    letters = ", ".join(f"{letter} {name}" for name, letter in _LETTERS.items())
    return [
        *lines,
        Line2D([], [], color="#404040", linewidth=2, label="declared response"),
        Line2D([], [], color="#404040", linewidth=0.8, linestyle="--", label="other"),
        Patch(color="#7F7F7F", alpha=0.25, label="relevant change"),
        Line2D([], [], color="#404040", marker="_", linestyle="", label=f"controls: {letters}"),
    ]
