"""Runs: what is done once is not done again, and what fails costs nothing else."""

from __future__ import annotations

import html
import json
import re
import shutil
import textwrap
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from timbrebench.classifier import Judge
from timbrebench.core.errors import RunError
from timbrebench.core.files import fingerprint
from timbrebench.core.workers.executor_addresses import LOCAL, open_executor
from timbrebench.datasets import Dataset
from timbrebench.experiments.benchmark import open_run, read_results, run_benchmark
from timbrebench.experiments.ranking.comparing import compare_runs
from timbrebench.experiments.ranking.leaderboard import make_leaderboard
from timbrebench.experiments.run import scores
from timbrebench.experiments.run.opened_run import open_suite
from timbrebench.experiments.run.record_types import Transfer
from timbrebench.experiments.run.records import RecordsFile
from timbrebench.experiments.run.run_configuration import CONTROLS, MethodEntry, RunConfiguration
from timbrebench.experiments.run.run_judges import JudgeFingerprints
from timbrebench.experiments.run.scores import run_scores, score_key
from timbrebench.experiments.run.tasks import Barred, barred_by, list_tasks, method_key, training_set
from timbrebench.experiments.suites.frozen_suite import load_frozen
from timbrebench.experiments.suites.suite import SuiteConfiguration

BAD_METHODS = """
    import asyncio, os, pathlib
    import numpy as np
    from timbrebench.core.files import write_text
    from timbrebench.classifier import Judge
    from timbrebench.transfer import Learned
    from timbrebench.transfer import Method

    class Base(Method):
        version, source, summary = 1, "test", "does what its name says"

    class Exits(Base):
        name = "exits"
        def transfer(self, content, style, *, sample_rate, seed):
            raise SystemExit(3)

    class Raises(Base):
        name = "raises"
        def transfer(self, content, style, *, sample_rate, seed):
            raise ValueError("nothing to be done")

    class Nan(Base):
        name = "nan"
        def transfer(self, content, style, *, sample_rate, seed):
            return np.full_like(content, np.nan)

    class Short(Base):
        name = "short"
        def transfer(self, content, style, *, sample_rate, seed):
            return content[: len(content) // 2]

    class Text(Base):
        name = "text"
        def transfer(self, content, style, *, sample_rate, seed):
            return "audio"

    class Unprepared(Base):
        name = "unprepared"
        def prepare(self, dataset, workdir):
            raise RuntimeError("no such weights")
        def transfer(self, content, style, *, sample_rate, seed):
            return content

    class Unsendable(Base):
        name = "unsendable"
        def prepare(self, dataset, workdir):
            self.gain = lambda samples: samples
        def transfer(self, content, style, *, sample_rate, seed):
            return self.gain(content)

    class Cancelled(Base):
        name = "cancelled"
        def transfer(self, content, style, *, sample_rate, seed):
            raise asyncio.CancelledError("by itself")

    class Interrupts(Base):
        name = "interrupts"
        def transfer(self, content, style, *, sample_rate, seed):
            raise KeyboardInterrupt

    class Mute(Base):
        name = "mute"
        def transfer(self, content, style, *, sample_rate, seed):
            class Odd(Exception):
                def __str__(self):
                    return None
            raise Odd

    class Unlearned(Base):
        name = "unlearned"
        def learned(self):
            return None
        def transfer(self, content, style, *, sample_rate, seed):
            return content

    class Unlisted(Unlearned):
        name = "unlisted"
        def learned(self):
            return Learned(weights=frozenset({1}))

    class Untold(Unlearned):
        name = "untold"
        def fingerprint(self):
            raise OSError("its file is gone")

    class Unstored(Unlearned):
        name = "unstored"
        def prepare(self, dataset, workdir):
            write_text(pathlib.Path("/dev/null/weights"), "weights")

    class Learner(Base):
        name = "learner"
        def prepare(self, dataset, workdir):
            with open(workdir / "splits.txt", "a") as file:
                file.write("|".join(sorted(set(dataset.manifest.split))) + "\\n")
            self.gain = 0.5
        def transfer(self, content, style, *, sample_rate, seed):
            return self.gain * content

    class Cheats(Base):
        name = "cheats"
        def prepare(self, dataset, workdir):
            self.judge = Judge.load(workdir.parents[1] / "judge" / "judge.pt")
        def learned(self):
            return Learned(weights=frozenset({self.judge.weights_sha256}))
        def transfer(self, content, style, *, sample_rate, seed):
            return 0.5 * style

    class Eavesdrops(Cheats):
        name = "eavesdrops"
        def learned(self):
            return Learned(clips=frozenset(sorted(self.judge.training_clips)[:3]))
"""

