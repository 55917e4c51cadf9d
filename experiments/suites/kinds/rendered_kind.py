"""The kind ``rendered``: pairs drawn from the test pieces of a rendered dataset."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Literal, Self

from pydantic import model_validator

from timbrebench.core.workers.executors import Executor
from timbrebench.datasets.dataset import Dataset
from timbrebench.datasets.rendering.dataset_configuration import DatasetConfiguration
from timbrebench.datasets.rendering.rendered_dataset import find_pieces
from timbrebench.experiments.suites.kinds.rendered_clips import Planned, RenderedClips
from timbrebench.experiments.suites.suite import (
    OWN_SOUNDFONTS,
    OpenedSuite,
    SuiteConfiguration,
    make_suite,
)


class RenderedKind(RenderedClips):
    """Pairs drawn from the test pieces of a rendered dataset.

    Attributes
    ----------
    kind : "rendered"
        Which kind this is.
    dataset : DatasetConfiguration
        The dataset. Judges and methods of a run learn from it as well, unless the run has another one.
    draw : SuiteConfiguration
        How pairs are drawn.
    """

    kind: Literal["rendered"] = "rendered"
    dataset: DatasetConfiguration = DatasetConfiguration()
    draw: SuiteConfiguration = SuiteConfiguration()

    @model_validator(mode="after")
    def _check_soundfont(self) -> Self:
        if self.draw.soundfont == OWN_SOUNDFONTS or self.dataset.has_own_soundfonts:
            raise ValueError(
                "a frozen suite is played by one soundfont: name it in draw, and give soundfonts of the "
                "dataset as a list"
            )
        return self

    @property
    def clips_configuration(self) -> DatasetConfiguration:
        """The dataset on the suite's soundfont alone."""
        return self.dataset.model_copy(update={"soundfonts": (self.draw.soundfont,), "renderings": 1})

    def choose_pieces(self, executor: Executor, learned: Collection[str]) -> Planned:
        """Choose all test pieces; which of them were learned from is seen to when pairs are drawn."""
        del learned
        pieces, pitch_range = find_pieces(self.dataset, executor)
        return [piece for piece in pieces if piece.split == "test"], pitch_range

    def pair_clips(self, dataset: Dataset, pieces: Sequence[str], learned: Collection[str]) -> OpenedSuite:
        """Draw pairs as a run does."""
        del pieces
        return make_suite(dataset, self.draw, learned=learned)
