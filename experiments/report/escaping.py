"""Texts of others, such as names of methods and runs, in a Markdown page."""

from __future__ import annotations

import pandas as pd

from timbrebench.core.plain_text import on_one_line
from timbrebench.core.tables import markdown_table


def plain_markdown(text: object) -> str:
    """Keep a text, or a value as text, from being read as Markdown, HTML or mathematics, and on one line.

    The result fits into a paragraph or a cell of a table. Square brackets, which hold intervals, stay as they
    are where they cannot make a link.
    """
    plain = on_one_line(str(text))
    for character in "\\`*_|":
        plain = plain.replace(character, f"\\{character}")
    plain = plain.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("](", "]\\(")
    # Between two of these GitHub sets mathematics, whatever stands before them.
    return plain.replace("$", "<span>$</span>")


def plain_table(table: pd.DataFrame, names: int = 1) -> str:
    """Return a table of plain texts as Markdown, with all of them escaped."""
    return markdown_table(table.map(plain_markdown).rename(columns=plain_markdown), names)
