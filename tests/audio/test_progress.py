import time

from timbrebench.audio import progress
from timbrebench.audio.progress import Tracker, muted


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
