"""Submissions: the same run gives the same file, and whatever is changed in one is found."""

from __future__ import annotations

import io
import json
import shutil
import zipfile
from dataclasses import replace

import pandas as pd
import pytest

from timbrebench.core.errors import ConfigurationError, RunError, TimbrebenchError
from timbrebench.core.files import write_json
from timbrebench.experiments.benchmark import run_benchmark
from timbrebench.experiments.run.layout import CONFIGURATION
from timbrebench.experiments.run.run_configuration import CONTROLS, RunConfiguration
from timbrebench.experiments.run.scores import prediction_key
from timbrebench.experiments.submissions.rescoring import compare_outputs, draw, rescore_outputs
from timbrebench.experiments.submissions.submission_archive import MANIFEST, write_archive
from timbrebench.experiments.submissions.submission_checking import check_submission
from timbrebench.experiments.submissions.submission_merging import merge
from timbrebench.experiments.submissions.submission_packing import submit
from timbrebench.experiments.submissions.submission_reading import read_submission
from timbrebench.experiments.suites.frozen_suite import parse_frozen

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


def test_what_the_judge_made_of_each_clip_is_in_it(both, handed_in):
    """The comparison of whole sets follows from it."""
    submission = read_submission(handed_in[0])
    of_run = both.results.sets[both.results.sets.method.isin([*CONTROLS, "ulyanov"])]
    assert len(of_run)
    pd.testing.assert_frame_equal(submission.results.sets, of_run.reset_index(drop=True))
    pd.testing.assert_frame_equal(submission.sets, submission.results.sets, check_dtype=False, rtol=1e-4)


