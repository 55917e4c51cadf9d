"""Tables keep every figure, and what looks like markup stays text."""

from __future__ import annotations

import pandas as pd

from timbrebench.core.tables import SIX_DIGITS, csv_text, latex_table, markdown_table, write_csv

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
