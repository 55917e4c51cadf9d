"""Tables as CSV, Markdown and LaTeX: the same data, the same bytes."""

from __future__ import annotations

import codecs
import io
import re
import warnings
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

import pandas as pd
from pandas.errors import DtypeWarning, ParserWarning

from timbrebench.core.errors import TimbrebenchError
from timbrebench.core.files import read_bytes, write_text
from timbrebench.core.identifiers import is_identifier
from timbrebench.core.plain_text import CONTROLS, on_one_line, without_controls

#: Format of floats in CSV files that are published: six significant digits.
SIX_DIGITS = "%.6g"

#: Maximum bytes of a CSV file that strangers or people hand in: notes, labels and pairs are a hundredth of
#: it. Read, a table takes up to twenty times its size of memory.
CSV_BYTES = 64 << 20

#: Maximum columns of a table, and cells that a table may have however short its text is.
_MAX_COLUMNS, _FREE_CELLS = 2_000, 5_000_000

#: How a cell begins that spreadsheets take for a formula; numbers do so as well.
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
_NUMBER = re.compile(r"[+-]?\d+(?:\.\d*)?(?:[eE][+-]?\d+)?")
_PERHAPS_FORMULA = re.compile(r"(?:^|[,\n\"])[=+\-@\t]")
_QUOTED_FORMULA = re.compile(rb"(?:^|[,\r\n\"])'[=+\-@\t]")

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
    reads back the same. Control characters in texts are left out, and a text that a spreadsheet would take
    for a formula gets an apostrophe before it (:func:`parse_csv` takes it off again).
    """
    text = _as_csv(table, float_format)
    if not (CONTROLS.search(text) or _PERHAPS_FORMULA.search(text)):
        return text
    safe = table.copy()
    for place, kind in enumerate(table.dtypes):
        if not pd.api.types.is_numeric_dtype(kind):
            safe.isetitem(place, table.iloc[:, place].map(_plain_cell).array)
    safe.columns = pd.Index([_plain_cell(name) for name in table.columns])
    return _as_csv(safe, float_format)


def _as_csv(table: pd.DataFrame, float_format: str | None) -> str:
    return str(table.to_csv(index=False, float_format=float_format, lineterminator="\n"))


def _plain_cell(value: object) -> object:
    if not isinstance(value, str):
        return value
    text = without_controls(value)
    # An identifier computes at most a wrong number: AudioSet's names of videos may begin with a hyphen.
    is_formula = text.startswith(_FORMULA_STARTS) and not is_identifier(text) and not _NUMBER.fullmatch(text)
    return f"'{text}" if is_formula else text


def write_csv(path: Path, table: pd.DataFrame, float_format: str | None = None) -> None:
    """Write a table as CSV (:func:`csv_text`), whole or not at all.

    Raises StorageError if the file cannot be written.
    """
    write_text(path, csv_text(table, float_format))


def parse_csv(
    content: bytes, where: str, error: type[TimbrebenchError], types: Mapping[str, str]
) -> pd.DataFrame:
    """Read a CSV table with a header, in which an empty cell is a missing value.

    Parameters
    ----------
    content : bytes
        UTF-8 text, with or without a byte-order mark.
    where : str
        Where it is from, for messages.
    error : type of TimbrebenchError
        What is raised.
    types : mapping of str to str
        Types of columns by name, as pandas has them: ``str`` for those that hold names, whatever they look
        like. The types of others follow from what they hold. Columns that the table lacks are passed over.

    Returns
    -------
    pandas.DataFrame
        One row for each line that is not empty.

    Raises
    ------
    TimbrebenchError
        Of the type `error`: if it is not a table in UTF-8, a row is longer than the header, a value is not of
        its column's type, or rows are so short that the table would take far more memory than the text.
    """
    content = content.removeprefix(codecs.BOM_UTF8)
    columns = content.partition(b"\n")[0].partition(b"\r")[0].count(b",") + 1
    rows = content.count(b"\n") + content.count(b"\r")
    if columns > _MAX_COLUMNS or columns * rows > max(2 * len(content), _FREE_CELLS):
        raise error(f"{where}: cannot be read as a table (a header of {columns} columns over shorter rows)")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", ParserWarning)
            warnings.simplefilter("ignore", DtypeWarning)  # which types columns have is for callers to check
            table = pd.read_csv(
                io.BytesIO(content),
                dtype=types,
                keep_default_na=False,
                na_values=[""],
                index_col=False,
                encoding="utf-8",
            )
    except (ValueError, OverflowError, ParserWarning) as problem:
        raise error(f"{where}: cannot be read as a table ({on_one_line(str(problem))[:500]})") from problem
    return _without_apostrophes(table) if _QUOTED_FORMULA.search(content) else table


def _without_apostrophes(table: pd.DataFrame) -> pd.DataFrame:
    """Take the apostrophes of :func:`csv_text` off again."""
    for place, kind in enumerate(table.dtypes):
        if not pd.api.types.is_numeric_dtype(kind):
            cells = table.iloc[:, place]
            table.isetitem(place, cells.where(~cells.map(_is_quoted), cells.str[1:]).array)
    return table


def _is_quoted(value: object) -> bool:
    return isinstance(value, str) and value.startswith("'") and _plain_cell(value[1:]) == value


def read_csv(
    path: Path, error: type[TimbrebenchError], types: Mapping[str, str], limit: int = CSV_BYTES
) -> pd.DataFrame:
    """Read a CSV file of at most `limit` bytes as :func:`parse_csv`.

    Raises `error` if it cannot be read (:func:`timbrebench.core.files.read_bytes`), or as :func:`parse_csv`.
    """
    return parse_csv(read_bytes(path, limit, error), str(path), error, types)


def read_text_csv(path: Path, error: type[TimbrebenchError]) -> pd.DataFrame:
    """Read a CSV file whose columns all hold text, as :func:`read_csv`; an empty cell is an empty text."""
    types: Mapping[str, str] = defaultdict(lambda: "str")
    return read_csv(path, error, types).fillna("")


def markdown_table(table: pd.DataFrame, names: int = 1) -> str:
    """Return a table of texts as Markdown, without a final newline.

    What its cells hold is written as it is, which is Markdown, in one line and without a bare ``|``. The
    first `names` columns hold names and are aligned left; the others hold figures and are aligned right.
    """
    if table.empty:  # alignment of columns without cells is an error in tabulate
        return without_controls(str(table.to_markdown(index=False)))
    alignment = (["left"] * names + ["right"] * (table.shape[1] - names))[: table.shape[1]]
    return without_controls(str(table.to_markdown(index=False, disable_numparse=True, colalign=alignment)))


def _latex_cell(value: object) -> object:
    return on_one_line(value) if isinstance(value, str) else value


def latex_table(table: pd.DataFrame, names: int = 1) -> str:
    r"""Return a table of plain texts, which are escaped, as a LaTeX ``tabular`` that ends with a newline.

    The document needs ``\usepackage{booktabs}``. The first `names` columns are aligned left.
    """
    body = (
        table.map(_latex_cell)
        .rename(columns=_latex_cell)
        .style.hide(axis="index")
        .format(escape="latex")
        .format_index(axis="columns", escape="latex")
        .to_latex(hrules=True, column_format="l" * names + "r" * (table.shape[1] - names))
    )
    body = re.sub("-(?=-)", "-{}", body)  # two hyphens would become a dash
    for character, command in _LATEX.items():
        body = body.replace(character, command)
    return body
