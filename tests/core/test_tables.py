"""Tables keep every figure, and what looks like markup stays text."""

from __future__ import annotations

import pandas as pd
import pytest

from timbrebench.core.errors import RunError
from timbrebench.core.tables import SIX_DIGITS, csv_text, latex_table, markdown_table, parse_csv, write_csv

TABLE = pd.DataFrame({"method": ["a", "wct"], "seconds": ["0.5", "12"]})


def test_names_are_left_and_figures_right():
    head, rule, *rows = markdown_table(TABLE).splitlines()
    assert [cell.strip() for cell in head.strip("|").split("|")] == ["method", "seconds"]
    assert [cell[-1] for cell in rule.strip("|").split("|")] == ["-", ":"]
    assert [[cell.strip() for cell in row.strip("|").split("|")] for row in rows] == [
        ["a", "0.5"],
        ["wct", "12"],
    ]


def test_texts_that_look_like_numbers_keep_their_digits():
    table = pd.DataFrame({"version": ["1.10", "007"], "share": ["0.50", "1e3"]})
    text = markdown_table(table)
    assert all(cell in text for cell in ("1.10", "007", "0.50", "1e3"))


def test_a_table_without_rows_has_its_header():
    assert markdown_table(TABLE.iloc[:0]).splitlines()[0].split() == ["|", "method", "|", "seconds", "|"]


def test_csv_reads_back(tmp_path):
    table = pd.DataFrame({"name": ["a,b", 'c"d'], "value": [1 / 3, 2.0]})
    write_csv(tmp_path / "t.csv", table)
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "t.csv"), table)
    assert csv_text(table, SIX_DIGITS).splitlines() == ["name,value", '"a,b",0.333333', '"c""d",2']


def test_latex_has_a_command_for_what_it_would_misread():
    text = latex_table(pd.DataFrame({"a_b": ["1 < 2"], "c": ["\N{MINUS SIGN}3 -- 5%"]}))
    assert r"a\_b" in text
    assert r"1 \textless{} 2" in text
    assert r"$-$3 -{}- 5\%" in text


BAD_CSV = {
    "nothing": (b"", "No columns"),
    "line ends": (b"\n" * 1000, "No columns"),
    "not UTF-8": (b"a,b\n\xff,1\n", "utf-8"),
    "a row too long": (b"a,b\n1,2,3\n", "cannot be read as a table"),
    "a later row too long": (b"a,b\n1,2\n1,2,3\n", "line 3"),
    "an open quote": (b'a,b\n"1,2\n', "cannot be read as a table"),
    "another type": (b"a,number\nx,y\n", "cannot be read as a table"),
    "a long integer": (b"a,number\nx," + b"9" * 6000 + b"\n", "cannot be read as a table"),
    "many columns": (b"," * 100_000 + b"\n1\n", "columns"),
    "many cells out of few bytes": (b"," * 1_000 + b"\n" + b"1\n" * 1_000_000, "columns"),
}


@pytest.mark.parametrize(("content", "reason"), BAD_CSV.values(), ids=BAD_CSV)
def test_what_is_no_table_is_an_error_that_names_where(content, reason):
    with pytest.raises(RunError, match=f"^here: .*{reason}"):
        parse_csv(content, "here", RunError, {"number": "int64"})


def test_names_that_look_like_numbers_or_gaps_are_names():
    table = parse_csv(b"\xef\xbb\xbfname,value\n007,1\nNA,\n", "here", RunError, {"name": "str"})
    assert table.name.tolist() == ["007", "NA"]
    assert table.value.isna().tolist() == [False, True]
