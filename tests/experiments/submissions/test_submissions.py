"""Submissions: the same run gives the same file, and whatever is changed in one is found."""

from __future__ import annotations

import hashlib
import io
import json
import math
import os
import random
import re
import shutil
import sys
import zipfile
from dataclasses import replace
from itertools import cycle
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
from typer.testing import CliRunner

from timbrebench.core.errors import ConfigurationError, RunError, TimbrebenchError
from timbrebench.core.files import write_json
from timbrebench.datasets import Dataset
from timbrebench.experiments.benchmark import run_benchmark
from timbrebench.experiments.commands.cli import app
from timbrebench.experiments.run.layout import CONFIGURATION
from timbrebench.experiments.run.opened_run import open_suite
from timbrebench.experiments.run.record_types import Transfer
from timbrebench.experiments.run.records import RecordsFile, read_records
from timbrebench.experiments.run.run_configuration import CONTROLS, RunConfiguration
from timbrebench.experiments.run.scores import prediction_key, score_key
from timbrebench.experiments.run.tasks import list_recorded_tasks
from timbrebench.experiments.submissions.copied_outputs import find_copies
from timbrebench.experiments.submissions.rescoring import (
    compare_outputs,
    draw,
    draw_size,
    rescore_outputs,
)
from timbrebench.experiments.submissions.submission_archive import MANIFEST, write_archive
from timbrebench.experiments.submissions.submission_checking import check_submission
from timbrebench.experiments.submissions.submission_merging import merge
from timbrebench.experiments.submissions.submission_packing import submit
from timbrebench.experiments.submissions.submission_reading import read_submission
from timbrebench.experiments.submissions.submission_verification import verify_submissions
from timbrebench.experiments.suites.frozen_suite import parse_frozen
from timbrebench.transfer.methods.external.clip_files import files_fingerprint
from timbrebench.transfer.registry import method_names

ENVELOPE = {"method": "envelope"}


@pytest.fixture(scope="module")
def both(run, tiny, tmp_path_factory):
    """The tiny run with a second method."""
    root = shutil.copytree(run.root, tmp_path_factory.mktemp("both") / "run")
    content = tiny.model_dump(mode="json")
    content["methods"].append(ENVELOPE)
    with pytest.MonkeyPatch.context() as patch:  # submissions need no report
        patch.setattr("timbrebench.experiments.report.report_writing.write_report", lambda *_: None)
        return run_benchmark(RunConfiguration.model_validate(content), root)


@pytest.fixture(scope="module")
def handed_in(both, tmp_path_factory):
    """One file of each method of the run with two, by different people, the first with its outputs."""
    folder = tmp_path_factory.mktemp("handed-in")
    return [
        pack(both.root, folder / f"{name}.zip", methods=[name], submitter=submitter, audio=audio)
        for name, submitter, audio in (("ulyanov", "Ada", True), ("envelope", "Bo", False))
    ]


def pack(root, out, *, methods, submitter, audio=False, **changes):
    """Hand in some methods of a run: that of a copy without the others, or with another configuration."""
    copy = shutil.copytree(root, out.with_suffix(""))
    content = json.loads((copy / CONFIGURATION).read_text(encoding="utf-8"))
    content["methods"] = [entry for entry in content["methods"] if entry["method"] in methods]
    write_json(copy / CONFIGURATION, content | changes)
    submit(copy, out, submitter=submitter, audio=audio)
    return out


def contents(path):
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist() if name != MANIFEST}


def rewritten(path, out, **changes):
    """Write a submission again with other files and a list that fits them: `changes` by name to function."""
    files = contents(path)
    for name, change in changes.items():
        key = next(key for key in files if key.split("/")[-1].split(".")[0] == name)
        changed = change(files[key])
        assert changed != files[key]
        files[key] = changed
    write_archive(out, files)
    return out


def with_records(path, out, change):
    """Write a submission again with other records: `change` alters one, or returns None for it to go."""

    def changed(content):
        records = [change(json.loads(line)) for line in content.splitlines()]
        return "".join(json.dumps(record) + "\n" for record in records if record is not None).encode()

    return rewritten(path, out, records=changed)


def test_the_same_run_gives_the_same_bytes(both, tmp_path):
    for name in ("one.zip", "two.zip"):
        submit(both.root, tmp_path / name, submitter="Ada", audio=True)
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()


def test_a_submission_holds_what_the_run_has_found(both, handed_in):
    submission = read_submission(handed_in[0])
    assert check_submission(submission) == []
    assert submission.about.submitter == "Ada"
    assert submission.about.suite_version == both.results.suite.version
    assert [method.label for method in submission.about.methods] == [*CONTROLS, "ulyanov"]
    label = submission.results.transfers.label == "ulyanov"
    of_run = both.results.transfers.label == "ulyanov"
    for name in ("transfers", "scores", "reasons"):
        pd.testing.assert_frame_equal(
            getattr(submission.results, name)[label].reset_index(drop=True),
            getattr(both.results, name)[of_run].reset_index(drop=True),
        )


def test_what_a_configuration_declares_as_learned_is_in_it_without_its_folder(both, tmp_path):
    content = json.loads((both.root / CONFIGURATION).read_text(encoding="utf-8"))
    methods = [{**entry, "learned_from": ["/home/ada/TimGM6mb.sf2"]} for entry in content["methods"]]
    root = shutil.copytree(both.root, tmp_path / "run")
    write_json(root / CONFIGURATION, content | {"methods": methods})
    submit(root, tmp_path / "declared.zip", submitter="Ada")
    submission = read_submission(tmp_path / "declared.zip")
    assert check_submission(submission) == []
    assert submission.results.learned_from["envelope"] == "this timbre"
    assert not any(b"/home/ada" in file for file in contents(submission.path).values())


def test_what_the_judge_made_of_each_clip_is_in_it(both, handed_in):
    """The comparison of whole sets follows from it."""
    submission = read_submission(handed_in[0])
    of_run = both.results.sets[both.results.sets.method.isin([*CONTROLS, "ulyanov"])]
    assert len(of_run)
    pd.testing.assert_frame_equal(submission.results.sets, of_run.reset_index(drop=True))
    pd.testing.assert_frame_equal(
        submission.tables.sets, submission.results.sets, check_dtype=False, rtol=1e-4
    )


