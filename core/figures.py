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
    """Write a figure as ``.svg`` or ``.png``, whole or not at all.

    The text of an SVG is drawn as paths and so looks the same everywhere; a PNG has `dpi` dots per inch.
    Raises ConfigurationError if the file's name ends otherwise, and StorageError if it cannot be written.
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

    With `fonttype` "none" text stays text, in the font of the page around it; with "path" it is drawn as
    paths.
    """
    # Functions of the canvas, here and for PNG, since `savefig` lays out and draws everything twice.
    with mpl.rc_context({"svg.hashsalt": "timbrebench", "svg.fonttype": fonttype}):
        FigureCanvasSVG(figure).print_svg(target, metadata={"Date": None})  # type: ignore[no-untyped-call]
