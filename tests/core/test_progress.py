import time

from timbrebench.core import progress
from timbrebench.core.progress import Tracker, muted


def test_plain_lines_where_the_output_is_no_terminal(capsys, monkeypatch):
    monkeypatch.setattr(progress, "LINE_INTERVAL_S", 0.0)
    with Tracker("rendering", 4, "clips") as tracker:
        time.sleep(0.01)
        tracker.advance(2)
    line = capsys.readouterr().err.splitlines()[0]
    assert line.startswith("rendering: 2/4 clips")
    assert line.endswith("s left")


def test_workers_are_quiet(capsys, monkeypatch):
    monkeypatch.setattr(progress, "LINE_INTERVAL_S", 0.0)
    with muted(), Tracker("rendering", 1) as tracker:
        tracker.advance()
    assert capsys.readouterr().err == ""


def test_the_end_is_told_once(capsys, monkeypatch):
    monkeypatch.setattr(progress, "LINE_INTERVAL_S", 0.0)
    with Tracker("rendering", 2, "clips") as tracker:
        tracker.advance()
        tracker.advance()
        tracker._started -= 3  # long enough for a last line
    lines = capsys.readouterr().err.splitlines()
    assert [line.split(",")[0] for line in lines] == ["rendering: 1/2 clips", "rendering: 2/2 clips"]
