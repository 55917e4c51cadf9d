"""The dataset of a run: what its methods and its judge learn from.

A run on a frozen suite with a published judge needs only the clips that methods learn from: the suite has its
own, and the judge is trained. They are a sixth of the default dataset, and the same clips.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from timbrebench.core.frozen_model import FrozenModel
from timbrebench.core.workers.executors import Executor
from timbrebench.datasets import Dataset, DatasetConfiguration, build_dataset
from timbrebench.datasets.building import configuration_of, is_finished
from timbrebench.datasets.dataset import DESCRIPTION
from timbrebench.datasets.rendering.piece_planning import split_quotas
from timbrebench.datasets.rendering.rendered_dataset import build_pieces, find_pieces
from timbrebench.experiments.run.run_configuration import RunConfiguration
from timbrebench.experiments.suites.frozen_suite import load_frozen


class TrainingClips(FrozenModel):
    """The configuration of a dataset that holds only the training pieces of another.

    Attributes
    ----------
    dataset : DatasetConfiguration
        The dataset that they are a part of.
    split : "train"
        Which part.
    """

    dataset: DatasetConfiguration
    split: Literal["train"] = "train"


def build_run_dataset(configuration: RunConfiguration, root: Path, executor: Executor) -> Dataset:
    """Build what a run learns from, or resume building it.

    It is the whole dataset of the configuration. Where pairs and judge come from elsewhere, it is its
    training pieces alone, unless the whole one is there already. Raises as
    :func:`~timbrebench.datasets.build_dataset` does: DatasetError, CorpusError, MissingResourceError,
    StorageError.
    """
    whole = configuration.dataset
    is_trained = all(judge.name for judge in configuration.style_judges)
    if not (is_trained and configuration.suite.name) or _is_whole(root):
        return build_dataset(whole, root, executor=executor)
    about = TrainingClips(dataset=whole)
    if is_finished(about, root):
        return Dataset.open(root)
    recipe = load_frozen(configuration.suite.name).recipe
    is_alone = recipe is not None and recipe.made.plans_training_alone
    quotas = {"train": split_quotas(whole)["train"]} if is_alone else None
    pieces, pitch_range = find_pieces(whole, executor, quotas)
    training = [piece for piece in pieces if piece.split == about.split]
    return build_pieces(about, whole, training, root, pitch_range=pitch_range, executor=executor)


def _is_whole(root: Path) -> bool:
    """Whether a folder holds a finished dataset of more than training pieces."""
    if not (root / DESCRIPTION).is_file():
        return False
    return configuration_of(Dataset.open(root).description, TrainingClips) is None
