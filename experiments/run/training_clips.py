"""The dataset of a run: what its methods and its judge learn from, and what its pairs are drawn from.

A run with a published judge needs no clips to train one on, half of the default dataset, and one on a frozen
suite, which has its own clips, no test pieces: what methods learn from is a sixth. A piece sounds as in the
whole dataset. Pieces are those of the whole dataset where a suite was frozen beside it; else the splits are
filled by themselves, with no scores converted for those left out, and some pieces are others.
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


class PartialDataset(FrozenModel):
    """The configuration of a dataset that holds only some splits of another.

    Attributes
    ----------
    dataset : DatasetConfiguration
        The dataset that they are a part of.
    splits : tuple of str
        Which splits.
    """

    dataset: DatasetConfiguration
    splits: tuple[Literal["train", "test"], ...]


def build_run_dataset(configuration: RunConfiguration, root: Path, executor: Executor) -> Dataset:
    """Build what a run learns from and draws its pairs from, or resume building it.

    It is the whole dataset of the configuration. Where the judges are published, it has only the training
    pieces and, where no frozen suite has the pairs, the test pieces, unless the whole one is there already.
    Raises as :func:`~timbrebench.datasets.build_dataset` does: DatasetError, CorpusError,
    MissingResourceError, StorageError.
    """
    whole, suite = configuration.dataset, configuration.suite.name
    if not all(judge.name for judge in configuration.style_judges) or _is_whole(root):
        return build_dataset(whole, root, executor=executor)
    about = PartialDataset(dataset=whole, splits=("train",) if suite else ("train", "test"))
    if is_finished(about, root):
        return Dataset.open(root)
    recipe = load_frozen(suite).recipe if suite else None
    is_alone = not suite or (recipe is not None and recipe.made.plans_training_alone)
    wanted: tuple[str, ...] = about.splits
    quotas = {name: split_quotas(whole)[name] for name in wanted} if is_alone else None
    planned, pitch_range = find_pieces(whole, executor, quotas)
    pieces = [piece for piece in planned if piece.split in wanted]
    return build_pieces(about, whole, pieces, root, pitch_range=pitch_range, executor=executor)


def _is_whole(root: Path) -> bool:
    """Whether a folder holds a dataset of all splits."""
    if not (root / DESCRIPTION).is_file():
        return False
    return configuration_of(Dataset.open(root).description, PartialDataset) is None
