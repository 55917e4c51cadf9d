"""A run that two style judges score."""

import shutil

import pandas as pd
import pytest

from timbrebench.classifier.style.published_judges import published_card
from timbrebench.experiments.benchmark import read_results, run_benchmark
from timbrebench.experiments.report.contents import Contents
from timbrebench.experiments.report.report_page import write_page
from timbrebench.experiments.report.terminal import print_run
from timbrebench.experiments.run.run_configuration import RunConfiguration
from timbrebench.experiments.submissions.submission_checking import check_submission
from timbrebench.experiments.submissions.submission_merging import combine
from timbrebench.experiments.submissions.submission_packing import submit
from timbrebench.experiments.submissions.submission_reading import read_submission
from timbrebench.experiments.submissions.submission_verification import verify_submissions

SECOND = "instruments-6-1"


@pytest.fixture(scope="module")
def judged_twice(run, tiny, tmp_path_factory):
    """The finished run, to which a second judge is added."""
    root = tmp_path_factory.mktemp("twice") / "run"
    shutil.copytree(run.root, root)
    configuration = RunConfiguration.model_validate(tiny.model_dump() | {"second_judge": {"name": SECOND}})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("timbrebench.experiments.report.report_writing.write_report", lambda *_: None)
        return run_benchmark(configuration, root)


def test_a_second_judge_adds_its_scores_and_changes_no_others(run, judged_twice):
    results = judged_twice.results
    assert results.second_judge == published_card(SECOND).fingerprint
    second = results.scores.second_style_accuracy
    assert second.notna().sum() == run.results.scores.style_accuracy.notna().sum() > 0
    others = results.scores.drop(columns="second_style_accuracy")
    pd.testing.assert_frame_equal(others, run.results.scores.drop(columns="second_style_accuracy"))
    assert run.results.scores.second_style_accuracy.isna().all()


def test_a_run_with_two_judges_is_read_as_it_was_made(judged_twice):
    again = read_results(judged_twice.root)
    pd.testing.assert_frame_equal(again.scores, judged_twice.results.scores)
    assert str(again.headline) == "version 2 of the headline by two style judges"


def test_what_people_see_says_how_many_judges_there_are(run, judged_twice, capsys):
    said = []
    for each in (run, judged_twice):
        print_run(each.root, as_json=False)
        said.append(capsys.readouterr().out)
    assert "scored by one judge: name a second one in [second_judge]" in " ".join(said[0].split())
    assert "second style judge" in said[1]
    assert "scored by one judge" not in said[1]
    contents = Contents.of(judged_twice.results, judged_twice.leaderboard)
    page = write_page(contents, judged_twice.root).read_text(encoding="utf-8")
    assert "The second judge" in page
    assert f"published judge <code>{SECOND}</code>" in page


def test_a_submission_holds_both_judges(judged_twice, tmp_path):
    about = submit(judged_twice.root, tmp_path / "two.zip", submitter="Ada")
    assert about.second_judge == published_card(SECOND).fingerprint
    submission = read_submission(tmp_path / "two.zip")
    problems = check_submission(submission)
    assert [problem for problem in problems if "not valid" not in problem] == []
    pd.testing.assert_frame_equal(submission.results.scores, judged_twice.results.scores)
    merged = combine([submission], verify_submissions([submission]))
    assert merged.results.headline == judged_twice.results.headline
    assert {"judge_dependent", "mean_style_accuracy"} <= set(merged.table)
