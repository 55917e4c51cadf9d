"""The gate, on made-up results and on real outputs that were spoilt on purpose."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
import typer

from timbrebench.core.errors import ConfigurationError, RunError, UnknownNameError
from timbrebench.core.statistics.effect_sizes import min_groups
from timbrebench.core.statistics.multiple_testing import SIGNIFICANCE
from timbrebench.datasets.notes import notes_table
from timbrebench.experiments.commands.gate_commands import report_outcome
from timbrebench.experiments.ranking.baseline import read_baseline, write_baseline
from timbrebench.experiments.ranking.gate import Outcome, check_run
from timbrebench.experiments.ranking.results import COSTS, Results
from timbrebench.experiments.report.gate_report import gate_junit, gate_markdown
from timbrebench.experiments.run.run_configuration import RunConfiguration
from timbrebench.experiments.suites.suite import Suite
from timbrebench.metrics import score
from timbrebench.metrics.registry import get, metric_names
from timbrebench.transfer.method_calls import apply
from timbrebench.transfer.registry import create


@pytest.fixture
def baseline(results, generator, tmp_path):
    write_baseline(results(generator), tmp_path / "baseline.csv", judge="a1b2")
    return read_baseline(tmp_path / "baseline.csv")


@pytest.fixture
def changed(results):
    """The results of the baseline with something changed."""
    return lambda *changes: results(np.random.default_rng(0), changes=changes)


def test_the_same_results_pass(baseline, changed):
    outcome = check_run(changed(), baseline)
    assert (outcome.regressions, outcome.problems, outcome.exit_status) == ([], (), 0)
    assert len(outcome.findings) == 9


@pytest.mark.parametrize(
    ("metric", "change"),
    [
        ("note_f1", lambda v: v - 0.15),
        ("style_accuracy", lambda v: v * 0.5),
        ("log_stft_mse", lambda v: v + 0.5),
    ],
)
def test_what_becomes_worse_is_found_in_its_metric(baseline, changed, metric, change):
    outcome = check_run(changed(("good", metric, change)), baseline)
    (regression,) = outcome.regressions
    assert (regression.label, regression.metric, outcome.exit_status) == ("good", metric, 1)
    assert regression.low <= regression.now - regression.before <= regression.high
    assert regression.loss >= regression.margin


@pytest.mark.parametrize(
    ("metric", "change"),
    [
        ("note_f1", lambda v: v + 0.15),
        ("log_stft_mse", lambda v: v - 0.5),
        ("note_f1", lambda v: v - 1e-4),
    ],
)
def test_what_becomes_better_or_changes_too_little_passes(baseline, changed, metric, change):
    assert check_run(changed(("good", metric, change)), baseline).exit_status == 0


def change_of(outcome, label, metric):
    (change,) = [change for change in outcome.findings if (change.label, change.metric) == (label, metric)]
    return change


def test_one_bad_pair_among_rounding_is_no_regression(baseline, changed):
    """All pairs are slightly worse and one is far worse: a small difference everywhere is not evidence."""
    made = changed(("good", "note_f1", lambda v: v - 1e-6))
    made.scores.loc[made.transfers.index[made.transfers.label == "good"][0], "note_f1"] = -0.5
    change = change_of(check_run(made, baseline), "good", "note_f1")
    assert change.loss > change.margin
    assert not change.is_worse


def test_a_margin_of_ones_own_decides(baseline, changed):
    made = changed(("good", "note_f1", lambda v: v - 0.15))
    assert check_run(made, baseline, {"note_f1": 0.2}).exit_status == 0
    assert check_run(made, baseline, {"note_f1": 0.1}).exit_status == 1
    with pytest.raises(UnknownNameError, match="note_f1"):
        check_run(made, baseline, {"note_f2": 0.1})
    with pytest.raises(ConfigurationError, match="positive"):
        check_run(made, baseline, {"note_f1": 0.0})


def test_ten_clean_runs_with_other_draws_pass(baseline, results):
    """Runs that differ by chance alone, as those of another machine: none is red."""
    for number in range(10):
        made = results(np.random.default_rng(0))
        noise = np.random.default_rng(100 + number).normal(scale=0.02, size=made.scores.shape)
        made.scores[:] = made.scores.to_numpy() + noise
        assert check_run(made, baseline).exit_status == 0


def test_labels_exchanged_in_the_judge_turn_the_gate_red(baseline, changed):
    """A judge that learned wrong labels hears the style where it is not, and misses it where it is."""
    outcome = check_run(changed(("good", "style_accuracy", lambda v: 1 - v)), baseline)
    assert outcome.exit_status == 1


def test_what_cannot_be_compared_is_no_success(baseline, changed):
    made = changed()
    made.transfers.loc[made.transfers.label == "good", "status"] = "failed"
    outcome = check_run(made, baseline)
    assert outcome.exit_status == 2
    assert "good: 36 of 36 outputs" in outcome.problems[0]
    assert {finding.label for finding in outcome.findings} == {"twin", "poor"}
    lost = check_run(changed(("good", "note_f1", lambda v: v * np.nan)), baseline)
    assert lost.exit_status == 2
    assert "can no longer be computed on 36 of 36 outputs" in lost.problems[0]
    with pytest.raises(RunError, match="no output on 36"):
        write_baseline(made, None, judge="")


def test_a_value_that_is_lost_with_one_seed_is_lost(results, tmp_path):
    """The other seed's value does not stand for it, neither as a value nor in the means."""
    made = results(np.random.default_rng(0), seeds=(0, 1))
    write_baseline(made, tmp_path / "seeds.csv", judge="")
    made.scores.loc[(made.transfers.label == "good") & (made.transfers.seed == 1), "note_f1"] = np.nan
    outcome = check_run(made, read_baseline(tmp_path / "seeds.csv"))
    assert outcome.exit_status == 2
    assert outcome.problems == ("good: note_f1 can no longer be computed on 36 of 72 outputs",)
    change = change_of(outcome, "good", "note_f1")
    assert change.before == pytest.approx(change.now, abs=1e-6)


