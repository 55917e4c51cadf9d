"""Comparisons of made-up results, for which the right answer is known."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd
import pytest

from timbrebench.core.errors import RunError, UnknownNameError
from timbrebench.experiments.ranking.comparing import compare_methods, compare_runs
from timbrebench.experiments.ranking.leaderboard import make_leaderboard
from timbrebench.experiments.ranking.results import NOT_SCORED
from timbrebench.experiments.report.comparison_report import comparison_markdown, print_comparison


@pytest.fixture
def made(results, generator):
    return results(generator)


def by_metric(table):
    return table.set_index("metric")


def test_what_differs_is_told_and_what_does_not_is_not(made):
    table = by_metric(compare_methods(made, "good", "poor"))
    assert list(table.index) == ["headline", "style_accuracy", "note_f1", "log_stft_mse"]
    assert (table.verdict == "good is better").all()
    assert table.difference["note_f1"] == pytest.approx(0.2, abs=0.02)
    assert table.difference["log_stft_mse"] < 0
    assert (table.superiority == 1).all()
    assert (table.low <= table.difference + 1e-9).all()
    assert (table.difference <= table.high + 1e-9).all()
    twins = by_metric(compare_methods(made, "good", "twin"))
    assert twins.verdict["note_f1"] == "no difference shown"
    assert 0.2 < twins.superiority["note_f1"] < 0.8
    assert twins.pairs_needed["note_f1"] > twins.pairs["note_f1"]


def test_the_other_way_round_is_the_same_with_the_other_sign(made):
    one, other = (by_metric(compare_methods(made, *names)) for names in (("good", "poor"), ("poor", "good")))
    for name in ("difference", "d_z"):
        assert one[name].to_numpy() == pytest.approx(-other[name].to_numpy())
    for name in ("p", "p_corrected", "pairs_needed"):
        assert one[name].to_numpy() == pytest.approx(other[name].to_numpy())
    assert (one.superiority + other.superiority).to_numpy() == pytest.approx(1)


def test_ranks_of_the_leaderboard_follow_from_the_comparisons(made):
    ranks = make_leaderboard(made).table.set_index("method")["rank"]
    for first, second in combinations(("good", "twin", "poor"), 2):
        is_told = by_metric(compare_methods(made, first, second)).p_corrected["headline"] < 0.05
        assert (ranks[first] != ranks[second]) == is_told


def test_p_values_are_corrected_for_all_pairs_of_methods(made, results, generator):
    """The more methods, the more chances; of two methods alone there is one."""
    alone = results(generator, methods=("good", "poor"))
    assert (by_metric(compare_methods(alone, "good", "poor")).eval("p_corrected == p")).all()
    among = by_metric(compare_methods(made, "good", "poor"))
    assert (among.p_corrected >= 2 * among.p).all()


def test_a_difference_too_small_to_matter_is_called_so(made):
    made.scores.loc[made.transfers.label == "twin", "note_f1"] = (
        made.scores.note_f1[made.transfers.label == "good"].to_numpy() - 0.005
    )
    row = by_metric(compare_methods(made, "good", "twin")).loc["note_f1"]
    assert row.verdict == "good is better, by too little to matter"
    assert row.pairs_needed == 18  # six pieces, the minimum that can show anything, of three pairs each


def test_the_same_run_has_no_difference_to_itself(made):
    table = compare_runs(made, made, ("before", "after"), [])
    assert set(table.method) == {"good", "twin", "poor"}
    assert (table.difference == 0).all()
    assert (table.p == 1).all()
    assert (table.verdict == "no difference shown").all()


def test_a_change_between_two_runs_is_found_in_its_method(made, results):
    later = results(np.random.default_rng(0), changes=[("good", "note_f1", lambda v: v - 0.1)])
    table = compare_runs(made, later, ("before", "after"), ["good", "poor"])
    changed = table[table.verdict == "before is better"]
    assert set(zip(changed.method, changed.metric, strict=True)) == {
        ("good", "headline"),
        ("good", "note_f1"),
    }


def test_seeds_are_reported(results, generator):
    made = results(generator, methods=("good", "poor"), seeds=(0, 1, 2))
    row = by_metric(compare_methods(made, "good", "poor")).loc["note_f1"]
    assert row.pairs == 36
    assert 0 < row.first_seed_sd < 0.02
    assert "seeds ±" in comparison_markdown(compare_methods(made, "good", "poor"), [])


def test_what_cannot_be_compared_is_refused(made):
    with pytest.raises(UnknownNameError, match="good"):
        compare_methods(made, "goood", "poor")
    with pytest.raises(RunError, match="silence has no output on 36 of 36"):
        compare_methods(made, "good", "silence")
    with pytest.raises(RunError, match="itself"):
        compare_methods(made, "good", "good")
    made.reasons.loc[made.transfers.label == "poor", "note_f1"] = NOT_SCORED
    with pytest.raises(RunError, match="without scores"):
        compare_methods(made, "good", "poor")


def test_runs_of_other_pairs_are_refused(made, run):
    with pytest.raises(RunError, match="suite"):
        compare_runs(made, run.results, ("a", "b"), [])


def test_a_method_named_twice_is_compared_once(made, results):
    """A second time would be one comparison more to correct for."""
    later = results(np.random.default_rng(0), changes=[("good", "note_f1", lambda v: v - 0.01)])
    once, twice = (compare_runs(made, later, ("before", "after"), ["good"] * times) for times in (1, 2))
    pd.testing.assert_frame_equal(once, twice)


def test_the_headline_is_compared_on_the_pairs_that_both_have(made):
    """Three pieces on which one has no values say nothing of the other either."""
    here = made.transfers.piece.isin(["piece-0", "piece-1", "piece-2"])
    made.scores.loc[here & (made.transfers.label == "twin")] = np.nan
    made.scores.loc[~here & (made.transfers.label == "twin")] = made.scores[
        ~here.to_numpy() & (made.transfers.label == "good").to_numpy()
    ].to_numpy()
    made.scores.loc[here & (made.transfers.label == "good"), "note_f1"] = 0.0
    table = by_metric(compare_methods(made, "good", "twin"))
    assert table.loc[["headline", "note_f1"], ["pairs", "pieces"]].to_numpy().tolist() == [[27, 9], [27, 9]]
    assert (table.difference == 0).all()
    assert (table.p == 1).all()


def test_pieces_on_which_both_are_alike_count_half_in_the_headline(made):
    good, twin = (made.transfers.label == label for label in ("good", "twin"))
    made.scores.loc[twin] = made.scores[good].to_numpy()
    made.scores.loc[twin & (made.transfers.piece == "piece-0"), "note_f1"] -= 0.1
    row = by_metric(compare_methods(made, "good", "twin")).loc["headline"]
    assert row.superiority == pytest.approx((11 * 0.5 + 1) / 12)
    assert row.d_z == pytest.approx(1 / np.sqrt(12))


def test_a_headline_without_values_is_not_measured(made):
    made.scores.loc[made.transfers.label == "twin", ["style_accuracy", "note_f1"]] = np.nan
    row = by_metric(compare_methods(made, "good", "twin")).loc["headline"]
    assert (row.verdict, row.pairs, row.pieces) == ("not measured", 0, 0)


def test_a_metric_without_values_is_not_measured(made):
    made.scores.loc[made.transfers.label == "twin", "log_stft_mse"] = np.nan
    row = by_metric(compare_methods(made, "good", "twin")).loc["log_stft_mse"]
    assert row.verdict == "not measured"
    assert np.isnan(row.difference)
    assert row.pairs == 0


def test_the_table_is_printed_and_written(made, capsys):
    table = compare_methods(made, "good", "poor")
    print_comparison(table, ["not to be believed"])
    printed = capsys.readouterr().out
    assert "good is better" in printed
    assert "NOTE: not to be believed" in printed
    text = comparison_markdown(table, ["not to be believed"])
    assert text.startswith("## good and poor\n")
    assert sum(line.startswith("|") for line in text.splitlines()) == 2 + len(table)


def test_names_of_runs_are_printed_as_they_are(made, results, capsys):
    """They are paths, and may look like markup, an emoji or the end of a table's cell."""
    later = results(np.random.default_rng(0), changes=[("good", "note_f1", lambda v: v - 0.2)])
    names = ("runs[/a]", "[red]x|y:x:")
    table = compare_runs(made, later, names, ["good"])
    print_comparison(table, ["see [b]"])
    printed = capsys.readouterr().out
    assert "good: runs[/a] and [red]x|y:x:" in printed
    assert "runs[/a] is better" in printed
    assert "NOTE: see [b]" in printed
    text = comparison_markdown(table, ["see <b>"])
    assert text.startswith("## good: runs[/a] and [red]x\\|y:x:\n")
    assert " runs[/a] is better |" in text
    assert "- see &lt;b&gt;" in text


def test_the_caption_says_what_is_corrected_for_in_either_kind(made):
    text = comparison_markdown(compare_runs(made, made, ("before", "after"), ["good"]), [])
    assert "for all pairs of one run's methods, or for the methods of two runs" in text
