"""Note templates: magnitude spectra of each pitch of an instrument, learned from music.

A *timbre* is what plays: a label's program on one soundfont. The life of a note is divided into stages
(:class:`Stages`), such as its attack and the rest, and each pitch has one template for each of them. They
are estimated by factorising the spectrograms of the timbre's clips while the notes are known: a template is
active where the piano roll says that it may be, and nowhere else. Each is scaled so that its mean
activation there is 1, so it is the mean spectrum of the note cleared of what sounds with it. Pitches that
never sound get those of the nearest that does, moved on the logarithmic frequency axis.

References
----------
S. Ewert and M. Müller, "Using score-informed constraints for NMF-based source separation", ICASSP 2012.
"""

from __future__ import annotations

import re
import zipfile
from dataclasses import dataclass
from pathlib import Path

import librosa
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from timbrebench.audio.clips import resample
from timbrebench.audio.spectra import magnitude
from timbrebench.core.files import atomic_path
from timbrebench.datasets.dataset import Clip, Dataset
from timbrebench.transfer.algorithms.nmf import (
    TINY,
    Matrix,
    activate,
    kl_divergence,
    move_pitch,
    update_activations,
    update_templates,
)

#: Seconds that a note sounds on after it ends: its release and the room.
RELEASE_S = 0.1

#: Divergences are computed from one frame in so many, with so many updates.
_COMPARE_EVERY, _COMPARE_ITERATIONS = 4, 10

#: What templates start from between the partials; at them it is 1. The first stage is noisy, the rest less
#: so; what starts at 0 would stay there.
_BETWEEN_PARTIALS_FIRST, _BETWEEN_PARTIALS = np.float32(0.3), np.float32(0.05)


@dataclass(frozen=True)
class Stages:
    """How the life of a note is divided.

    Attributes
    ----------
    begins_s : tuple of float
        Seconds after the onset at which each stage begins, rising; the first is 0.
    release : bool
        Whether the sound after the note's end is a stage of its own, the last one; if not, it belongs to
        the stage in which the note ends.
    """

    begins_s: tuple[float, ...]
    release: bool = False

    def __len__(self) -> int:
        return len(self.begins_s) + self.release


