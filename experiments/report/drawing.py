"""How the report's figures are drawn.

A figure is drawn once in the colours of a page, whose text may be light or dark, and once in those of a
paper.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from io import BytesIO

from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from timbrebench.core.figures import print_svg


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
    """Return a figure in the inks :data:`PAGE` as an ``<svg>`` that takes the colours around it.

    The ids of its elements begin with `name`, which is its own on the page.
    """
    buffer = BytesIO()
    figure.patch.set_alpha(0)
    # Text stays text: small, searchable, in the page's font.
    print_svg(figure, buffer, fonttype="none")
    text = buffer.getvalue().decode()
    text = re.sub(r"<metadata>.*?</metadata>", "", text[text.index("<svg") :], flags=re.DOTALL)
    for colour, replacement in _PAGE_COLOURS.items():
        text = text.replace(colour, replacement)
    # In tags alone: a label may look like anything.
    text = re.sub(r"<[^>]*>", lambda tag: _ID.sub(rf"\g<0>{name}-", tag[0]), text)
    return Markup(text)  # noqa: S704 - matplotlib escapes the labels
