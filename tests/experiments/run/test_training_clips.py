"""What a run learns from where its judge has learned already."""

from __future__ import annotations

import shutil

import pandas as pd
import pytest

from timbrebench.classifier.style.published_judges import published_card
from timbrebench.core.errors import ConfigurationError, DatasetError
from timbrebench.core.workers.executors import LocalExecutor
from timbrebench.datasets import Dataset, verify_dataset
from timbrebench.experiments.benchmark import run_benchmark
from timbrebench.experiments.run.layout import DATASET, JUDGE, JUDGE_FILE
from timbrebench.experiments.run.opened_run import open_suite
from timbrebench.experiments.run.run_configuration import RunConfiguration, load_configuration
from timbrebench.experiments.run.tasks import training_key
from timbrebench.experiments.run.training_clips import build_run_dataset
from timbrebench.experiments.submissions.rescoring import rescore_outputs
from timbrebench.experiments.submissions.submission_archive import Archive
from timbrebench.experiments.submissions.submission_checking import check_submission
from timbrebench.experiments.submissions.submission_packing import submit
from timbrebench.experiments.submissions.submission_reading import read_submission
from timbrebench.experiments.suites.frozen_suite import freeze, write_frozen
from timbrebench.experiments.suites.kinds.rendered_kind import RenderedKind
from timbrebench.experiments.suites.recipes import Recipe
from timbrebench.experiments.suites.suite import make_suite

JUDGED_BY = "instruments-6-1"


@pytest.fixture(scope="module")
def published(tiny, run, tmp_path_factory):
    """The tiny run's pairs as a frozen suite, scored by a published judge."""
    made = RenderedKind(dataset=tiny.dataset, draw=tiny.suite)
    recipe = Recipe(name="tiny", version=1, summary="Piano and trumpet.", made=made)
    path = write_frozen(freeze(run.results.suite, recipe=recipe), tmp_path_factory.mktemp("frozen"))
    content = tiny.model_dump(mode="json")
    content |= {
        "suite": {"name": str(path)},
        "judge": {"name": JUDGED_BY},
        "methods": [{"method": "envelope"}],
    }
    return RunConfiguration.model_validate(content)


@pytest.fixture(scope="module")
def judged(published, tmp_path_factory):
    return run_benchmark(published, tmp_path_factory.mktemp("judged") / "run")


@pytest.fixture
def work():
    with LocalExecutor(["timbrebench.datasets"], workers=1) as executor:
        yield executor


def test_only_what_methods_learn_from_is_there_and_it_is_the_same(judged, run):
    part, whole = Dataset.open(judged.root / DATASET), Dataset.open(run.root / DATASET)
    expected = whole.select(split="train").manifest.sort_values("clip_id", ignore_index=True)
    found = part.manifest.sort_values("clip_id", ignore_index=True)
    assert len(found)
    pd.testing.assert_frame_equal(found, expected[list(found.columns)], check_dtype=False)
    assert verify_dataset(judged.root / DATASET) == []
    suite = judged.results.suite
    assert training_key(suite, part) == training_key(suite, whole)


def test_only_what_is_learned_from_and_test_pieces_are_there_where_pairs_are_drawn(tiny, run, tmp_path, work):
    content = tiny.model_dump(mode="json") | {"judge": {"name": JUDGED_BY}}
    drawn = RunConfiguration.model_validate(content)
    part, whole = build_run_dataset(drawn, tmp_path / "dataset", work), Dataset.open(run.root / DATASET)
    pieces = part.manifest.groupby("split").piece.nunique().to_dict()
    assert pieces == {
        split: whole.select(split=split).manifest.piece.nunique() for split in ("train", "test")
    }
    both = part.manifest.merge(whole.manifest, on="clip_id")
    assert len(both) > len(part) / 2
    assert (both.sha256_x == both.sha256_y).all()
    assert make_suite(part, drawn.suite).pairs
    assert verify_dataset(tmp_path / "dataset") == []


def test_nothing_is_trained_and_every_output_is_scored_by_that_judge(judged):
    assert not (judged.root / JUDGE / "learning_curve.csv").exists()
    assert open_suite(judged.root).judge.fingerprint == published_card(JUDGED_BY).fingerprint
    assert judged.results.of("reference").style_accuracy.notna().all()
    assert judged.leaderboard.is_valid


def test_a_whole_dataset_that_is_there_is_taken_as_it_is(published, run, tmp_path, work):
    root = shutil.copytree(run.root / DATASET, tmp_path / "dataset")
    before = (root / "dataset.json").stat().st_mtime_ns
    assert set(build_run_dataset(published, root, work).manifest.split) == {
        "train",
        "judge",
        "validation",
        "test",
    }
    assert (root / "dataset.json").stat().st_mtime_ns == before


def test_training_clips_are_no_dataset_to_train_a_judge_on(judged, tiny, tmp_path, work):
    root = shutil.copytree(judged.root / DATASET, tmp_path / "dataset")
    with pytest.raises(DatasetError, match="another configuration"):
        build_run_dataset(tiny, root, work)


def test_a_suite_that_the_judge_has_learned_is_refused(published, run, tmp_path, monkeypatch):
    """A judge of other pieces: its card names one of the suite's."""
    piece = run.results.suite.pairs[0].content.piece
    card = published_card(JUDGED_BY).model_copy(update={"training_pieces": (piece,)})
    monkeypatch.setattr("timbrebench.experiments.run.opened_run.published_card", lambda _: card)
    root = tmp_path / "run"
    with pytest.raises(DatasetError, match=f"learned from in this run, such as {piece}"):
        run_benchmark(published, root)


def test_a_judge_that_does_not_know_a_style_is_refused(tmp_path):
    path = tmp_path / "run.toml"
    path.write_text(f'name = "x"\n[judge]\nname = "{JUDGED_BY}"\n[suite]\nname = "cross-synthesis"\n')
    with pytest.raises(ConfigurationError, match="does not know the suite's labels celesta, violin"):
        load_configuration(str(path))
    path.write_text(
        f'name = "x"\n[judge]\nname = "{JUDGED_BY}"\n[dataset]\ninstruments = ["piano", "Violin"]\n'
    )
    with pytest.raises(ConfigurationError, match="does not know the suite's labels violin"):
        load_configuration(str(path))


def test_a_submission_needs_no_judge_of_its_own(judged, tmp_path):
    about = submit(judged.root, tmp_path / "one.zip", submitter="Ada", audio=True)
    assert about.judge == published_card(JUDGED_BY).fingerprint
    with Archive(tmp_path / "one.zip") as archive:
        assert JUDGE_FILE not in archive.names()
    submission = read_submission(tmp_path / "one.zip")
    assert check_submission(submission) == []
    rescored = rescore_outputs(submission, Dataset.open(judged.root / "suite"))
    assert rescored.problems == ()
    assert "scored again" in rescored.summary


def test_the_leaderboard_s_profile_has_the_methods_of_the_default():
    leaderboard = load_configuration("leaderboard")
    assert leaderboard.methods == load_configuration("trained").methods
    assert [judge.name for judge in leaderboard.style_judges] == [JUDGED_BY, "instruments-6-mel-1"]
