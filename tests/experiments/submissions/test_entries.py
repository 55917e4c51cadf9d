"""Entries of results/: those of the project hold, and whatever is changed in one refuses it by its name."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from timbrebench.classifier.style.published_judges import load_published
from timbrebench.core.errors import ConfigurationError, RunError
from timbrebench.core.yaml_documents import parse_yaml
from timbrebench.experiments.commands.cli import app
from timbrebench.experiments.submissions.entry import (
    card_problems,
    entry_folders,
    learned_at_least,
    read_entry,
    read_given,
    track_problems,
)
from timbrebench.experiments.submissions.entry_excerpts import EXCERPT_S, excerpt_pairs, read_excerpt
from timbrebench.experiments.submissions.entry_verification import read_results, verify_entries
from timbrebench.experiments.submissions.entry_writing import write_entries
from timbrebench.experiments.submissions.output_table import output_table
from timbrebench.experiments.submissions.submission_archive import MANIFEST, write_archive
from timbrebench.experiments.submissions.verification_report import report_entries

ROOT = Path(__file__).resolve().parents[3]
SUITE = "instruments-6-1"


@pytest.fixture
def results(tmp_path):
    """Two entries of the project: one that has learned from nothing, and one that has."""
    folder = tmp_path / "results" / SUITE
    for name in ("envelope", "templates"):
        shutil.copytree(ROOT / "results" / SUITE / name, folder / name)
    return folder.parent


def edit(path, change):
    text = path.read_text(encoding="utf-8")
    assert change(text) != text
    path.write_text(change(text), encoding="utf-8")


def rewrite(path, name, change):
    """Write a submission again with another file, and a list that fits it."""
    with zipfile.ZipFile(path) as archive:
        files = {each: archive.read(each) for each in archive.namelist() if each != MANIFEST}
    changed = change(files[name].decode()).encode()
    assert changed != files[name]
    write_archive(path, {**files, name: changed})


def problems(folder):
    return "; ".join(verify_entries([folder])[0].problems)


def test_entries_of_the_project_are_small():
    sizes = {
        folder: sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        for folder in entry_folders(ROOT / "results")
    }
    assert sizes
    assert max(sizes.values()) < 250_000


def test_an_entry_gives_the_records_that_it_was_made_of(results):
    entry = read_entry(results / SUITE / "envelope")
    submission = entry.submission
    assert (entry.suite, entry.card.method, submission.about.submitter) == (SUITE, "envelope", "timbrebench")
    assert len(submission.results.transfers) == 6 * len(submission.results.suite.pairs)
    with zipfile.ZipFile(entry.folder / "submission.zip") as archive:
        stored = archive.read("outputs.csv").decode()
    again = output_table(submission.results, submission.tasks, submission.records)
    assert sorted(stored.split("\n")[0].split(",")) == sorted(again.split("\n")[0].split(","))
    assert "style_accuracy" in submission.results.scores
    assert submission.results.scores.style_accuracy.notna().sum() > 100


def test_entries_are_ranked_together(results):
    ranked = read_results(results)
    assert [suite.suite for suite in ranked] == [SUITE]
    table = ranked[0].merged.table.set_index("method")
    assert table["rank"]["templates"] == 1
    assert table["rank"]["envelope"] == 2
    assert table.headline["templates"] > 0.8 > table.headline["envelope"]
    assert set(table.verified) == {"figures as stated"}


class TestCards:
    def test_a_card_may_not_state_less_than_the_records_show(self, results):
        folder = results / SUITE / "templates"
        entry = read_entry(folder)
        assert learned_at_least(entry.submission) == "this timbre"
        assert card_problems(entry.card, entry.submission) == []
        edit(folder / "card.yaml", lambda text: text.replace("this timbre", "nothing"))
        assert "learned_from is 'nothing', and the records show 'this timbre'" in problems(folder)

    def test_a_card_may_state_more(self, results):
        folder = results / SUITE / "envelope"
        edit(folder / "card.yaml", lambda text: text.replace(": nothing", ": training pieces"))
        assert problems(folder) == ""

    def test_an_unknown_field_refuses_the_entry_and_no_other(self, results):
        card = results / SUITE / "envelope" / "card.yaml"
        edit(card, lambda text: text + "stars: 5\n")
        refused, held = verify_entries(entry_folders(results))
        assert refused.problems == (
            f"{card}: unknown key 'stars': choose from code, contact, date, hardware, "
            "learned_from, licence, method, paper, summary, training_data",
        )
        assert held.problems == ()

    def test_the_card_is_of_the_method_in_the_submission(self, results):
        folder = results / SUITE / "envelope"
        edit(folder / "card.yaml", lambda text: text.replace("method: envelope", "method: mine"))
        assert "is of envelope, and the card of mine" in problems(folder)


class TestFiles:
    def test_an_entry_belongs_into_the_folder_of_its_suite_and_method(self, results):
        moved = results / SUITE / "other"
        (results / SUITE / "envelope").rename(moved)
        assert f"belongs into {SUITE}/envelope" in problems(moved)

    @pytest.mark.parametrize("name", ["run.sh", "index.html", ".git"])
    def test_a_file_that_no_entry_has_refuses_it(self, results, name):
        folder = results / SUITE / "envelope"
        (folder / name).write_text("x", encoding="utf-8")
        assert f"{name!r} belongs into no entry" in problems(folder)

    @pytest.mark.parametrize("name", ["card.yaml", "submission.zip", "audio"])
    def test_a_link_refuses_it(self, results, name, tmp_path):
        folder = results / SUITE / "envelope"
        (folder / name).rename(tmp_path / name)
        (folder / name).symlink_to(tmp_path / name)
        assert f"{name!r} belongs into no entry, or is a link" in problems(folder)

    @pytest.mark.parametrize("name", ["leaderboard", "Index", "leaderboard.csv", "templates.html"])
    def test_a_name_that_pages_and_tables_have_is_refused(self, results, name):
        folder = results / SUITE / name
        (results / SUITE / "envelope").rename(folder)
        assert "is none of" in problems(folder)

    def test_a_submission_is_no_larger_than_it_can_be(self, results):
        path = results / SUITE / "envelope" / "submission.zip"
        path.write_bytes(path.read_bytes() + bytes(1 << 20))
        assert "an entry's may have" in problems(path.parent)

    def test_a_folder_without_entries_says_so(self, tmp_path):
        with pytest.raises(RunError, match="no entry here"):
            entry_folders(tmp_path)


class TestRecords:
    @pytest.fixture
    def path(self, results):
        return results / SUITE / "envelope" / "submission.zip"

    def test_a_changed_file_does_not_match_its_list(self, path):
        with zipfile.ZipFile(path) as archive:
            files = {name: archive.read(name) for name in archive.namelist()}
        files["outputs.csv"] = files["outputs.csv"].replace(b"envelope,000", b"envelope,001", 1)
        with zipfile.ZipFile(path, "w") as archive:
            for name, content in files.items():
                archive.writestr(name, content)
        assert "outputs.csv was changed" in problems(path.parent)

    @pytest.mark.parametrize(
        ("change", "why"),
        [
            (lambda text: "\n".join(text.split("\n")[:-2]) + "\n", "has 179 rows"),
            (
                lambda text: text.replace("envelope,000-", "envelope,001-", 1),
                "line 152: is of 'envelope 001-",
            ),
            (lambda text: text.replace("style_accuracy", "style", 1), "has the columns"),
            (lambda text: text.replace(",ok,", ",fine,", 1), "line 2: status: "),
            (lambda text: re.sub(r",[0-9a-f]{64},", ",0,", text, count=1), "line 2: output_sha256 is '0'"),
            (lambda text: re.sub(r"([0-9a-f]{64}),[0-9.]+", r"\1,inf", text, count=1), "line 2: .* is 'inf'"),
            (
                lambda text: re.sub(r"([0-9a-f]{64}),[0-9.]+", r"\1,-7", text, count=1),
                "is -7, and can only be",
            ),
            (
                lambda text: re.sub(r"([0-9a-f]{64}),[0-9.]+", r"\1,", text, count=1),
                "1 scores have no record",
            ),
        ],
    )
    def test_a_broken_row_is_refused_with_its_line(self, path, change, why):
        rewrite(path, "outputs.csv", change)
        assert re.search(why, problems(path.parent))

    def test_names_of_soundfonts_are_looked_up_nowhere(self, path):
        def declared(text):
            content = json.loads(text)
            content["methods"][0]["learned_from"] = ["folder/\0"]
            return json.dumps(content)

        rewrite(path, "configuration.json", declared)
        assert "configuration.json has learned_from" in problems(path.parent)

    def test_a_file_more_is_refused(self, path):
        with zipfile.ZipFile(path) as archive:
            files = {name: archive.read(name) for name in archive.namelist() if name != MANIFEST}
        write_archive(path, {**files, "leaderboard.csv": b"rank\n"})
        assert "a reduced submission has no leaderboard.csv" in problems(path.parent)

    def test_one_with_other_judges_cannot_stand_beside_the_others(self, results):
        path = results / SUITE / "templates" / "submission.zip"
        other = hashlib.sha256(b"another").hexdigest()
        rewrite(path, "submission.json", lambda text: json.dumps({**json.loads(text), "judge": other}))
        held, refused = verify_entries(entry_folders(results))
        assert held.problems == ()
        assert "have different style judges" in refused.problems[0]


class TestExcerpts:
    def test_those_of_the_project_are_what_they_have_to_be(self):
        entry = read_entry(ROOT / "results" / SUITE / "envelope")
        pairs = excerpt_pairs(entry.submission.results.suite.pairs)
        assert set(entry.excerpts) == {pair.pair_id for pair in pairs}
        assert len(read_given(ROOT / "results" / SUITE, entry.submission.results.suite)) == 3 * len(pairs)

    def test_other_names_formats_and_lengths_are_refused(self, results):
        folder = results / SUITE / "envelope" / "audio"
        first = next(folder.iterdir())
        stranger = folder / "999-piano-organ.ogg"
        shutil.copy(first, stranger)
        assert "'999-piano-organ.ogg' is no excerpt of this suite" in problems(folder.parent)
        stranger.unlink()
        content = first.read_bytes()
        for changed, why in (
            (b"RIFF" + content, "is not Ogg Opus"),
            (content + bytes(30_000), "has .* bytes, more than"),
            (content[:200], f"is no excerpt of at most {EXCERPT_S:g} s"),
        ):
            first.write_bytes(changed)
            with pytest.raises(RunError, match=why):
                read_excerpt(first)

    def test_what_lies_beside_the_entries_is_verified_with_them(self, results):
        assert report_entries([results]).refused == ()
        clips = results / SUITE / "clips"
        clips.mkdir()
        (clips / "card.yaml").write_text("method: clips\n", encoding="utf-8")
        ((name, why),) = report_entries([results]).refused
        assert name == f"{SUITE}/clips"
        assert "'card.yaml' is no excerpt of this suite" in why


def test_a_track_settles_setting_and_judges_of_its_entries():
    submission = read_entry(ROOT / "results" / SUITE / "envelope").submission
    other = submission.about.model_copy(update={"suite": "new-timbre-1"})
    assert [problem.split(",")[0] for problem in track_problems(replace(submission, about=other))] == [
        "is in the setting 'known-timbre'",
        "is judged by instruments-6-1 and instruments-6-mel-1",
    ]
    judge = load_published("instruments-6-2").fingerprint
    settled = {"setting": "new-timbre", "judge": judge, "second_judge": ""}
    assert track_problems(replace(submission, about=other.model_copy(update=settled))) == []
    assert track_problems(submission) == []


class TestMaking:
    def test_drawn_pairs_are_no_suite(self, run, tmp_path):
        card = tmp_path / "card.yaml"
        text = (ROOT / "results" / SUITE / "envelope" / "card.yaml").read_text(encoding="utf-8")
        card.write_text(text.replace("method: envelope", "method: ulyanov"), encoding="utf-8")
        with pytest.raises(RunError, match="its pairs were drawn for it"):
            write_entries(run.root, tmp_path / "results", [card], submitter="Ada")
        assert not (tmp_path / "results").exists()

    def test_a_card_of_no_method_of_the_run_is_refused(self, run, tmp_path):
        card = ROOT / "results" / SUITE / "envelope" / "card.yaml"
        with pytest.raises(RunError, match="has no method 'envelope'"):
            write_entries(run.root, tmp_path / "results", [card], submitter="Ada")


class TestCommand:
    def test_it_writes_what_a_pull_request_shows(self, results, tmp_path):
        edit(results / SUITE / "envelope" / "card.yaml", lambda text: text + "'<b>|x': 1\n")
        markdown = tmp_path / "verification.md"
        done = CliRunner().invoke(app, ["submission", "verify", str(results), "--markdown", str(markdown)])
        assert done.exit_code == 1
        assert f"{results / SUITE / 'templates'}: holds" in done.output
        text = markdown.read_text(encoding="utf-8")
        assert text.startswith("# 1 of 2 hold\n")
        assert "| refused | instruments-6-1/envelope |" in re.sub(" +", " ", text)
        assert "<b>" not in text
        assert "&lt;b&gt;\\|x" in text
        assert re.search(r"\| 1 +\| templates ", text)

    def test_entries_have_no_outputs_to_score_again(self, results):
        done = CliRunner().invoke(app, ["submission", "verify", str(results), "--dataset", str(results)])
        assert isinstance(done.exception, ConfigurationError)


def test_the_workflow_runs_no_code_of_a_pull_request_and_can_write_nothing():
    text = (ROOT / ".github" / "workflows" / "results.yml").read_text(encoding="utf-8")
    workflow = parse_yaml(text, "results.yml", RunError)
    assert workflow["permissions"] == {"contents": "read"}
    assert list(workflow["on"]) == ["pull_request"]
    assert "{{ secrets" not in text
    steps = workflow["jobs"]["verify"]["steps"]
    checkouts = {step["with"]["path"]: step["with"] for step in steps if "checkout" in step.get("uses", "")}
    assert checkouts["code"]["ref"] == "${{ github.event.pull_request.base.sha }}"
    assert {each["persist-credentials"] for each in checkouts.values()} == {"false"}
    commands = [step["run"] for step in steps if "run" in step]
    assert not any(
        "entries/" in command for command in commands if "timbrebench submission verify" not in command
    )
