"""What lies in a run's folder is of the results and the code that there are; reading it changes nothing."""

from __future__ import annotations

import json
import shutil

import pytest

from timbrebench.experiments.benchmark import read_results, run_benchmark

READ_OUT = ("leaderboard.csv", "sets.csv", "validity.json", "report.html", "tables/leaderboard.csv")


@pytest.fixture
def copy(run, tmp_path):
    """A finished run to do things to."""
    return shutil.copytree(run.root, tmp_path / "run")


def contents(root):
    """Return each file's content and time of change."""
    files = sorted(path for path in root.rglob("*") if path.is_file())
    return {path.relative_to(root): (path.read_bytes(), path.stat().st_mtime_ns) for path in files}


def test_what_is_lost_or_of_other_code_is_written_again(copy, tiny, run):
    """The report is newer than the records, and yet there is not everything, nor all of one code."""
    (copy / "sets.csv").unlink()
    shutil.rmtree(copy / "tables")
    (copy / "report.html").write_text("as another version wrote it")
    run_benchmark(tiny, copy)
    for name in READ_OUT:
        assert (copy / name).read_bytes() == (run.root / name).read_bytes(), name


def test_a_run_that_goes_on_elsewhere_says_both(copy, tiny):
    path = copy / "environment.json"
    first = json.loads(path.read_text())
    earlier = {**first, "versions": {**first["versions"], "torch": "0.4.1"}}
    path.write_text(json.dumps(earlier))
    finished = run_benchmark(tiny, copy)
    assert json.loads(path.read_text()) == {**earlier, "later": [first]}
    assert [one["versions"] for one in finished.results.environments] == [
        earlier["versions"],
        first["versions"],
    ]
    page = (copy / "report.html").read_text(encoding="utf-8")
    assert "torch 0.4.1" in page
    assert page.index("<dt>Run with</dt>") < page.index("<dt>Gone on with</dt>")
    assert "may come from any of these" in page


def test_reading_results_changes_nothing_and_needs_no_right_to(copy, run):
    """Not even where a line was cut off, or the records may not be written to."""
    records = copy / "records.jsonl"
    records.write_bytes(records.read_bytes() + b'{"kind": "sco')
    records.chmod(0o444)
    before = contents(copy)
    assert read_results(copy).scores.equals(run.results.scores)
    assert contents(copy) == before