def test_a_run_whose_clips_were_not_all_heard_is_refused(both, tmp_path):
    root = shutil.copytree(both.root, tmp_path / "run")
    lines = (root / "records.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
    heard = [number for number, line in enumerate(lines) if json.loads(line)["kind"] == "impression"]
    del lines[heard[0]]
    (root / "records.jsonl").write_text("".join(lines), encoding="utf-8")
    with pytest.raises(RunError, match="the judge has not judged 1 clips yet"):
        submit(root, tmp_path / "one.zip", submitter="Ada")


def test_where_the_run_was_made_is_in_it(handed_in):
    environment = json.loads(contents(handed_in[1])["environment.json"])
    assert {"python", "torch", "numpy"} <= set(environment["versions"])
    assert environment["machine"]["cores"] >= 1
    assert environment["command"]


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
            content = content.replace(b"log_stft_mse", b"key_invariance_mse")
            return content.replace(b"transcribed_note_f1", b"read_note_f1")

        names = ("submission", "configuration", "records", "leaderboard")
        path = rewritten(handed_in[1], tmp_path / "former.zip", **dict.fromkeys(names, former))
        submission = read_submission(path)
        assert check_submission(submission) == []
        assert {"log_stft_mse_low", "transcribed_note_f1_n"} <= set(submission.leaderboard)

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


class TestOutputs:
    def test_outputs_are_scored_again(self, handed_in, both):
        submission = read_submission(handed_in[0])
        problems, said = rescore_outputs(submission, both.root / "dataset", sample=1, seed=7)
        assert problems == []
        assert said.endswith(
            "; 5 of them were scored again, and 2 real clips judged again, drawn with the seed 7"
        )

    def test_which_are_scored_again_nobody_knows_beforehand(self, handed_in):
        submission = read_submission(handed_in[0])
        made = [(task, submission.records.transfers[task.key]) for task in submission.tasks]
        made = [(task, transfer) for task, transfer in made if transfer.status == "ok"]

        def draw_outputs(sample, seed):
            return draw(made, lambda one: one[0].entry.name, sample, seed)

        assert draw_outputs(1, 7) == draw_outputs(1, 7)
        drawn = [draw_outputs(1, seed) for seed in range(30)]
        for outputs in drawn:
            labels = [task.entry.name for task, _ in outputs]
            assert labels == ["identity", "style-copy", "reference", "noise", "ulyanov"]
        assert {task.key for outputs in drawn for task, _ in outputs} == {task.key for task, _ in made}
        assert draw_outputs(100, 0) == draw_outputs(None, 0) == made

    def test_scores_that_are_not_of_the_outputs_are_found(self, handed_in, both, tmp_path):
        """Records, leaderboard and list may agree all the same."""

        def better(content):
            records = [json.loads(line) for line in content.splitlines()]
            for one in records:
                if one.get("metric") == "loudness_difference" and one["value"] is not None:
                    one["value"] += 1
            return "".join(json.dumps(one) + "\n" for one in records).encode()

        path = rewritten(handed_in[0], tmp_path / "better.zip", records=better)
        problems, said = rescore_outputs(read_submission(path), both.root / "dataset", sample=None)
        assert problems
        assert all("loudness_difference" in problem for problem in problems)
        real = len(both.results.suite.clips)
        assert said.endswith(f" records; 20 of them were scored again, and {real} real clips judged again")

    @pytest.mark.parametrize("of", ["outputs", "real clips"])
    def test_predictions_that_are_not_of_the_clips_are_found(self, handed_in, both, tmp_path, of):
        submission = read_submission(handed_in[0])
        real = {prediction_key(clip.sha256, submission.about.judge) for clip in both.results.suite.clips}

        def better(one):
            if one["kind"] == "impression" and (one["key"] in real) == (of == "real clips"):
                one["embedding"] = [value + 0.1 for value in one["embedding"]]
            return one

        path = with_records(handed_in[0], tmp_path / "better.zip", better)
        problems, _ = rescore_outputs(read_submission(path), both.root / "dataset")
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
        problems, _ = rescore_outputs(read_submission(path), both.root / "dataset")
        assert len(problems) == 1
        assert "has no such clip under its SHA-256" in problems[0]

    def test_another_output_than_the_records_name_is_found(self, handed_in, tmp_path):
        files = contents(handed_in[0])
        outputs = sorted(name for name in files if name.startswith("outputs/ulyanov"))
        files[outputs[0]] = files[outputs[1]]
        write_archive(tmp_path / "other.zip", files)
        problems, _ = compare_outputs(read_submission(tmp_path / "other.zip"))
        assert len(problems) == 1

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
            rescore_outputs(submission, dataset)

    def test_without_outputs_nothing_can_be_scored(self, handed_in, both, run):
        with pytest.raises(RunError, match="came without outputs"):
            rescore_outputs(read_submission(handed_in[1]), both.root / "dataset")


class TestMerging:
    def test_two_halves_make_the_leaderboard_of_the_whole(self, handed_in, both, tmp_path):
        merged = merge(handed_in, tmp_path)
        expected = both.leaderboard.table
        pd.testing.assert_frame_equal(merged.table.drop(columns="submitter"), expected, check_dtype=False)
        sets = merged.sets.drop(columns="submitter").sort_values(["method", "label"], ignore_index=True)
        expected = both.results.sets.sort_values(["method", "label"], ignore_index=True)
        pd.testing.assert_frame_equal(sets, expected)
        submitters = merged.table.set_index("method").submitter
        assert submitters[["ulyanov", "envelope", "identity"]].tolist() == ["Ada", "Bo", ""]
        text = (tmp_path / "leaderboard.md").read_text(encoding="utf-8")
        assert "| Ada " in text
        assert both.results.suite.version in text
        listed = json.loads((tmp_path / "submissions.json").read_text(encoding="utf-8"))
        assert [one["submitter"] for one in listed] == ["Ada", "Bo"]
        assert len(merged.notes) == 1  # nothing in them has learned

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

        def learning(path, out, training):
            about = read_submission(path).about
            record = {"kind": "learned", "key": about.methods[-1].key, "weights": [], "clips": ["0" * 64]}
            return rewritten(
                path,
                out,
                records=lambda text: text + json.dumps(record).encode() + b"\n",
                submission=lambda text: text.replace(about.training.encode(), training.encode()),
            )

        paths = [
            learning(path, tmp_path / path.name, name * 64)
            for path, name in zip(handed_in, "ab", strict=True)
        ]
        notes = merge(paths, tmp_path / "out").notes
        assert [note.partition(" ")[0] for note in notes] == ["Seconds", "Methods"]
        assert "aaaaaaaaaaaa by Ada, bbbbbbbbbbbb by Bo" in notes[1]
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