def test_a_run_whose_clips_were_not_all_heard_is_refused(both, tmp_path):
    root = shutil.copytree(both.root, tmp_path / "run")
    lines = (root / "records.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
    heard = [number for number, line in enumerate(lines) if json.loads(line)["kind"] == "impression"]
    del lines[heard[0]]
    (root / "records.jsonl").write_text("".join(lines), encoding="utf-8")
    with pytest.raises(RunError, match="the judge has not judged 1 clips yet"):
        submit(root, tmp_path / "one.zip", submitter="Ada")


#: What stands for anything that is nobody's business: it is in paths, arguments, reasons.
CONFIDENTIAL = "c0nfidential"


class TestWhatIsGivenAway:
    def test_only_what_verifying_needs_is_packed(self, handed_in):
        files = contents(handed_in[1])
        assert set(files) == {
            "submission.json",
            "suite.json",
            "records.jsonl",
            "leaderboard.csv",
            "sets.csv",
            "configuration.json",
        }
        settings = {"name", "suite", "methods", "metrics", "seeds", "resamples"}
        assert set(json.loads(files["configuration.json"])) == settings

    def secretive(self, both, tmp_path, monkeypatch, method, parameters):
        """Pack a run in whose every corner the word stands."""
        secret = tmp_path / CONFIDENTIAL
        root = shutil.copytree(both.root, secret / "run")
        monkeypatch.setattr(sys, "argv", [str(secret / "timbrebench"), "--token", CONFIDENTIAL])
        environment = json.loads((root / "environment.json").read_text(encoding="utf-8"))
        write_json(root / "environment.json", environment | {"command": [CONFIDENTIAL]})
        content = json.loads((root / CONFIGURATION).read_text(encoding="utf-8"))
        content["methods"] = [{"method": method, "label": "theirs", "parameters": parameters(secret)}]
        write_json(root / CONFIGURATION, content)
        # The outcome of each pair: it failed, and the reason quotes the command.
        opened = open_suite(root)
        tasks = list_recorded_tasks(
            opened.configuration, opened.suite, opened.dataset, read_records(root / "records.jsonl")
        )
        outcomes = [
            Transfer(
                key=task.key,
                label="theirs",
                pair_id=task.pair.pair_id,
                seed=task.seed,
                status="failed",
                reason=f"{secret}/tool.py --token {CONFIDENTIAL} ended with status 1",
            )
            for task in tasks
            if task.entry.name == "theirs"
        ]
        with RecordsFile(root / "records.jsonl") as store:
            store.add(*outcomes)
        submit(root, tmp_path / "theirs.zip", submitter="Ada", audio=True)
        return tmp_path / "theirs.zip"

    @pytest.mark.parametrize(
        ("method", "parameters"),
        [
            (
                "command-line",
                lambda secret: {
                    "command": [f"{secret}/tool.py", "--token=c0nfidential", "{content}", "{output}"],
                    "depends_on": [str(secret / "weights.pt")],
                    "timeout_s": 60.0,
                },
            ),
            ("torchscript", lambda secret: {"path": str(secret / "model.pt"), "sample_rate": 16000}),
            ("finished-audio", lambda secret: {"folder": str(secret / "outputs")}),
        ],
    )
    def test_arguments_and_paths_are_not(self, both, tmp_path, monkeypatch, method, parameters):
        path = self.secretive(both, tmp_path, monkeypatch, method, parameters)
        files = contents(path)
        assert any(name.startswith("outputs/") for name in files)
        for name, content in files.items():
            for text in (CONFIDENTIAL, str(tmp_path), str(Path.home())):
                assert text.encode() not in content, name
                assert text not in name
        numbers = {
            name: value for name, value in parameters(tmp_path).items() if isinstance(value, int | float)
        }
        submission = read_submission(path)
        assert check_submission(submission) == []
        settings = submission.tables.leaderboard.set_index("method").settings["theirs"]
        assert json.loads(settings) == numbers
        assert (
            json.loads(merge([path], tmp_path / "out").table.set_index("method").settings["theirs"])
            == numbers
        )

    def test_what_earlier_versions_have_packed_is_verified_and_not_shown(self, both, handed_in, tmp_path):
        """They packed the whole configuration, the environment and the reasons."""
        whole = json.loads((both.root / CONFIGURATION).read_text(encoding="utf-8"))
        command = {"command": [CONFIDENTIAL, "{content}", "{output}"], "depends_on": ["/dev/zero"]}

        def named(content):
            return content.replace(b'"method": "envelope"', b'"method": "command-line"')

        def configuration(content):
            assert content
            methods = [{"method": "command-line", "label": "envelope", "parameters": command}]
            return json.dumps(whole | {"methods": methods}).encode()

        def leaderboard(content):
            table = pd.read_csv(io.BytesIO(content))
            table.loc[table.method == "envelope", "settings"] = json.dumps(command)
            return table.to_csv(index=False).encode()

        path = rewritten(
            handed_in[1],
            tmp_path / "earlier.zip",
            submission=named,
            configuration=configuration,
            leaderboard=leaderboard,
        )
        files = contents(path)
        for name in ("environment.json", "judge/evaluation.json"):
            files[name] = (both.root / name).read_bytes()
        write_archive(path, files)
        assert check_submission(read_submission(path)) == []
        merge([path], tmp_path / "out")
        for file in (tmp_path / "out").iterdir():
            assert CONFIDENTIAL not in file.read_text(encoding="utf-8")


class TestNothingIsOpened:
    """Because a submission says so."""

    @pytest.fixture
    def trapped(self, handed_in, tmp_path):
        """Make a submission of a method of these parameters, which the test must not touch."""

        def with_method(method, parameters):
            def renamed(content):
                return content.replace(b'"method": "envelope"', f'"method": "{method}"'.encode())

            def configuration(content):
                given = json.loads(content)
                given["methods"] = [{"method": method, "label": "envelope", "parameters": parameters}]
                return json.dumps(given).encode()

            return rewritten(
                handed_in[1], tmp_path / "trap.zip", submission=renamed, configuration=configuration
            )

        return with_method

    @pytest.mark.parametrize("kind", ["pipe", "folder"])
    @pytest.mark.parametrize(
        "named",
        [
            ("command-line", {"command": ["DOOR", "{content}", "{output}"], "depends_on": ["DOOR"]}),
            ("command-line", {"command": ["x", "--w=DOOR", "{content}", "{output}"]}),
            ("torchscript", {"path": "DOOR", "sample_rate": 16000}),
            ("finished-audio", {"folder": "DOOR"}),
        ],
    )
    def test_by_methods_that_depend_on_files(self, trapped, tmp_path, named, kind):
        door = tmp_path / "trap-door"
        {"pipe": lambda: os.mkfifo(door), "folder": door.mkdir}[kind]()
        method, parameters = named
        path = trapped(method, json.loads(json.dumps(parameters).replace("DOOR", str(door))))
        TOUCHED.clear()
        assert check_submission(read_submission(path)) == []
        table = merge([path], tmp_path / "out").table
        assert TOUCHED == []
        assert table["rank"][table.method == "envelope"].notna().all()
        files_fingerprint([door])
        assert bool(TOUCHED) == (kind != "pipe")  # it would have been noticed

    @pytest.mark.parametrize("path", ["/dev/zero", "/proc/kmsg", "/"])
    def test_by_devices(self, trapped, tmp_path, path):
        parameters = {"command": ["{content}", "{output}"], "depends_on": [path]}
        submission = read_submission(trapped("command-line", parameters))
        assert check_submission(submission) == []

    def test_and_no_code_of_others_is_imported(self, trapped, tmp_path, monkeypatch):
        package = tmp_path / "their_own-1.dist-info"
        package.mkdir()
        (package / "METADATA").write_text("Name: their-own\nVersion: 1\n")
        (package / "entry_points.txt").write_text("[timbrebench.methods]\ntheir-own = their_module:Own\n")
        (tmp_path / "their_module.py").write_text("raise SystemExit('was imported')")
        monkeypatch.syspath_prepend(tmp_path)
        assert "their-own" in method_names()
        submission = read_submission(trapped("their-own", {"path": "x", "steps": 3}))
        assert check_submission(submission) == []
        assert submission.foreign == {"envelope"}
        assert submission.results.stated_settings == {"envelope": {"steps": 3}}
        assert "their_module" not in sys.modules


#: What was opened or listed of what only parameters name.
TOUCHED: list[str] = []


def _notice(event, arguments):
    if event in {"open", "os.listdir", "os.scandir", "subprocess.Popen", "os.posix_spawn"}:
        TOUCHED.extend(str(argument) for argument in arguments if "trap-door" in str(argument))


sys.addaudithook(_notice)  # which cannot be removed


class TestChanges:
    def test_a_changed_byte_of_any_file_is_found(self, handed_in, tmp_path):
        with zipfile.ZipFile(handed_in[0]) as archive:
            names = [name for name in archive.namelist() if not name.startswith("outputs/")]
            names.append(next(name for name in archive.namelist() if name.startswith("outputs/")))
        for changed in names:
            path = tmp_path / "changed.zip"
            with zipfile.ZipFile(handed_in[0]) as archive, zipfile.ZipFile(path, "w") as other:
                for name in archive.namelist():
                    content = bytearray(archive.read(name))
                    if name == changed:
                        place = content.index(b"f") if name == MANIFEST else len(content) // 2
                        content[place] ^= 1
                    other.writestr(name, bytes(content))
            with pytest.raises(RunError):
                read_submission(path)

    def test_a_damaged_file_is_told(self, handed_in, tmp_path):
        content = bytearray(handed_in[1].read_bytes())
        content[len(content) // 2] ^= 0xFF
        path = tmp_path / "damaged.zip"
        path.write_bytes(bytes(content))
        with pytest.raises(RunError):
            read_submission(path)
        path.write_bytes(content[: len(content) // 2])
        with pytest.raises(RunError, match="cannot be read as a submission"):
            read_submission(path)

    def test_a_better_leaderboard_than_the_records_give_is_found(self, handed_in, tmp_path):
        def better(content):
            table = pd.read_csv(io.BytesIO(content))
            table.loc[table.kind == "method", "headline"] = 0.99
            return table.to_csv(index=False).encode()

        path = rewritten(handed_in[1], tmp_path / "better.zip", leaderboard=better)
        assert any("headline" in problem for problem in check_submission(read_submission(path)))

    def test_a_submission_from_before_metrics_were_renamed_is_checked_as_ever(self, handed_in, tmp_path):
        def former(content):
            lines = content.splitlines(keepends=True)  # the metric of that name was not there yet
            content = b"".join(line for line in lines if b'"metric":"key_invariance_mse"' not in line)
            content = re.sub(rb'"key_invariance_mse"(: 3)?,\s*', b"", content)
            content = content.replace(b"log_stft_mse", b"key_invariance_mse")
            return content.replace(b"transcribed_note_f1", b"read_note_f1")

        def former_table(content):
            table = pd.read_csv(io.BytesIO(content))
            new = [name for name in table if name.startswith("key_invariance_mse")]
            return former(table.drop(columns=new).to_csv(index=False).encode())

        names = ("submission", "configuration", "records")
        changes = {**dict.fromkeys(names, former), "leaderboard": former_table}
        path = rewritten(handed_in[1], tmp_path / "former.zip", **changes)
        submission = read_submission(path)
        assert check_submission(submission) == []
        assert {"log_stft_mse_low", "transcribed_note_f1_n"} <= set(submission.tables.leaderboard)

    def test_the_order_of_settings_is_not_compared(self, handed_in, tmp_path):
        """Another version of a method may declare its parameters in another order."""

        def reversed_settings(content):
            table = pd.read_csv(io.BytesIO(content))
            settings = [dict(reversed(json.loads(text).items())) for text in table.settings]
            return table.assign(settings=list(map(json.dumps, settings))).to_csv(index=False).encode()

        path = rewritten(handed_in[0], tmp_path / "reversed.zip", leaderboard=reversed_settings)
        assert check_submission(read_submission(path)) == []

    def test_what_failed_pairs_took_may_stand_among_the_costs(self, handed_in, tmp_path):
        """Earlier versions have written it. The silence fails on every pair."""

        def timed(content):
            table = pd.read_csv(io.BytesIO(content))
            table.loc[table.method == "silence", ["seconds", "seconds_low", "seconds_high"]] = 0.001
            return table.to_csv(index=False).encode()

        path = rewritten(handed_in[1], tmp_path / "earlier.zip", leaderboard=timed)
        assert check_submission(read_submission(path)) == []

    def test_better_records_are_found_by_their_leaderboard(self, handed_in, tmp_path):
        def better(content):
            records = [json.loads(line) for line in content.splitlines()]
            changed = [one for one in records if one.get("metric") == "note_f1" and (one["value"] or 0) > 0]
            for one in changed:
                one["value"] = 1.0
            return "".join(json.dumps(one) + "\n" for one in records).encode()

        path = rewritten(handed_in[1], tmp_path / "better.zip", records=better)
        assert any("records give" in problem for problem in check_submission(read_submission(path)))

    def test_a_better_comparison_of_sets_than_the_records_give_is_found(self, handed_in, tmp_path):
        def better(content):
            table = pd.read_csv(io.BytesIO(content))
            table["outputs"] += 1
            return table.to_csv(index=False).encode()

        path = rewritten(handed_in[1], tmp_path / "better.zip", sets=better)
        assert any("outputs is" in problem for problem in check_submission(read_submission(path)))

    def test_a_run_whose_controls_pass_for_the_style_is_told(self, handed_in, tmp_path):
        def fooled(content):
            records = [json.loads(line) for line in content.splitlines()]
            for one in records:
                if one.get("metric") == "style_accuracy" and one["value"] is not None:
                    one["value"] = 1.0
            return "".join(json.dumps(one) + "\n" for one in records).encode()

        path = rewritten(handed_in[1], tmp_path / "fooled.zip", records=fooled)
        problems = check_submission(read_submission(path))
        assert any("not valid: control identity has style accuracy 1.000" in problem for problem in problems)

    def test_other_settings_than_the_records_are_of_are_found(self, handed_in, tmp_path):
        def other(content):
            changed = json.loads(content)
            changed["methods"][0]["parameters"]["n_filters"] = 17
            return json.dumps(changed).encode()

        path = rewritten(handed_in[0], tmp_path / "other.zip", configuration=other)
        assert any("other settings" in problem for problem in check_submission(read_submission(path)))

    @pytest.mark.parametrize(
        ("kind", "change", "message"),
        [
            ("style_accuracy", {"value": 3.0}, "style_accuracy is 3, and can only be a number from 0 to 1"),
            ("loudness_difference", {"value": float("inf")}, "loudness_difference is inf"),
            ("note_f1", {"value": None}, "scores are NaN without a reason"),
            ("transfer", {"seconds": -1.0}, "seconds is -1, and can only be a number from 0 to inf"),
            ("transfer", {"peak_memory_mib": -1.0}, "peak_memory_mib is -1"),
        ],
    )
    def test_figures_that_no_run_can_find_are_told(self, handed_in, tmp_path, kind, change, message):
        def impossible(record):
            return record | (change if kind in (record["kind"], record.get("metric")) else {})

        path = with_records(handed_in[1], tmp_path / "impossible.zip", impossible)
        assert any(message in problem for problem in check_submission(read_submission(path)))

    @pytest.mark.parametrize(
        ("kind", "message"),
        [
            ("transfer", "outputs have no record"),
            ("score", "scores have no record"),
            ("impression", "clips have no record of the judge's prediction"),
            ("learned", "the style judge: no record of what it has learned from"),
        ],
    )
    def test_records_that_are_left_out_are_missed(self, handed_in, tmp_path, kind, message):
        path = with_records(
            handed_in[1], tmp_path / "less.zip", lambda record: None if record["kind"] == kind else record
        )
        assert any(message in problem for problem in check_submission(read_submission(path)))

    @pytest.mark.parametrize("kind", ["transfer", "score", "impression"])
    def test_records_that_belong_to_nothing_are_told(self, handed_in, tmp_path, kind):
        def more(content):
            lines = content.decode().splitlines()
            record = next(json.loads(line) for line in lines if json.loads(line)["kind"] == kind)
            return "".join(f"{line}\n" for line in [*lines, json.dumps(record | {"key": "0" * 64})]).encode()

        path = rewritten(handed_in[1], tmp_path / "more.zip", records=more)
        problems = check_submission(read_submission(path))
        assert len(problems) == 1
        assert "belong to no method and pair" in problems[0]

    def test_controls_of_another_version_are_refused(self, handed_in, tmp_path):
        def other(content):
            given = json.loads(content)
            given["methods"][2]["version"] += 1
            return json.dumps(given).encode()

        path = rewritten(handed_in[1], tmp_path / "other.zip", submission=other)
        assert any("of the control" in problem for problem in check_submission(read_submission(path)))

    def test_what_was_learned_is_compared_with_what_is_known(self, handed_in, tmp_path):
        submission = read_submission(handed_in[1])
        about, clip = submission.about, submission.results.suite.pairs[0].style.sha256

        def other(record):
            if record["key"] == about.judge:
                record["clips"] = [*record["clips"], clip]
            if record["key"] == about.content_judge:
                record["clips"] = record["clips"][1:]
            return record

        path = with_records(handed_in[1], tmp_path / "other.zip", other)
        assert check_submission(read_submission(path)) == [
            "the style judge: has learned from 1 clips of the suite",
            "the content judge: has not learned what its record says",
        ]

    def test_a_method_that_learns_says_from_what(self, handed_in, monkeypatch):
        checking = "timbrebench.experiments.submissions.submission_checking"
        monkeypatch.setattr(f"{checking}.learns", lambda method: method.name == "envelope")
        problems = check_submission(read_submission(handed_in[1]))
        assert "envelope: no record of what it has learned from" in problems

    def test_pairs_of_a_suite_of_the_project_are_read_from_its_own_file(
        self, handed_in, tmp_path, monkeypatch
    ):
        """Under another length of the clips a method would have been faster."""
        own = parse_frozen(contents(handed_in[1])["suite.json"].decode(), "the project's")

        def longer(content):
            suite = parse_frozen(content.decode(), "handed in")
            return suite.model_copy(update={"duration_s": 10 * suite.duration_s}).text().encode()

        def faster(content):
            table = pd.read_csv(io.BytesIO(content))
            for end in ("", "_low", "_high"):
                table[f"realtime_factor{end}"] /= 10
            return table.to_csv(index=False).encode()

        path = rewritten(handed_in[1], tmp_path / "faster.zip", suite=longer, leaderboard=faster)
        for module in ("submission_description", "submission_reading"):
            where = f"timbrebench.experiments.submissions.{module}"
            monkeypatch.setattr(f"{where}.frozen_names", lambda: ["own-1"])
            monkeypatch.setattr(f"{where}.load_frozen", lambda _: own)
        assert check_submission(read_submission(handed_in[1])) == []
        assert any("realtime_factor" in problem for problem in check_submission(read_submission(path)))

    def test_a_setting_that_was_not_run_is_refused(self, handed_in, tmp_path):
        for setting, error in (("new-timbre", RunError), ("<img src=x>", ConfigurationError)):
            path = rewritten(
                handed_in[1],
                tmp_path / "other.zip",
                submission=lambda text, new=setting: text.replace(b"known-timbre", new.encode()),
            )
            with pytest.raises(error, match="setting"):
                read_submission(path)

    def test_a_method_that_is_listed_twice_is_refused(self, handed_in, tmp_path):
        def twice(content):
            given = json.loads(content)
            return json.dumps(given | {"methods": [*given["methods"], given["methods"][-1]]}).encode()

        path = rewritten(handed_in[1], tmp_path / "twice.zip", configuration=twice, submission=twice)
        with pytest.raises(RunError, match="the label 'envelope' stands for two methods"):
            read_submission(path)

    def test_a_metric_that_is_not_installed_is_named(self, handed_in, tmp_path):
        def renamed(content):
            return content.replace(b'"note_f1"', b'"their_own"')

        path = rewritten(handed_in[1], tmp_path / "foreign.zip", configuration=renamed, submission=renamed)
        with pytest.raises(RunError, match="the metric their_own, which is not installed here"):
            read_submission(path)

    def test_pairs_that_are_not_those_it_names_are_found(self, handed_in, tmp_path):
        def other(content):
            return content.replace(b'"suite": ""', b'"suite": "instruments-6-1"')

        path = rewritten(handed_in[1], tmp_path / "other.zip", submission=other)
        with pytest.raises(RunError, match="calls its pairs instruments-6-1, but they do not match it"):
            read_submission(path)


class TestCounts:
    """What would take minutes or gigabytes is refused before it is begun, and said with its file."""

    @pytest.mark.parametrize("seeds", [1, 1000])
    def test_of_methods_and_seeds(self, handed_in, tmp_path, seeds):
        count = 90 if seeds > 1 else 100_000

        def more(content):
            given = json.loads(content)
            added = [given["methods"][-1] | {"label": f"m{number}"} for number in range(count)]
            return json.dumps(
                given | {"methods": [*given["methods"], *added], "seeds": [*range(seeds)]}
            ).encode()

        path = rewritten(handed_in[1], tmp_path / "many.zip", submission=more, configuration=more)
        with pytest.raises(TimbrebenchError, match=r"more than the 4194304|outputs, and a submission may"):
            read_submission(path)

    @pytest.mark.parametrize("line", [b"x" * 100, b"{" * 100, b'{"a":[' + b"1," * 50, b"{}" * 50])
    def test_of_lines_that_are_no_records(self, handed_in, tmp_path, line):
        path = rewritten(
            handed_in[1], tmp_path / "junk.zip", records=lambda content: content + (line + b"\n") * 200_000
        )
        with pytest.raises(RunError, match=r"junk.zip: records.jsonl: line \d+ "):
            read_submission(path)

    def test_of_records(self, handed_in, tmp_path):
        def more(content):
            lines = content.decode().splitlines()
            record = next(json.loads(line) for line in lines if '"score"' in line)
            added = [json.dumps(record | {"key": f"{number:064d}"}) for number in range(20_000)]
            return "\n".join([*lines, *added]).encode()

        path = rewritten(handed_in[1], tmp_path / "more.zip", records=more)
        with pytest.raises(RunError, match=r"more.zip: records.jsonl: more than \d+ records"):
            read_submission(path)

    def test_some_lines_of_another_version_are_passed_over(self, handed_in, tmp_path):
        def older(content):
            return content + (json.dumps({"kind": "older", "key": "0" * 64}) + "\n").encode() * 100

        path = rewritten(handed_in[1], tmp_path / "older.zip", records=older)
        assert check_submission(read_submission(path)) == []


class TestPredictions:
    """Whatever stands in place of a prediction is an error that names the file, or a missing prediction."""

    @pytest.mark.parametrize(
        "change",
        [
            lambda record: {"embedding": record["embedding"][:-1]},
            lambda record: {"probabilities": [*record["probabilities"], 0.0]},
        ],
    )
    def test_of_several_lengths(self, handed_in, tmp_path, change):
        numbers = iter(range(1000))

        def ragged(record):
            is_changed = record["kind"] == "impression" and next(numbers) % 2
            return record | change(record) if is_changed else record

        path = with_records(handed_in[1], tmp_path / "ragged.zip", ragged)
        with pytest.raises(RunError, match=r"ragged.zip: .* different lengths"):
            read_submission(path)

    @pytest.mark.parametrize(
        "change",
        [
            {"embedding": [1e300] * 8},
            {"embedding": [math.nan] * 8},
            {"probabilities": [2.0, -1.0]},
            {"probabilities": [0.2, 0.2]},
            {"probabilities": []},
            {"probabilities": [math.inf, 0.0]},
            {"embedding": []},
        ],
    )
    def test_that_no_judge_can_make(self, handed_in, tmp_path, change):
        def changed(record):
            return record | change if record["kind"] == "impression" else record

        path = with_records(handed_in[1], tmp_path / "other.zip", changed)
        problems = check_submission(read_submission(path))
        assert any("no record of the judge's prediction" in problem for problem in problems)


class TestMessages:
    """They name the file and what of it, on one line."""

    @pytest.mark.parametrize("name", ["submission", "configuration", "suite", "records", "leaderboard"])
    @pytest.mark.parametrize("content", [b"\xff\xfe{}", b"[" * 100_000, b"null", b"[" + b"1" * 6000 + b"]"])
    def test_of_files_that_are_something_else(self, handed_in, tmp_path, name, content):
        path = rewritten(handed_in[1], tmp_path / "other.zip", **{name: lambda _: content})
        if name in ("records", "leaderboard") and not content.startswith(b"\xff"):
            assert check_submission(
                read_submission(path)
            )  # a text without a record, and a table of one column
            return
        with pytest.raises(TimbrebenchError, match=rf"other.zip: {name}\.[^\n]*$"):
            read_submission(path)

    @pytest.mark.parametrize("label", ["../../x", "a/b", "x" * 300, "=cmd|x", "a\nb", "\u202ename", "a\0b"])
    def test_of_labels_that_could_be_paths(self, handed_in, tmp_path, label):
        def named(content):
            given = json.loads(content)
            given["methods"][-1]["label"] = label
            return json.dumps(given).encode()

        path = rewritten(handed_in[1], tmp_path / "named.zip", configuration=named)
        with pytest.raises(ConfigurationError, match=r"configuration.json: methods.0.label: .* a name here"):
            read_submission(path)

    @pytest.mark.parametrize("submitter", ["", " ", "Ada ", " Ada", "=cmd", "a\nb", "\u202eAda", "x" * 61])
    def test_of_submitters(self, handed_in, both, tmp_path, submitter):
        with pytest.raises(RunError, match="use 1 to 60"):
            submit(both.root, tmp_path / "one.zip", submitter=submitter)
        path = rewritten(
            handed_in[1],
            tmp_path / "by.zip",
            submission=lambda content: json.dumps(json.loads(content) | {"submitter": submitter}).encode(),
        )
        with pytest.raises(ConfigurationError, match="submitter"):
            read_submission(path)


class TestOutputs:
    def test_outputs_are_scored_again(self, handed_in, both):
        submission = read_submission(handed_in[0])
        rescored = rescore_outputs(submission, Dataset.open(both.root / "dataset"))
        assert rescored.problems == ()
        real = len(both.results.suite.clips)
        assert rescored.summary == f"20 of them were scored again, and {real} real clips judged again"
        labels = ["identity", "style-copy", "reference", "noise", "ulyanov"]
        assert rescored.counts == dict.fromkeys(labels, (4, 4))

    @pytest.mark.parametrize("count", [1, 2, 9, 10, 19, 20, 29, 30, 31, 72, 240, 1000])
    def test_false_scores_of_a_tenth_of_the_outputs_are_found(self, count):
        """With a probability of 0.99, and with one output less they are not."""
        false = max(1, count // 10)

        def missed(drawn):
            return math.comb(count - false, drawn) / math.comb(count, drawn)

        size = draw_size(count)
        assert missed(size) <= 0.01
        assert missed(size - 1) > 0.01

    def test_three_false_scores_of_thirty_take_twenty_three_outputs(self):
        assert draw_size(30) == 23
        assert draw_size(0) == 0

    def test_no_draw_tells_of_another(self):
        """Not even where everything that could be seeded is."""
        items = [(group, number) for group in "ab" for number in range(30)]
        drawn = []
        for _ in range(20):
            random.seed(0)
            np.random.seed(0)  # noqa: NPY002 - the one that could be shared
            drawn.append(draw(items, lambda item: item[0], every=False))
        assert len(set(map(tuple, drawn))) == 20
        assert {item for items in drawn for item in items} == set(items)
        for sample in drawn:
            assert sample == sorted(set(sample))
            assert [sum(group == name for group, _ in sample) for name in "ab"] == [23, 23]
        assert draw(items, lambda item: item[0], every=True) == items

    def test_scores_that_are_not_of_the_outputs_are_found(self, handed_in, both, tmp_path):
        """Records, leaderboard and list may agree all the same."""

        def better(content):
            records = [json.loads(line) for line in content.splitlines()]
            for one in records:
                if one.get("metric") == "loudness_difference" and one["value"] is not None:
                    one["value"] += 1
            return "".join(json.dumps(one) + "\n" for one in records).encode()

        path = rewritten(handed_in[0], tmp_path / "better.zip", records=better)
        dataset = both.root / "dataset"
        problems = rescore_outputs(read_submission(path), Dataset.open(dataset), every=True).problems
        assert problems
        assert all("loudness_difference" in problem for problem in problems)
        with pytest.raises(RunError, match="cannot be merged"):
            merge([path], tmp_path / "out", dataset=dataset)
        assert not (tmp_path / "out").exists()

    @pytest.mark.parametrize("of", ["outputs", "real clips"])
    def test_predictions_that_are_not_of_the_clips_are_found(self, handed_in, both, tmp_path, of):
        submission = read_submission(handed_in[0])
        real = {prediction_key(clip.sha256, submission.about.judge) for clip in both.results.suite.clips}

        def better(one):
            if one["kind"] == "impression" and (one["key"] in real) == (of == "real clips"):
                one["embedding"] = [value + 0.1 for value in one["embedding"]]
            return one

        path = with_records(handed_in[0], tmp_path / "better.zip", better)
        problems = rescore_outputs(read_submission(path), Dataset.open(both.root / "dataset")).problems
        assert problems
        assert all("the judge's prediction differs" in problem for problem in problems)

    @pytest.mark.parametrize("fact", ["duration_s", "piece"])
    def test_clips_that_are_not_as_stated_are_found(self, handed_in, both, tmp_path, fact):
        """Longer clips make a method faster, and more pieces make its figures surer."""

        def changed(content):
            suite = parse_frozen(content.decode(), "handed in")
            if fact == "duration_s":
                other = {"duration_s": 10 * suite.duration_s}
            else:
                other = {
                    rows: tuple(row._replace(piece=f"another-{row.piece}") for row in getattr(suite, rows))
                    for rows in ("notes", "clips")
                }
            return suite.model_copy(update=other).with_fingerprint().text().encode()

        path = rewritten(handed_in[0], tmp_path / "changed.zip", suite=changed)
        problems = rescore_outputs(read_submission(path), Dataset.open(both.root / "dataset")).problems
        assert len(problems) == 1
        assert "has no such clip under its SHA-256" in problems[0]

    def test_another_output_than_the_records_name_is_found(self, handed_in, both, tmp_path):
        files = contents(handed_in[0])
        outputs = sorted(name for name in files if name.startswith("outputs/ulyanov"))
        files[outputs[0]] = files[outputs[1]]
        write_archive(tmp_path / "other.zip", files)
        problems, _ = compare_outputs(read_submission(tmp_path / "other.zip"))
        assert len(problems) == 1
        files["outputs/stray.flac"] = files[outputs[0]]
        write_archive(tmp_path / "stray.zip", files)
        problems, _ = compare_outputs(read_submission(tmp_path / "stray.zip"))
        assert "1 outputs have no record, such as outputs/stray.flac" in problems
        [verification] = verify_submissions([read_submission(tmp_path / "stray.zip")], both.root / "dataset")
        assert verification.summary.endswith("not scored again: there are problems")

    @pytest.mark.parametrize(
        ("suite", "hint"), [("", "submission$"), ("own-1", "suite build own-1 FOLDER`$")]
    )
    def test_a_dataset_without_the_clips_is_told(self, handed_in, both, tmp_path, suite, hint):
        dataset = shutil.copytree(both.root / "dataset", tmp_path / "dataset")
        manifest = pd.read_csv(dataset / "manifest.csv")
        manifest[manifest.split != "test"].to_csv(dataset / "manifest.csv", index=False)
        submission = read_submission(handed_in[0])
        submission = replace(submission, about=submission.about.model_copy(update={"suite": suite}))
        with pytest.raises(RunError, match=rf"lacks (\d+) of \1 clips of the .*{hint}"):
            rescore_outputs(submission, Dataset.open(dataset))

    def test_without_outputs_nothing_can_be_scored(self, handed_in, both, run):
        with pytest.raises(RunError, match="came without outputs"):
            rescore_outputs(read_submission(handed_in[1]), Dataset.open(both.root / "dataset"))


def decoded(content):
    return soundfile.read(io.BytesIO(content), dtype="float32")[0]


def outputs_of(path, label):
    files = contents(path)
    return [decoded(files[name]) for name in sorted(files) if name.startswith(f"outputs/{label}")]


def with_outputs(path, out, label, make):
    """Hand in other outputs of a method under the same scores, with records that fit them.

    `make` is given the pair's outputs by label, and returns samples.
    """
    submission, files = read_submission(path), contents(path)
    judge, recorded = submission.about.judge, submission.records.transfers
    keys, digests = {}, {}
    for task in submission.tasks:
        if task.entry.name != label:
            continue
        of_pair = [
            other for other in submission.tasks if other.pair == task.pair and recorded[other.key].output
        ]
        sounds = {
            other.entry.name: soundfile.read(io.BytesIO(files[recorded[other.key].output]), dtype="float32")[
                0
            ]
            for other in of_pair
        }
        file = io.BytesIO()
        samples = make(sounds)
        soundfile.write(file, samples, task.pair.content.sample_rate, "PCM_24", format="FLAC")
        old = recorded[task.key]
        new = old.model_copy(update={"output_sha256": hashlib.sha256(file.getvalue()).hexdigest()})
        files[old.output] = file.getvalue()
        digests[task.key] = new.output_sha256
        for metric in submission.about.metrics:
            judges = submission.about.judges
            keys[score_key(old, task.pair, metric, judges)] = score_key(new, task.pair, metric, judges)
        keys[prediction_key(old.output_sha256, judge)] = prediction_key(new.output_sha256, judge)
    records = [json.loads(line) for line in files["records.jsonl"].splitlines()]
    for record in records:
        if record["key"] in digests:
            record["output_sha256"] = digests[record["key"]]
        record["key"] = keys.get(record["key"], record["key"])
    files["records.jsonl"] = "".join(json.dumps(record) + "\n" for record in records).encode()
    write_archive(out, files)
    return out


def as_ogg(samples):
    file = io.BytesIO()
    soundfile.write(file, samples, 22_050, "VORBIS", format="OGG")
    file.seek(0)
    return soundfile.read(file, dtype="float32")[0][: len(samples)]


def with_noise(samples):
    noise = np.random.default_rng(0).standard_normal(len(samples), dtype=np.float32)
    return (samples + 0.03 * np.sqrt(np.mean(samples**2)) * noise).clip(-1, 1)


DISGUISES = {
    "untouched": lambda samples: samples,
    "softer, inverted": lambda samples: -0.3 * samples,
    "30 ms later": lambda samples: np.concatenate([np.zeros(662, np.float32), samples[:-662]]),
    "noise 30 dB under it": with_noise,
    "through Ogg Vorbis": as_ogg,
    "16 bits": lambda samples: np.round(samples * 2**15) / 2**15,
}


class TestCopies:
    @pytest.mark.parametrize("disguise", DISGUISES)
    def test_of_controls_are_marked(self, handed_in, tmp_path, disguise):
        """Of the reference on some pairs, and of the style on the others."""
        originals = cycle(["reference", "style-copy"])
        path = with_outputs(
            handed_in[0],
            tmp_path / "copy.zip",
            "ulyanov",
            lambda sounds: DISGUISES[disguise](sounds[next(originals)]),
        )
        copied = "2 of 4 outputs are copies of"
        expected = [{"ulyanov": f"{copied} the reference; {copied} the style"}]
        assert find_copies([read_submission(path)]) == expected

    def test_are_not_ranked(self, handed_in, both, tmp_path):
        path = with_outputs(
            handed_in[0], tmp_path / "copy.zip", "ulyanov", lambda sounds: as_ogg(sounds["reference"])
        )
        table = merge([path, handed_in[1]], tmp_path / "out").table.set_index("method")
        assert pd.isna(table["rank"]["ulyanov"])
        assert table["rank"]["envelope"] == 1
        assert table.violation["ulyanov"] == "4 of 4 outputs are copies of the reference"
        for name in ("leaderboard.csv", "leaderboard.md"):
            assert table.violation["ulyanov"] in (tmp_path / "out" / name).read_text(encoding="utf-8")
        shown = CliRunner().invoke(app, ["submission", "verify", str(path)])
        assert shown.exit_code == 1
        assert "copies of the reference" in shown.output

    @pytest.mark.parametrize("disguise", ["softer, inverted", "through Ogg Vorbis"])
    def test_of_others_are_marked_where_they_come_later(self, handed_in, both, tmp_path, disguise):
        def tonal(sounds):  # a codec changes little of it
            return sounds["reference"][::-1]

        ada = with_outputs(handed_in[0], tmp_path / "ada.zip", "ulyanov", tonal)
        eve = pack(both.root, tmp_path / "eve.zip", methods=["envelope"], submitter="Eve", audio=True)
        eve = with_outputs(
            eve, tmp_path / "copy.zip", "envelope", lambda sounds: DISGUISES[disguise](tonal(sounds))
        )
        submissions = [read_submission(path) for path in (ada, eve)]
        copied = "4 of 4 outputs are copies of those of"
        assert find_copies(submissions) == [{}, {"envelope": f"{copied} ulyanov by Ada"}]
        assert find_copies(submissions[::-1]) == [{}, {"ulyanov": f"{copied} envelope by Eve"}]

    def test_are_noticed_by_their_digests_where_no_output_came_along(self, handed_in, both, tmp_path):
        path = with_outputs(
            handed_in[0], tmp_path / "copy.zip", "ulyanov", lambda sounds: sounds["reference"]
        )
        files = {name: content for name, content in contents(path).items() if "/" not in name}
        write_archive(tmp_path / "silent.zip", files)
        submission = read_submission(tmp_path / "silent.zip")
        assert find_copies([submission]) == [{"ulyanov": "4 of 4 outputs are copies of the reference"}]

    def test_false_controls_accuse_nobody_else(self, handed_in, both, tmp_path):
        theirs = pack(both.root, tmp_path / "theirs.zip", methods=["envelope"], submitter="Eve", audio=True)
        taken = iter(outputs_of(handed_in[0], "ulyanov"))
        path = with_outputs(theirs, tmp_path / "false.zip", "reference", lambda _: next(taken))
        assert find_copies([read_submission(path), read_submission(handed_in[0])]) == [{}, {}]
        rescored = rescore_outputs(read_submission(path), Dataset.open(both.root / "dataset"))
        assert rescored.problems
        assert "not what this control makes" in rescored.problems[0]

    def test_are_compared_with_the_clips_where_these_are_given(self, handed_in, both, tmp_path):
        """Controls that came along may be false."""
        path = with_outputs(
            handed_in[0], tmp_path / "copy.zip", "ulyanov", lambda sounds: as_ogg(sounds["reference"])
        )
        path = with_outputs(path, tmp_path / "both.zip", "reference", lambda sounds: sounds["noise"])
        submission, dataset = read_submission(path), Dataset.open(both.root / "dataset")
        assert find_copies([submission]) == [{}]
        clips = {clip.sha256: clip for clip in dataset.clips()}
        copies = find_copies([submission], clips, dataset)
        assert copies == [{"ulyanov": "4 of 4 outputs are copies of the reference"}]

    def test_honest_outputs_are_none(self, both, tmp_path):
        paths = [
            pack(both.root, tmp_path / f"{name}.zip", methods=[name], submitter=name, audio=True)
            for name in ("ulyanov", "envelope")
        ]
        assert find_copies(list(map(read_submission, paths))) == [{}, {}]

    def test_an_output_of_another_length_is_not_read(self, handed_in, tmp_path):
        path = with_outputs(
            handed_in[0], tmp_path / "long.zip", "ulyanov", lambda sounds: np.tile(sounds["noise"], 5)
        )
        with pytest.raises(RunError, match=r"long\.zip: ulyanov, .*: the output is not as long as"):
            merge([path], tmp_path / "out")


class TestMerging:
    def test_two_halves_make_the_leaderboard_of_the_whole(self, handed_in, both, tmp_path):
        merged = merge(handed_in, tmp_path)
        expected = both.leaderboard.table
        added = ["submitter", "verified", "costs"]
        pd.testing.assert_frame_equal(merged.table.drop(columns=added), expected, check_dtype=False)
        sets = merged.sets.drop(columns=added[:2]).sort_values(["method", "label"], ignore_index=True)
        expected = both.results.sets.sort_values(["method", "label"], ignore_index=True)
        pd.testing.assert_frame_equal(sets, expected)
        submitters = merged.table.set_index("method").submitter
        assert submitters[["ulyanov", "envelope", "identity"]].tolist() == ["Ada", "Bo", ""]
        text = (tmp_path / "leaderboard.md").read_text(encoding="utf-8")
        assert "| Ada " in text
        assert both.results.suite.version in text
        listed = json.loads((tmp_path / "submissions.json").read_text(encoding="utf-8"))
        assert [one["submitter"] for one in listed] == ["Ada", "Bo"]
        assert [note.partition(" ")[0] for note in merged.notes] == ["Seconds", "The"]  # nothing has learned
        assert set(merged.table.verified) == set(merged.sets.verified) == {"figures as stated"}
        assert set(merged.table.costs) == {"as stated by the submitter"}
        assert "seconds (as stated by the submitter)" in text

    def test_rows_say_what_was_scored_again(self, handed_in, both, tmp_path):
        merged = merge(handed_in, tmp_path, dataset=both.root / "dataset")
        verified = merged.table.set_index("method").verified
        assert verified["ulyanov"] == verified["reference"] == "scored again: 4 of 4"
        assert verified["envelope"] == "figures as stated"  # it came without outputs
        assert merged.sets.set_index("method").verified["ulyanov"].eq("scored again: 4 of 4").all()
        for name in ("leaderboard.csv", "leaderboard.md", "sets.csv"):
            text = (tmp_path / name).read_text(encoding="utf-8")
            assert "scored again: 4 of 4" in text
            assert "figures as stated" in text

    def test_methods_of_one_name_are_told_apart(self, handed_in, both, tmp_path):
        other = pack(both.root, tmp_path / "other.zip", methods=["ulyanov"], submitter="Cy")
        table = merge([handed_in[0], other], tmp_path / "out").table
        methods = table[table.kind == "method"]
        assert sorted(methods.method) == ["ulyanov (Ada)", "ulyanov (Cy)"]
        assert methods["rank"].tolist() == [1, 1]
        with pytest.raises(RunError, match="Ada hands in ulyanov twice"):
            merge([handed_in[0], handed_in[0]], tmp_path / "out")

    def test_methods_that_are_not_installed_keep_their_place(self, handed_in, both, tmp_path):
        def renamed(content):
            return content.replace(b'"method": "envelope"', b'"method": "not-here"')

        path = rewritten(handed_in[1], tmp_path / "foreign.zip", configuration=renamed, submission=renamed)
        # Its label was its method's name, which records carry.
        path = rewritten(
            path,
            tmp_path / "named.zip",
            configuration=lambda text: text.replace(b'"label": ""', b'"label": "envelope"'),
        )
        submission = read_submission(path)
        assert submission.foreign == {"envelope"}
        assert check_submission(submission) == []
        table = merge([handed_in[0], path], tmp_path / "out").table
        assert list(table.method) == list(both.leaderboard.table.method)
        assert table["rank"].equals(both.leaderboard.table["rank"])

    def test_a_method_may_have_any_name(self, handed_in, tmp_path):
        """Also one that stands for a missing value elsewhere, where its package is not installed."""

        def renamed(content):
            for old, new in (
                (b'"method": "envelope"', b'"method": "their-own"'),
                (b'"label": ""', b'"label": "NA"'),
            ):
                content = content.replace(old, new)
            return content.replace(b'"label": "envelope"', b'"label": "NA"').replace(b"envelope,", b"NA,")

        names = ("configuration", "submission", "leaderboard", "sets")
        path = rewritten(handed_in[1], tmp_path / "na.zip", **dict.fromkeys(names, renamed))
        assert check_submission(read_submission(path)) == []
        merged = merge([handed_in[0], path], tmp_path / "out")
        assert sorted(merged.table.method[merged.table.kind == "method"]) == ["NA", "ulyanov"]

    def test_what_else_is_behind_differences_is_noted(self, handed_in, tmp_path):
        """Costs are of two machines, and methods that learn had other clips."""

        def stated(leaderboard):
            rows = leaderboard.split(b"\n")
            return b"\n".join(
                row if b",control," in row else row.replace(b",nothing,", b",training pieces,")
                for row in rows
            )

        def learning(path, out, training):
            about = read_submission(path).about
            record = {"kind": "learned", "key": about.methods[-1].key, "weights": [], "clips": ["0" * 64]}
            return rewritten(
                path,
                out,
                records=lambda text: text + json.dumps(record).encode() + b"\n",
                submission=lambda text: text.replace(about.training.encode(), training.encode()),
                leaderboard=stated,
            )

        paths = [
            learning(path, tmp_path / path.name, name * 64)
            for path, name in zip(handed_in, "ab", strict=True)
        ]
        notes = merge(paths, tmp_path / "out").notes
        assert [note.partition(" ")[0] for note in notes] == ["Seconds", "The", "Methods"]
        assert "aaaaaaaaaaaa by Ada, bbbbbbbbbbbb by Bo" in notes[2]
        text = (tmp_path / "out" / "leaderboard.md").read_text(encoding="utf-8")
        assert all(note in text for note in notes)

    def test_other_pairs_are_refused(self, handed_in, both, tmp_path):
        all_pairs = both.results.suite
        fewer_pairs = replace(all_pairs, pairs=all_pairs.pairs[1:])

        def fewer(content):
            suite = parse_frozen(content.decode(), "handed in")
            return suite.model_copy(update={"pairs": suite.pairs[1:]}).with_fingerprint().text().encode()

        rewritten(
            handed_in[1],
            tmp_path / "other.zip",
            suite=fewer,
            submission=lambda text: text.replace(all_pairs.version.encode(), fewer_pairs.version.encode()),
        )
        with pytest.raises(RunError, match=r"different suites.*never mixes"):
            merge([handed_in[0], tmp_path / "other.zip"], tmp_path / "out")
        assert not (tmp_path / "out").exists()

    def test_other_resamples_are_refused(self, handed_in, both, tmp_path):
        other = pack(both.root, tmp_path / "other.zip", methods=["envelope"], submitter="Cy", resamples=300)
        with pytest.raises(RunError, match="different numbers of resamples"):
            merge([handed_in[0], other], tmp_path / "out")

    def test_another_version_of_a_metric_is_refused(self, handed_in, tmp_path):
        def older(content):
            return content.replace(b'"note_f1": ', b'"note_f1": 9')

        path = rewritten(handed_in[1], tmp_path / "older.zip", submission=older)
        with pytest.raises(RunError, match="of the metric note_f1"):
            read_submission(path)


def test_what_is_not_finished_cannot_be_handed_in(both, tmp_path):
    root = shutil.copytree(both.root, tmp_path / "run")
    content = json.loads((root / CONFIGURATION).read_text(encoding="utf-8"))
    content["methods"].append({"method": "wct"})
    write_json(root / CONFIGURATION, content)
    with pytest.raises(RunError, match="still to be made"):
        submit(root, tmp_path / "early.zip", submitter="Ada")
    with pytest.raises(TimbrebenchError, match="submitter"):
        submit(both.root, tmp_path / "nobody.zip", submitter="a/b")
    assert not list(tmp_path.glob("*.zip"))
