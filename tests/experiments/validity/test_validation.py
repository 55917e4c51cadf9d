"""Metrics are held to what they declare, on references that are degraded for real."""

import math

import numpy as np
import pandas as pd
import pytest

from timbrebench.audio.loudness import rms
from timbrebench.core.errors import ConfigurationError, DatasetError
from timbrebench.datasets import Dataset
from timbrebench.datasets.notes import read_notes
from timbrebench.datasets.rendering.window_rendering import render_window
from timbrebench.datasets.soundfonts.soundfont_finding import find_soundfont
from timbrebench.experiments.run.run_configuration import CONTROLS
from timbrebench.experiments.validity.conditions import AMOUNTS, GRADES, REFERENCE, Treatment
from timbrebench.experiments.validity.validation import assess, validate_metrics
from timbrebench.experiments.validity.validation_report import describe, markdown, write_validation
from timbrebench.metrics.contract import CORRUPTIONS, INVARIANCES, Score, Specification

CHEAP = ("log_stft_mse", "onset_f1", "style_accuracy", "xcorr_content")


@pytest.fixture(scope="module")
def dataset(run):
    return Dataset.open(run.root / "dataset")


@pytest.fixture(scope="module")
def study(run, dataset):
    judge = run.root / "judge" / "judge.pt"
    return validate_metrics(dataset, run.results.suite, judge_path=judge, pairs=2, metrics=CHEAP)


def test_a_reference_is_rendered_again_from_its_notes(run, dataset):
    for pair in run.results.suite.pairs:
        clip, samples = pair.reference, dataset.samples(pair.reference)
        notes = read_notes(dataset.root / "notes" / f"{clip.piece}.csv")
        again = render_window(find_soundfont(clip.soundfont).player(), notes, clip, level=rms(samples))
        assert rms(again - samples) < 1e-3 * rms(samples)


def test_every_metric_is_asked_about_every_condition(study):
    conditions = study.means.groupby(["kind", "change"]).grade.agg(lambda grades: sorted(set(grades)))
    assert set(conditions["control"].index) == set(CONTROLS)
    assert set(conditions["corruption"].index) == set(CORRUPTIONS)
    assert all(found == list(GRADES) for found in conditions["corruption"])
    assert {name: [0, *AMOUNTS[name]] for name in INVARIANCES} == {
        name: sorted(found, key=lambda amount: (amount != 0, amount))
        for name, found in conditions["invariance"].items()
    }
    assert (study.means.groupby("metric").size() == len(study.means) / len(CHEAP)).all()


def test_cheap_metrics_hold_what_they_declare(study):
    """But for two: a few seconds are too few to tell when a judge changes its mind, and hold few onsets."""
    broken = study.verdicts[study.verdicts.holds.isin(["no", "not measured"])]
    assert set(broken.metric) <= {"style_accuracy", "onset_f1"}
    error = study.verdicts[study.verdicts.metric == "log_stft_mse"].set_index("change")
    assert error.found["noise"] == 1.0
    assert error.moved["lowpass"] > 0
    assert error.found["polarity"] < 1e-6


def test_the_reference_is_where_everything_begins(study):
    error = study.means[study.means.metric == "log_stft_mse"]
    assert (error[(error.grade == 0) & (error.kind != "control")]["mean"] == 0).all()
    controls = error[error.kind == "control"].set_index("change")
    assert controls["mean"]["reference"] == 0
    assert controls["mean"]["noise"] > controls["mean"]["identity"] > 0
    assert controls.n["silence"] == 0
    assert controls.unscorable["silence"] == 2


def test_the_same_study_has_the_same_numbers_and_so_has_the_style_where_it_is_the_reference(
    run, dataset, study
):
    metrics = ["log_stft_mse", "key_invariance_mse"]
    again = validate_metrics(dataset, run.results.suite, pairs=2, metrics=metrics).means
    same = study.means[study.means.metric == "log_stft_mse"].reset_index(drop=True)
    for name in metrics:
        own = again[again.metric == name].reset_index(drop=True)
        pd.testing.assert_frame_equal(own.drop(columns="metric"), same.drop(columns="metric"))


def test_what_cannot_be_asked_is_not_measured(run, dataset):
    found = validate_metrics(dataset, run.results.suite, pairs=1, metrics=["style_accuracy"])
    promised = found.verdicts[found.verdicts.promised != ""]
    assert set(promised.holds) == {"not measured"}
    assert set(promised.reason) == {"needs a judge, none was given"}
    assert promised.found.isna().all()
    assert found.means["mean"].isna().all()


