"""A small dataset of two instruments, and a judge that was trained on it for a few seconds."""

from __future__ import annotations

import pytest

from timbrebench.classifier import JudgeConfiguration, train_judge
from timbrebench.classifier.style.style_augmentation import Augmentation
from timbrebench.classifier.style.style_features import compute_features
from timbrebench.classifier.style.style_training import with_familiarity
from timbrebench.datasets import DatasetConfiguration, build_dataset

QUICK = JudgeConfiguration(
    max_epochs=12, batch_size=4, averaging=0.9, augmentation=Augmentation(share=0.3, crop=0.6)
)


@pytest.fixture(scope="session")
def dataset(tmp_path_factory):
    configuration = DatasetConfiguration(
        pieces=16,
        instruments=("piano", "trumpet"),
        renderings=2,
        soundfonts=("TimGM6mb",),
        clip_duration_s=2.0,
        clips_per_piece=2,
    )
    return build_dataset(configuration, tmp_path_factory.mktemp("judged") / "dataset")


@pytest.fixture(scope="session")
def features(dataset):
    return compute_features(dataset, QUICK.front_end)


@pytest.fixture(scope="session")
def quick():
    return QUICK


@pytest.fixture(scope="session")
def brief():
    """For tests that ask what is written, not what is heard."""
    return QUICK.model_copy(update={"max_epochs": 2})


@pytest.fixture(scope="session")
def training(features):
    return train_judge(features, QUICK)


@pytest.fixture(scope="session")
def judge(training, features):
    return with_familiarity(training.judge, features)


@pytest.fixture(scope="session")
def clip(dataset):
    """The samples of a clip of a piece that the judge has not heard."""
    test = dataset.select(split="test")
    return test.samples(next(test.clips()))


@pytest.fixture(scope="session")
def multi_label_features(features):
    """The same clips, each with the labels of its sound; those of one test piece with none."""
    labels = features.manifest.label.map({"piano": "keyboard|struck", "trumpet": "wind"})
    manifest = features.manifest.assign(label=labels)
    nameless = manifest[manifest.split == "test"].piece.min()
    manifest.loc[manifest.piece == nameless, "label"] = None
    return type(features)(features.spectrograms, manifest, features.front_end)
