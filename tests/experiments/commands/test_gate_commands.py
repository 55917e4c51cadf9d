"""The quality gate on the command line: an exit status that says what was measured, and never more."""

from __future__ import annotations

import json
import shutil
from xml.etree import ElementTree

import pytest
from typer.testing import CliRunner

from timbrebench.experiments.commands.cli import app
from timbrebench.experiments.ranking import baseline


def timbrebench(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_a_baseline_with_a_cell_that_is_no_number_is_no_verdict(tmp_path):
    """Status 1 would say that a method is worse."""
    path, summary, report = (tmp_path / name for name in ("baseline.csv", "gate.md", "gate.xml"))
    head = {"suite": "x", "metrics": {"note_f1": 1}}
    path.write_text(f"# {json.dumps(head)}\nlabel,pair_id,piece,seed,note_f1\ngood,000,a,0,n0.5\n")
    done = timbrebench("check", tmp_path, "--baseline", path, "--markdown", summary, "--junit", report)
    assert done.exit_code == 2
    assert f"error: {path}: not a baseline" in done.stderr
    assert summary.read_text().startswith("## The check could not be made\n")
    assert ElementTree.fromstring(report.read_text()).find(".//error") is not None  # noqa: S314 - our own


@pytest.mark.parametrize("fault", [TypeError("no such operand"), KeyError("label")])
def test_a_fault_of_its_own_is_no_verdict(tmp_path, monkeypatch, fault):
    def fail(path):
        raise fault

    monkeypatch.setattr(baseline, "read_baseline", fail)
    done = timbrebench("check", tmp_path, "--baseline", "any.csv", "--markdown", tmp_path / "gate.md")
    assert done.exit_code == 2
    assert "Traceback" in done.stderr
    assert f"error: a fault of timbrebench itself ({fault!r})" in done.stderr
    assert type(fault).__name__ in (tmp_path / "gate.md").read_text()


def test_a_baseline_holds_the_judge_and_the_check_says_where_it_is_another(run, tmp_path):
    root, path = tmp_path / "run", tmp_path / "baseline.csv"
    shutil.copytree(run.root, root)
    assert timbrebench("baseline", root, "--out", path).exit_code == 0
    assert "note:" not in timbrebench("check", root, "--baseline", path).stderr
    head, rows = path.read_text().split("\n", 1)
    about = json.loads(head.removeprefix("# "))
    assert about["setting"] == "known-timbre"
    path.write_text(f"# {json.dumps(about | {'judge': 'another'})}\n{rows}")
    done = timbrebench("check", root, "--baseline", path)
    assert "note: the style judges of the run and the baseline differ" in done.stderr
