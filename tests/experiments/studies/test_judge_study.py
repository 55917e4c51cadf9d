"""Tests of the study of a judge's training."""

from __future__ import annotations

import math

import pandas as pd
import pytest

from timbrebench.experiments.studies import judge_study


@pytest.fixture(scope="module")
def result(context):
    return judge_study.run(context, judge_study.JudgeSettings(max_epochs=2, folds=2))


def test_each_fold_is_tested_and_all_its_clips_counted(result):
    assert result.table.tested_on.tolist() == ["dataset's split", "fold 1", "fold 2"]
    confusion = result.further["confusion"].set_index("true_label")
    assert confusion.to_numpy().sum() == result.table.clips[0]
    assert list(confusion.index) == list(confusion.columns)


def test_the_learning_curve_has_a_row_for_each_pass(result):
    assert result.further["learning-curve"].epoch.tolist() == [0, 1]


def test_folds_that_agree_speak_against_the_report():
    differing, _ = judge_study.findings((0.6, 0.92), (0.1, 1.1, 6))
    agreeing, _ = judge_study.findings((0.9, 0.92), (0.1, 1.1, 6))
    assert differing.verdict == "held"
    assert agreeing.verdict == "did not hold"


def test_one_softmax_too_many_explains_a_loss_that_a_trained_network_does_not_have():
    explained = [
        judge_study.findings((0.9, 0.9), losses)[1].verdict == "held"
        for losses in ((0.1, 1.15, 6), (1.2, 1.5, 6), (1.0, 1.5, 6))
    ]
    assert explained == [True, False, False]


def test_a_second_softmax_hides_most_of_what_was_learned(result):
    row = result.table.iloc[0]
    floor = math.log(math.e + 1) - 1  # two labels
    assert row.loss_with_second_softmax > floor
    assert result.table.loss.isna().tolist() == [False, True, True]


def test_the_floor_of_a_second_softmax_is_that_of_six_labels():
    _, finding = judge_study.findings((0.9, 0.9), (0.0, 1.1, 6))
    assert f"{math.log(math.e + 5) - 1:.3f}" == "1.044"
    assert "cannot fall below 1.044" in finding.figures


def test_a_difference_that_falls_short_by_little_does_not_look_as_if_it_did_not():
    differing, _ = judge_study.findings((0.6, 0.8996), (0.1, 1.1, 6))
    assert differing.verdict == "did not hold"
    assert "which differ by 0.2996;" in differing.figures


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({}, "it confuses none"),
        ({("organ", "sax"): 1}, "most often it takes organ for sax (1 of 28 clips)"),
        (
            {("organ", "sax"): 1, ("piano", "organ"): 2},
            "most often it takes piano for organ (2 of 28 clips)",
        ),
        (
            {("organ", "sax"): 1, ("piano", "organ"): 1, ("sax", "organ"): 1},
            "most often it takes organ for sax, piano for organ and sax for organ (1 clip each)",
        ),
        (
            {("organ", "sax"): 2, ("piano", "organ"): 2, ("sax", "organ"): 2, ("sax", "piano"): 2},
            "no confusion stands out: 4 are as frequent, with 2 clips each",
        ),
    ],
)
def test_no_confusion_is_named_that_others_equal(wrong, said):
    labels = ["organ", "piano", "sax"]
    confusion = pd.DataFrame(0, index=pd.Index(labels, name="true_label"), columns=labels)
    for (true, given), clips in wrong.items():
        confusion.loc[true, given] = clips
    for label in labels:
        confusion.loc[label, label] = 28 - confusion.loc[label].sum()
    table = pd.DataFrame({"tested_on": ["own", "fold 1", "fold 2"], "clips": 84, "accuracy": [0.9, 0.8, 1.0]})
    curve = pd.DataFrame({"epoch": [0, 1], "validation_loss": [0.5, 0.2]})
    text = judge_study._text(table, confusion.reset_index(), curve)
    assert f"gets 0.900 of 84 test clips right, of pieces that it has not heard; {said}. Its" in text
    assert "Over 2 folds the accuracy is 0.900 on average" in text
