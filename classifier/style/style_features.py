"""The style judge's input for the clips of a dataset, computed once for all judges that train on it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from timbrebench.classifier.clip_features import ClipFeatures, front_end_values
from timbrebench.classifier.style.style_front_end import BaseFrontEnd
from timbrebench.datasets.dataset import Clip, Dataset
from timbrebench.datasets.instruments import is_first_program

#: Seconds that a front end takes for a clip.
CLIP_S = 0.02


@dataclass(frozen=True)
class StyleFeatures(ClipFeatures):
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
    spectrograms = front_end_values(partial(_spectrogram, front_end=front_end), dataset, CLIP_S, __name__)
    return StyleFeatures(spectrograms, dataset.manifest.reset_index(drop=True), front_end)


def _spectrogram(dataset: Dataset, clip: Clip, front_end: BaseFrontEnd) -> NDArray[np.float16]:
    return front_end.spectrogram(dataset.samples(clip), clip.sample_rate).astype(np.float16)
