"""How the report's figures are drawn and written: the same data, the same bytes.

A figure is drawn once in the colours of a page, whose text may be light or dark, and once in those of a
paper.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Literal

import matplotlib as mpl
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from timbrebench.core.files import atomic_path

#: Dots per inch of figures that are written as PNG: 6 inches are 1,200 of them.
DPI = 200


@dataclass(frozen=True)
class Inks:
    """The colours of a figure: of text and lines, of what they are about, and of what is behind them."""

    ink: str
    accent: str
    ground: str


#: Stand for the colours of the page around a figure, which :func:`page_svg` puts in their place.
PAGE = Inks("#010203", "#040506", "#070809")

#: On white.
PAPER = Inks("#1b1f24", "#1d5fbf", "#ffffff")

#: What an id follows, where it is given and where it is referred to.
_ID = re.compile(r'\bid="|\bhref="#|\burl\(#')

_PAGE_COLOURS = {
    PAGE.ink: "currentColor",
    PAGE.accent: "var(--accent, #1d5fbf)",
    PAGE.ground: "var(--page, #ffffff)",
}


def style_axes(axes: Axes, inks: Inks) -> None:
    """Draw axes without weight: a faint frame and grid, no ticks."""
    axes.set_facecolor("none")
    axes.set_axisbelow(True)
    axes.grid(color=inks.ink, alpha=0.1, linewidth=0.6)
    axes.tick_params(which="both", length=0, colors=inks.ink)
    for text in (axes.xaxis.label, axes.yaxis.label, axes.title):
        text.set_color(inks.ink)
    for spine in axes.spines.values():
        spine.set(color=inks.ink, alpha=0.25, linewidth=0.8)


def page_svg(figure: Figure, name: str) -> Markup:
    """Return a figure as an element of a page.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        In the inks :data:`PAGE`.
    name : str
        Its own on the page: the ids of its elements begin with it.

    Returns
    -------
    markupsafe.Markup
        An ``<svg>`` that takes the colours around it.
    """
    buffer = BytesIO()
    figure.patch.set_alpha(0)
    # Text stays text: small, searchable, in the page's font.
    _print_svg(figure, buffer, "none")
    text = buffer.getvalue().decode()
    text = re.sub(r"<metadata>.*?</metadata>", "", text[text.index("<svg") :], flags=re.DOTALL)
    for colour, replacement in _PAGE_COLOURS.items():
        text = text.replace(colour, replacement)
    # In tags alone: a label may look like anything.
    text = re.sub(r"<[^>]*>", lambda tag: _ID.sub(rf"\g<0>{name}-", tag[0]), text)
    return Markup(text)  # noqa: S704 - matplotlib escapes the labels


def write_figure(figure: Figure, path: Path) -> None:
    """Write a figure for a paper.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        In the inks :data:`PAPER`.
    path : pathlib.Path
        Without suffix: gets ``.svg``, whose text is drawn as paths and so looks the same everywhere, and
        ``.png`` with :data:`DPI` dots per inch.

    Raises
    ------
    StorageError
        If a file cannot be written.
    """
    with atomic_path(path.with_suffix(".svg")) as temporary:
        _print_svg(figure, temporary, "path")
    figure.set_layout_engine("none")  # settled: working it out again would take as long as drawing
    figure.dpi = DPI
    with atomic_path(path.with_suffix(".png")) as temporary:
        canvas = FigureCanvasAgg(figure)
        canvas.print_png(temporary, metadata={"Software": None})  # type: ignore[no-untyped-call]


def _print_svg(figure: Figure, target: BytesIO | Path, fonttype: Literal["none", "path"]) -> None:
    # The canvas's own function, since `savefig` draws everything twice. Names of elements come from the data.
    with mpl.rc_context({"svg.hashsalt": "timbrebench", "svg.fonttype": fonttype}):
        FigureCanvasSVG(figure).print_svg(target, metadata={"Date": None})  # type: ignore[no-untyped-call]
