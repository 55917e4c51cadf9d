"""Figures as files: the same figure, the same bytes."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Literal

import matplotlib as mpl
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from timbrebench.core.errors import ConfigurationError
from timbrebench.core.files import atomic_path


def save_figure(figure: Figure, path: Path, *, dpi: int = 150) -> None:
    """Write a figure, whole or not at all.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        Any figure.
    path : pathlib.Path
        Where to: ``.svg``, whose text is drawn as paths and so looks the same everywhere, or ``.png``.
    dpi : int, default 150
        Dots per inch of a PNG.

    Raises
    ------
    ConfigurationError
        If the file's name ends otherwise.
    StorageError
        If the file cannot be written.
    """
    suffix = path.suffix.lower()
    if suffix not in {".png", ".svg"}:
        raise ConfigurationError(f"{path}: a figure is a .png or a .svg")
    with atomic_path(path) as temporary:
        if suffix == ".svg":
            print_svg(figure, temporary, fonttype="path")
            return
        figure.dpi = dpi
        FigureCanvasAgg(figure).print_png(temporary, metadata={"Software": None})  # type: ignore[no-untyped-call]


def print_svg(figure: Figure, target: BytesIO | Path, *, fonttype: Literal["none", "path"]) -> None:
    """Write a figure as SVG without a date, in which ids follow from what is drawn.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        Any figure.
    target : io.BytesIO or pathlib.Path
        Where to.
    fonttype : {"none", "path"}
        Whether text stays text, in the font of the page around it, or is drawn as paths.
    """
    # Functions of the canvas, here and for PNG, since `savefig` lays out and draws everything twice.
    with mpl.rc_context({"svg.hashsalt": "timbrebench", "svg.fonttype": fonttype}):
        FigureCanvasSVG(figure).print_svg(target, metadata={"Date": None})  # type: ignore[no-untyped-call]
