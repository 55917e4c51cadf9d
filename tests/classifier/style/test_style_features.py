import numpy as np
import torch

from timbrebench.classifier import JudgeConfiguration
from timbrebench.classifier.style.cross_validation import cross_validate
from timbrebench.classifier.style.sound_variation import SoundVariation
from timbrebench.classifier.style.style_features import compute_features


def test_varied_copies_follow_the_clips_and_are_left_out_of_tests(dataset, features, quick):
    varied = compute_features(dataset, quick.front_end, SoundVariation(copies=2))
    assert len(varied.manifest) == 3 * len(features.manifest)
    assert torch.equal(varied.unvaried().spectrograms, features.spectrograms)
    assert list(varied.manifest["copy"].unique()) == [0, 1, 2]
    first = varied.select(np.array(varied.manifest["copy"] == 1))
    assert list(first.manifest.clip_id) == list(features.manifest.clip_id)
    changed = (first.spectrograms - features.spectrograms).abs().amax(dim=(1, 2)) > 1
    assert changed.float().mean() > 0.8


def test_folds_are_tested_on_clips_alone(dataset, features, brief, tmp_path):
    configuration = brief.model_copy(update={"variation": SoundVariation(), "max_epochs": 1})
    varied = compute_features(dataset, brief.front_end, configuration.variation)
    folds = cross_validate(varied, configuration, tmp_path, folds=2)
    assert sum(fold.clips for fold in folds) == len(features.first_programs().manifest)


def test_a_judge_without_copies_keeps_the_key_that_it_was_stored_under():
    assert "variation" not in JudgeConfiguration().model_dump()
    assert JudgeConfiguration(variation=SoundVariation()).model_dump()["variation"]["copies"] == 1