#: The first 80 ms, and the rest.
ATTACK_AND_REST = Stages((0.0, 0.08))


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
    spectra : numpy.ndarray, shape (timbres, bins, stages, pitches), float32
        Magnitudes of each stage, as :func:`~timbrebench.audio.spectra.magnitude` returns them.
    """

    timbres: tuple[str, ...]
    pitches: NDArray[np.int64]
    spectra: NDArray[np.float32]

    def of(self, timbre: int) -> Matrix:
        """Return the templates of one timbre, shape (bins, stages * pitches): stage by stage."""
        stacked: Matrix = self.spectra[timbre].reshape(self.spectra.shape[1], -1)
        return stacked

    def save(self, path: Path, key: str) -> None:
        """Write them atomically, with the key of what they were learned from."""
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
        """Read them; None if the file is damaged, missing or has another key."""
        try:
            with np.load(path, allow_pickle=False) as stored:
                if str(stored["key"]) != key:
                    return None
                return cls(tuple(stored["timbres"].tolist()), stored["pitches"], stored["spectra"])
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            return None


def timbre_of(clip: Clip) -> str:
    """Return the name of what plays a clip: label, program and soundfont."""
    return f"{clip.label} {clip.program:03d} {clip.soundfont}"


def label_of(timbre: str) -> str:
    """Return the label in a name of :func:`timbre_of`."""
    return re.sub(r" \d{3} .*?$", "", timbre)


def source_of(timbre: str) -> tuple[int, str]:
    """Return the program and the soundfont in a name of :func:`timbre_of`."""
    program, soundfont = timbre.removeprefix(f"{label_of(timbre)} ").split(" ", 1)
    return int(program), soundfont


def clip_spectrogram(dataset: Dataset, clip: Clip, analysis: Analysis) -> Matrix:
    """Return the magnitudes of a clip, shape (bins, frames)."""
    samples = resample(dataset.samples(clip), clip.sample_rate, analysis.sample_rate)
    return magnitude(samples, analysis.n_fft, analysis.hop_length)


def piano_roll(
    notes: pd.DataFrame, pitches: NDArray[np.int64], frames: int, analysis: Analysis, stages: Stages
) -> NDArray[np.bool_]:
    """Return which templates may be active in which frames of a clip.

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
    stages : Stages
        The stages of a note.

    Returns
    -------
    numpy.ndarray, shape (stages, pitches, frames), bool
        A note's first stage begins with the first window that holds the onset, its last one ends with the
        last window that holds the release.
    """
    half_window_s = analysis.n_fft / 2 / analysis.sample_rate
    centres = np.arange(frames) * analysis.hop_length / analysis.sample_rate
    roll = np.zeros((len(stages), len(pitches), frames), dtype=bool)
    for onset, offset, pitch in notes[["onset_s", "offset_s", "pitch"]].itertuples(index=False):
        sounding = (centres > onset - half_window_s) & (centres < offset + RELEASE_S + half_window_s)
        # The last stage to have begun is the one that the note is in; the first has no beginning of its own.
        stage = np.searchsorted(np.asarray(stages.begins_s[1:]), centres - onset, side="right")
        if stages.release:
            stage = np.where(centres < offset, stage, len(stages) - 1)
        roll[stage[sounding], int(pitch) - pitches[0], np.flatnonzero(sounding)] = True
    return roll


def factorise(
    spectrogram: Matrix,
    roll: NDArray[np.bool_],
    pitches: NDArray[np.int64],
    analysis: Analysis,
    iterations: int,
) -> Matrix:
    """Estimate the spectra of each pitch, given when it sounds.

    Parameters
    ----------
    spectrogram : numpy.ndarray, shape (bins, frames)
        Magnitudes.
    roll : numpy.ndarray, shape (stages, pitches, frames), bool
        Where each stage of each pitch may be active.
    pitches : numpy.ndarray, shape (pitches,)
        MIDI pitches.
    analysis : Analysis
        How the spectrogram was made.
    iterations : int
        Updates of activations and templates.

    Returns
    -------
    numpy.ndarray, shape (stages, bins, pitches), float32
        Mean magnitudes of each stage; zeros where a pitch is never in it.
    """
    active = roll.reshape(-1, roll.shape[-1])
    between = [_BETWEEN_PARTIALS_FIRST, *[_BETWEEN_PARTIALS] * (len(roll) - 1)]
    start = [harmonic_start(pitches, analysis, level) for level in between]
    spectra = np.hstack(start) * spectrogram.mean(axis=1, keepdims=True)
    activations: Matrix = active.astype(np.float32)
    for _ in range(iterations):
        spectra = update_templates(spectrogram, spectra, activations)
        activations = update_activations(spectrogram, spectra, activations)
    mean_activation = activations.sum(axis=1) / np.maximum(active.sum(axis=1), 1)
    scaled: Matrix = (spectra * mean_activation).astype(np.float32)
    return np.stack(np.split(scaled, len(roll), axis=1))


def harmonic_start(pitches: NDArray[np.int64], analysis: Analysis, between: np.float32) -> Matrix:
    """Return 1 within a window's main lobe or a quarter tone of each partial, less elsewhere.

    Without it, two pitches that only sound together could share one spectrum in any way.

    Parameters
    ----------
    pitches : numpy.ndarray, shape (pitches,)
        MIDI pitches.
    analysis : Analysis
        Rate and window.
    between : float
        What there is between the partials.

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
    return np.where(near, np.float32(1), between)


def fill(spectra: Matrix, known: NDArray[np.bool_]) -> Matrix:
    """Give pitches without a good spectrum that of the nearest that has one, moved to their pitch.

    Parameters
    ----------
    spectra : numpy.ndarray, shape (bins, pitches)
        One spectrum for each pitch, semitone by semitone.
    known : numpy.ndarray, shape (pitches,), bool
        Which of them are good. Without a good one nothing is filled.

    Returns
    -------
    numpy.ndarray, shape (bins, pitches), float32
        All of them; unchanged where `known`. Of two at equal distance, the lower is moved.
    """
    filled = spectra.copy()
    sources = np.flatnonzero(known)
    for index in np.flatnonzero(~known) if len(sources) else []:
        nearest = sources[np.argmin(np.abs(sources - index))]
        filled[:, [index]] = move_pitch(spectra[:, [nearest]], float(index - nearest))
    return filled


def divergences(spectrogram: Matrix, templates: NoteTemplates) -> NDArray[np.float64]:
    """Return the divergence of a clip from the templates of each timbre.

    Parameters
    ----------
    spectrogram : numpy.ndarray, shape (bins, frames)
        Magnitudes, not all 0.
    templates : NoteTemplates
        Of any number of timbres.

    Returns
    -------
    numpy.ndarray, shape (timbres,)
        Generalised Kullback-Leibler divergences over the sum of the magnitudes, more than 0.
    """
    excerpt = spectrogram[:, ::_COMPARE_EVERY]
    unexplained = []
    for spectra in map(templates.of, range(len(templates.timbres))):
        model = spectra @ activate(excerpt, spectra, _COMPARE_ITERATIONS)
        # Bins outside all templates cost much, but not infinitely much: timbres must stay comparable.
        unexplained.append(kl_divergence(excerpt, np.maximum(model, TINY)))
    total = max(float(excerpt.sum()), float(TINY))
    return np.maximum(np.asarray(unexplained) / total, float(TINY))