def test_nothing_compared_is_no_success(baseline, changed):
    table = baseline.table.copy()
    table[list(baseline.versions)] = np.nan
    outcome = check_run(changed(), replace(baseline, table=table))
    assert (outcome.exit_status, outcome.findings) == (2, ())
    assert [problem.split(":")[0] for problem in outcome.problems] == ["good", "twin", "poor"]
    table = baseline.table.copy()
    table.loc[table.label == "twin", list(baseline.versions)] = np.nan
    outcome = check_run(changed(), replace(baseline, table=table))
    assert outcome.exit_status == 2
    assert "twin: no directional metric" in outcome.problems[0]


def test_a_metric_on_too_few_pieces_to_fail_is_no_success(baseline, changed):
    """Of 12 pieces two have a value, which could fall to nothing without being significant."""
    table, made = baseline.table.copy(), changed()
    few = {"piece-0", "piece-1"}
    table.loc[(table.label == "good") & ~table.piece.isin(few), "note_f1"] = np.nan
    made.scores.loc[(made.transfers.label == "good") & made.transfers.piece.isin(few), "note_f1"] = 0.0
    outcome = check_run(made, replace(baseline, table=table))
    assert outcome.exit_status == 2
    assert outcome.problems == (
        "good: note_f1 has values on 2, and so few content pieces cannot show any loss among 9 comparisons: "
        "it takes 8",
    )


def test_what_the_baseline_does_not_hold_is_said(baseline, changed):
    lacking = replace(
        baseline,
        table=baseline.table[baseline.table.label != "poor"].drop(columns="note_f1"),
        versions={name: number for name, number in baseline.versions.items() if name != "note_f1"},
    )
    outcome = check_run(changed(), lacking, judge="a1b2")
    assert outcome.exit_status == 0
    methods, metrics = outcome.notes
    assert "lacks the methods poor" in methods
    assert "lacks the metrics note_f1" in metrics


