"""The content judge's input for the clips of a dataset, and its targets."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from timbrebench.audio.clips import Samples
from timbrebench.classifier.clip_features import ClipFeatures, front_end_values
from timbrebench.classifier.content.content_front_end import PitchFrontEnd
from timbrebench.classifier.content.note_targets import note_raster, onset_raster
from timbrebench.classifier.style.sound_variation import SoundVariation
from timbrebench.core.errors import JudgeError
from timbrebench.datasets.dataset import Clip, Dataset
from timbrebench.datasets.notes import read_notes, window

#: Seconds that the front end takes for a clip.
_CLIP_S = 0.05


@dataclass(frozen=True)
class ContentFeatures(ClipFeatures):
    """Levels of clips, piano rolls of their notes, and their rows of the manifest.

    Attributes
    ----------
    levels : torch.Tensor, shape (clips, 2, 309, frames), uint8
        The front end's decibels in steps of 1/255 of their range, so that hours of them fit into memory.
    notes : torch.Tensor, shape (clips, 88, frames), uint8
        1 where a key sounds.
    onsets : torch.Tensor, shape (clips, 88, frames), float16
        How near an onset is.
    truth : tuple of pandas.DataFrame
        The notes of each clip, also those that began before it.
    manifest : pandas.DataFrame
        One row for each clip, in the same order.
    front_end : PitchFrontEnd
        What the levels were computed with.
    """

    levels: torch.Tensor
    notes: torch.Tensor
    onsets: torch.Tensor
    truth: tuple[pd.DataFrame, ...]
    manifest: pd.DataFrame
    front_end: PitchFrontEnd

    def select(self, rows: NDArray[np.bool_]) -> ContentFeatures:
        """Return the clips for which `rows`, shape (clips,), is true."""
        chosen = torch.from_numpy(rows)
        return replace(
            self,
            levels=self.levels[chosen],
            notes=self.notes[chosen],
            onsets=self.onsets[chosen],
            truth=tuple(table for table, wanted in zip(self.truth, rows, strict=True) if wanted),
            manifest=self.manifest[rows],
        )


def compute_features(
    dataset: Dataset, front_end: PitchFrontEnd, variation: SoundVariation | None = None
) -> ContentFeatures:
    """Compute every clip's features, on all cores; within a call of a run, on its own.

    Parameters
    ----------
    dataset : Dataset
        Clips of equal duration, with notes.
    front_end : PitchFrontEnd
        What computes them.
    variation : SoundVariation, optional
        Adds copies of all clips whose sound is varied, and whose notes are the clip's; None for none.

    Returns
    -------
    ContentFeatures
        Of the clips, followed by the first copy of each, the second, and so on.

    Raises
    ------
    JudgeError
        If there is no clip, or one is silent.
    """
    truth = true_notes(dataset)
    sounds: list[_Sound] = [_as_it_is]
    if variation:
        copies = range(1, variation.copies + 1)
        sounds += [partial(_varied, variation=variation, copy=copy) for copy in copies]
    computed = [
        front_end_values(partial(_levels, front_end=front_end, sound=sound), dataset, _CLIP_S, __name__)
        for sound in sounds
    ]
    return concatenate(
        [labelled(levels, truth, dataset.manifest.reset_index(drop=True), front_end) for levels in computed]
    )


def labelled(
    levels: torch.Tensor, truth: Sequence[pd.DataFrame], manifest: pd.DataFrame, front_end: PitchFrontEnd
) -> ContentFeatures:
    """Return levels, shape (clips, 2, 309, frames), with the targets that follow from the notes of each."""
    frames, frame_s = levels.shape[3], front_end.frame_s
    return ContentFeatures(
        levels,
        torch.from_numpy(np.stack([note_raster(table, frames, frame_s) for table in truth])),
        torch.from_numpy(np.stack([onset_raster(table, frames, frame_s) for table in truth])).half(),
        tuple(truth),
        manifest,
        front_end,
    )


def concatenate(parts: Sequence[ContentFeatures]) -> ContentFeatures:
    """Put the clips of several datasets one after the other: of one duration and one front end.

    JudgeError if the clips of one part are longer than those of another.
    """
    lengths = sorted({part.levels.shape[3] for part in parts})
    if len(lengths) > 1:
        raise JudgeError(f"clips have {lengths} frames: build all datasets with the same clip_duration_s")
    return ContentFeatures(
        torch.cat([part.levels for part in parts]),
        torch.cat([part.notes for part in parts]),
        torch.cat([part.onsets for part in parts]),
        tuple(table for part in parts for table in part.truth),
        pd.concat([part.manifest for part in parts], ignore_index=True),
        parts[0].front_end,
    )


def true_notes(dataset: Dataset) -> tuple[pd.DataFrame, ...]:
    """Return the notes that sound in each clip, also those that began before it (negative onsets)."""
    pieces = {piece: read_notes(dataset.notes_path(piece)) for piece in dataset.manifest.piece.unique()}
    return tuple(window(pieces[clip.piece], clip.start_s, clip.duration_s) for clip in dataset.clips())


#: Returns the samples of a clip, as they are or varied.
_Sound = Callable[[Dataset, Clip], Samples]


def _as_it_is(dataset: Dataset, clip: Clip) -> Samples:
    return dataset.samples(clip)


def _varied(dataset: Dataset, clip: Clip, *, variation: SoundVariation, copy: int) -> Samples:
    return variation.vary(dataset.samples(clip), clip.sample_rate, clip.clip_id, copy)


def _levels(dataset: Dataset, clip: Clip, front_end: PitchFrontEnd, sound: _Sound) -> NDArray[np.uint8]:
    return levels_of(sound(dataset, clip), clip.sample_rate, front_end)


def levels_of(samples: Samples, sample_rate: int, front_end: PitchFrontEnd) -> NDArray[np.uint8]:
    """Return a clip's decibels in steps of 1/255 of their range, shape (2, 309, frames)."""
    decibels = front_end.decibels(samples, sample_rate)
    return np.asarray(np.rint((1 + decibels / front_end.range_db) * 255), dtype=np.uint8)
