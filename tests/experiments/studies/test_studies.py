"""Tests of the studies, on the pairs of a small run."""

from __future__ import annotations

import pandas as pd
import pytest
from matplotlib.figure import Figure

from timbrebench.audio.errors import ConfigurationError, UnknownNameError
from timbrebench.experiments.benchmark import open_suite
from timbrebench.experiments.studies import style_content_curve, wide_limit_convergence
from timbrebench.experiments.studies.study import (
    StudyContext,
    StudyResult,
    chosen_pairs,
    find_study,
    study_names,
    write_result,
)


@pytest.fixture(scope="module")
def context(run):
    _, dataset, judge, suite = open_suite(run.root)
    return StudyContext(dataset, judge, suite, 1)


@pytest.mark.parametrize("name", study_names())
def test_every_study_says_what_it_asks(name):
    study = find_study(name)
    assert study.name == name
    assert study.question.endswith("?")
    assert study.pairs >= 1


def test_an_unknown_study_is_refused_with_the_nearest_name():
    with pytest.raises(UnknownNameError, match="did you mean 'style-content-curve'"):
        find_study("style-content-curves")


def test_more_pairs_than_there_are_are_refused(context):
    with pytest.raises(ConfigurationError, match="1000 pairs are asked for"):
        StudyContext(context.dataset, context.judge, context.suite, 1000)


def test_pairs_are_spread_over_the_suite(context):
    every = StudyContext(context.dataset, context.judge, context.suite, len(context.suite.pairs))
    assert chosen_pairs(every) == list(context.suite.pairs)


def test_more_filters_come_nearer_to_the_closed_form(context):
    result = wide_limit_convergence.run(context, filters=(16, 256))
    few, many = result.table.itertuples()
    assert many.gradient_error < 0.6 * few.gradient_error


def test_a_higher_content_weight_keeps_more_notes(context):
    methods = {"wide-limit": {"max_iterations": 12, "inversion": {"iterations": 5}}}
    result = style_content_curve.run(context, weights=(1e-3, 100.0), methods=methods)
    assert list(result.table.columns) == ["method", "content_weight", "style_accuracy", "note_f1"]
    low, high = result.table.note_f1
    assert high > low


def test_results_are_written_as_table_figures_and_page(tmp_path):
    figure = Figure()
    figure.subplots().plot([0, 1], [1, 0])
    table = pd.DataFrame({"condition": ["a", "b"], "score": [0.12345, 2.0]})
    study = find_study("style-content-curve")
    page = write_result(study, StudyResult(table, figure, "It held."), tmp_path).read_text(encoding="utf-8")
    assert "It held." in page
    assert "| a | 0.123 |" in page
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "style-content-curve.csv"), table)
    assert (tmp_path / "style-content-curve.png").read_bytes().startswith(b"\x89PNG")
    assert b"<svg" in (tmp_path / "style-content-curve.svg").read_bytes()
