"""The figure of the study of loss terms: success by kind of pair, and the claims beside the table."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.container import BarContainer
from matplotlib.figure import Figure

from timbrebench.experiments.studies.loss_term_claims import (
    FEW_CHANNELS,
    FEW_CHANNELS_SHALLOW,
    MANY_CHANNELS,
    NUMBERS,
    WITHOUT_PENALTY,
    LossTermTable,
    Values,
)
from timbrebench.experiments.studies.verdicts import mean_interval

_COLOURS = ("#7F7F7F", "#0072B2", "#009E73", "#E69F00", "#D55E00", "#CC79A7")
_OTHER = "#999999"


def loss_terms_figure(table: LossTermTable) -> Figure:
    """Draw means over contents, with their intervals."""
    figure = Figure(figsize=(11, 7), layout="constrained")
    grid = figure.add_gridspec(2, 3)
    success = figure.add_subplot(grid[0, :])
    width = 0.8 / len(NUMBERS)
    for place, (number, colour) in enumerate(zip(NUMBERS, _COLOURS, strict=True)):
        offset = (place - (len(NUMBERS) - 1) / 2) * width
        groups = [table.values("success", number, [kind]) for kind in table.kinds]
        _bars(success, offset, groups, width, colour).set_label(f"({number})")
    success.set_xticks(range(len(table.kinds)), table.kinds)
    success.set(ylabel="success", ylim=(0, 1))
    figure.legend(loc="outside upper center", ncols=len(NUMBERS), frameon=False)
    for column, (figure_name, kind, conditions, label) in enumerate(
        (
            (
                "rhythm_error",
                "long",
                ("1", "2", "3"),
                "distance from the style's\nmean local autocorrelation",
            ),
            (
                "note_leakage",
                "aligned",
                (MANY_CHANNELS, FEW_CHANNELS, FEW_CHANNELS_SHALLOW),
                "F1 of the style's notes",
            ),
            (
                "flatness_excess",
                "singing",
                ("1", "4", WITHOUT_PENALTY),
                "spectral flatness over that\nof content and style in dB",
            ),
        )
    ):
        axes = figure.add_subplot(grid[1, column])
        groups = [table.values(figure_name, condition, [kind]) for condition in conditions]
        _bars(axes, 0.0, groups, 0.6, _OTHER)
        axes.set_xticks(range(len(conditions)), [_tick(condition) for condition in conditions], fontsize=8)
        axes.set(ylabel=label, title=kind)
    return figure


def _bars(axes: Axes, offset: float, groups: Sequence[Values], width: float, colour: str) -> BarContainer:
    """Draw the mean of each group at 0, 1, … with its interval."""
    means = [group.mean() for group in groups]
    half = [mean - mean_interval(group)[0] for mean, group in zip(means, groups, strict=True)]
    places = [offset + place for place in range(len(groups))]
    bars = axes.bar(places, means, width, yerr=half, color=colour, error_kw={"elinewidth": 0.8})
    axes.set_ylim(bottom=0)
    return bars


def _tick(condition: str) -> str:
    number, _, rest = condition.partition(", ")
    return f"({number})\n" + rest.replace(", ", ",\n")
