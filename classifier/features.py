"""A dataset's clips as the judge sees them, computed once for all judges that are trained on it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import torch
from joblib import Parallel, cpu_count, delayed
from numpy.typing import NDArray

from timbrebench.audio.errors import JudgeError
from timbrebench.audio.progress import Tracker
from timbrebench.classifier.front_end import FrontEnd
from timbrebench.datasets.dataset import Clip, Dataset


@dataclass(frozen=True)
class Features:
    """Spectrograms with the manifest's rows that they belong to.

    Attributes
    ----------
    decibels : torch.Tensor, shape (clips, bands, frames), float16
        Of the front end; half precision is finer than 0.07 dB.
    manifest : pandas.DataFrame
        One row for each clip, in the same order.
    front_end : FrontEnd
        What they were computed with.
    """

    decibels: torch.Tensor
    manifest: pd.DataFrame
    front_end: FrontEnd

    def select(self, rows: NDArray[np.bool_]) -> Features:
        """Return the clips for which `rows`, shape (clips,), is true."""
        return replace(self, decibels=self.decibels[torch.from_numpy(rows)], manifest=self.manifest[rows])

    def where(self, **wanted: Iterable[str]) -> Features:
        """Return the clips whose value in each named column of the manifest is among those given."""
        rows = np.ones(len(self.manifest), dtype=bool)
        for column, values in wanted.items():
            rows &= self.manifest[column].isin(list(values)).to_numpy()
        return self.select(rows)

    def targets(self, labels: tuple[str, ...]) -> torch.Tensor:
        """Return the index of each clip's label in `labels`, shape (clips,)."""
        return torch.tensor([labels.index(label) for label in self.manifest.label], dtype=torch.long)


def compute_features(dataset: Dataset, front_end: FrontEnd) -> Features:
    """Read every clip of a dataset through a front end, on all cores.

    Parameters
    ----------
    dataset : Dataset
        Clips of equal duration.
    front_end : FrontEnd
        What to compute.

    Returns
    -------
    Features
        In the manifest's order.

    Raises
    ------
    JudgeError
        If there is no clip, or one is silent.
    """
    if not len(dataset):
        raise JudgeError(f"{dataset.root}: no clip is selected: there is nothing to learn from or to test on")
    with (
        Tracker("reading clips", len(dataset), "clips") as tracker,
        Parallel(n_jobs=cpu_count(), return_as="generator", batch_size=16) as parallel,
    ):
        spectrograms = []
        for spectrogram in parallel(delayed(_one)(dataset, clip, front_end) for clip in dataset.clips()):
            spectrograms.append(torch.from_numpy(spectrogram))
            tracker.advance()
    return Features(torch.stack(spectrograms), dataset.manifest.reset_index(drop=True), front_end)


def _one(dataset: Dataset, clip: Clip, front_end: FrontEnd) -> NDArray[np.float16]:
    return front_end.decibels(dataset.samples(clip), clip.sample_rate).astype(np.float16)
