"""What one note of an instrument looks like: a magnitude spectrum for each pitch, learned from music.

A *timbre* is what plays: a label's program on one soundfont. Its templates are estimated by factorising the
spectrograms of its clips while the notes are known: a pitch is active where the piano roll says that it
sounds and nowhere else. Each template is scaled so that the mean activation, where it sounds, is 1: it is the
mean spectrum of the note, cleared of what sounds with it. Pitches that are never heard get the nearest one
that is, moved on the logarithmic frequency axis.

References
----------
S. Ewert and M. Müller, "Using score-informed constraints for NMF-based source separation", ICASSP 2012.
"""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import librosa
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from timbrebench.audio.clips import resample
from timbrebench.audio.errors import DatasetError
from timbrebench.audio.progress import Tracker
from timbrebench.audio.spectra import magnitude
from timbrebench.audio.storage import atomic_path
from timbrebench.datasets.dataset import Clip, Dataset
from timbrebench.transfer.nmf import Matrix, move_pitch, update_activations, update_templates

#: Seconds that a note sounds on after it ends: its release and the room.
RELEASE_S = 0.1

#: Fewest frames in which a pitch has to sound for a template of its own.
FEWEST_FRAMES = 10

#: Where a template starts: this between the partials, 1 at them. Not 0, which would stay 0.
_BETWEEN_PARTIALS = np.float32(0.05)


@dataclass(frozen=True)
class Analysis:
    """How clips become spectrograms.

    Attributes
    ----------
    sample_rate : int
        Rate in hertz.
    n_fft, hop_length : int
        Window and step in samples.
    """

    sample_rate: int
    n_fft: int
    hop_length: int


@dataclass(frozen=True)
class NoteTemplates:
    """Templates of several timbres for the same pitches.

    Attributes
    ----------
    timbres : tuple of str
        Names: label, program and soundfont.
    pitches : numpy.ndarray, shape (pitches,), int
        MIDI pitches, rising.
    spectra : numpy.ndarray, shape (timbres, bins, pitches), float32
        Magnitudes, as :func:`~timbrebench.audio.spectra.magnitude` returns them.
    """

    timbres: tuple[str, ...]
    pitches: NDArray[np.int64]
    spectra: NDArray[np.float32]

    def save(self, path: Path, key: str) -> None:
        """Write them, whole or not at all, with a key that says what they were learned from."""
        with atomic_path(path) as temporary:
            np.savez_compressed(
                temporary,
                key=np.array(key),
                timbres=np.array(self.timbres),
                pitches=self.pitches,
                spectra=self.spectra,
            )

    @classmethod
    def load(cls, path: Path, key: str) -> NoteTemplates | None:
        """Read them if the file is whole and has that key; None if anything is amiss."""
        try:
            with np.load(path, allow_pickle=False) as stored:
                if str(stored["key"]) != key:
                    return None
                return cls(tuple(stored["timbres"].tolist()), stored["pitches"], stored["spectra"])
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            return None


def learn(dataset: Dataset, analysis: Analysis, *, iterations: int, clips_per_timbre: int) -> NoteTemplates:
    """Learn the templates of every timbre in a dataset.

    Parameters
    ----------
    dataset : Dataset
        Clips with known notes.
    analysis : Analysis
        How they become spectrograms.
    iterations : int
        Updates of templates and activations.
    clips_per_timbre : int
        Most clips that are listened to for each timbre, spread evenly over those there are.

    Returns
    -------
    NoteTemplates
        For all pitches from the lowest to the highest that any clip holds.

    Raises
    ------
    DatasetError
        If there is no clip, or none with a note.
    """
    timbres: dict[str, list[Clip]] = {}
    for clip in dataset.clips():
        timbres.setdefault(f"{clip.label} {clip.program:03d} {clip.soundfont}", []).append(clip)
    timbres = {name: _spread(clips, clips_per_timbre) for name, clips in sorted(timbres.items())}
    notes = {(clip.piece, clip.start_s): dataset.notes(clip) for clips in timbres.values() for clip in clips}
    heard = [pitch for table in notes.values() for pitch in table.pitch]
    if not heard:
        raise DatasetError(f"{dataset.root}: no clip to learn from holds a note: choose a dataset with notes")
    pitches = np.arange(min(heard), max(heard) + 1)
    spectra = []
    with Tracker("learning note templates", len(timbres), "timbres") as tracker:
        for name, clips in timbres.items():
            listened = [
                _listen(dataset, clip, notes[clip.piece, clip.start_s], pitches, analysis) for clip in clips
            ]
            spectrogram, roll = (np.hstack(parts) for parts in zip(*listened, strict=True))
            if not roll.any():
                raise DatasetError(
                    f"{dataset.root}: no note is heard in any of the {len(clips)} clips of {name!r}: "
                    "leave them out, or raise clips_per_timbre"
                )
            learned = factorise(spectrogram, roll, pitches, analysis, iterations)
            spectra.append(fill(learned, _well_heard(learned, roll)))
            tracker.advance()
    return NoteTemplates(tuple(timbres), pitches, np.stack(spectra))


def _spread(clips: Sequence[Clip], most: int) -> list[Clip]:
    """Return at most so many clips at even distances."""
    chosen = np.linspace(0, len(clips) - 1, min(most, len(clips))).round().astype(int)
    return [clips[index] for index in chosen]


