"""The training data of the note network: every clip of a dataset, with its notes and activations."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from timbrebench.core.progress import Tracker
from timbrebench.datasets.dataset import Dataset
from timbrebench.transfer.algorithms.nmf import Matrix, activate, update_activations
from timbrebench.transfer.algorithms.note_templates import (
    Analysis,
    NoteTemplates,
    clip_spectrogram,
    label_of,
    piano_roll,
    timbre_of,
)
from timbrebench.transfer.methods.reinstrument.note_network import PLAYED, normalise

#: Updates of activations that are read, here and at transfer.
ITERATIONS = 40

#: Updates of target activations: fewer templates are active, so fewer are needed.
_TARGET_ITERATIONS = 25

#: Softer target activations are nothing to learn a loudness from.
SOFTEST = 1e-3


@dataclass(frozen=True)
class AnnotatedClips:
    """Clips with their activations, note stages and target loudness.

    Attributes
    ----------
    timbres, places : numpy.ndarray, shape (clips,), int
        Numbers of what plays, and of the window of the piece that is played.
    read, misread : list of numpy.ndarray, shape (stages, pitches, frames), float16
        Normalised activations with the templates of the timbre, and with those of another.
    stages : list of numpy.ndarray, shape (pitches, frames), uint8
        0 for no note, then the stage that it is in.
    targets : list of numpy.ndarray, shape (pitches, frames), float16
        Activations of the stage's template, normalised alike.
    """

    timbres: NDArray[np.int64]
    places: NDArray[np.int64]
    read: list[NDArray[np.float16]]
    misread: list[NDArray[np.float16]]
    stages: list[NDArray[np.uint8]]
    targets: list[NDArray[np.float16]]


def gather(
    dataset: Dataset, reading: NoteTemplates, playing: NoteTemplates, analysis: Analysis, *, seed: int
) -> AnnotatedClips:
    """Analyse every clip of a dataset, in which each window of a piece is played by several timbres.

    Templates are those of the dataset's timbres: attack and rest, and the stages of
    :data:`~timbrebench.transfer.methods.reinstrument.note_network.PLAYED`. The seed is that of the choice of
    other timbres.
    """
    generator = np.random.default_rng(seed)
    clips = list(dataset.clips())
    timbres = np.array([reading.timbres.index(timbre_of(clip)) for clip in clips])
    windows = sorted({(clip.piece, clip.start_s) for clip in clips})
    places = np.array([windows.index((clip.piece, clip.start_s)) for clip in clips])
    read: list[NDArray[np.float16]] = []
    misread: list[NDArray[np.float16]] = []
    stages, targets = [], []
    with Tracker("analysing notes", len(clips), "clips") as tracker:
        for clip, timbre in zip(clips, timbres, strict=True):
            spectrogram = clip_spectrogram(dataset, clip, analysis)
            other = _other_timbre(reading.timbres, timbre, generator)
            for parts, number in ((read, timbre), (misread, other)):
                activations = activate(spectrogram, reading.of(number), ITERATIONS)
                parts.append(normalise(activations).astype(np.float16))
            notes = dataset.notes(clip)
            roll = piano_roll(notes, reading.pitches, spectrogram.shape[1], analysis, PLAYED)
            # Where a pitch is struck again while it sounds, the new note counts.
            stages.append(np.where(roll.any(axis=0), 1 + roll.argmax(axis=0), 0).astype(np.uint8))
            targets.append(_explain(spectrogram, playing.of(timbre), roll).astype(np.float16))
            tracker.advance()
    return AnnotatedClips(timbres, places, read, misread, stages, targets)


def _other_timbre(names: tuple[str, ...], timbre: int, generator: np.random.Generator) -> int:
    """Return a timbre of the same label three times in four, if one exists; else any other."""
    others = [number for number in range(len(names)) if number != timbre]
    alike = [number for number in others if label_of(names[number]) == label_of(names[timbre])]
    chosen = alike if alike and generator.random() < 0.75 else others
    return int(generator.choice(chosen)) if chosen else timbre


def _explain(spectrogram: Matrix, templates: Matrix, roll: NDArray[np.bool_]) -> Matrix:
    """Return the normalised activations of each pitch, where only templates of notes that sound are used."""
    allowed = roll.reshape(-1, roll.shape[2])
    used = np.flatnonzero(allowed.any(axis=1))
    activations = np.zeros(allowed.shape, dtype=np.float32)
    if len(used):
        fitted = allowed[used].astype(np.float32)
        for _ in range(_TARGET_ITERATIONS):
            fitted = update_activations(spectrogram, templates[:, used], fitted)
        activations[used] = fitted
    loudness: Matrix = activations.reshape(roll.shape).sum(axis=0)
    return loudness / max(float(np.quantile(loudness.max(axis=0), 0.9)), SOFTEST)
