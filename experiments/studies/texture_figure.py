"""The figure of the study of textures: means over sources, and the panels of the paper's figure 4 for one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure

from timbrebench.experiments.studies.librosa_rhythm import INTERVAL_EDGES_S, LAGS_S, Rhythm
from timbrebench.experiments.studies.verdicts import mean_interval
from timbrebench.metrics.correlation import COPY

_COLOURS = ("#0072B2", "#D55E00")
_SOURCE_COLOUR = "#7F7F7F"

_TITLES = {
    "ioi_kl": "KL divergence of\ninter-onset intervals in nats",
    "autocorrelation_error": "difference of mean\nlocal autocorrelation",
    "max_cross_correlation": "maximum cross-correlation\nwith the source",
}


@dataclass(frozen=True, eq=False)
class Panel:
    """The rhythm of one texture, with the receptive field in seconds that it is of, and its figures."""

    receptive_field_s: float
    rhythm: Rhythm
    figures: Mapping[str, float]


def texture_figure(sources: pd.DataFrame, source: Rhythm, panels: Sequence[Panel]) -> Figure:
    """Draw means over sources with their intervals above the panels of one source's textures.

    Parameters
    ----------
    sources : pandas.DataFrame
        Columns ``method``, ``receptive_field_s`` and the three figures, a row for each source.
    source : Rhythm
        The rhythm of the source of the panels.
    panels : sequence of Panel
        Its textures, by receptive field.

    Returns
    -------
    matplotlib.figure.Figure
        Three axes above, and two for each panel.
    """
    figure = Figure(figsize=(11, 8.5), layout="constrained")
    grid = figure.add_gridspec(2, 1, height_ratios=(1, 1.35))
    means, example = (figure.add_subfigure(grid[row]) for row in range(2))
    for axes, column in zip(means.subplots(1, len(_TITLES)), _TITLES, strict=True):
        _draw_means(axes, sources, column)
    handles, labels = means.axes[-1].get_legend_handles_labels()
    means.legend(handles, labels, loc="outside upper center", ncols=len(labels), frameon=False)
    if panels:
        _draw_panels(example, source, panels)
    return figure


def _draw_means(axes: Axes, sources: pd.DataFrame, column: str) -> None:
    for (name, rows), colour in zip(sources.groupby("method", sort=False), _COLOURS, strict=False):
        values = rows.groupby("receptive_field_s")[column]
        means = values.mean()
        half = [mean - mean_interval(own)[0] for mean, (_, own) in zip(means, values, strict=True)]
        axes.errorbar(means.index, means, yerr=half, fmt="o-", color=colour, capsize=2, label=str(name))
    axes.set_xscale("log")
    ticks = [0.3, 1, 3]
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.minorticks_off()
    axes.set(xlabel="receptive field in s", ylabel=_TITLES[column], ylim=(0, None))
    if column == "max_cross_correlation":
        axes.axhline(COPY, ls=":", color=_SOURCE_COLOUR, label="a copy")
        axes.set_ylim(0, 1)
    axes.grid(alpha=0.3)


def _draw_panels(figure: SubFigure, source: Rhythm, panels: Sequence[Panel]) -> None:
    axes = figure.subplots(2, len(panels), squeeze=False, sharey="row")
    for panel, intervals, autocorrelation in zip(panels, *axes, strict=True):
        for rhythm, colour, label in (
            (source, _SOURCE_COLOUR, "source"),
            (panel.rhythm, _COLOURS[0], "texture"),
        ):
            if rhythm.intervals is not None:
                intervals.stairs(
                    rhythm.intervals, INTERVAL_EDGES_S, fill=label == "source", color=colour, label=label
                )
            autocorrelation.plot(LAGS_S, rhythm.autocorrelation, color=colour, lw=1)
        field = f"{panel.receptive_field_s:.2f} s"
        intervals.set_title(f"{field}: KL = {panel.figures['ioi_kl']:.2f}", fontsize=9)
        correlation = panel.figures["max_cross_correlation"]
        autocorrelation.set_title(rf"{field}: $\max(\Phi_{{XY}})$ = {correlation:.2f}", fontsize=9)
        intervals.set(xscale="log", xlabel="inter-onset interval in s")
        intervals.set_xticks([0.1, 0.5, 2], ["0.1", "0.5", "2"])
        intervals.minorticks_off()
        autocorrelation.set(xlabel="lag in s", ylim=(0, 1))
    axes[0, 0].set_ylabel("share of intervals")
    axes[1, 0].set_ylabel("mean local\nautocorrelation")
    axes[0, 0].legend(fontsize=8, frameon=False)


def panel_tables(source: Rhythm, panels: Sequence[Panel]) -> dict[str, pd.DataFrame]:
    """Return what the panels show: ``intervals`` and ``autocorrelation``, with a column for each field."""
    intervals = {"from_s": INTERVAL_EDGES_S[:-1], "to_s": INTERVAL_EDGES_S[1:], "source": source.intervals}
    curves = {"lag_s": LAGS_S, "source": source.autocorrelation}
    for panel in panels:
        field = f"{panel.receptive_field_s:.2f} s"
        intervals[field] = panel.rhythm.intervals
        curves[field] = panel.rhythm.autocorrelation
    return {"intervals": pd.DataFrame(intervals), "autocorrelation": pd.DataFrame(curves)}
