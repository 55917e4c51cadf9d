"""Baselines: what is written is read again, and other files are refused."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from timbrebench.core.errors import RunError
from timbrebench.experiments.ranking.baseline import read_baseline, write_baseline
from timbrebench.experiments.ranking.gate import check_run
from timbrebench.experiments.run.run_configuration import MethodEntry
from timbrebench.metrics.registry import metric_names


@pytest.fixture
def written(results, generator, tmp_path):
    path = tmp_path / "baseline.csv"
    write_baseline(results(generator), path, judge="a1b2")
    return path


def named(made, method, piece):
    """The same results with another name for the method "good" and for the first piece."""
    methods = tuple(
        MethodEntry(method=entry.method, label=method if entry.name == "good" else entry.name)
        for entry in made.configuration.methods
    )
    return replace(
        made,
        configuration=made.configuration.model_copy(update={"methods": methods}),
        transfers=made.transfers.replace({"label": {"good": method}, "piece": {"piece-0": piece}}),
    )


def test_a_baseline_says_what_it_is_of(written, results):
    baseline, made = read_baseline(written), results(np.random.default_rng(0))
    assert (baseline.suite, baseline.setting, baseline.judge) == (made.suite.version, "known-timbre", "a1b2")
    assert baseline.versions["note_f1"] == 1
    assert len(baseline.table) == 3 * 36


def test_a_baseline_that_does_not_say_setting_and_judge_is_one(written, results):
    head, rows = written.read_text().split("\n", 1)
    about = json.loads(head.removeprefix("# "))
    del about["setting"], about["judge"]
    written.write_text(f"# {json.dumps(about)}\n{rows}")
    baseline = read_baseline(written)
    assert (baseline.setting, baseline.judge) == ("", "")
    outcome = check_run(results(np.random.default_rng(0)), baseline, judge="c3d4")
    assert (outcome.exit_status, outcome.notes) == (0, ())


@pytest.mark.parametrize("name", ["NA", "null", "nan", "None"])
def test_names_that_stand_for_no_value_elsewhere_are_names(results, tmp_path, name):
    """A method or a piece that dropped out unseen could become as bad as it likes."""
    made = named(results(np.random.default_rng(0)), name, name)
    write_baseline(made, tmp_path / "named.csv", judge="")
    baseline = read_baseline(tmp_path / "named.csv")
    assert check_run(made, baseline).exit_status == 0
    made.scores.loc[made.transfers.label == name, "note_f1"] -= 0.15
    assert [regression.label for regression in check_run(made, baseline).regressions] == [name]


@pytest.mark.parametrize("cell", ["n0.5", "NA", "1e999"])
def test_a_value_that_is_no_number_is_refused(written, cell):
    lines = written.read_text().splitlines()
    lines[2] = lines[2].rsplit(",", 1)[0] + f",{cell}"
    written.write_text("\n".join(lines))
    with pytest.raises(RunError, match=r"baseline\.csv: (not a baseline|a value is infinite)"):
        read_baseline(written)


def test_an_empty_cell_is_no_value(written):
    lines = written.read_text().splitlines()
    lines[2] = lines[2].rsplit(",", 1)[0] + ","
    written.write_text("\n".join(lines))
    assert np.isnan(read_baseline(written).table.log_stft_mse[0])


def test_a_metric_of_before_is_read_under_todays_name(written):
    text = written.read_text()
    version = json.loads(text.splitlines()[0].removeprefix("# "))["metrics"]["log_stft_mse"]
    written.write_text(text.replace("log_stft_mse", "key_invariance_mse"))
    baseline = read_baseline(written)
    assert baseline.versions["log_stft_mse"] == version
    assert baseline.table.log_stft_mse.notna().all()


def test_the_stored_baseline_holds_every_metric():
    baseline = read_baseline(Path("experiments/baselines/smoke.csv"))
    assert set(baseline.versions) == set(metric_names())
    # The profile has no transpositions, no second judge and none that tells strangers apart.
    absent = {"key_invariance_mse", "second_style_accuracy", "unfamiliar"}
    assert baseline.table[sorted(set(metric_names()) - absent)].notna().any().all()


def test_a_method_without_values_makes_no_baseline(results, generator, tmp_path):
    made = results(generator)
    made.scores.loc[made.transfers.label == "twin"] = np.nan
    with pytest.raises(RunError, match="twin has no value"):
        write_baseline(made, tmp_path / "empty.csv", judge="")
    assert not (tmp_path / "empty.csv").exists()


def test_a_file_that_is_no_baseline_is_refused(tmp_path):
    with pytest.raises(RunError, match="cannot be read"):
        read_baseline(tmp_path / "absent.csv")
    for text in ("a,b\n1,2\n", "", '# {"suite": "x", "metrics": {"note_f1": 1}}\nlabel\n1\n', "[]\n"):
        (tmp_path / "other.csv").write_text(text)
        with pytest.raises(RunError, match="not a baseline"):
            read_baseline(tmp_path / "other.csv")
