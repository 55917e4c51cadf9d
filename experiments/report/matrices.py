"""Transfer matrices: the share of outputs classified as the style, by the labels of content and style."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from timbrebench.experiments.ranking.headline import STYLE
from timbrebench.experiments.ranking.results import Results
from timbrebench.experiments.report.drawing import Inks
from timbrebench.metrics.style_metrics import transfer_matrix

#: Matrices side by side in a figure.
_COLUMNS = 4

#: Inches that a cell takes, and the minimum for a matrix.
_CELL, _MIN_SIDE = 0.36, 2.2

#: Characters of a title that have room in an inch.
_TITLE = 12

#: The colour of a share of 0, and how much of the accent that of 1 has: ink can be read on all between. The
#: page's style sheet has the same.
_PALE, _FULL = "#f2f3f2", 0.62


@dataclass(frozen=True)
class TransferMatrix:
    """What the judge makes of a method's outputs, by the labels of content and style.

    Attributes
    ----------
    method : str
        Its label.
    shares : pandas.DataFrame, shape (contents' labels, styles' labels)
        The share of outputs that are classified as the style; NaN without outputs.
    counts : pandas.DataFrame, of the same shape
        Number of outputs behind each share.
    """

    method: str
    shares: pd.DataFrame
    counts: pd.DataFrame

    @property
    def min_count(self) -> int:
        """Minimum number of outputs behind a share."""
        counts = self.counts.to_numpy()
        return int(counts[counts > 0].min())

    @property
    def by_content(self) -> pd.Series:
        """The share among all outputs of a content's label."""
        return (self.shares * self.counts).sum(axis=1) / self.counts.sum(axis=1)

    @property
    def by_style(self) -> pd.Series:
        """The share among all outputs of a style's label."""
        return (self.shares * self.counts).sum(axis=0) / self.counts.sum(axis=0)


def transfer_matrices(results: Results, methods: Sequence[str]) -> list[TransferMatrix]:
    """Return a matrix for each method with a score of the style judge, in the order of their labels.

    Empty in a run without style accuracy.
    """
    if STYLE not in results.scores:
        return []
    pairs = {pair.pair_id: pair for pair in results.suite.pairs}
    matrices = []
    for method in methods:
        rows = results.of(method)
        contents = [pairs[name].content.label for name in rows.pair_id]
        styles = [pairs[name].style.label for name in rows.pair_id]
        if rows[STYLE].notna().any():
            # Without labels that are never content, or never style, such as noise.
            shares = transfer_matrix(contents, styles, rows[STYLE])
            shares = shares.loc[sorted(set(contents)), sorted(set(styles))]
            # The mean of ones and NaN says where there are values, not how many.
            counts = pd.crosstab(
                pd.Series(contents, name="content"),
                pd.Series(styles, name="style"),
                rows[STYLE].array,
                aggfunc="count",
            )
            counts = counts.reindex(index=shares.index, columns=shares.columns).fillna(0).astype(int)
            matrices.append(TransferMatrix(method, shares, counts))
    return matrices


def draw_matrices(matrices: Sequence[TransferMatrix], inks: Inks) -> Figure:
    """Draw matrices side by side, on one scale from 0 to 1, with the share in per cent in each cell.

    There is at least one. Rows are the content's label, columns the style's.
    """
    labels = max(matrices[0].shares.shape)
    columns = min(_COLUMNS, len(matrices))
    rows = math.ceil(len(matrices) / columns)
    side = max(_MIN_SIDE, _CELL * labels + 0.4)
    titles = [textwrap.fill(matrix.method, int(_TITLE * side)) for matrix in matrices]
    lines = max(title.count("\n") + 1 for title in titles)
    size = side * columns + 0.9, (side + 0.3 * lines) * rows + 0.9
    # Compressed, since cells are square: otherwise titles reach beyond what is laid out.
    figure = Figure(figsize=size, layout="compressed")
    panels = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
    for axes in panels.ravel()[len(matrices) :]:
        axes.set_visible(False)
    for axes, matrix, title in zip(panels.ravel(), matrices, titles, strict=False):
        _draw_matrix(axes, matrix, inks)
        axes.set_title(title, fontsize=10, color=inks.ink, parse_math=False)
    for axes in panels[:, 0]:
        axes.set_ylabel("content", color=inks.ink)
    # The last panel of each column says what its columns stand for.
    for number in range(columns):
        last = panels[(len(matrices) - 1 - number) // columns, number]
        last.set_xlabel("style", color=inks.ink)
        last.tick_params(labelbottom=True)
    return figure


def _draw_matrix(axes: Axes, matrix: TransferMatrix, inks: Inks) -> None:
    shares = matrix.shares.to_numpy(dtype=np.float64)
    colours = LinearSegmentedColormap.from_list("share", [_PALE, inks.accent])
    axes.imshow(np.ma.masked_invalid(shares), cmap=colours, vmin=0, vmax=1 / _FULL)
    contents, styles = ([str(label) for label in part] for part in matrix.shares.axes)
    axes.set_xticks(range(len(styles)), styles, rotation=90, fontsize=8)
    axes.set_yticks(range(len(contents)), contents, fontsize=8)
    axes.tick_params(length=0, colors=inks.ink)
    for text in (*axes.get_xticklabels(), *axes.get_yticklabels()):
        text.set_parse_math(False)
    axes.spines[:].set_visible(False)
    for row, column in np.argwhere(np.isfinite(shares)):
        share = f"{100 * shares[row, column]:.0f}"
        written = axes.text(column, row, share, ha="center", va="center", fontsize=7.5)
        written.set(color=inks.ink, in_layout=False)
