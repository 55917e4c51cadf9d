"""The report's figures as files to publish."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from matplotlib.figure import Figure

from timbrebench.core.figures import save_figure
from timbrebench.experiments.report.contents import Contents
from timbrebench.experiments.report.cost_figures import draw_speed
from timbrebench.experiments.report.drawing import PAPER, Inks
from timbrebench.experiments.report.matrices import draw_matrices
from timbrebench.experiments.report.plane import draw_plane
from timbrebench.experiments.run.layout import FIGURES

#: Dots per inch of a PNG: 6 inches are 1,200 of them.
_DPI = 200


def write_figures(contents: Contents, root: Path) -> None:
    """Write figures for papers: the same run, the same bytes.

    The run's folder gets ``figures/plane``, ``transfer-matrices``, of methods without controls, and
    ``speed``, each as ``.svg`` and ``.png``. What was not measured is not drawn, and what an earlier report
    drew of it is removed. Raises :class:`StorageError` if a file cannot be written.
    """
    table = contents.leaderboard.table
    methods = set(table.method[table.kind == "method"])
    matrices = [matrix for matrix in contents.matrices if matrix.method in methods]
    drawings = {
        "plane": partial(plane_figure, contents, PAPER) if contents.points else None,
        "transfer-matrices": partial(draw_matrices, matrices, PAPER) if matrices else None,
        "speed": partial(draw_speed, contents.speed, PAPER),
    }
    for name, draw in drawings.items():
        path = root / FIGURES / name
        if draw is not None:
            write_figure(draw(), path)
        else:
            for suffix in (".svg", ".png"):
                path.with_suffix(suffix).unlink(missing_ok=True)


def write_figure(figure: Figure, path: Path) -> None:
    """Write a figure for a paper as ``.svg`` and ``.png`` beside each other, at `path` without suffix.

    It is in the inks :data:`~timbrebench.experiments.report.drawing.PAPER`. Raises :class:`StorageError` if a
    file cannot be written.
    """
    save_figure(figure, path.with_suffix(".svg"))
    figure.set_layout_engine("none")  # settled: working it out again would take as long as drawing
    save_figure(figure, path.with_suffix(".png"), dpi=_DPI)


def plane_figure(contents: Contents, inks: Inks) -> Figure:
    """Draw the run's methods in the style-content plane, with the headline's contours."""
    score = contents.results.headline_scale().headline
    return draw_plane(contents.points, inks, x_label="style accuracy", y_label="note F1", score=score)