SHARING = {"cheats": "holds a judge's own network", "eavesdrops": "has learned from 3 clips"}

BAD = [
    "raises",
    "exits",
    "cancelled",
    "interrupts",
    "mute",
    "nan",
    "short",
    "text",
    "unprepared",
    "unsendable",
    "unlearned",
    "unlisted",
    "untold",
    "unstored",
    "learner",
]

BAD_METRICS = """
    import time
    from timbrebench.metrics import metric

    def declare(function):
        return metric(
            name=function.__name__, version=1, unit="1", lower=0, upper=1, direction="none",
            relevant_change=0.1, summary="Does it?",
        )(function)

    @declare
    def faulty(trial):
        return 1 / 0

    @declare
    def endless(trial):
        time.sleep(600)
"""


@pytest.fixture(scope="module")
def third_party(tmp_path_factory):
    """A distribution with methods of its own, for this process and its workers."""
    site = tmp_path_factory.mktemp("site")
    info = site / "others-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: others\nVersion: 1.0\n")
    lines = [f"{name} = other_methods:{name.title()}" for name in (*BAD, *SHARING)]
    lines += ["[timbrebench.metrics]", *(f"{name} = other_metrics:{name}" for name in ("faulty", "endless"))]
    (info / "entry_points.txt").write_text("[timbrebench.methods]\n" + "\n".join(lines) + "\n")
    (site / "other_methods.py").write_text(textwrap.dedent(BAD_METHODS))
    (site / "other_metrics.py").write_text(textwrap.dedent(BAD_METRICS))
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(site))
        patch.setenv("PYTHONPATH", str(site))
        yield


@pytest.fixture(scope="module")
def with_others(run, tiny, third_party, tmp_path_factory):
    """The finished run with all methods of that distribution; tests must leave its folder as it is."""
    root = shutil.copytree(run.root, tmp_path_factory.mktemp("with-others") / "run")
    return run_benchmark(with_methods(tiny, *BAD, *SHARING), root)


@pytest.fixture
def copy(run, tmp_path):
    """A finished run to do things to."""
    shutil.copytree(run.root, tmp_path / "run")
    return tmp_path / "run"


def with_methods(configuration, *names):
    entries = configuration.methods + tuple(MethodEntry(method=name) for name in names)
    return RunConfiguration.model_validate(
        {**configuration.model_dump(), "methods": [entry.model_dump() for entry in entries]}
    )


def outputs(root):
    return {path.relative_to(root): path.read_bytes() for path in sorted((root / "outputs").rglob("*.flac"))}


def test_a_run_leaves_what_it_promises(run):
    present = {path.name for path in run.root.iterdir()}
    promised = {"leaderboard.csv", "report.html", "validity.json", "suite.csv", "configuration.json"}
    assert promised <= present
    table = pd.read_csv(run.root / "leaderboard.csv")
    assert set(table.method) == {*CONTROLS, "ulyanov"}
    assert json.loads((run.root / "validity.json").read_text())["valid"] == run.leaderboard.is_valid


def test_controls_land_where_they_must_even_in_the_smallest_run(run):
    table = run.leaderboard.table.set_index("method")
    assert table.onset_f1["reference"] > table.onset_f1["style-copy"]
    assert table.xcorr_content["identity"] == pytest.approx(1, abs=1e-3)
    assert table.xcorr_style["style-copy"] == pytest.approx(1, abs=1e-3)
    assert table.log_stft_mse["reference"] == pytest.approx(0, abs=1e-6)
    assert table.missing["silence"] == len(run.results.suite.pairs)