def test_a_study_needs_pairs_and_notes(run, dataset):
    with pytest.raises(ConfigurationError, match="at least one pair"):
        validate_metrics(dataset, run.results.suite, pairs=0, metrics=CHEAP)
    drums = dataset.description["configuration"] | {"keep_drums": True}
    with_drums = Dataset(dataset.root, {**dataset.description, "configuration": drums}, dataset.manifest)
    with pytest.raises(DatasetError, match="keeps drums"):
        validate_metrics(with_drums, run.results.suite, pairs=1, metrics=CHEAP)
    recorded = Dataset(dataset.root, {**dataset.description, "builder": "folder"}, dataset.manifest)
    with pytest.raises(DatasetError, match="not rendered from notes"):
        validate_metrics(recorded, run.results.suite, metrics=CHEAP)


DECLARED = Specification(
    name="made_up",
    version=1,
    unit="1",
    lower=-math.inf,
    upper=math.inf,
    direction="lower",
    needs=frozenset(),
    relevant_change=1.0,
    summary="Made up?",
    responds={"noise": "rises"},
    invariant_to=frozenset({"gain"}),
)


def verdict(noise, gain=0.0):
    """Hold a metric to its promises: its values at the grades of noise by pair, and what a gain adds."""
    scores = []
    for values in noise:
        found = {REFERENCE: values[0], Treatment("invariance", "gain", 12): values[0] + gain}
        found |= {Treatment("corruption", "noise", g): v for g, v in zip(GRADES[1:], values[1:], strict=True)}
        scores.append(
            {
                condition: {"made_up": Score(value, "too loud" if math.isnan(value) else None)}
                for condition, value in found.items()
            }
        )
    return assess(scores, [DECLARED]).verdicts.set_index("change")


RISING = [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    ("values", "found", "holds"),
    [
        (RISING, 1.0, "yes"),
        ([0, 1, 2, 3, 5, 4], 0.943, "yes"),
        ([0, 2, 1, 3, 5, 4], 0.886, "no"),
        (RISING[::-1], -1.0, "no"),
        ([3, 3, 3, 3, 3, 3], 0.0, "no"),
    ],
)
def test_a_response_goes_one_way(values, found, holds):
    row = verdict([values]).loc["noise"]
    assert row.found == pytest.approx(found, abs=1e-3)
    assert row.holds == holds


def test_grades_are_compared_over_the_same_pairs():
    gone = [10, 11, 12, 13, 14, np.nan]
    row = verdict([RISING, RISING, gone]).loc["noise"]
    assert (row.n, row.moved, row.holds) == (2, 5, "yes")
    row = verdict([RISING, gone, gone]).loc["noise"]
    assert (row.n, row.holds, row.reason) == (1, "not measured", "too loud")


@pytest.mark.parametrize(("moved", "holds"), [(0.0, "yes"), (-0.09, "yes"), (0.11, "no"), (-0.11, "no")])
def test_what_is_ignored_moves_by_a_tenth_of_a_relevant_change_at_most(moved, holds):
    row = verdict([RISING], gain=moved).loc["gain"]
    assert (row.promised, row.holds) == ("stays", holds)
    assert row.found == pytest.approx(abs(moved))


def test_everything_is_written_and_the_same_each_time(study, tmp_path):
    for folder in ("first", "second"):
        write_validation(study, tmp_path / folder)
    names = {"validity.csv", "validity_values.csv", "validity.md", "validity.png", "validity.svg"}
    assert {path.name for path in (tmp_path / "first").iterdir()} == names
    for name in names:
        assert (tmp_path / "first" / name).read_bytes() == (tmp_path / "second" / name).read_bytes()
    written = pd.read_csv(tmp_path / "first" / "validity.csv", keep_default_na=False)
    assert len(written) == len(CHEAP) * (len(CORRUPTIONS) + len(INVARIANCES))
    lines = markdown(study).splitlines()
    assert [line.split("`")[1] for line in lines if line.startswith("| `")] == list(CHEAP)


def test_a_broken_promise_is_described():
    found = assess(
        [
            {
                REFERENCE: {"made_up": Score(1.0)},
                Treatment("invariance", "gain", 12): {"made_up": Score(3.0)},
            }
        ],
        [DECLARED],
    )
    (row,) = found.with_verdict("no").itertuples()
    assert describe(row) == "gain moves it by 2, more than 0.1"
    assert "gain moves it by 2" in markdown(found)
