"""What the features of clips that both judges train on share."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Self

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from timbrebench.core.errors import JudgeError
from timbrebench.core.progress import Tracker
from timbrebench.core.workers.executors import executor_for
from timbrebench.datasets.clip_calls import map_clips
from timbrebench.datasets.dataset import Clip, Dataset


class ClipFeatures:
    """Features of clips, with one row of the manifest for each, in the same order."""

    manifest: pd.DataFrame

    def select(self, rows: NDArray[np.bool_]) -> Self:
        """Return the clips for which `rows`, shape (clips,), is true."""
        raise NotImplementedError

    def where(self, **wanted: Iterable[str]) -> Self:
        """Return the clips whose value in each named column of the manifest is among those given."""
        rows = np.ones(len(self.manifest), dtype=bool)
        for column, values in wanted.items():
            rows &= self.manifest[column].isin(list(values)).to_numpy()
        return self.select(rows)


def front_end_values(
    compute: Callable[[Dataset, Clip], NDArray[Any]], dataset: Dataset, clip_s: float, module: str
) -> torch.Tensor:
    """Compute something of equal shape for every clip of a dataset, and stack it in the manifest's order.

    On all cores, `clip_s` seconds for each clip on one; within a call of a run, on its own. Workers import
    `module`, that of `compute`, once. JudgeError if
    there is no clip, or one is silent.
    """
    if not len(dataset):
        raise JudgeError(f"{dataset.root}: no clip is selected: there is nothing to learn from or to test on")
    with (
        Tracker("reading clips", len(dataset), "clips") as tracker,
        executor_for(clip_s * len(dataset), ["timbrebench.audio.librosa_modules", module]) as executor,
    ):
        return torch.stack([torch.from_numpy(v) for v in map_clips(compute, dataset, executor, tracker)])