def test_silence_is_recorded_as_failed_with_its_reason(run):
    silent = run.results.of("silence")
    assert (silent.status == "failed").all()
    assert silent.reason.str.contains("silent").all()


@pytest.mark.usefixtures("without_report")
def test_a_second_run_does_nothing_and_says_the_same(copy, tiny):
    records = (copy / "records.jsonl").read_bytes()
    board = (copy / "leaderboard.csv").read_bytes()
    made = {path: path.stat().st_mtime_ns for path in (copy / "outputs").rglob("*.flac")}
    run_benchmark(tiny, copy)
    assert (copy / "records.jsonl").read_bytes() == records
    assert (copy / "leaderboard.csv").read_bytes() == board
    assert {path: path.stat().st_mtime_ns for path in made} == made


@pytest.mark.usefixtures("without_report")
def test_a_run_from_before_metrics_were_renamed_is_compared_and_goes_on_without_scoring(copy, tiny, run):
    taken_over = "key_invariance_mse"  # by a metric that there was not yet

    def former(text):
        text = re.sub(rf'"{taken_over}",\s*', "", text).replace("log_stft_mse", taken_over)
        return text.replace("transcribed_note_f1", "read_note_f1")

    for name in ("configuration.json", "records.jsonl"):
        text = re.sub(r',"line_sha256":"\w+"', "", (copy / name).read_text(encoding="utf-8"))
        text = re.sub(r',\s*"(metric_versions": \{[^}]*\}|headline_version": \d)', "", text)
        assert former(text) != text
        assert "metric_versions" not in text
        (copy / name).write_text(former(text), encoding="utf-8")
    records = (copy / "records.jsonl").read_bytes()
    before = read_results(copy)
    pd.testing.assert_frame_equal(before.scores, run.results.scores.drop(columns=taken_over))
    compared = compare_runs(before, run.results, ("before", "now"), []).metric
    assert {"log_stft_mse", "transcribed_note_f1"} <= set(compared)
    run_benchmark(RunConfiguration.model_validate_json(former(tiny.model_dump_json())), copy)
    assert (copy / "records.jsonl").read_bytes() == records


def test_methods_that_cannot_be_made_any_more_are_left_out_of_what_is_read(copy, run, capfd):
    """One whose settings a later version refuses, and one that is not installed."""
    content = json.loads((copy / "configuration.json").read_text(encoding="utf-8"))
    content["methods"] += [
        {"method": "multi-representation", "parameters": {"configuration": "mel/stft+mel"}},
        {"method": "uninstalled"},
    ]
    (copy / "configuration.json").write_text(json.dumps(content), encoding="utf-8")
    pd.testing.assert_frame_equal(read_results(copy).scores, run.results.scores)
    said = capfd.readouterr().err
    assert "multi-representation is left out: " in said
    assert "unknown configuration" in said
    assert "uninstalled is left out: unknown method" in said


def test_records_of_a_renamed_metric_keep_their_keys(run):
    pair = run.results.suite.pairs[0]
    transfer = Transfer(key="k", label="x", pair_id=pair.pair_id, seed=0, status="ok", output_sha256="a" * 64)
    ingredients = ["score", "a" * 64, pair.fingerprint, "key_invariance_mse", 2, ""]
    judges = JudgeFingerprints("judge", "second", "content")
    assert score_key(transfer, pair, "log_stft_mse", judges) == fingerprint(ingredients)
    of_each = {"style_accuracy": "judge", "second_style_accuracy": "second", "note_f1": "content"}
    for metric, judge in of_each.items():
        ingredients = ["score", "a" * 64, pair.fingerprint, metric, 1, judge]
        assert score_key(transfer, pair, metric, judges) == fingerprint(ingredients)


@pytest.mark.usefixtures("without_report")
def test_another_run_gives_the_same_outputs(run, tiny, tmp_path):
    again = run_benchmark(tiny, tmp_path / "again")
    assert outputs(again.root) == outputs(run.root)
    pd.testing.assert_frame_equal(again.results.scores, run.results.scores)


