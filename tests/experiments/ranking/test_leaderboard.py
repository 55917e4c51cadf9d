"""Rankings of made-up results, for which the right answer is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from timbrebench.experiments.ranking.leaderboard import make_leaderboard
from timbrebench.experiments.ranking.results import COSTS
from timbrebench.experiments.suites.frozen_suite import load_frozen


def with_second_judge(made, **accuracies):
    """Add a second judge, and notes within 100 ms; it says what the first does, but of the methods given.

    Those have the share of styles given, on the first pairs of all.
    """
    metrics = ("style_accuracy", "second_style_accuracy", "note_f1_100ms")
    scores = pd.DataFrame(
        {
            "style_accuracy": made.scores.style_accuracy,
            "second_style_accuracy": made.scores.style_accuracy,
            "note_f1_100ms": made.scores.note_f1,
        }
    )
    for label, (column, share) in accuracies.items():
        rows = made.transfers.label == label
        number = int(rows.sum())
        scores.loc[rows, column] = (np.arange(number) < round(share * number)).astype(float)
    reasons = pd.DataFrame("", scores.index, scores.columns)
    configuration = made.configuration.model_copy(update={"metrics": metrics})
    return replace(made, configuration=configuration, scores=scores, reasons=reasons, second_judge="b" * 64)


def row(board, label):
    return board.table[board.table.method == label].iloc[0]


def asked_for(made, metric):
    """Leave one metric of made-up results."""
    configuration = made.configuration.model_copy(update={"metrics": (metric,)})
    return replace(
        made, configuration=configuration, scores=made.scores[[metric]], reasons=made.reasons[[metric]]
    )


def test_methods_stand_by_headline_and_controls_below_unranked(results, generator):
    board = make_leaderboard(results(generator))
    assert board.is_valid, board.problems
    assert set(board.table.method[:2]) == {"good", "twin"}
    assert board.table["rank"].tolist()[:3] == [1, 1, 3]
    assert board.table["rank"][3:].isna().all()
    assert board.table.method.tolist()[3:] == ["identity", "style-copy", "reference", "silence", "noise"]


def test_headline_of_the_controls_is_known(results, generator):
    board = make_leaderboard(results(generator))
    assert row(board, "identity").headline == 0
    assert row(board, "style-copy").headline == 0
    assert row(board, "reference").headline == pytest.approx(1)
    assert np.isnan(row(board, "silence").headline)


def test_two_judges_stand_beside_each_other_and_the_headline_takes_their_mean(results, generator):
    made = with_second_judge(results(generator), poor=("second_style_accuracy", 1.0))
    board = make_leaderboard(made)
    assert board.is_valid, board.problems
    poor = row(board, "poor")
    style = (poor.style_accuracy, poor.second_style_accuracy, poor.mean_style_accuracy)
    assert style == (0.0, 1.0, 0.5)
    assert poor.headline == pytest.approx(2 * 0.5 * poor.content_kept / (0.5 + poor.content_kept))


def test_a_method_on_which_the_judges_part_is_marked(results, generator):
    """By more than 0.15: of 36 outputs six are more, and five are not."""
    made = with_second_judge(
        results(generator),
        good=("second_style_accuracy", 30 / 36),
        twin=("second_style_accuracy", 31 / 36),
    )
    board = make_leaderboard(made)
    assert row(board, "good").judge_dependent.startswith(
        "style accuracy 1.00 by one judge, 0.83 by the other"
    )
    assert row(board, "twin").judge_dependent == ""
    assert set(board.table.judge_dependent[board.table.kind == "control"]) == {""}


def test_a_rank_that_one_judge_alone_would_give_is_marked(results, generator):
    """The first judge cannot tell good from twin, of which the second hears no style in the one."""
    made = with_second_judge(
        results(generator, methods=("good", "twin")),
        good=("second_style_accuracy", 0.0),
    )
    board = make_leaderboard(made)
    assert board.table["rank"].tolist()[:2] == [1, 2]
    assert row(board, "good").judge_dependent.startswith("rank 1 by style_accuracy alone")
    assert "rank" not in row(board, "twin").judge_dependent


def test_a_control_answers_to_both_judges(results, generator):
    made = with_second_judge(results(generator), reference=("second_style_accuracy", 0.5))
    (problem,) = make_leaderboard(made).problems
    assert problem == "control reference has second style accuracy 0.500, must have at least 0.95"


def test_one_judge_marks_nothing(results, generator):
    assert "judge_dependent" not in make_leaderboard(results(generator)).table


def test_intervals_surround_the_means(results, generator):
    table = make_leaderboard(results(generator)).table
    for name in ("headline", "note_f1", "log_stft_mse"):
        shown = table[table[name].notna()]
        assert (shown[f"{name}_low"] <= shown[name] + 1e-9).all()
        assert (shown[name] <= shown[f"{name}_high"] + 1e-9).all()


def test_a_method_with_missing_outputs_is_shown_and_not_ranked(results, generator):
    made = results(generator)
    first = made.transfers.index[made.transfers.label == "good"][0]
    made.transfers.loc[first, "status"] = "timeout"
    made.scores.loc[first] = np.nan
    board = make_leaderboard(made)
    assert pd.isna(row(board, "good")["rank"])
    assert row(board, "good").missing == 1
    assert row(board, "good").note_f1_n == row(board, "twin").note_f1_n - 1
    assert row(board, "twin")["rank"] == 1


@pytest.mark.parametrize("metric", ["style_accuracy", "note_f1"])
def test_a_method_is_not_ranked_by_the_pairs_that_suit_it(results, generator, metric):
    """It has all its outputs, but not the scores that the reference has."""
    made = results(generator)
    without = (made.transfers.label == "poor") & ~made.transfers.pair_id.isin(["000", "001"])
    made.scores.loc[without, metric] = np.nan
    board = make_leaderboard(made)
    assert row(board, "poor").missing == 0
    assert pd.isna(row(board, "poor")["rank"])
    assert board.table["rank"].tolist()[:2] == [1, 1]


def test_scores_that_nobody_can_have_are_not_asked_for(results, generator):
    """A content without notes has no note F1, whoever plays it."""
    made = results(generator)
    made.scores.loc[made.transfers.pair_id == "000", "note_f1"] = np.nan
    assert make_leaderboard(made).table["rank"].tolist()[:3] == [1, 1, 3]


def test_costs_are_those_of_the_pairs_with_an_output(results, generator):
    """To fail at once is not to be fast."""
    made = results(generator)
    good = made.transfers.index[made.transfers.label == "good"]
    made.transfers.loc[good[:20], ["status", "seconds"]] = "failed", 0.01
    made.transfers.loc[made.transfers.label == "poor", ["status", "seconds"]] = "skipped", 0.0
    board = make_leaderboard(made)
    assert row(board, "good")[["seconds", "seconds_low", "seconds_high"]].tolist() == [1, 1, 1]
    costs = [f"{name}{end}" for name in COSTS for end in ("", "_low", "_high")]
    assert row(board, "poor")[costs].isna().all()
    assert row(board, "silence")[costs].isna().all()


@pytest.mark.parametrize("metric", ["style_accuracy", "note_f1", "log_stft_mse"])
def test_controls_answer_for_the_metrics_that_were_asked_for(results, generator, metric):
    made = asked_for(results(generator), metric)
    board = make_leaderboard(made)
    assert board.is_valid, board.problems
    assert "headline" not in board.table
    assert board.table["rank"].isna().all()
    assert not made.is_ranking


def test_a_half_of_the_headline_is_looked_at_without_the_other(results, generator):
    changes = [
        ("reference", "style_accuracy", lambda values: values * 0.9),
        ("style-copy", "note_f1", lambda values: values + 0.4),
    ]
    made = results(generator, changes=changes)
    (style,) = make_leaderboard(asked_for(made, "style_accuracy")).problems
    assert style == "control reference has style accuracy 0.900, must have at least 0.95"
    (content,) = make_leaderboard(asked_for(made, "note_f1")).problems
    assert "note F1" in content


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
def test_a_control_that_lands_elsewhere_makes_the_run_invalid(results, label, metric, change, problem):
    board = make_leaderboard(results(np.random.default_rng(0), changes=[(label, metric, change)]))
    assert not board.is_valid
    assert any(problem in text for text in board.problems)


def test_silence_that_passes_makes_the_run_invalid(results, generator):
    made = results(generator)
    made.transfers.loc[made.transfers.label == "silence", "status"] = "ok"
    assert "silence was accepted as an output" in make_leaderboard(made).problems


def test_seeds_are_averaged_and_do_not_narrow_the_intervals(results, generator):
    """Ten seeds of the same values are the same evidence as one."""
    once = results(generator, methods=("good",))
    seeded = results(np.random.default_rng(0), methods=("good",), seeds=tuple(range(10)))
    keys = ["label", "pair_id"]
    values = pd.concat([once.transfers[keys], once.scores], axis=1)
    seeded.scores[:] = seeded.transfers[keys].merge(values, on=keys).drop(columns=keys).to_numpy()
    once_row, ten_rows = (row(make_leaderboard(made), "good") for made in (once, seeded))
    assert "note_f1_seed_sd" not in once_row
    for name in ("headline", "note_f1", "note_f1_low", "note_f1_high"):
        assert ten_rows[name] == pytest.approx(once_row[name])
    assert ten_rows.note_f1_seed_sd == pytest.approx(0, abs=1e-12)


def test_the_deviation_between_seeds_is_that_of_their_means(results, generator):
    made = results(generator, methods=("good",), seeds=(0, 1))
    later = (made.transfers.label == "good") & (made.transfers.seed == 1)
    earlier = (made.transfers.label == "good") & (made.transfers.seed == 0)
    made.scores.loc[later, "note_f1"] = made.scores.loc[earlier, "note_f1"].to_numpy() + 0.1
    good = row(make_leaderboard(made), "good")
    assert good.note_f1_seed_sd == pytest.approx(0.1 / np.sqrt(2))
    assert good.headline_seed_sd > 0


@pytest.fixture
def of_one_tune(results, generator):
    """Make up results on a suite whose styles are right: errors against the style, by label."""

    def make(**errors):
        made = results(generator)
        metrics = ("style_accuracy", "note_f1", "key_invariance_mse")
        configuration = made.configuration.model_copy(update={"metrics": metrics})
        error = made.transfers.label.map({"style-copy": 0.0, "reference": 0.0} | errors)
        scores = made.scores.drop(columns="log_stft_mse").assign(key_invariance_mse=error)
        scores.loc[made.transfers.label == "style-copy", "note_f1"] = 0.3
        scores.loc[made.transfers.label == "reference", "note_f1"] = 0.3
        suite = load_frozen("key-invariance-2").suite(configuration.suite)
        reasons = pd.DataFrame("", scores.index, scores.columns)
        return replace(made, configuration=configuration, suite=suite, scores=scores, reasons=reasons)

    return make


def test_where_the_style_is_right_methods_stand_by_their_error_and_nothing_is_ranked(of_one_tune):
    made = of_one_tune(good=0.3, twin=0.2, poor=0.1)
    board = make_leaderboard(made)
    assert board.is_valid, board.problems
    assert not made.is_ranking
    assert board.table.method[:3].tolist() == ["poor", "twin", "good"]
    assert board.table["rank"].isna().all()
    assert board.table.headline.isna().all()


def test_a_style_copy_that_is_not_the_style_is_a_problem(of_one_tune):
    (problem,) = make_leaderboard(of_one_tune(**{"style-copy": 0.02})).problems
    assert problem == "control style-copy has key_invariance_mse 0.0200, must have at most 0.001"