def test_another_style_judge_is_said_and_another_setting_refused(baseline, changed):
    assert check_run(changed(), baseline, judge="a1b2").notes == ()
    outcome = check_run(changed(), baseline, judge="c3d4")
    assert outcome.exit_status == 0
    assert "the style judges of the run and the baseline differ" in outcome.notes[0]
    with pytest.raises(RunError, match="setting known-timbre and the baseline new-timbre"):
        check_run(changed(), replace(baseline, setting="new-timbre"))


def test_other_pairs_metrics_and_versions_are_refused(baseline, changed):
    with pytest.raises(RunError, match="suite"):
        check_run(changed(), replace(baseline, suite="other"))
    with pytest.raises(RunError, match="another version"):
        check_run(changed(), replace(baseline, versions={**baseline.versions, "note_f1": 99}))
    with pytest.raises(RunError, match="lacks the metrics onset_f1"):
        check_run(changed(), replace(baseline, versions={**baseline.versions, "onset_f1": 1}))


def test_too_few_pieces_are_no_success(results, tmp_path):
    made = results(np.random.default_rng(0))
    few = made.transfers.piece.isin(["piece-0", "piece-1", "piece-2"])
    made = replace(made, transfers=made.transfers[few], scores=made.scores[few], reasons=made.reasons[few])
    write_baseline(made, tmp_path / "few.csv", judge="")
    outcome = check_run(made, read_baseline(tmp_path / "few.csv"))
    assert outcome.exit_status == 2
    assert outcome.problems == ("3 content pieces cannot show any loss among 9 comparisons: it takes 8",)


@pytest.mark.parametrize("status", [0, 1, 2])
def test_exit_status_summary_and_test_report_agree(baseline, changed, tmp_path, capsys, status):
    worse = [("good", "note_f1", lambda v: v - 0.15)] if status == 1 else []
    outcome = check_run(changed(*worse), baseline)
    if status == 2:
        outcome = replace(outcome, problems=("<b>no | outputs</b>\x00",), notes=("another | judge",))
    markdown, junit = tmp_path / "summary.md", tmp_path / "report.xml"
    if status:
        with pytest.raises(typer.Exit) as left:
            report_outcome(outcome, markdown=markdown, junit=junit)
        assert left.value.exit_code == status
    else:
        report_outcome(outcome, markdown=markdown, junit=junit)
        assert "no method has become worse (9 comparisons)" in capsys.readouterr().out
    headings = ("No method has become worse", "A method has become worse", "The check could not be made")
    text = markdown.read_text()
    assert text.startswith(f"## {headings[status]}\n")
    assert ("| good | note_f1 |" in " ".join(text.split())) == (status == 1)
    assert "<b>" not in text
    root = ElementTree.fromstring(junit.read_text())  # noqa: S314 - our own
    assert len(root.findall(".//failure")) == (status == 1)
    assert len(root.findall(".//error")) == (status == 2)
    assert len(root.findall(".//testcase")) == 9 + 1
    assert ("another \\| judge" in text) == (status == 2)
    assert [out.text for out in root.findall(".//system-out")] == ["another | judge"] * (status == 2)
    assert ("note: another | judge" in capsys.readouterr().err) == (status == 2)


def test_nothing_measured_is_still_a_report():
    outcome = Outcome(problems=("no run",))
    assert "no run" in gate_markdown(outcome)
    root = ElementTree.fromstring(gate_junit(outcome))  # noqa: S314 - our own
    assert root.find(".//error").get("message") == "no run"


# Real outputs

RATE = 22050
REAL_METRICS = (
    "note_f1",
    "log_stft_mse",
    "phase_inconsistency",
    "log_spectral_distance",
    "mfcc_style_distance",
)


@pytest.fixture(scope="module")
def clips(synthesizer):
    """Nine melodies on the piano, the same on the trumpet, and as styles other ones on the trumpet."""
    draw = np.random.default_rng(0)
    melodies = []
    for _ in range(9):
        pitches = 60 + np.cumsum(draw.integers(-3, 4, size=6))
        melodies.append(notes_table([(0.25 * i, 0.25 * i + 0.22, int(p), 90) for i, p in enumerate(pitches)]))
    content = [synthesizer.render(notes, 0, 1.6, RATE) for notes in melodies]
    target = [synthesizer.render(notes, 56, 1.6, RATE) for notes in melodies]
    return list(zip(melodies, content, target[1:] + target[:1], target, strict=True))


