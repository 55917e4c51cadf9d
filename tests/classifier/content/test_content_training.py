import numpy as np
import pytest
import torch
from pydantic import ValidationError

from timbrebench.classifier.content.content_evaluation import choose_decoding, evaluate_on
from timbrebench.classifier.content.content_training import ContentConfiguration, train_content_judge
from timbrebench.core.errors import JudgeError


def test_a_few_seconds_of_training_are_enough_to_hear_most_frames(judge, features):
    assert evaluate_on(judge, features.where(split=["test"])).overall.frame_f1 > 0.3


def test_the_same_seed_trains_the_same_judge(judge, features, quick):
    assert train_content_judge(features, quick).judge.fingerprint == judge.fingerprint


def test_another_seed_trains_another_judge(judge, features, quick):
    other = quick.model_copy(update={"seed": 1})
    assert train_content_judge(features, other).judge.fingerprint != judge.fingerprint


def test_the_callers_random_state_and_threads_are_left_alone(features, quick):
    state, threads = torch.random.get_rng_state(), torch.get_num_threads()
    train_content_judge(features, quick.model_copy(update={"max_epochs": 1}))
    assert torch.equal(torch.random.get_rng_state(), state)
    assert torch.get_num_threads() == threads


def test_the_learning_curve_goes_down(training, quick):
    curve = training.curve
    assert list(curve.columns) == ["epoch", "train_loss", "validation_loss"]
    assert len(curve) <= quick.max_epochs
    assert curve.validation_loss.min() < curve.validation_loss.iloc[0]


def test_the_judge_says_what_it_has_learned_from(judge, features):
    learned = features.where(split=["judge", "validation"]).manifest
    assert set(judge.training_pieces) == set(learned.piece)
    assert judge.training_clips == set(learned.sha256)
    assert judge.soundfonts == ("FluidR3_GM", "TimGM6mb")


def test_thresholds_are_those_of_the_validation_split(judge, features):
    validation = features.where(split=["validation"])
    assert choose_decoding(validation, *judge.probabilities_of(validation.levels)) == judge.decoding


@pytest.mark.parametrize("split", ["judge", "validation"])
def test_an_empty_split_is_refused(features, quick, split):
    rows = (features.manifest.split != split).to_numpy(copy=True)
    with pytest.raises(JudgeError, match="empty"):
        train_content_judge(features.select(rows), quick)


def test_training_that_diverges_says_so(features):
    wild = ContentConfiguration(max_epochs=1, batch_size=4, channels=8, blocks=1, learning_rate=1e30)
    with pytest.raises(JudgeError, match="learning_rate"):
        train_content_judge(features, wild)


@pytest.mark.parametrize("settings", [{"epochs": 3}, {"crop_frames": 4}, {"channels": 0}, {"seed": -1}])
def test_settings_that_make_no_sense_are_refused(settings):
    with pytest.raises(ValidationError):
        ContentConfiguration(**settings)


def test_pictures_as_bytes_are_heard_as_pictures(judge, features):
    levels = features.levels[:2]
    answers = judge.probabilities_of(levels), judge.probabilities_of(levels.float() / 255)
    for coarse, fine in zip(*answers, strict=True):
        np.testing.assert_array_equal(coarse, fine)
