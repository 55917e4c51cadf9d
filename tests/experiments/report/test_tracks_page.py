"""Several tracks side by side: each with ranks of its own."""

from __future__ import annotations

import json
import shutil

import pytest

from timbrebench.core.errors import RunError
from timbrebench.core.files import write_json
from timbrebench.experiments.commands import cli
from timbrebench.experiments.report.terminal import print_tracks, read_leaderboard
from timbrebench.experiments.report.tracks_page import write_tracks
from timbrebench.experiments.run.layout import CONFIGURATION, LEADERBOARD, RECORDS, REPORT, VALIDITY

TRACKS = ("known-timbre", "new-timbre")


@pytest.fixture
def benchmark(run, tmp_path):
    """A folder with a finished run on each track, of which one is not valid."""
    for track in TRACKS:
        (tmp_path / track).mkdir()
        shutil.copy(run.root / LEADERBOARD, tmp_path / track)
        suite = {"name": f"{track}-1", "setting": track, "pairs": 24, "soundfont": "several"}
        write_json(tmp_path / track / CONFIGURATION, {"suite": suite})
        problems = ["control noise has style accuracy 0.900"] if track == "new-timbre" else []
        write_json(tmp_path / track / VALIDITY, {"valid": not problems, "problems": problems})
    return tmp_path


def test_the_page_names_tracks_samples_rules_and_what_is_not_valid(benchmark):
    write_tracks("both <b>", TRACKS, benchmark)
    page = (benchmark / REPORT).read_text(encoding="utf-8")
    for track in TRACKS:
        assert f'href="{track}/report.html"' in page
    assert page.count("24 of 360 pairs") == 2
    assert "may not have learned from the suite" in page
    assert "control noise has style accuracy 0.900" in page
    assert "both &lt;b&gt;" in page
    assert page.count("Learned from<") == 2
    assert page.count(">ulyanov<") == 1


def test_the_table_has_the_rows_of_each_track_with_ranks_within_it(benchmark, run):
    write_tracks("both", TRACKS, benchmark)
    header, *rows = (benchmark / LEADERBOARD).read_text(encoding="utf-8").splitlines()
    assert header == "track," + (run.root / LEADERBOARD).read_text(encoding="utf-8").splitlines()[0]
    own = (run.root / LEADERBOARD).read_text(encoding="utf-8").splitlines()[1:]
    assert rows == [f"{track},{row}" for track in TRACKS for row in own]


def test_a_terminal_shows_tracks_side_by_side_and_programs_get_both(benchmark, capsys):
    print_tracks(TRACKS, benchmark, as_json=False)
    shown = capsys.readouterr().out
    assert "NOT VALID, new-timbre: control noise" in shown
    assert shown.count("learned from") == 2
    assert sum(line.split()[:1] == ["ulyanov"] for line in shown.splitlines()) == 1
    print_tracks(TRACKS, benchmark, as_json=True)
    given = json.loads(capsys.readouterr().out)["tracks"]
    assert [given[track]["valid"] for track in TRACKS] == [True, False]
    assert given["known-timbre"]["methods"] == read_leaderboard(benchmark / "known-timbre")


def test_tracks_are_not_run_into_the_folder_of_a_run(tmp_path):
    (tmp_path / RECORDS).touch()
    with pytest.raises(RunError, match="holds a run, and profile default lists tracks"):
        cli.run("default", tmp_path)