def transfer(clips, *, content_weight=1e-2):
    """Transfer every clip; the content weight of the paper is 0.01."""
    settings = {
        "n_filters": 256,
        "n_fft": 512,
        "hop_length": 128,
        "max_iterations": 25,
        "content_weight": content_weight,
    }
    method = create("ulyanov", {**settings, "inversion": {"iterations": 5}})
    return [apply(method, content, style, sample_rate=RATE, seed=0) for _, content, style, _ in clips]


def scored(clips, outputs):
    """Score every output as a run does."""
    rows = []
    for (notes, content, style, reference), output in zip(clips, outputs, strict=True):
        given = {"content": content, "style": style, "reference": reference, "notes": notes}
        scores = score(output, sample_rate=RATE, metrics=REAL_METRICS, **given)
        rows.append({name: scores[name].value for name in REAL_METRICS})
    table = pd.DataFrame(rows, columns=list(REAL_METRICS))
    configuration = RunConfiguration.model_validate(
        {"name": "real", "methods": [{"method": "ulyanov"}], "metrics": REAL_METRICS}
    )
    columns = ["label", "pair_id", "piece", "seed", "status", "reason", *COSTS, "output"]
    transfers = [("ulyanov", f"{n}", f"piece-{n}", 0, "ok", "", 1.0, 1.0, 1.0, "") for n in range(len(clips))]
    reasons = pd.DataFrame("", table.index, table.columns)
    frame = pd.DataFrame(transfers, columns=columns)
    return Results(configuration, Suite(configuration.suite, ()), frame, table, reasons)


@pytest.fixture(scope="module")
def outputs(clips):
    return transfer(clips)


@pytest.fixture(scope="module")
def real(clips, outputs, tmp_path_factory):
    path = tmp_path_factory.mktemp("real") / "baseline.csv"
    write_baseline(scored(clips, outputs), path, judge="")
    return read_baseline(path)


def phase_noise(samples):
    """Turn every frequency's phase at random, and leave the magnitudes as they are."""
    spectrum = np.fft.rfft(samples)
    turned = np.random.default_rng(1).uniform(-np.pi, np.pi, size=len(spectrum))
    return np.fft.irfft(spectrum * np.exp(1j * turned), n=len(samples))


def test_real_outputs_made_again_pass(clips, real):
    assert check_run(scored(clips, transfer(clips)), real).exit_status == 0


def test_a_content_weight_that_is_wrong_turns_the_gate_red(clips, real):
    outcome = check_run(scored(clips, transfer(clips, content_weight=1e-1)), real)
    assert outcome.exit_status == 1, gate_markdown(outcome)


def test_phase_noise_turns_the_gate_red(clips, outputs, real):
    outcome = check_run(scored(clips, [phase_noise(output) for output in outputs]), real)
    assert outcome.exit_status == 1, gate_markdown(outcome)


# What the documentation says of it

ROOT = Path(__file__).parents[3]
STATISTICS = ROOT / "docs" / "statistics.md"
TUTORIAL = ROOT / "docs" / "tutorials" / "compare-and-gate.md"


def test_the_documented_margins_are_those_of_the_metrics():
    page = STATISTICS.read_text(encoding="utf-8")
    rows = [line for line in page.splitlines() if line.startswith("| ") and "`" in line]
    for name in metric_names():
        about = get(name).specification
        margins = [float(row.split()[1]) for row in rows if f"`{name}`" in row]
        assert margins == ([] if about.direction == "none" else [about.relevant_change]), name


def test_the_documented_number_of_pieces_is_the_one_it_takes():
    needed = min_groups(SIGNIFICANCE / 100, two_sided=False)
    for page in (STATISTICS, TUTORIAL):
        assert f" {needed} for a hundred" in page.read_text(encoding="utf-8")
