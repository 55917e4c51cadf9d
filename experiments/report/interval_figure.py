"""Headlines with their intervals, best first, and which of them cannot be told apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from timbrebench.experiments.report.drawing import Inks, style_axes

#: Inches: of the figure, of each method and of what stands above and below them.
_WIDTH, _ROW, _AROUND = 5.4, 0.27, 0.75

#: Where a group's bracket stands beside the scale from 0 to 1, and its rank.
_BRACKET, _RANK = 1.05, 1.085


@dataclass(frozen=True)
class RankedInterval:
    """A ranked method: its label, its headline with the ends of its interval, and its rank."""

    label: str
    value: float
    low: float
    high: float
    rank: int


def draw_intervals(rows: Sequence[RankedInterval], inks: Inks) -> Figure:
    """Draw methods in the order of their headlines, at least one of them.

    Methods that share a rank, since no significant difference tells them apart, stand on one band and are
    joined by a bracket.
    """
    ordered = sorted(rows, key=lambda row: (row.rank, -row.value, row.label))
    figure = Figure(figsize=(_WIDTH, _ROW * len(ordered) + _AROUND), layout="constrained")
    axes = figure.add_subplot()
    style_axes(axes, inks)
    axes.grid(visible=False, axis="y")
    axes.set(xlim=(-0.02, 1.16), ylim=(len(ordered) - 0.5, -0.5), xlabel="headline")
    axes.set_xticks([0, 0.2, 0.4, 0.6, 0.8, 1])
    axes.spines[["left", "right", "top"]].set_visible(False)
    axes.set_yticks(range(len(ordered)), [row.label for row in ordered])
    for text in axes.get_yticklabels():
        text.set_parse_math(False)
    for place, row in enumerate(ordered):
        axes.plot([row.low, row.high], [place, place], color=inks.accent, linewidth=2, alpha=0.55)
        axes.plot(row.value, place, marker="o", markersize=5.5, color=inks.accent)
    for number, (rank, group) in enumerate(groupby(enumerate(ordered), key=lambda pair: pair[1].rank)):
        places = [place for place, _ in group]
        _draw_group(axes, rank, places[0], places[-1], inks, is_shaded=number % 2 == 0)
    return figure


def _draw_group(axes: Axes, rank: int, first: int, last: int, inks: Inks, *, is_shaded: bool) -> None:
    """Draw the band behind the methods of a rank, and their bracket if there are several."""
    if is_shaded:
        axes.axhspan(first - 0.5, last + 0.5, color=inks.ink, alpha=0.05, linewidth=0, zorder=0)
    if last > first:
        axes.plot([_BRACKET, _BRACKET], [first - 0.25, last + 0.25], color=inks.ink, linewidth=1.4, alpha=0.7)
    sign = "=" if last > first else ""
    axes.text(_RANK, (first + last) / 2, f"{rank}{sign}", ha="left", va="center", color=inks.ink)
