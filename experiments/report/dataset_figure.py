"""A figure of what a dataset holds: hours of each label and split, and how long its pieces are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from timbrebench.core.figures import save_figure
from timbrebench.datasets.dataset import Dataset
from timbrebench.datasets.dataset_summary import summarise
from timbrebench.datasets.rendering.dataset_configuration import SPLITS

#: Maximum number of labels that are drawn: those with the most clips.
_MAX_LABELS = 40

_COLOURS = dict(zip(SPLITS, ("#4477aa", "#66ccee", "#ccbb44", "#ee6677"), strict=True))


def write_dataset_figure(dataset: Dataset, path: Path) -> None:
    """Draw a dataset's hours by label and split, and the seconds of audio that its pieces have.

    The same dataset gives the same bytes. Raises :class:`ConfigurationError` if the path ends neither in
    ``.png`` nor in ``.svg``, :class:`StorageError` if it cannot be written.
    """
    labels = len(summarise(dataset, "label"))
    figure = Figure(figsize=(9, max(3.0, 1 + 0.25 * min(labels, _MAX_LABELS))), layout="constrained")
    by_label, by_piece = figure.subplots(1, 2, width_ratios=(3, 2))
    _draw_labels(by_label, dataset)
    _draw_pieces(by_piece, dataset)
    # Beside the axes: bars of equal length, which balanced datasets have, leave no room inside.
    figure.legend(*by_label.get_legend_handles_labels(), loc="outside lower left", ncols=4, fontsize="small")
    save_figure(figure, path)


def _draw_labels(axes: Axes, dataset: Dataset) -> None:
    hours = {name: summarise(dataset.select(split=name), "label").hours for name in SPLITS}
    shown = summarise(dataset, "label").nlargest(_MAX_LABELS, "clips").index[::-1]
    left = np.zeros(len(shown))
    for name, own in hours.items():
        values = own.reindex(shown, fill_value=0.0).to_numpy(dtype=float)
        axes.barh([str(label) for label in shown], values, left=left, color=_COLOURS[name], label=name)
        left += values
    axes.set_xlabel("hours")
    axes.set_title(f"{len(dataset):,} clips")


def _draw_pieces(axes: Axes, dataset: Dataset) -> None:
    seconds = dataset.manifest.groupby("piece").duration_s.sum().to_numpy(dtype=float)
    axes.hist(seconds, bins="auto" if np.ptp(seconds) else 1, color="#777777")
    axes.set_xlabel("seconds of audio in a piece")
    axes.set_ylabel("pieces")
    axes.set_title(f"{len(seconds):,} pieces")
