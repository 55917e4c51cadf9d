"""The style judge's input for the clips of a dataset, computed once for all judges that train on it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from timbrebench.classifier.style.style_front_end import BaseFrontEnd
from timbrebench.core.errors import JudgeError
from timbrebench.core.progress import Tracker
from timbrebench.core.workers.executors import executor_for
from timbrebench.datasets.clip_calls import map_clips
from timbrebench.datasets.dataset import Clip, Dataset
from timbrebench.datasets.instruments import is_first_program

#: Seconds that a front end takes for a clip.
CLIP_S = 0.02


@dataclass(frozen=True)
class StyleFeatures:
    """Spectrograms with the manifest's rows that they belong to.

    Attributes
    ----------
    spectrograms : torch.Tensor, shape (clips, bands, frames), float16
        Of the front end; half precision is finer than 0.07 dB.
    manifest : pandas.DataFrame
        One row for each clip, in the same order.
    front_end : BaseFrontEnd
        What they were computed with.
    """

    spectrograms: torch.Tensor
    manifest: pd.DataFrame
    front_end: BaseFrontEnd

    def select(self, rows: NDArray[np.bool_]) -> StyleFeatures:
        """Return the clips for which `rows`, shape (clips,), is true."""
        return replace(
            self, spectrograms=self.spectrograms[torch.from_numpy(rows)], manifest=self.manifest[rows]
        )

    def where(self, **wanted: Iterable[str]) -> StyleFeatures:
        """Return the clips whose value in each named column of the manifest is among those given."""
        rows = np.ones(len(self.manifest), dtype=bool)
        for column, values in wanted.items():
            rows &= self.manifest[column].isin(list(values)).to_numpy()
        return self.select(rows)

    def first_programs(self) -> StyleFeatures:
        """Return the clips played by the first program of their label, which suites are made of."""
        return self.select(first_programs(self.manifest))

    def labels(self, *, multi_label: bool) -> tuple[str, ...]:
        """Return the clips' labels, sorted; with `multi_label`, those of a clip are separated by ``|``."""
        names = {name for label in self.manifest.label for name in _split(label, multi_label=multi_label)}
        return tuple(sorted(names))

    def targets(self, labels: tuple[str, ...], *, multi_label: bool = False) -> torch.Tensor:
        """Return the training targets for a judge of `labels`, in the order of its answers.

        The index of each clip's label, shape (clips,), or with `multi_label` 1 for each label that a clip
        has, shape (clips, labels).
        """
        if not multi_label:
            return torch.tensor([labels.index(label) for label in self.manifest.label], dtype=torch.long)
        named = [set(_split(label, multi_label=True)) for label in self.manifest.label]
        return torch.tensor([[float(label in names) for label in labels] for names in named])


def _split(label: str, *, multi_label: bool) -> list[str]:
    if not multi_label:
        return [label]
    return [] if pd.isna(label) else [name for name in str(label).split("|") if name]


def first_programs(manifest: pd.DataFrame) -> NDArray[np.bool_]:
    """Return for each row of a manifest whether the program is its label's first: shape (clips,)."""
    pairs = zip(manifest.label, manifest.program, strict=True)
    return np.array([is_first_program(*pair) for pair in pairs], dtype=bool)


def compute_features(dataset: Dataset, front_end: BaseFrontEnd) -> StyleFeatures:
    """Compute every clip's spectrogram, on all cores; within a call of a run, on its own.

    Clips are of equal duration. JudgeError if there is no clip, or one is silent.
    """
    if not len(dataset):
        raise JudgeError(f"{dataset.root}: no clip is selected: there is nothing to learn from or to test on")
    with (
        Tracker("reading clips", len(dataset), "clips") as tracker,
        executor_for(CLIP_S * len(dataset), [__name__]) as executor,
    ):
        read = map_clips(partial(_spectrogram, front_end=front_end), dataset, executor, tracker)
        spectrograms = [torch.from_numpy(spectrogram) for spectrogram in read]
    return StyleFeatures(torch.stack(spectrograms), dataset.manifest.reset_index(drop=True), front_end)


def _spectrogram(dataset: Dataset, clip: Clip, front_end: BaseFrontEnd) -> NDArray[np.float16]:
    return front_end.spectrogram(dataset.samples(clip), clip.sample_rate).astype(np.float16)
