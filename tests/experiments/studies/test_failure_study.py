"""Tests of the study of the failed transfer."""

from __future__ import annotations

import pandas as pd
import pytest

from timbrebench.experiments.studies import failure_study
from timbrebench.transfer import create

FROM_CONTENT = {
    "n_fft": 1024,
    "hop_length": 512,
    "iterations": 1,
    "start": "content",
    "training": {"max_epochs": 1},
    "inversion": {"iterations": 1},
}


@pytest.fixture(scope="module")
def result(context):
    conditions = (
        failure_study.FailureCondition("from the content", failure_study.FAILED, FROM_CONTENT),
        failure_study.FailureCondition("reference", "style-copy", {}),
    )
    return failure_study.run(context, conditions)


def table_of(*rows):
    columns = ["condition", "method", "style_accuracy", "style_confidence", "note_f1", "transferred"]
    own = ("untouched content", "identity", 0.0, 0.1, 0.9, 0.0)
    return pd.DataFrame([own, *rows], columns=columns)


def test_what_is_not_touched_is_no_transfer(result):
    row = result.table.set_index("condition").loc["untouched content"]
    assert row.transferred == 0


def test_from_the_content_one_step_leaves_the_notes(result):
    rows = result.table.set_index("condition")
    assert rows.note_f1["from the content"] >= 0.8 * rows.note_f1["untouched content"]


def test_the_settings_differ_from_the_published_one_in_one_thing():
    published, many, *others = failure_study.one_at_a_time({"n_fft": 1024}, (3, 30), 2)
    assert published.parameters == {"n_fft": 1024, "iterations": 3}
    assert many.parameters["iterations"] == 30
    assert {other.parameters.get("start") for other in others} == {None, "content", "style"}
    assert any(other.parameters.get("optimiser") == "lbfgs" for other in others)


def test_the_papers_setting_combines_all():
    conditions = list(failure_study.all_combined())
    assert len(conditions) == len({condition.name for condition in conditions}) == 2 * 3 * 2 * 4 * 2
    assert conditions[0].parameters["iterations"] == 300


def test_one_transfer_is_enough_for_the_claim_to_fall():
    nothing = ("published", failure_study.FAILED, 0.5, 0.5, 0.1, 0.0)
    something = ("lucky", failure_study.FAILED, 0.5, 0.5, 0.6, 0.5)
    better = ("other", "reinstrument", 1.0, 0.9, 0.8, 1.0)
    claims = [finding.verdict == "held" for finding in failure_study.findings(table_of(nothing, better))]
    assert claims == [True, True]
    claims = [finding.verdict == "held" for finding in failure_study.findings(table_of(something, nothing))]
    assert claims == [False, False]


def test_the_text_names_where_the_style_is_heard_most_and_where_the_notes_are_kept_best():
    from_content = ("from the content", failure_study.FAILED, 0.0, 0.1, 0.8, 0.0)
    from_style = ("from the style", failure_study.FAILED, 1.0, 0.9, 0.2, 0.0)
    for rows in ((from_content, from_style), (from_style, from_content)):
        text = failure_study._text(table_of(*rows), 2)
        assert "2 pairs. Of the settings" in text
        assert "heard most with 'from the style' (confidence 0.90, note F1 0.20)" in text
        assert "kept best with 'from the content' (note F1 0.80, confidence 0.10)" in text
        assert "No setting brings both to one half." in text


def test_the_text_names_no_best_of_what_no_setting_has():
    text = failure_study._text(table_of(("published", failure_study.FAILED, 0.0, 0.1, 0.0, 0.0)), 1)
    assert text.startswith("1 pair. ")
    assert "and no setting keeps any note. " in text


def test_an_output_that_is_refused_is_no_transfer(context):
    pair = context.suite.pairs[0]
    scores = failure_study._scores(context, create("silence", {}), pair)
    assert scores == {"style_accuracy": 0, "style_confidence": 0, "note_f1": 0, "transferred": 0}
