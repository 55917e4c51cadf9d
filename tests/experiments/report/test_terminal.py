import numpy as np
import pandas as pd
import pytest

from timbrebench.experiments.report import terminal
from timbrebench.experiments.report.terminal import print_judges, print_leaderboard, read_leaderboard


@pytest.mark.parametrize("width", [80, 140])
def test_every_method_fits_the_terminal_whole(run, capsys, monkeypatch, width):
    from rich.console import Console

    monkeypatch.setattr(terminal, "open_console", lambda: Console(width=width))
    print_leaderboard(run.root)
    shown = capsys.readouterr().out
    assert "…" not in shown
    assert all(name in shown for name in run.leaderboard.table.method)
    assert "n_filters=16" in shown
    assert ("xcorr" in shown) == (width == 140)


def test_the_judge_is_shown_with_its_accuracy(run, capsys):
    print_judges(run.root)
    shown = capsys.readouterr().out
    assert "TimGM6mb" in shown
    assert "accuracy" in shown


def test_the_file_is_read_as_it_was_written(run):
    rows = pd.DataFrame(read_leaderboard(run.root))
    written = run.leaderboard.table
    assert list(rows) == list(written)
    for name in ("rank", "outputs", "headline", "note_f1_low"):
        np.testing.assert_allclose(rows[name].astype(float), written[name].astype(float), rtol=1e-5)
    for name in ("method", "kind", "settings", "violation"):
        assert rows[name].tolist() == written[name].tolist()
