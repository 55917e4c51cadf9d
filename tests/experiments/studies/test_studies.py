"""Tests of the studies, on the pairs of a small run."""

from __future__ import annotations

import re
from dataclasses import replace

import pandas as pd
import pytest
from matplotlib.figure import Figure

from timbrebench.core.errors import (
    ConfigurationError,
    MethodError,
    MissingResourceError,
    RunError,
    UnknownNameError,
)
from timbrebench.experiments.commands.study_commands import study_command
from timbrebench.experiments.studies import (
    phase_study,
    spectrograms_study,
    style_content_curve_study,
    wide_limit_convergence_study,
)
from timbrebench.experiments.studies.study import (
    STUDY_SETTINGS,
    Study,
    StudyContext,
    StudyFinding,
    StudyResult,
    chosen_pairs,
)
from timbrebench.experiments.studies.study_pages import write_result
from timbrebench.experiments.studies.study_registry import STUDIES, find_study
from timbrebench.experiments.studies.study_scores import score_method
from timbrebench.transfer import create


@pytest.mark.parametrize("name", STUDIES)
def test_every_study_says_what_it_asks(name):
    study = find_study(name)
    assert study.name == name
    assert study.question.endswith("?")
    for setting in STUDY_SETTINGS:
        assert study.pairs_of(setting) >= 1


def test_a_small_setting_supports_what_it_is_too_small_to_refute():
    verdicts = ("held", "did not hold", "not decided")
    findings = tuple(
        StudyFinding(f"Claim {number}", *own)
        for number, own in enumerate((verdict, "1 of 2.") for verdict in verdicts)
    )
    result = StudyResult(pd.DataFrame(), Figure(), "", findings)
    study = replace(find_study("style-content-curve"), small_limit="Too small.")
    limited = study.limited(result, "small").findings
    assert [finding.verdict for finding in limited] == ["held", "not decided", "not decided"]
    assert [finding.figures for finding in limited] == ["1 of 2.", "1 of 2. Too small.", "1 of 2."]
    assert study.limited(result, "paper").findings == findings
    assert replace(study, small_limit="").limited(result, "small").findings == findings


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
    result = wide_limit_convergence_study.run(context, (16, 256))
    few, many = result.table.itertuples()
    assert many.gradient_error < 0.6 * few.gradient_error


def test_a_higher_content_weight_keeps_more_notes(context):
    methods = {"wide-limit": {"max_iterations": 12, "inversion": {"iterations": 5}}}
    settings = style_content_curve_study.CurveSettings(methods, "Quick.", weights=(0.0, 1e-3, 100.0))
    result = style_content_curve_study.run(context, settings)
    assert list(result.table.columns) == ["method", "content_weight", "style_accuracy", "note_f1"]
    nothing, low, high = result.table.note_f1
    assert high > max(nothing, low)


def test_clips_are_those_of_the_suite_wherever_the_dataset_lies(context, tmp_path):
    """A frozen suite has a dataset of its own, and the run's may hold training clips alone."""
    training = context.dataset.select(split="train")
    elsewhere = replace(context, dataset=replace(training, root=tmp_path))
    assert context.clips.root != tmp_path
    here, there = (wide_limit_convergence_study.run(place, (16, 32)).table for place in (context, elsewhere))
    pd.testing.assert_frame_equal(here, there)
    pair = chosen_pairs(elsewhere)[0]
    scores = score_method(elsewhere, create("envelope", {}), pair, metrics=("note_f1",))
    assert scores["note_f1"] > 0.3
    result = phase_study.run(elsewhere, (1, 2))
    assert result.table.convergence_db.notna().all()


def test_judges_are_not_studied_where_none_is_trained(context):
    training = replace(context, dataset=context.dataset.select(split="train"))
    for refused in (spectrograms_study.STUDY.answer, spectrograms_study.STUDY.check):
        with pytest.raises(ConfigurationError, match="take a run that trains its judge"):
            refused(training)


@pytest.mark.parametrize("name", [name for name in STUDIES if find_study(name).needs_run])
def test_a_run_with_all_it_takes_is_not_refused(context, name):
    try:
        find_study(name).check(context)
    except MissingResourceError as error:
        pytest.skip(str(error))


def test_results_are_written_as_table_figures_and_page(tmp_path):
    figure = Figure()
    figure.subplots().plot([0, 1], [1, 0])
    table = pd.DataFrame({"condition": ["a", "b"], "score": [0.12345, 2.0]})
    study = replace(find_study("style-content-curve"), changes={"small": "Less of it."})
    findings = (
        StudyFinding("More is more", "held", "2 > 1."),
        StudyFinding("Less is more", "did not hold", "1 < 2."),
        StudyFinding("Other is more", "not decided", "1 to 3 against 2."),
    )
    result = StudyResult(table, figure, "So it is.", findings, {"further": table})
    page = write_result(study, result, tmp_path, "small").read_text(encoding="utf-8")
    assert "So it is." in page
    assert "- **Held:** More is more. 2 > 1.\n- **Did not hold:** Less is more. 1 < 2.\n" in page
    assert "- **Not decided:** Other is more. 1 to 3 against 2.\n" in page
    assert "**Changed against the source:** Less of it." in page
    overview = re.sub(" +", " ", (tmp_path / "README.md").read_text(encoding="utf-8"))
    assert (
        "| [style-content-curve](style-content-curve.md) | small | Less is more | did not hold |" in overview
    )
    assert (tmp_path / "style-content-curve-further.csv").is_file()
    assert "| a | 0.123 |" in re.sub(" +", " ", page)
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "style-content-curve.csv"), table)
    assert (tmp_path / "style-content-curve.png").read_bytes().startswith(b"\x89PNG")
    assert b"<svg" in (tmp_path / "style-content-curve.svg").read_bytes()


