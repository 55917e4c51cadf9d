"""Rankings of made-up results, for which the right answer is known."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from timbrebench.audio.errors import RunError
from timbrebench.experiments.configuration import RunConfiguration
from timbrebench.experiments.gate import find_regressions, read_baseline, write_baseline
from timbrebench.experiments.leaderboard import make_leaderboard
from timbrebench.experiments.results import COSTS, Results

PIECES, PAIRS = 12, 36


def results(generator, *, changes=(), methods=("good", "twin", "poor")):
    """Results in which controls land where they must; `changes` are (label, metric, function of values)."""
    configuration = RunConfiguration.model_validate(
        {
            "name": "made up",
            "methods": [{"method": "ulyanov", "label": name} for name in methods],
            "metrics": ["style_accuracy", "note_f1", "key_invariance_mse"],
            "resamples": 2000,
        }
    )
    level = {
        "identity": (0, 0.8),
        "style-copy": (1, 0.3),
        "reference": (1, 0.8),
        "silence": (np.nan, np.nan),
        "noise": (0, 0.2),
        "good": (1, 0.7),
        "twin": (1, 0.7),
        "poor": (0, 0.5),
    }
    difficulty = generator.normal(scale=0.05, size=PIECES)
    transfers, scores = [], []
    for entry in configuration.entries:
        style, onset = level[entry.name]
        for pair in range(PAIRS):
            piece = pair % PIECES
            status = "failed" if entry.name == "silence" else "ok"
            transfers.append(
                (entry.name, f"{pair:03d}", f"piece-{piece}", 0, status, "", 1.0, 0.2, 300.0, "")
            )
            noise = generator.normal(scale=0.02)
            scores.append((style, onset + difficulty[piece] + noise, 1 - onset + noise))
    columns = ["label", "pair_id", "piece", "seed", "status", "reason", *COSTS, "output"]
    table = pd.DataFrame(scores, columns=list(configuration.metrics), dtype=float)
    frame = pd.DataFrame(transfers, columns=columns)
    for label, metric, change in changes:
        rows = frame.label == label
        table.loc[rows, metric] = change(table.loc[rows, metric])
    return Results(configuration, None, frame, table, pd.DataFrame("", table.index, table.columns))


def row(board, label):
    return board.table[board.table.method == label].iloc[0]


def test_methods_stand_by_headline_and_controls_below_unranked(generator):
    board = make_leaderboard(results(generator))
    assert board.is_valid, board.problems
    assert set(board.table.method[:2]) == {"good", "twin"}
    assert board.table["rank"].tolist()[:3] == [1, 1, 3]
    assert board.table["rank"][3:].isna().all()
    assert board.table.method.tolist()[3:] == ["identity", "style-copy", "reference", "silence", "noise"]


def test_headline_of_the_controls_is_known(generator):
    board = make_leaderboard(results(generator))
    assert row(board, "identity").headline == 0
    assert row(board, "style-copy").headline == 0
    assert row(board, "reference").headline == pytest.approx(1)
    assert np.isnan(row(board, "silence").headline)


def test_intervals_surround_the_means(generator):
    table = make_leaderboard(results(generator)).table
    for name in ("headline", "note_f1", "key_invariance_mse"):
        shown = table[table[name].notna()]
        assert (shown[f"{name}_low"] <= shown[name] + 1e-9).all()
        assert (shown[name] <= shown[f"{name}_high"] + 1e-9).all()


def test_a_method_with_missing_outputs_is_shown_and_not_ranked(generator):
    made = results(generator)
    first = made.transfers.index[made.transfers.label == "good"][0]
    made.transfers.loc[first, "status"] = "timeout"
    made.scores.loc[first] = np.nan
    board = make_leaderboard(made)
    assert pd.isna(row(board, "good")["rank"])
    assert row(board, "good").missing == 1
    assert row(board, "good").note_f1_n == PAIRS - 1
    assert row(board, "twin")["rank"] == 1


@pytest.mark.parametrize(
    ("label", "metric", "change", "problem"),
    [
        ("reference", "style_accuracy", lambda v: v * 0.9, "reference has style accuracy 0.900"),
        ("identity", "style_accuracy", lambda v: v + 0.1, "identity has style accuracy 0.100"),
        ("style-copy", "style_accuracy", lambda v: v * 0.5, "style-copy has style accuracy 0.500"),
        ("noise", "style_accuracy", lambda v: v + 0.6, "noise has style accuracy"),
        ("style-copy", "note_f1", lambda v: v + 0.4, "note F1"),
        ("reference", "note_f1", lambda v: v * np.nan, "note F1"),
    ],
)
def test_a_control_that_lands_elsewhere_makes_the_run_invalid(generator, label, metric, change, problem):
    board = make_leaderboard(results(generator, changes=[(label, metric, change)]))
    assert not board.is_valid
    assert any(problem in text for text in board.problems)


def test_silence_that_passes_makes_the_run_invalid(generator):
    made = results(generator)
    made.transfers.loc[made.transfers.label == "silence", "status"] = "ok"
    assert "silence was taken for an output" in make_leaderboard(made).problems


@pytest.fixture
def baseline(generator, tmp_path):
    path = tmp_path / "baseline.csv"
    write_baseline(results(generator), path)
    return read_baseline(path)


def unchanged():
    return np.random.default_rng(0)  # the generator of the baseline's results


def test_the_same_results_pass(baseline):
    assert find_regressions(results(unchanged()), baseline) == []


@pytest.mark.parametrize(
    ("metric", "change"),
    [
        ("note_f1", lambda v: v - 0.15),
        ("style_accuracy", lambda v: v * 0.5),
        ("key_invariance_mse", lambda v: v + 0.5),
    ],
)
def test_what_becomes_worse_is_found_in_its_metric(baseline, metric, change):
    (found,) = find_regressions(results(unchanged(), changes=[("good", metric, change)]), baseline)
    assert (found.label, found.metric) == ("good", metric)
    assert found.low <= found.now - found.before <= found.high


@pytest.mark.parametrize(
    ("metric", "change"),
    [
        ("note_f1", lambda v: v + 0.15),
        ("key_invariance_mse", lambda v: v - 0.5),
        ("note_f1", lambda v: v - 1e-4),
    ],
)
def test_what_becomes_better_or_changes_too_little_passes(baseline, metric, change):
    assert find_regressions(results(unchanged(), changes=[("good", metric, change)]), baseline) == []


def test_one_bad_pair_is_no_regression(baseline):
    made = results(unchanged())
    first = made.transfers.index[made.transfers.label == "good"][0]
    made.scores.loc[first, "note_f1"] = 0
    assert find_regressions(made, baseline) == []


def test_what_cannot_be_compared_is_an_error(baseline, generator):
    made = results(unchanged())
    made.transfers.loc[made.transfers.label == "good", "status"] = "failed"
    with pytest.raises(RunError, match="not in the run"):
        find_regressions(made, baseline)
    with pytest.raises(RunError, match="can no longer be computed"):
        find_regressions(results(unchanged(), changes=[("good", "note_f1", lambda v: v * np.nan)]), baseline)
    with pytest.raises(RunError, match="needs all of them"):
        write_baseline(made, None)


def test_a_file_that_is_no_baseline_is_refused(tmp_path):
    with pytest.raises(RunError, match="cannot be read"):
        read_baseline(tmp_path / "absent.csv")
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    with pytest.raises(RunError, match="no baseline"):
        read_baseline(tmp_path / "other.csv")