@pytest.mark.usefixtures("without_report")
def test_records_that_were_lost_are_made_again(copy, tiny, run):
    lines = (copy / "records.jsonl").read_text().splitlines(keepends=True)
    (copy / "records.jsonl").write_text("".join(lines[::2]) + lines[1][:20])
    again = run_benchmark(tiny, copy)
    pd.testing.assert_frame_equal(again.results.scores, run.results.scores)


@pytest.mark.usefixtures("without_report")
def test_outputs_that_were_deleted_or_changed_are_made_again(copy, tiny, run):
    """The scores of a changed output are not those of what lies there."""
    deleted, changed = sorted((copy / "outputs").rglob("*.flac"))[:2]
    deleted.unlink()
    changed.write_bytes(next((copy / "dataset").rglob("*.flac")).read_bytes())
    assert outputs(copy) != outputs(run.root)
    run_benchmark(tiny, copy)
    assert outputs(copy) == outputs(run.root)


def test_methods_that_fail_cost_nothing_else(with_others, run):
    reasons = {
        "raises": "ValueError: nothing to be done",
        "exits": "SystemExit: 3",
        "cancelled": "CancelledError: by itself",
        "interrupts": "KeyboardInterrupt",
        "mute": "Odd, whose message cannot be read",
        "nan": "NaN",
        "short": "1.000 s|22050",
        "text": "str",
        "unprepared": "could not be prepared: RuntimeError: no such weights",
        "unsendable": "could not be prepared: .*pickle",
        "unlearned": "could not be prepared: .*gave None",
        "unlisted": r"could not be prepared: .*gave weights frozenset\(\{1\}\)",
        "untold": r"could not be prepared: its fingerprint\(\) failed: OSError: its file is gone",
        "unstored": "could not be prepared: cannot write /dev/null/weights",
    }
    for name, reason in reasons.items():
        rows = with_others.results.of(name)
        assert (rows.status == ("skipped" if name.startswith("un") else "failed")).all()
        assert rows.reason.str.contains(reason).all(), rows.reason.iloc[0]
    table = with_others.leaderboard.table.set_index("method")
    assert table["rank"][list(reasons)].isna().all()
    assert table["rank"].notna()[["ulyanov", "learner"]].all()
    assert (with_others.results.of("learner").status == "ok").all()
    pd.testing.assert_frame_equal(
        with_others.results.of("ulyanov").reset_index(drop=True),
        run.results.of("ulyanov").reset_index(drop=True),
    )


def score_one_pair(root, *metrics):
    """Score the outputs of the first pair of a run; return what is raised, and how many outputs there are."""
    configuration, dataset, _, suite = open_suite(root)
    tasks = [task for task in list_tasks(configuration, suite, dataset) if task.pair == suite.pairs[0]]
    with (
        RecordsFile(root / "records.jsonl") as store,
        open_executor(LOCAL, ["timbrebench.experiments.run.scores"]) as work,
    ):
        with pytest.raises(RunError) as caught:
            run_scores(
                tasks,
                metrics,
                dataset=dataset,
                judge_path=root / "judge" / "judge.pt",
                second_judge_path=None,
                content_judge="timbrebench",
                root=root,
                store=store,
                executor=work,
            )
        scored = [task for task in tasks if store.records.transfers[task.key].status == "ok"]
        return str(caught.value), len(scored)


def test_a_metric_that_fails_is_named_and_costs_no_other_score(copy, third_party):
    lines = (copy / "records.jsonl").read_text().splitlines(keepends=True)
    others = [line for line in lines if '"metric":"onset_f1"' not in line]
    (copy / "records.jsonl").write_text("".join(others))
    message, outputs = score_one_pair(copy, "faulty", "onset_f1")
    assert f"{outputs} scores" in message
    assert "000-" in message
    assert "faulty of ulyanov-" in message
    assert "ZeroDivisionError" in message
    assert (copy / "records.jsonl").read_text().count('"metric":"onset_f1"') == outputs


def test_a_metric_that_hangs_is_stopped(copy, third_party, monkeypatch):
    monkeypatch.setattr(scores, "_TIMEOUT_S", 0.2)
    message, _ = score_one_pair(copy, "endless")
    assert "a metric took more than" in message
    assert "000-" in message


