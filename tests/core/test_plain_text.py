"""What a terminal, a page or a spreadsheet would obey does not reach it."""

import pandas as pd
import pytest

from timbrebench.core.errors import RunError
from timbrebench.core.plain_text import CONTROLS, on_one_line
from timbrebench.core.progress import log
from timbrebench.core.tables import csv_text, latex_table, markdown_table, parse_csv
from timbrebench.experiments.report.escaping import plain_table
from timbrebench.experiments.report.standard_output import print_json, print_line

#: Colours, a window's title, a carriage return, a mark of direction, a C1 control.
EVIL = [
    "\x1b[31mred\x1b[0m",
    "\x1b]0;title\x07",
    "real\rfake",
    "abc\u202efdp",
    "\x9b31m",
    "\u2066x",
    "\x00",
]
FORMULAS = [
    "=cmd|' /C calc'!A0",
    "@SUM(1+9)*cmd|'x'!A",
    "-2+3+cmd|'x'!A",
    "+cmd|'x'!A",
    "\t=1+1",
    '=HYPERLINK("x")',
]
KEPT = [
    "-0.25",
    "+1",
    "-1e-5",
    "-YabcDEF_123",
    "a=b",
    "x\ty",
    "two\nlines",
    "'quoted'",
    "\N{MUSICAL SYMBOL G CLEF}",
]


@pytest.mark.parametrize("text", EVIL)
def test_no_control_reaches_any_output(text, capsys):
    table = pd.DataFrame({text: ["x"], "method": [text]})
    log(text)
    print_line(text)
    print_json({"name": text})
    tables = [
        csv_text(table),
        markdown_table(table),
        plain_table(table),
        latex_table(table),
    ]
    for output in [*tables, on_one_line(text), *capsys.readouterr()]:
        assert not CONTROLS.search(output)


@pytest.mark.parametrize("text", FORMULAS)
def test_a_formula_is_a_text_in_a_spreadsheet_and_itself_when_read_back(text):
    written = csv_text(pd.DataFrame({"method": ["a", text], "value": [-1.5, 2.0]}))
    assert "'" + text[0] in written
    assert parse_csv(written.encode(), "here", RunError, {}).method.tolist() == ["a", text]


def test_what_computes_nothing_keeps_its_bytes():
    table = pd.DataFrame({"text": KEPT, "value": [-float(number) for number in range(len(KEPT))]})
    assert csv_text(table) == table.to_csv(index=False, lineterminator="\n")
