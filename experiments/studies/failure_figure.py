"""The figure of the failed transfer: conditions, loss curve, map of the weights, and spectrograms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from numpy.typing import NDArray

from timbrebench.experiments.studies.failure_findings import by_condition, count_of
from timbrebench.experiments.studies.failure_transfers import LoggedClassifierFeatures

#: Frequency up to which spectrograms are shown: most of what tells instruments apart lies below.
_HIGHEST_KHZ = 4.0

_CONTENT, _STYLE, _TOTAL = "#0072B2", "#D55E00", "#000000"


@dataclass(frozen=True)
class FailurePanels:
    """What the figure shows.

    Attributes
    ----------
    outputs, weights, curve : pandas.DataFrame
        The study's tables.
    pictures : mapping of str to numpy.ndarray, shape (bins, frames)
        Spectrograms in decibels by their titles.
    range_db : float
        Range of their colours, from -range_db to 0.
    seconds : float
        Duration of the clips.
    highest_khz : float
        Frequency of the last bin that is shown.
    """

    outputs: pd.DataFrame
    weights: pd.DataFrame
    curve: pd.DataFrame
    pictures: Mapping[str, NDArray[np.float32]]
    range_db: float
    seconds: float
    highest_khz: float

    @classmethod
    def of(
        cls,
        outputs: pd.DataFrame,
        weights: pd.DataFrame,
        curve: pd.DataFrame,
        logged: LoggedClassifierFeatures,
        iterations: int,
    ) -> Self:
        """Take the pictures from the last transfer of a method."""
        assert logged.pair is not None  # noqa: S101 - a transfer has been made
        assert logged.optimised is not None  # noqa: S101 - so it has a result
        settings = logged.parameters
        pictures = {
            "content": logged.pair.content,
            "style": logged.pair.style,
            f"after {iterations:,} iterations": logged.snapshots[iterations],
            f"after {settings.iterations:,} iterations": logged.optimised,
        }
        bins, frames = logged.pair.content.shape
        shown = round(_HIGHEST_KHZ * 2000 / settings.sample_rate * (bins - 1)) + 1
        return cls(
            outputs,
            weights,
            curve,
            {title: picture[:shown].cpu().numpy() for title, picture in pictures.items()},
            logged.range_db,
            frames * settings.hop_length / settings.sample_rate,
            _HIGHEST_KHZ,
        )


def draw_failure(panels: FailurePanels) -> Figure:
    """Draw the conditions on the left; curve, map and spectrograms on the right."""
    lines = len(list(by_condition(panels.outputs)))
    figure = Figure(figsize=(14, max(9.0, 0.42 * lines + 1.5)), layout="constrained")
    left, right = figure.subfigures(1, 2, squeeze=False, width_ratios=(1.1, 1))[0]
    _draw_conditions(left.subplots(), panels.outputs)
    upper, lower = right.subfigures(2, 1, squeeze=False, height_ratios=(1, 1.5))[:, 0]
    curve, weights = upper.subplots(1, 2)
    _draw_curve(curve, panels.curve)
    _draw_map(weights, panels.weights)
    axes = lower.subplots(2, 2, sharex=True, sharey=True)
    image = None
    for place, (title, picture) in zip(axes.flat, panels.pictures.items(), strict=True):
        image = place.imshow(
            picture,
            origin="lower",
            aspect="auto",
            vmin=-panels.range_db,
            vmax=0,
            extent=(0, panels.seconds, 0, panels.highest_khz),
            cmap="magma",
        )
        place.set_title(title, fontsize=10)
    for place in axes[-1]:
        place.set_xlabel("time (s)")
    for place in axes[:, 0]:
        place.set_ylabel("frequency (kHz)")
    lower.colorbar(image, ax=axes, label="level under the loudest bin (dB)")
    return figure


def _draw_conditions(axes: Axes, outputs: pd.DataFrame) -> None:
    lines = list(by_condition(outputs))[::-1]
    places = np.arange(len(lines))
    for offset, column, colour, label in (
        (0.2, "style_accuracy", _STYLE, "judge predicts the style's instrument (share of outputs)"),
        (-0.2, "note_f1", _CONTENT, "note F1 against the content's notes (mean)"),
    ):
        means = [rows[column].mean() for _, rows in lines]
        axes.barh(places + offset, means, 0.38, color=colour, label=label)
        for place, (_, rows) in zip(places, lines, strict=True):
            values = rows[column].to_numpy(dtype=np.float64)
            axes.plot(
                values, np.full(len(values), place + offset), "|", color="black", markersize=5, alpha=0.6
            )
    counts = [count_of(rows) for _, rows in lines]
    names = [
        f"{name}\n{count} of {number} transfers"
        for (name, _), (count, number) in zip(lines, counts, strict=True)
    ]
    axes.set_yticks(places, names, fontsize=8)
    axes.set(xlim=(-0.02, 1.02), xlabel="share of outputs, or F1; a stroke for each output")
    axes.grid(axis="x", alpha=0.3)
    axes.margins(y=0.01)
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, 1.06), ncols=1, frameon=False, fontsize=9)


def _draw_curve(axes: Axes, curve: pd.DataFrame) -> None:
    for column, colour, label in (
        ("loss", _TOTAL, "loss"),
        ("content", _CONTENT, "content, by alpha"),
        ("style", _STYLE, "style, by beta"),
    ):
        axes.plot(curve.iteration + 1, curve[column], color=colour, label=label)
    axes.set(
        xscale="log", yscale="log", xlabel="iteration", ylabel="weighted loss", title="one pair, as published"
    )
    axes.title.set_fontsize(10)
    axes.legend(frameon=False, fontsize=8, loc="lower left")
    axes.grid(alpha=0.3)
    low, high = axes.get_ylim()
    axes.set_ylim(low**1.4 / high**0.4, high)


def _draw_map(axes: Axes, weights: pd.DataFrame) -> None:
    loss = weights.pivot_table(index="alpha", columns="beta", values="loss")
    values = loss.to_numpy()
    image = axes.imshow(
        values, origin="lower", cmap="viridis", norm=LogNorm(values.min(), values.max()), aspect="auto"
    )
    axes.set_xticks(range(len(loss.columns)), [f"{beta:g}" for beta in loss.columns])
    axes.set_yticks(range(len(loss.index)), [f"{alpha:g}" for alpha in loss.index])
    axes.set(
        xlabel="beta, weight of the style", ylabel="alpha, weight of the content", title="loss by weights"
    )
    axes.title.set_fontsize(10)
    middle = np.sqrt(values.min() * values.max())
    for (row, column), value in np.ndenumerate(values):
        colour = "black" if value > middle else "white"
        axes.text(column, row, f"{value:.2g}", ha="center", va="center", color=colour, fontsize=8)
    axes.figure.colorbar(image, ax=axes, label="loss")
