"""Tables as CSV, Markdown and LaTeX: the same data, the same bytes."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd

from timbrebench.core.files import write_text

#: Format of floats in CSV files that are published: six significant digits.
SIX_DIGITS = "%.6g"

#: What LaTeX has commands for, and what its default font encoding would replace by other characters.
_LATEX = {
    "\N{EN DASH}": "--",
    "\N{MINUS SIGN}": "$-$",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "\N{UPWARDS ARROW}": r"$\uparrow$",
    "\N{DOWNWARDS ARROW}": r"$\downarrow$",
}


def csv_text(table: pd.DataFrame, float_format: str | None = None) -> str:
    r"""Return a table as CSV with a header, without the index; lines end with ``\n`` on every system.

    Floats are written by `float_format`, such as :data:`SIX_DIGITS`; by default as the shortest text that
    reads back the same.
    """
    return str(table.to_csv(index=False, float_format=float_format, lineterminator="\n"))


def write_csv(path: Path, table: pd.DataFrame, float_format: str | None = None) -> None:
    """Write a table as CSV (:func:`csv_text`), whole or not at all.

    Raises StorageError if the file cannot be written.
    """
    write_text(path, csv_text(table, float_format))


def markdown_table(table: pd.DataFrame, names: int = 1) -> str:
    """Return a table of texts as Markdown, without a final newline.

    What its cells hold is written as it is, which is Markdown, in one line and without a bare ``|``. The
    first `names` columns hold names and are aligned left; the others hold figures and are aligned right.
    """
    if table.empty:  # alignment of columns without cells is an error in tabulate
        return str(table.to_markdown(index=False))
    alignment = ["left"] * names + ["right"] * (table.shape[1] - names)
    return str(table.to_markdown(index=False, disable_numparse=True, colalign=alignment[: table.shape[1]]))


def latex_table(table: pd.DataFrame, names: int = 1) -> str:
    r"""Return a table of plain texts, which are escaped, as a LaTeX ``tabular`` that ends with a newline.

    The document needs ``\usepackage{booktabs}``. The first `names` columns are aligned left.
    """
    body = (
        table.style.hide(axis="index")
        .format(escape="latex")
        .format_index(axis="columns", escape="latex")
        .to_latex(hrules=True, column_format="l" * names + "r" * (table.shape[1] - names))
    )
    body = re.sub("-(?=-)", "-{}", body)  # two hyphens would become a dash
    for character, command in _LATEX.items():
        body = body.replace(character, command)
    return body
