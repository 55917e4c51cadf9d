"""A small dataset of two families, and a content judge that was trained on it for a few seconds."""

from __future__ import annotations

import pytest

from timbrebench.classifier.content.content_features import compute_features
from timbrebench.classifier.content.content_front_end import PitchFrontEnd
from timbrebench.classifier.content.content_training import ContentConfiguration, train_content_judge
from timbrebench.datasets import DatasetConfiguration, build_dataset

QUICK = ContentConfiguration(
    max_epochs=15, patience=15, batch_size=4, learning_rate=2e-2, channels=8, blocks=1
)


@pytest.fixture(scope="session")
def dataset(tmp_path_factory):
    configuration = DatasetConfiguration(
        pieces=12,
        instruments=("piano", "organ"),
        soundfonts=("FluidR3_GM", "TimGM6mb"),
        clip_duration_s=2.0,
        clips_per_piece=1,
    )
    return build_dataset(configuration, tmp_path_factory.mktemp("heard") / "dataset")


@pytest.fixture(scope="session")
def features(dataset):
    return compute_features(dataset, PitchFrontEnd())


@pytest.fixture(scope="session")
def quick():
    return QUICK


@pytest.fixture(scope="session")
def training(features):
    return train_content_judge(features, QUICK)


@pytest.fixture(scope="session")
def judge(training):
    return training.judge


@pytest.fixture(scope="session")
def clip(dataset):
    """The samples of a clip of a piece that the judge has not heard."""
    test = dataset.select(split="test")
    return test.samples(next(test.clips()))
