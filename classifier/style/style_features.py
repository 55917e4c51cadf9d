"""The style judge's input for the clips of a dataset, computed once for all judges that train on it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from timbrebench.audio.clips import Samples
from timbrebench.classifier.clip_features import ClipFeatures, front_end_values
from timbrebench.classifier.style.sound_variation import SoundVariation
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
            self,
            spectrograms=self.spectrograms[torch.from_numpy(np.array(rows))],
            manifest=self.manifest[rows],
        )

    def first_programs(self) -> StyleFeatures:
        """Return the clips played by the first program of their label, which suites are made of."""
        return self.select(first_programs(self.manifest))

    def unvaried(self) -> StyleFeatures:
        """Return the clips without the copies whose sound was varied."""
        return self.select(unvaried(self.manifest))

    def labels(self, *, multi_label: bool) -> tuple[str, ...]:
        """Return the clips' labels, sorted; with `multi_label`, those of a clip are separated by ``|``."""
        labelled = self.manifest.label.dropna()
        names = {name for label in labelled for name in _split(label, multi_label=multi_label)}
        return tuple(sorted(names))

    def targets(self, labels: tuple[str, ...], *, multi_label: bool = False) -> torch.Tensor:
        """Return the training targets for a judge of `labels`, in the order of its answers.

        The index of each clip's label, shape (clips,), which is -1 where it has none, or with `multi_label` 1
        for each label that a clip has, shape (clips, labels).
        """
        if not multi_label:
            places = {label: place for place, label in enumerate(labels)}
            return torch.tensor(
                [-1 if pd.isna(label) else places[label] for label in self.manifest.label], dtype=torch.long
            )
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


def unvaried(manifest: pd.DataFrame) -> NDArray[np.bool_]:
    """Return for each row of a manifest whether it is a clip itself and no varied copy: shape (clips,)."""
    return np.array(manifest.get("copy", pd.Series(0, index=manifest.index)) == 0, dtype=bool)


def compute_features(
    dataset: Dataset, front_end: BaseFrontEnd, variation: SoundVariation | None = None
) -> StyleFeatures:
    """Compute every clip's spectrogram, on all cores; within a call of a run, on its own.

    Parameters
    ----------
    dataset : Dataset
        Clips of equal duration.
    front_end : BaseFrontEnd
        What computes them.
    variation : SoundVariation, optional
        Adds copies of all clips whose sound is varied; None for none.

    Returns
    -------
    StyleFeatures
        Of the clips, followed by the first copy of each, the second, and so on, which the manifest numbers in
        a column ``copy``; the clips themselves have 0.

    Raises
    ------
    JudgeError
        If there is no clip, or one is silent.
    """
    own = _features(dataset, front_end, _as_it_is)
    if variation is None:
        return own
    copies = [
        _features(dataset, front_end, partial(_varied, variation=variation, copy=copy))
        for copy in range(1, variation.copies + 1)
    ]
    parts = (own, *copies)
    manifests = [part.manifest.assign(copy=number) for number, part in enumerate(parts)]
    return StyleFeatures(
        torch.cat([part.spectrograms for part in parts]), pd.concat(manifests, ignore_index=True), front_end
    )


#: Returns the samples of a clip, as they are or varied.
_Sound = Callable[[Dataset, Clip], Samples]


def _features(dataset: Dataset, front_end: BaseFrontEnd, sound: _Sound) -> StyleFeatures:
    compute = partial(_spectrogram, front_end=front_end, sound=sound)
    spectrograms = front_end_values(compute, dataset, CLIP_S, __name__)
    return StyleFeatures(spectrograms, dataset.manifest.reset_index(drop=True), front_end)


def _as_it_is(dataset: Dataset, clip: Clip) -> Samples:
    return dataset.samples(clip)


def _varied(dataset: Dataset, clip: Clip, *, variation: SoundVariation, copy: int) -> Samples:
    return variation.vary(dataset.samples(clip), clip.sample_rate, clip.clip_id, copy)


def _spectrogram(dataset: Dataset, clip: Clip, front_end: BaseFrontEnd, sound: _Sound) -> NDArray[np.float16]:
    return front_end.spectrogram(sound(dataset, clip), clip.sample_rate).astype(np.float16)
