import numpy as np
import pytest

from timbrebench.classifier.style.cross_validation import cross_validate, leave_soundfonts_out
from timbrebench.classifier.style.style_features import first_programs
from timbrebench.core.errors import JudgeError
from timbrebench.datasets.instruments import is_first_program


@pytest.fixture(scope="module")
def folder(features, brief, tmp_path_factory):
    folder = tmp_path_factory.mktemp("folds")
    cross_validate(features, brief, folder, folds=2)
    return folder


def stamps(folder):
    return {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}


def renamed(features, families):
    manifest = features.manifest.assign(soundfont_family=families)
    return type(features)(features.spectrograms, manifest, features.front_end)


def test_every_piece_is_tested_once_on_first_programs(features, brief, folder):
    evaluations = cross_validate(features, brief, folder, folds=2)
    manifest = features.manifest
    first = [is_first_program(*row) for row in zip(manifest.label, manifest.program, strict=True)]
    assert sum(evaluation.clips for evaluation in evaluations) == sum(first) < len(manifest)


def test_finished_folds_are_kept(features, brief, folder):
    before = stamps(folder)
    assert set(before) == {"fold-0.json", "fold-1.json"}
    cross_validate(features, brief, folder, folds=2)
    assert stamps(folder) == before


def test_a_missing_fold_is_made_again_alone(features, brief, folder):
    evaluations, before = cross_validate(features, brief, folder, folds=2), stamps(folder)
    (folder / "fold-1.json").unlink()
    assert cross_validate(features, brief, folder, folds=2) == evaluations
    assert stamps(folder)["fold-0.json"] == before["fold-0.json"]


def test_which_split_a_piece_was_in_does_not_matter(features, brief, folder):
    before = stamps(folder)
    manifest = features.manifest.assign(split="train")
    mixed = type(features)(features.spectrograms, manifest, features.front_end)
    cross_validate(mixed, brief, folder, folds=2)
    assert stamps(folder) == before


def test_of_labels_without_programs_all_clips_are_tested(features, brief, tmp_path):
    manifest = features.manifest.assign(
        label=features.manifest.label.map({"piano": "dull", "trumpet": "bright"})
    )
    unknown = type(features)(features.spectrograms, manifest, features.front_end)
    evaluations = cross_validate(unknown, brief.model_copy(update={"max_epochs": 1}), tmp_path, folds=2)
    assert sum(evaluation.clips for evaluation in evaluations) == len(manifest)


def test_clips_of_several_labels_or_none_all_count(multi_label_features):
    assert first_programs(multi_label_features.manifest).all()


@pytest.mark.parametrize("folds", [1, 15])
def test_numbers_of_folds_that_make_no_sense_are_refused(features, brief, tmp_path, folds):
    with pytest.raises(JudgeError, match="folds"):
        cross_validate(features, brief, tmp_path, folds=folds)


def test_with_one_family_none_can_be_left_out(features, brief, tmp_path):
    assert leave_soundfonts_out(features, brief, tmp_path) == {}


def test_each_family_is_left_out_in_turn(features, brief, tmp_path):
    two = renamed(features, np.where(np.arange(len(features.manifest)) % 2, "odd", "even"))
    evaluations = leave_soundfonts_out(two, brief, tmp_path)
    assert set(evaluations) == {"even", "odd"}
    test = two.where(split=["test"]).first_programs().manifest
    assert evaluations["odd"].clips == (test.soundfont_family == "odd").sum()
    before = stamps(tmp_path)
    assert leave_soundfonts_out(two, brief, tmp_path) == evaluations
    assert stamps(tmp_path) == before


def test_a_family_that_alone_plays_a_label_is_not_left_out(features, brief, tmp_path):
    own = renamed(features, features.manifest.label)
    assert leave_soundfonts_out(own, brief, tmp_path) == {}
