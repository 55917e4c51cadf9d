"""Learn the note templates of every timbre in a dataset, one timbre after the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import BaseModel

from timbrebench.core.errors import DatasetError
from timbrebench.core.files import atomic_path, fingerprint
from timbrebench.core.progress import Tracker
from timbrebench.datasets.dataset import Clip, Dataset
from timbrebench.transfer.algorithms.nmf import Matrix
from timbrebench.transfer.algorithms.note_templates import (
    ATTACK_AND_REST,
    Analysis,
    NoteTemplates,
    Stages,
    clip_spectrogram,
    factorise,
    fill,
    piano_roll,
    timbre_of,
)

#: Minimum frames in which a pitch has to sound for a template of its own.
MIN_FRAMES = 10


def learn(
    dataset: Dataset,
    analysis: Analysis,
    *,
    iterations: int,
    clips_per_timbre: int,
    stages: Stages = ATTACK_AND_REST,
    compass: tuple[int, int] | None = None,
    folder: Path | None = None,
) -> NoteTemplates:
    """Learn the templates of every timbre in a dataset of clips with known notes.

    Of each timbre at most `clips_per_timbre` clips are analysed, spread evenly over those available, by so
    many iterations of templates and activations. Pitches go from the lowest to the highest of the clips' and
    of `compass`, two MIDI pitches that there have to be templates of, whether any clip holds them or not.
    `folder` keeps those of each timbre as they come, for a call that goes on after an interruption: it
    belongs to these clips and settings alone, and can be removed afterwards. Raises :class:`DatasetError` if
    no clip holds a note, :class:`StorageError` if the folder cannot be written.
    """
    by_timbre = clips_by_timbre(dataset)
    timbres = {name: spread(clips, clips_per_timbre) for name, clips in by_timbre.items()}
    notes = {(clip.piece, clip.start_s): dataset.notes(clip) for clips in timbres.values() for clip in clips}
    played = [pitch for table in notes.values() for pitch in table.pitch]
    if not played:
        raise DatasetError(f"{dataset.root}: no clip to learn from holds a note: choose a dataset with notes")
    played.extend(compass or ())
    pitches = np.arange(min(played), max(played) + 1)
    spectra = []
    with Tracker("learning note templates", len(timbres), "timbres") as tracker:
        for number, (name, clips) in enumerate(timbres.items()):
            path = folder / f"{number:04d}.npy" if folder else None
            shape = analysis.n_fft // 2 + 1, len(stages), len(pitches)
            learned = _load_timbre(path, shape)
            if learned is None:
                rolls = _rolls(
                    dataset, name, clips, notes=notes, pitches=pitches, analysis=analysis, stages=stages
                )
                learned = _learn_timbre(*rolls, pitches, analysis, iterations)
                _save_timbre(path, learned)
            spectra.append(learned)
            tracker.advance()
    return NoteTemplates(tuple(timbres), pitches, np.stack(spectra))


def _load_timbre(path: Path | None, shape: tuple[int, ...]) -> Matrix | None:
    """Return the templates of a timbre that were learned before; None where they are missing or damaged."""
    try:
        spectra: Matrix | None = None if path is None else np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    return spectra if spectra is not None and spectra.shape == shape else None


def _save_timbre(path: Path | None, spectra: Matrix) -> None:
    if path is not None:
        with atomic_path(path) as temporary:
            np.save(temporary, spectra)


def _rolls(
    dataset: Dataset,
    timbre: str,
    clips: Sequence[Clip],
    *,
    notes: Mapping[tuple[str, float], pd.DataFrame],
    pitches: NDArray[np.int64],
    analysis: Analysis,
    stages: Stages,
) -> tuple[Matrix, NDArray[np.bool_]]:
    """Return the frames of a timbre's clips in which notes sound, and which templates may be active there."""
    by_clip = []
    for clip in clips:
        spectrogram = clip_spectrogram(dataset, clip, analysis)
        frames = spectrogram.shape[1]
        roll = piano_roll(notes[clip.piece, clip.start_s], pitches, frames, analysis, stages)
        sounding = roll.any(axis=(0, 1))
        by_clip.append((spectrogram[:, sounding], roll[:, :, sounding]))
    spectrogram, roll = (np.concatenate(parts, axis=-1) for parts in zip(*by_clip, strict=True))
    if not roll.any():
        raise DatasetError(
            f"{dataset.root}: no note sounds in any of the {len(clips)} clips of {timbre!r}: "
            "leave them out, or raise clips_per_timbre"
        )
    return spectrogram, roll


def _learn_timbre(
    spectrogram: Matrix,
    roll: NDArray[np.bool_],
    pitches: NDArray[np.int64],
    analysis: Analysis,
    iterations: int,
) -> Matrix:
    """Return the templates of one timbre, shape (bins, stages, pitches), those of every pitch."""
    learned = factorise(spectrogram, roll, pitches, analysis, iterations)
    filled = map(fill, learned, _well_estimated(learned, roll))
    return np.stack(list(filled), axis=1)


def learning_key(dataset: Dataset, version: int, parameters: BaseModel, irrelevant: set[str]) -> str:
    """Return the key of templates that a method has learned: clips, and parameters but the irrelevant."""
    clips = dataset.manifest[["clip_id", "label", "sha256"]].to_numpy().tolist()
    return fingerprint([version, parameters.model_dump(mode="json", exclude=irrelevant), clips])


def clips_by_timbre(dataset: Dataset) -> dict[str, list[Clip]]:
    """Return the clips of each timbre, in order of their names."""
    timbres: dict[str, list[Clip]] = {}
    for clip in dataset.clips():
        timbres.setdefault(timbre_of(clip), []).append(clip)
    return dict(sorted(timbres.items()))


def spread(clips: Sequence[Clip], max_clips: int) -> list[Clip]:
    """Return at most `max_clips` clips at even distances."""
    chosen = np.linspace(0, len(clips) - 1, min(max_clips, len(clips))).round().astype(int)
    return [clips[index] for index in chosen]


def _well_estimated(spectra: Matrix, roll: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return which templates were active for enough frames, or for as many as the longest was."""
    frames = np.where(spectra.any(axis=1), roll.sum(axis=2), 0)
    longest = frames.max(axis=1, keepdims=True)
    enough: NDArray[np.bool_] = frames >= np.clip(longest, 1, MIN_FRAMES)
    return enough
