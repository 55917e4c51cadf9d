"""What a kind of suite answers for.

A kind is one file: a model of how its suites are configured, which settles its pieces, its further clips, its
pairs, how it is frozen, and how its clips come about. A recipe finds it by the value of its key ``kind``
(:data:`timbrebench.experiments.suites.recipes.AnyKind`, where a new kind is listed).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection
from pathlib import Path
from typing import NamedTuple

from pydantic import BaseModel

from timbrebench.core.frozen_model import FrozenModel
from timbrebench.core.workers.executors import Executor
from timbrebench.datasets.dataset import Dataset
from timbrebench.experiments.suites.frozen_pairs import FrozenPairs


class ClipWork(NamedTuple):
    """For which suite clips are made, where they go, and what makes them.

    The title, name and version of the suite, is for messages; `about` is what the clips' own dataset says
    that it is made of; `root` is the folder of that dataset, where clips that are there already are used.
    """

    title: str
    about: BaseModel
    root: Path
    executor: Executor


class SuiteKind(FrozenModel, ABC):
    """A kind of suite, with its configuration.

    Each kind has the field ``kind``, its name, and the field ``dataset``, the configuration of the dataset
    that judges and methods of a run learn from unless the run has another one. Frozen suites hold a kind's
    fields: they keep their names and their order.
    """

    @property
    def is_of_one_tune(self) -> bool:
        """Whether content and style are one tune by one instrument, so that the style is right."""
        return False

    @property
    def is_nested(self) -> bool:
        """Whether any first pairs of a suite are a stratified sample, so that runs may take only them."""
        return False

    @property
    def plans_training_alone(self) -> bool:
        """Whether the pieces that methods learn from are those of a dataset of training pieces alone."""
        return False

    @abstractmethod
    def freeze(self, work: ClipWork, source: Path | None, learned: Collection[str]) -> FrozenPairs:
        """Make the clips that can be made, draw the pairs and freeze both.

        Parameters
        ----------
        work : ClipWork
            How clips are made.
        source : pathlib.Path or None
            A folder of what the suite is drawn from; a `ConfigurationError` is raised where it is needed and
            missing, or given and not needed.
        learned : collection of str
            Pieces that the content judge has learned from, which are left out.
        """

    @abstractmethod
    def open_clips(self, title: str, root: Path, audio: str) -> Dataset:
        """Open the dataset that holds the clips of a frozen suite.

        Parameters
        ----------
        title : str
            Name and version of the suite, for messages.
        root : pathlib.Path
            The folder that :meth:`make_clips` was given.
        audio : str
            The folder of audio that the run's configuration names, or an empty text; a `ConfigurationError`
            is raised where it is needed and missing, or given and not needed.
        """

    @abstractmethod
    def make_clips(self, work: ClipWork, frozen: FrozenPairs, audio: str) -> Dataset:
        """Make what is missing of the clips of a frozen suite, and open them as :meth:`open_clips` does."""
