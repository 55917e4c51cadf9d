"""Tests of the study of a judge's training."""

from __future__ import annotations

import math

import pytest

from timbrebench.experiments.studies import judge


@pytest.fixture(scope="module")
def result(context):
    return judge.run(context, judge.JudgeSettings(max_epochs=2, folds=2, all_soundfonts=False))


def test_each_fold_is_tested_and_all_its_clips_counted(result):
    assert result.table.tested_on.tolist() == ["dataset's split", "fold 1", "fold 2"]
    confusion = result.further["confusion"].set_index("true_label")
    assert confusion.to_numpy().sum() == result.table.clips[0]
    assert list(confusion.index) == list(confusion.columns)


def test_the_learning_curve_has_a_row_for_each_pass(result):
    assert result.further["learning-curve"].epoch.tolist() == [0, 1]


def test_folds_that_agree_speak_against_the_report():
    differing, _ = judge.findings((0.6, 0.92), (0.1, 1.1, 6))
    agreeing, _ = judge.findings((0.9, 0.92), (0.1, 1.1, 6))
    assert differing.held
    assert not agreeing.held


def test_one_softmax_too_many_explains_a_loss_that_a_trained_network_does_not_have():
    explained = [
        judge.findings((0.9, 0.9), losses)[1].held
        for losses in ((0.1, 1.15, 6), (1.2, 1.5, 6), (1.0, 1.5, 6))
    ]
    assert explained == [True, False, False]


def test_a_second_softmax_hides_most_of_what_was_learned(result):
    row = result.table.iloc[0]
    floor = math.log(math.e + 1) - 1  # two labels
    assert row.loss_with_second_softmax > floor
    assert result.table.loss.isna().tolist() == [False, True, True]


def test_the_floor_of_a_second_softmax_is_that_of_six_labels():
    _, finding = judge.findings((0.9, 0.9), (0.0, 1.1, 6))
    assert f"{math.log(math.e + 5) - 1:.3f}" == "1.044"
    assert "cannot fall below 1.044" in finding.figures
