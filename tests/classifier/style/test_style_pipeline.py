import json
import shutil

import numpy as np
import pandas as pd
import pytest

from timbrebench.classifier import Evaluation, Judge, build_judge
from timbrebench.classifier.style.style_pipeline import CURVE_FILE, EVALUATION_FILE, JUDGE_FILE
from timbrebench.core.errors import JudgeError, StorageError


@pytest.fixture(scope="module")
def built(dataset, brief, tmp_path_factory):
    folder = tmp_path_factory.mktemp("built") / "judge"
    build_judge(dataset, brief, folder)
    return folder


@pytest.fixture
def folder(built, tmp_path):
    """A copy of the judge's folder, to do with as a test likes."""
    return shutil.copytree(built, tmp_path / "judge")


def stamps(folder):
    return {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}


def test_the_folder_holds_the_judge_its_evaluation_and_its_curve(folder, dataset):
    assert Judge.load(folder / JUDGE_FILE).labels == dataset.labels
    content = json.loads((folder / EVALUATION_FILE).read_text(encoding="utf-8"))
    evaluation = Evaluation.model_validate(content)
    assert evaluation.clips == len(dataset.select(split="test", program=[0, 56]))
    assert list(pd.read_csv(folder / CURVE_FILE).epoch) == [0, 1]
    assert not [path for path in folder.iterdir() if path.is_dir()]


def test_a_second_call_only_loads(folder, dataset, brief, clip):
    before, kept = stamps(folder), Judge.load(folder / JUDGE_FILE)
    again = build_judge(dataset, brief, folder)
    assert stamps(folder) == before
    assert again.fingerprint == kept.fingerprint
    np.testing.assert_array_equal(
        again.predict(clip, 22_050).probabilities, kept.predict(clip, 22_050).probabilities
    )


def test_another_configuration_is_trained(folder, dataset, brief):
    kept = Judge.load(folder / JUDGE_FILE).fingerprint
    other = build_judge(dataset, brief.model_copy(update={"seed": 7}), folder)
    assert other.fingerprint != kept
    assert Judge.load(folder / JUDGE_FILE).fingerprint == other.fingerprint


def test_another_dataset_is_trained(folder, dataset, brief):
    before = stamps(folder)
    dropped = dataset.select(split=["validation", "test"]).manifest.piece
    fewer = sorted(set(dataset.manifest.piece) - set(dropped))[1:]
    build_judge(dataset.select(piece=[*fewer, *set(dropped)]), brief, folder)
    assert stamps(folder)[JUDGE_FILE] > before[JUDGE_FILE]


@pytest.mark.parametrize("name", [JUDGE_FILE, EVALUATION_FILE, CURVE_FILE])
def test_a_missing_file_is_made_again(folder, dataset, brief, name):
    kept = Judge.load(folder / JUDGE_FILE).fingerprint
    (folder / name).unlink()
    assert build_judge(dataset, brief, folder).fingerprint == kept
    assert (folder / name).is_file()


def test_a_damaged_judge_is_trained_again(folder, dataset, brief):
    kept = Judge.load(folder / JUDGE_FILE).fingerprint
    (folder / JUDGE_FILE).write_bytes(b"damaged")
    assert build_judge(dataset, brief, folder).fingerprint == kept


def test_a_judge_from_a_build_that_failed_is_not_taken_for_the_one_before(folder, dataset, brief):
    kept = Judge.load(folder / JUDGE_FILE).fingerprint
    (folder / CURVE_FILE).unlink()
    (folder / CURVE_FILE).mkdir()
    with pytest.raises(StorageError):
        build_judge(dataset, brief.model_copy(update={"seed": 7}), folder)
    (folder / CURVE_FILE).rmdir()
    assert build_judge(dataset, brief, folder).fingerprint == kept


def test_no_clips_make_no_judge(dataset, brief, tmp_path):
    with pytest.raises(JudgeError, match="no clip"):
        build_judge(dataset.select(piece="none"), brief, tmp_path)