def _listen(
    dataset: Dataset, clip: Clip, notes: pd.DataFrame, pitches: NDArray[np.int64], analysis: Analysis
) -> tuple[Matrix, NDArray[np.bool_]]:
    """Return spectrogram and piano roll of a clip, without the frames in which no note sounds."""
    samples = resample(dataset.samples(clip), clip.sample_rate, analysis.sample_rate)
    spectrogram = magnitude(samples, analysis.n_fft, analysis.hop_length)
    roll = piano_roll(notes, pitches, spectrogram.shape[1], analysis)
    sounding = roll.any(axis=0)
    return spectrogram[:, sounding], roll[:, sounding]


def _well_heard(spectra: Matrix, roll: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Say which pitches sound long enough, or as long as any does where none is heard for long."""
    frames = np.where(spectra.any(axis=0), roll.sum(axis=1), 0)
    enough: NDArray[np.bool_] = frames >= max(1, min(FEWEST_FRAMES, frames.max()))
    return enough


def piano_roll(
    notes: pd.DataFrame, pitches: NDArray[np.int64], frames: int, analysis: Analysis
) -> NDArray[np.bool_]:
    """Say which pitches may sound in which frames of a clip.

    Parameters
    ----------
    notes : pandas.DataFrame
        Notes with times from the start of the clip; an onset may be negative.
    pitches : numpy.ndarray, shape (pitches,)
        MIDI pitches, rising without gaps; the notes' are among them.
    frames : int
        Number of frames.
    analysis : Analysis
        Their window and step.

    Returns
    -------
    numpy.ndarray, shape (pitches, frames), bool
        True from the first window that holds the onset to the last that holds the release.
    """
    half_window_s = analysis.n_fft / 2 / analysis.sample_rate
    centres = np.arange(frames) * analysis.hop_length / analysis.sample_rate
    roll = np.zeros((len(pitches), frames), dtype=bool)
    for onset, offset, pitch in notes[["onset_s", "offset_s", "pitch"]].itertuples(index=False):
        held = (centres > onset - half_window_s) & (centres < offset + RELEASE_S + half_window_s)
        roll[int(pitch) - pitches[0]] |= held
    return roll


def factorise(
    spectrogram: Matrix,
    roll: NDArray[np.bool_],
    pitches: NDArray[np.int64],
    analysis: Analysis,
    iterations: int,
) -> Matrix:
    """Estimate the spectrum of each pitch, given when it sounds.

    Parameters
    ----------
    spectrogram : numpy.ndarray, shape (bins, frames)
        Magnitudes.
    roll : numpy.ndarray, shape (pitches, frames), bool
        Where each pitch may sound.
    pitches : numpy.ndarray, shape (pitches,)
        MIDI pitches.
    analysis : Analysis
        How the spectrogram was made.
    iterations : int
        Updates of activations and templates.

    Returns
    -------
    numpy.ndarray, shape (bins, pitches), float32
        Mean magnitudes where the pitch sounds; zeros for a pitch that never does.
    """
    spectra = harmonic_start(pitches, analysis) * spectrogram.mean(axis=1, keepdims=True)
    activations: Matrix = roll.astype(np.float32)
    for _ in range(iterations):
        spectra = update_templates(spectrogram, spectra, activations)
        activations = update_activations(spectrogram, spectra, activations)
    mean_activation: NDArray[np.float32] = activations.sum(axis=1) / np.maximum(roll.sum(axis=1), 1)
    scaled: Matrix = (spectra * mean_activation).astype(np.float32)
    return scaled


def harmonic_start(pitches: NDArray[np.int64], analysis: Analysis) -> Matrix:
    """Return 1 within a window's main lobe or a quarter tone of each partial, little elsewhere.

    Without it, two pitches that are only heard together could share one spectrum in any way.

    Parameters
    ----------
    pitches : numpy.ndarray, shape (pitches,)
        MIDI pitches.
    analysis : Analysis
        Rate and window.

    Returns
    -------
    numpy.ndarray, shape (bins, pitches), float32
    """
    bin_hz = analysis.sample_rate / analysis.n_fft
    frequencies = np.arange(analysis.n_fft // 2 + 1)[:, None] * bin_hz
    f0 = librosa.midi_to_hz(pitches)[None, :]
    partial = np.maximum(np.round(frequencies / f0), 1) * f0
    tolerance = np.maximum(2 * bin_hz, partial * (2 ** (0.5 / 12) - 1))
    near = np.abs(frequencies - partial) <= tolerance
    return np.where(near, np.float32(1), _BETWEEN_PARTIALS)


def fill(spectra: Matrix, heard: NDArray[np.bool_]) -> Matrix:
    """Give pitches that were never heard the spectrum of the nearest that was, moved to their pitch.

    Parameters
    ----------
    spectra : numpy.ndarray, shape (bins, pitches)
        One spectrum for each pitch, semitone by semitone.
    heard : numpy.ndarray, shape (pitches,), bool
        Which of them are good.

    Returns
    -------
    numpy.ndarray, shape (bins, pitches), float32
        All of them; unchanged where `heard`. Of two that are as near, the lower one is moved.
    """
    filled = spectra.copy()
    known = np.flatnonzero(heard)
    for index in np.flatnonzero(~heard):
        nearest = known[np.argmin(np.abs(known - index))]
        filled[:, [index]] = move_pitch(spectra[:, [nearest]], float(index - nearest))
    return filled