def test_a_study_without_claims_is_listed_with_its_question(tmp_path):
    study = find_study("style-content-curve")
    write_result(study, without_claims(), tmp_path, "paper")
    overview = re.sub(" +", " ", (tmp_path / "README.md").read_text(encoding="utf-8"))
    assert f"| [{study.name}]({study.name}.md) | paper | {study.question} | |" in overview


def test_claims_of_an_earlier_result_are_not_listed(tmp_path):
    study = find_study("style-content-curve")
    claimed = replace(without_claims(), findings=(StudyFinding("More is more", "held", "2 > 1."),))
    write_result(study, claimed, tmp_path, "small")
    write_result(study, without_claims(), tmp_path, "small")
    assert not (tmp_path / "style-content-curve-findings.csv").exists()
    assert "More is more" not in (tmp_path / "README.md").read_text(encoding="utf-8")


def test_claims_that_were_written_with_yes_and_no_are_listed(tmp_path):
    write_result(find_study("style-content-curve"), without_claims(), tmp_path, "small")
    (tmp_path / "style-content-curve-findings.csv").write_text("claim,held,figures\nA,True,1\nB,False,2\n")
    write_result(find_study("phase"), without_claims(), tmp_path, "small")
    overview = re.sub(" +", " ", (tmp_path / "README.md").read_text(encoding="utf-8"))
    assert "| small | A | held |" in overview
    assert "| small | B | did not hold |" in overview


def without_claims():
    return StudyResult(pd.DataFrame({"a": [1]}), Figure(), "Text.")


def test_pairs_are_refused_where_a_study_takes_none():
    with pytest.raises(ConfigurationError, match="takes no pairs"):
        find_study("key-invariance").pairs_of("small", 3)
    assert find_study("phase").pairs_of("small", 3) == 3


def test_the_papers_setting_takes_more_pairs():
    study = find_study("failure")
    assert study.pairs_of("paper") > study.pairs_of("small")


def test_a_study_that_learns_needs_a_folder(context):
    with pytest.raises(ConfigurationError, match="workdir"):
        _ = replace(context, workdir=None).learning_folder


def test_the_command_refuses_what_it_cannot_do_before_it_opens_the_run(tmp_path):
    nowhere = tmp_path / "no run"
    with pytest.raises(UnknownNameError, match="did you mean 'phase'"):
        study_command("phases", run=nowhere, out=tmp_path / "out")
    with pytest.raises(ConfigurationError, match="takes no pairs"):
        study_command("all", run=nowhere, out=tmp_path / "out", pairs=2)
    with pytest.raises(RunError, match="no run here"):
        study_command("phase", run=nowhere, out=tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "run", "data", "advice"),
    [
        ("phase", False, False, "works on a run: name its folder by --run"),
        ("phase", True, True, "takes no folder of data: leave out --data"),
        ("failure", False, True, "works on a run"),
        ("fidelity", False, False, "works on authors' outputs: name a folder of them by --data"),
        ("fidelity", True, True, "works on no run: leave out --run"),
        ("all", True, True, "--data is for one study"),
        ("all", False, False, "works on a run"),
    ],
)
def test_a_study_asks_for_the_folders_that_it_works_on(tmp_path, name, run, data, advice):
    folders = {"run": tmp_path if run else None, "data": tmp_path if data else None}
    with pytest.raises(ConfigurationError, match=advice):
        study_command(name, out=tmp_path / "out", **folders)
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def made_up(context, monkeypatch):
    """Four studies, of which one alone can be done; returns the order in which they are checked and run."""
    done = []

    def checked(name):
        def check(_):
            done.append(f"check {name}")
            if name == "hopeless":
                raise ConfigurationError("no clips for judges")

        return check

    def ran(name):
        def run(_, settings):
            done.append(f"run {name}")
            if name == "broken":
                raise MethodError("the output is silent")
            return without_claims()

        return run

    pairs = {"broken": 1, "fine": 1, "greedy": 1000, "hopeless": 1}
    studies = {
        name: Study(name, f"Is it {name}?", "here", ran(name), None, None, count, check=checked(name))
        for name, count in pairs.items()
    }
    registry = "timbrebench.experiments.studies.study_registry"
    monkeypatch.setattr(f"{registry}.STUDIES", tuple(sorted(studies)))
    monkeypatch.setattr(f"{registry}.find_study", studies.__getitem__)
    opened = (None, context.dataset, context.judge, context.suite)
    monkeypatch.setattr("timbrebench.experiments.run.opened_run.open_suite", lambda _: opened)
    return done


def test_what_cannot_be_done_is_known_first_and_stops_no_other_study(made_up, tmp_path, capsys):
    with pytest.raises(RunError, match="given above: greedy, hopeless, broken"):
        study_command("all", run=tmp_path / "run", out=tmp_path)
    assert made_up == ["check broken", "check fine", "check hopeless", "run broken", "run fine"]
    assert (tmp_path / "fine.md").is_file()
    printed = capsys.readouterr()
    assert "Is it fine?" in printed.out
    assert "greedy is left out: 1000 pairs are asked for" in printed.err
    assert "hopeless is left out: no clips for judges" in printed.err
    assert "broken is left out: the output is silent" in printed.err


def test_a_single_study_that_cannot_be_done_says_why_itself(made_up, tmp_path):
    with pytest.raises(ConfigurationError, match="no clips for judges"):
        study_command("hopeless", run=tmp_path / "run", out=tmp_path)
    with pytest.raises(MethodError, match="silent"):
        study_command("broken", run=tmp_path / "run", out=tmp_path)
    assert made_up == ["check hopeless", "check broken", "run broken"]
