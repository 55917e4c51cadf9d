"""Tests of the study of the failed transfer."""

from __future__ import annotations

import pandas as pd
import pytest

from timbrebench.experiments.studies import failure

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
        failure.Condition("from the content", failure.FAILED, FROM_CONTENT),
        failure.Condition("reference", "style-copy", {}),
    )
    return failure.run(context, failure.FailureSettings(conditions, all_soundfonts=False))


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
    published, many, *others = failure.one_at_a_time({"n_fft": 1024}, (3, 30), 2)
    assert published.parameters == {"n_fft": 1024, "iterations": 3}
    assert many.parameters["iterations"] == 30
    assert {other.parameters.get("start") for other in others} == {None, "content", "style"}
    assert any(other.parameters.get("optimiser") == "lbfgs" for other in others)


def test_the_papers_setting_combines_all():
    conditions = list(failure.all_combined())
    assert len(conditions) == len({condition.name for condition in conditions}) == 2 * 3 * 2 * 4 * 2
    assert conditions[0].parameters["iterations"] == 300


def test_one_transfer_is_enough_for_the_claim_to_fall():
    nothing = ("published", failure.FAILED, 0.5, 0.5, 0.1, 0.0)
    something = ("lucky", failure.FAILED, 0.5, 0.5, 0.6, 0.5)
    better = ("other", "reinstrument", 1.0, 0.9, 0.8, 1.0)
    claims = [finding.held for finding in failure.findings(table_of(nothing, better))]
    assert claims == [True, True]
    claims = [finding.held for finding in failure.findings(table_of(something, nothing))]
    assert claims == [False, False]


def test_the_text_names_the_setting_in_which_the_style_is_heard_most(result):
    assert "'from the content'" in result.text
