"""How a judge fares on test clips that were changed as recordings are, shortened, or transposed."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from pydantic import Field

from timbrebench.audio.clips import Samples, fit_length
from timbrebench.classifier.clip_changes import (
    ROOM_S,
    SHELF_DB,
    UNCHANGED,
    Change,
    louder,
    noises,
    recorded_otherwise,
    shortened,
    tuned,
    unchanged,
)
from timbrebench.classifier.style.style_evaluation import right_answers
from timbrebench.classifier.style.style_features import CLIP_S, StyleFeatures
from timbrebench.classifier.style.style_front_end import BaseFrontEnd
from timbrebench.classifier.style.style_judge import Judge
from timbrebench.core.errors import JudgeError
from timbrebench.core.frozen_model import FrozenModel
from timbrebench.core.progress import Tracker
from timbrebench.core.workers.executors import Executor, executor_for
from timbrebench.datasets.building import configuration_of
from timbrebench.datasets.clip_calls import map_clips
from timbrebench.datasets.dataset import Clip, Dataset
from timbrebench.datasets.notes import read_drums, read_notes
from timbrebench.datasets.rendering.dataset_configuration import DatasetConfiguration
from timbrebench.datasets.rendering.rendered_dataset import soundfonts_of
from timbrebench.datasets.soundfonts.soundfont_finding import Soundfont

#: What clips are judged by when they are shortened, in seconds: the window of Verma & Smith (2017), and one
#: that a judge has hardly learned from.
WINDOWS_S = (2.57, 1.0)

#: Decibels of the clip over the white noise that is added to it.
SNRS_DB = (40, 30, 20, 10)

#: Decibels by which clips are made louder.
GAINS_DB = (-12, 12)

#: Cents by which clips are tuned up and down.
CENTS = (-50, 50)

#: Semitones by which the notes are moved before they are rendered again.
TRANSPOSITIONS = (-5, -2, 2, 5)

#: Seconds before a clip from which on notes that have ended are still rendered: they die away inside it.
_LEAD_S = 1.0

#: What tells recordings from renderings, and from each other.
RECORDING_CONDITIONS = (
    UNCHANGED,
    *(f"noise at {snr} dB" for snr in (20, 10)),
    *(f"{cents:+d} cents" for cents in CENTS),
    f"room of {ROOM_S:g} s",
    f"low shelf {SHELF_DB} dB",
    f"high shelf {SHELF_DB} dB",
    "MP3 at 64 kbit/s",
)

#: Clips as they are, and each change.
_CONDITIONS = 1 + len(WINDOWS_S) + len(SNRS_DB) + len(GAINS_DB) + len(CENTS) + 4 + len(TRANSPOSITIONS)


class Disturbance(FrozenModel):
    """The accuracy on clips that were changed in one way.

    Attributes
    ----------
    name : str
        What was done to them.
    accuracy : float or None
        Share of the changed clips that were given their label; None if none could be changed.
    accuracy_before : float or None
        The same of the same clips as they were.
    clips : int
        How many were judged.
    skipped : int
        How many could not be changed so: transposed beyond what the instrument sounds, no longer than the
        window, or silent inside it.
    accuracy_by_source : dict of str to float
        The accuracy on the clips of each instrument of each soundfont, or folder of recorded notes, by
        "label, soundfont"; empty in cards of earlier versions.
    """

    name: str
    accuracy: float | None
    accuracy_before: float | None
    clips: int
    skipped: int
    accuracy_by_source: dict[str, float] = Field(default={})


class Robustness(FrozenModel):
    """The accuracy under all conditions.

    Attributes
    ----------
    conditions : tuple of Disturbance
        The first is that nothing is changed.
    """

    conditions: tuple[Disturbance, ...]


def measure_robustness(judge: Judge, dataset: Dataset, *, seed: int = 0) -> Robustness:
    """Judge changed clips of the test split.

    Clips are shortened to their middle 2.57 s and 1 s; given white noise 40, 30, 20 and 10 dB under their own
    root mean square; made 12 dB softer and louder, unclipped; tuned 50 cents down and up; put into a room;
    filtered by shelves that lower what lies under 300 Hz or over 2 kHz by 12 dB; passed through MP3 of
    64 kbit/s; and, if it is a whole dataset of renderings, transposed by 2 and 5 semitones down and up, which
    is done to the notes, rendered with the clip's own soundfont and program.

    Parameters
    ----------
    judge : Judge
        Any judge that knows the dataset's labels.
    dataset : Dataset
        A dataset with a test split. To transpose its clips, its soundfonts must be on this machine.
    seed : int, default 0
        Seed of the noise and of the room's echoes.

    Returns
    -------
    Robustness
        The same each time.

    Raises
    ------
    JudgeError
        If the test split is empty, has a label that the judge does not know, or a piece that it learned from.
    MissingResourceError
        If a soundfont is missing.
    """
    test = dataset.select(split="test")
    if not len(test):
        raise JudgeError(f"{dataset.root}: the test split is empty: no clip to change")
    with executor_for(
        CLIP_S * _CONDITIONS * len(test), ["timbrebench.audio.librosa_modules", __name__]
    ) as executor:
        changes = _changes(test, seed, executor)
        with Tracker("judging changed clips", len(changes) * len(test), "clips") as tracker:
            answers = {
                name: _judge(judge, test, change, executor, tracker) for name, change in changes.items()
            }
    before = answers[UNCHANGED]
    sources = test.manifest.label + ", " + test.manifest.soundfont
    sources = sources.reset_index(drop=True)
    return Robustness(
        conditions=tuple(_condition(name, right, before, sources) for name, right in answers.items())
    )


def transposed(
    dataset: Dataset,
    clip: Clip,
    *,
    semitones: int,
    soundfonts: Mapping[str, Soundfont],
    sounding: Mapping[tuple[str, int], set[int]],
) -> Samples | None:
    """Move the notes of a clip and render them again with its soundfont and program, drums as they are.

    Parameters
    ----------
    dataset : Dataset
        The clip's, rendered from notes.
    clip : Clip
        Which.
    semitones : int
        How far up, or down where negative.
    soundfonts : mapping of str to Soundfont
        By name.
    sounding : mapping of (str, int) to set of int
        The MIDI pitches that each program of each soundfont sounds.

    Returns
    -------
    numpy.ndarray, shape (round(clip.duration_s * clip.sample_rate),), or None
        Not scaled to the clip's level, to which a judge is invariant. None if a note is moved to a pitch that
        does not sound.
    """
    end = clip.start_s + clip.duration_s
    path = dataset.notes_path(clip.piece)
    notes, drums = (
        table[(table.onset_s < end) & (table.offset_s > clip.start_s - _LEAD_S)]
        for table in (read_notes(path), read_drums(path))
    )
    notes = notes.assign(pitch=notes.pitch + semitones)
    if not set(notes.pitch) <= sounding[clip.soundfont, clip.program]:
        return None
    player = soundfonts[clip.soundfont].player()
    rendering = player.render(notes, clip.program, end, clip.sample_rate)
    if len(drums):
        rendering = rendering + player.render_drums(drums, end, clip.sample_rate)
    length = round(clip.duration_s * clip.sample_rate)
    first = round(clip.start_s * clip.sample_rate)
    return fit_length(rendering[first : first + length], length)


def _changes(test: Dataset, seed: int, executor: Executor) -> dict[str, Change]:
    changes: dict[str, Change] = {UNCHANGED: unchanged}
    changes |= {f"{seconds:g} s": partial(shortened, seconds=seconds) for seconds in WINDOWS_S}
    changes |= noises(SNRS_DB, seed)
    changes |= {f"gain {gain:+d} dB": partial(louder, gain_db=gain) for gain in GAINS_DB}
    changes |= {f"{cents:+d} cents": partial(tuned, cents=cents) for cents in CENTS}
    changes |= recorded_otherwise(seed)
    return changes | _transpositions(test, executor)


def _transpositions(test: Dataset, executor: Executor) -> dict[str, Change]:
    """Return the transpositions; none for a dataset that is not one of renderings alone."""
    if configuration_of(test.description, DatasetConfiguration) is None:
        return {}
    # Datasets name soundfonts by their files; the configuration knows where they lie.
    soundfonts = {soundfont.name: soundfont for soundfont in soundfonts_of(test)}
    presets = sorted(set(zip(test.manifest.soundfont, test.manifest.program, strict=True)))
    pitches = executor.map(
        _sounding_pitches, [(soundfonts[name], program) for name, program in presets], "soundfonts"
    )
    sounding = dict(zip(presets, pitches, strict=True))
    return {
        f"{semitones:+d} semitones": partial(
            transposed, semitones=semitones, soundfonts=soundfonts, sounding=sounding
        )
        for semitones in TRANSPOSITIONS
    }


def _sounding_pitches(preset: tuple[Soundfont, int]) -> set[int]:
    soundfont, program = preset
    return soundfont.player().sounding_pitches(program)


def _judge(
    judge: Judge, test: Dataset, change: Change, executor: Executor, tracker: Tracker
) -> pd.Series[bool]:
    """Tell for each clip that could be changed, by its place in the manifest, whether the judge is right."""
    changed = partial(_changed, change=change, front_end=judge.front_end)
    spectrograms = list(map_clips(changed, test, executor, tracker))
    places = [place for place, spectrogram in enumerate(spectrograms) if spectrogram is not None]
    if not places:
        return pd.Series(index=range(0), dtype=bool)
    present = [torch.from_numpy(spectrograms[place]) for place in places]
    features = StyleFeatures(torch.stack(present), test.manifest.iloc[places], judge.front_end)
    return pd.Series(right_answers(judge, features), index=places)


def _changed(
    dataset: Dataset, clip: Clip, *, change: Change, front_end: BaseFrontEnd
) -> NDArray[np.float16] | None:
    samples = change(dataset, clip)
    if samples is None:
        return None
    try:
        # In half precision, as in the evaluation: unchanged clips have the same accuracy there.
        return front_end.spectrogram(samples, clip.sample_rate).astype(np.float16)
    except JudgeError:  # its middle is silent
        return None


def _condition(
    name: str, right: pd.Series[bool], before: pd.Series[bool], sources: pd.Series[str]
) -> Disturbance:
    return Disturbance(
        name=name,
        accuracy=float(right.mean()) if len(right) else None,
        accuracy_before=float(before[right.index].mean()) if len(right) else None,
        clips=len(right),
        skipped=len(before) - len(right),
        accuracy_by_source={
            str(source): float(share) for source, share in right.groupby(sources).mean().items()
        },
    )
