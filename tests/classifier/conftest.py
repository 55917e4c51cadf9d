"""A small dataset of two instruments, and a judge that was trained on it."""

from __future__ import annotations

import pytest

from timbrebench.classifier import JudgeConfiguration, train_judge
from timbrebench.classifier.features import compute_features
from timbrebench.classifier.front_end import FrontEnd
from timbrebench.datasets import DatasetConfiguration, build_dataset

QUICK = JudgeConfiguration(max_epochs=20, batch_size=8)


@pytest.fixture(scope="session")
def dataset(tmp_path_factory):
    configuration = DatasetConfiguration(
        pieces=12,
        instruments=("piano", "organ"),
        soundfonts=("TimGM6mb",),
        clip_duration_s=2.0,
        clips_per_piece=2,
    )
    return build_dataset(configuration, tmp_path_factory.mktemp("judged") / "dataset")


@pytest.fixture(scope="session")
def features(dataset):
    return compute_features(dataset, FrontEnd())


@pytest.fixture(scope="session")
def quick():
    return QUICK


@pytest.fixture(scope="session")
def training(features):
    return train_judge(features, QUICK)


@pytest.fixture(scope="session")
def judge(training):
    return training.judge


@pytest.fixture(scope="session")
def clip(dataset):
    """The samples of a clip of a piece that the judge has not heard."""
    test = dataset.select(split="test")
    return test.samples(next(test.clips()))
