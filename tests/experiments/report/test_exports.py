"""Tables for programs and for papers hold the figures of the report."""

from __future__ import annotations

import re

import pandas as pd
import pytest

from timbrebench.core.tables import latex_table
from timbrebench.experiments.ranking.leaderboard import make_leaderboard
from timbrebench.experiments.report.contents import Contents
from timbrebench.experiments.report.escaping import plain_table
from timbrebench.experiments.report.exports import write_tables

DASH, MINUS = "\N{EN DASH}", "\N{MINUS SIGN}"

NAMES = ["leaderboard", "metrics", "speed", "transfer-matrices", "failures"]


@pytest.mark.parametrize("name", NAMES)
def test_each_table_is_there_in_three_forms_with_the_same_rows(written, name):
    folder = written.parent / "tables"
    text = (folder / f"{name}.md").read_text(encoding="utf-8")
    rows = text.splitlines()
    assert len({len(re.findall(r"(?<!\\)\|", row)) for row in rows}) == 1
    tex = (folder / f"{name}.tex").read_text(encoding="utf-8")
    assert tex.startswith(r"\begin{tabular}")
    assert [tex.count(rule) for rule in (r"\toprule", r"\midrule", r"\bottomrule")] == [1, 1, 1]
    assert tex.count(r"\\") == len(rows) - 1
    assert len(pd.read_csv(folder / f"{name}.csv")) > 0


def test_the_leaderboard_has_its_figures(written, leaderboard):
    folder = written.parent / "tables"
    table = pd.read_csv(folder / "leaderboard.csv")
    assert list(table.method) == list(leaderboard.table.method)
    best = leaderboard.table.iloc[0]
    assert table.headline[0] == pytest.approx(best.headline, rel=1e-5)
    assert table.headline_low[0] == pytest.approx(best.headline_low, rel=1e-5)
    row = " ".join((folder / "leaderboard.md").read_text(encoding="utf-8").splitlines()[2].split())
    assert (
        f"| {best.method} | {best.headline:.2f} [{best.headline_low:.2f}, {best.headline_high:.2f}] |" in row
    )


def test_matrices_are_one_row_for_each_direction(written, results):
    table = pd.read_csv(written.parent / "tables/transfer-matrices.csv")
    ulyanov = table[table.method == "ulyanov"]
    assert len(ulyanov) == 6
    assert (ulyanov.share == 0.5).all()
    assert table[table.method == "broken"].outputs.sum() == 3


def test_every_metric_of_every_method_is_there_with_its_reason(written, results):
    table = pd.read_csv(written.parent / "tables/metrics.csv")
    assert set(results.configuration.metrics) < set(table.metric)
    row = table[(table.metric == "ioi_kl_content") & (table.method == "noise")].iloc[0]
    assert row.reason == "too few onsets & no rhythm"


def test_markdown_and_latex_keep_signs_that_mean_something_to_them():
    text = pd.DataFrame({"na|me_": ["a_b|c\n$5 & 50 % #1 {x} ~ ^ \\ <i>"], "f1 ↑": [f"{MINUS}0.5 {DASH} x"]})
    lines = plain_table(text).splitlines()
    assert len(lines) == 3
    assert r"a\_b\|c <span>$</span>5 &amp; 50 % #1 {x} ~ ^ \\ &lt;i&gt;" in lines[2]
    tex = latex_table(text)
    assert r"a\_b\textbar{}c" in tex
    assert r"\textless{}i\textgreater{}" in tex
    assert r"\$5 \& 50 \% \#1 \{x\}" in tex
    assert r"$-$0.5 -- x" in tex
    assert r"f1 $\uparrow$" in tex
    assert r"na\textbar{}me\_" in tex


def test_hyphens_stay_apart_in_latex():
    names = pd.DataFrame({"method": ["a--b", "a---b", "a-b"]})
    rows = latex_table(names).splitlines()
    assert r"a-{}-b \\" in rows
    assert r"a-{}-{}-b \\" in rows
    assert r"a-b \\" in rows


def test_what_most_pairs_cost_does_not_pass_for_an_interval_of_a_mean(written):
    for suffix, end in ((".md", "|"), (".tex", "&")):
        lines = (written.parent / f"tables/leaderboard{suffix}").read_text(encoding="utf-8").splitlines()
        cells = [line.split(end) for line in lines if "ulyanov" in line]
        heads = next(line.split(end) for line in lines if "seconds" in line)
        (at,) = [place for place, head in enumerate(heads) if "seconds" in head]
        assert [row[at].strip() for row in cells] == ["1.5", "1.5"]
        assert all(sum("[" in cell for cell in row) > 3 for row in cells)


def test_an_evil_name_is_escaped_in_every_form(evil, injected):
    root, results = evil
    write_tables(Contents.of(results, make_leaderboard(results)), root)
    for path in (root / "tables").glob("*.md"):
        assert "<script" not in path.read_text(encoding="utf-8")
    assert injected in set(pd.read_csv(root / "tables/speed.csv").method)
