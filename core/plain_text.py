"""Texts of strangers for terminals, pages and spreadsheets: without what these would obey instead of show."""

from __future__ import annotations

import re

#: Control characters except tab and line feed, among them the one that begins a terminal's escape sequences;
#: marks, embeddings, overrides and isolates of direction, which let a text read as another; separators of
#: lines that only some programs know; a byte-order mark; and halves of characters, which no file can hold.
CONTROLS = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]"
)


def without_controls(text: str) -> str:
    r"""Return a text without control characters, but for tabs and line feeds, and without marks of direction.

    >>> without_controls("\x1b[31mred\x1b[0m")
    '[31mred[0m'
    """
    return CONTROLS.sub("", text)


def on_one_line(text: str) -> str:
    """Return a text as :func:`without_controls`, with one space for each run of white space."""
    return " ".join(without_controls(text).split())