def test_methods_that_share_something_with_a_judge_are_marked_and_not_ranked(with_others):
    table = make_leaderboard(read_results(with_others.root)).table.set_index("method")
    page = (with_others.root / "report.html").read_text(encoding="utf-8")
    for name, violation in SHARING.items():
        assert violation in table.violation[name]
        assert pd.isna(table["rank"][name])
        assert html.escape(violation).replace("&#x27;", "&#39;") in page
    honest = table.drop(index=list(SHARING))
    assert (honest.violation == "").all()
    assert honest["rank"].notna()[["ulyanov", "learner"]].all()


def test_judges_and_methods_learn_from_other_clips(run):
    dataset = Dataset.open(run.root / "dataset")
    judge = Judge.load(run.root / "judge" / "judge.pt")
    given = set(training_set(Barred(), dataset).manifest.sha256)
    assert given
    assert judge.training_clips
    assert not given & judge.training_clips


@pytest.mark.usefixtures("without_report")
def test_a_method_learns_from_training_pieces_alone_and_once(with_others, tmp_path):
    copy = shutil.copytree(with_others.root, tmp_path / "run")
    run_benchmark(with_others.results.configuration, copy)
    (splits,) = (copy / "prepared").rglob("splits.txt")
    assert splits.read_text() == "train\n"


def test_a_new_timbre_is_kept_from_methods_with_its_relatives(run):
    dataset = Dataset.open(run.root / "dataset")
    manifest = pd.concat(
        [
            dataset.manifest.assign(soundfont=name, soundfont_family=family)
            for name, family in (
                ("FluidR3_GM", "FluidR3"),
                ("MuseScore_General", "FluidR3"),
                ("TimGM6mb",) * 2,
            )
        ]
    )
    several = replace(dataset, manifest=manifest)
    suite = load_frozen("instruments-6-1").suite(SuiteConfiguration(soundfont="FluidR3_GM"))
    barred = SuiteConfiguration(soundfont="FluidR3_GM", setting="new-timbre")
    known = training_set(barred_by(suite), several)
    new = training_set(barred_by(replace(suite, configuration=barred)), several)
    assert set(known.manifest.soundfont) == {"FluidR3_GM", "MuseScore_General", "TimGM6mb"}
    assert set(new.manifest.soundfont) == {"TimGM6mb"}
    assert set(known.manifest.split) == set(new.manifest.split) == {"train"}


def test_results_depend_on_parameters_pair_and_seed(run, tiny):
    dataset = Dataset.open(run.root / "dataset")
    suite = run.results.suite
    plain, other = (
        MethodEntry(method="ulyanov", parameters=parameters) for parameters in ({}, {"n_filters": 8})
    )
    assert method_key(plain, suite, dataset) != method_key(other, suite, dataset)
    renamed = plain.model_copy(update={"label": "another-name"})
    assert method_key(renamed, suite, dataset) == method_key(plain, suite, dataset)
    seeded = RunConfiguration.model_validate({**tiny.model_dump(), "seeds": (0, 1)})
    keys = [task.key for task in list_tasks(seeded, suite, dataset)]
    assert len(set(keys)) == len(keys) == 6 * len(suite.pairs) * 2


def test_a_run_can_be_read_without_being_run(run, copy):
    (copy / "report.html").unlink()
    read = open_run(copy)
    assert (copy / "report.html").is_file()
    pd.testing.assert_frame_equal(read.leaderboard.table, run.leaderboard.table)


def test_scores_are_of_the_files(run):
    """The output on the disk, scored by hand, has the score that the store holds."""
    from timbrebench.audio import read_audio
    from timbrebench.metrics import Sound
    from timbrebench.metrics.cross_correlation import max_cross_correlation

    row = run.results.of("ulyanov").iloc[0]
    dataset = Dataset.open(run.root / "dataset")
    output, rate = read_audio(run.root / row.output)
    content = dataset.samples(run.results.suite.pairs[0].content)
    by_hand = max_cross_correlation(Sound(output, rate), Sound(content, rate))
    assert row.xcorr_content == pytest.approx(by_hand, abs=1e-6)
    assert np.abs(output).max() <= 1
