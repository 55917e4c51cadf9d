"""Comparison of spectrograms as input of a small network: four front ends on two scales.

The multi-instrument report (2023) looks at pictures of two of them, the short-time Fourier transform and mel
bands, each in decibels and as ``log(1 + magnitude)``, and measures nothing. Here its network of four blocks
is trained on these, on the constant-Q transform and on log-frequency bands. Clips are cropped and masked in
training, and otherwise seen as they are.
"""

from __future__ import annotations

import time
from itertools import islice
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from timbrebench.classifier.style.cross_validation import leave_soundfonts_out
from timbrebench.classifier.style.judge_configuration import JudgeConfiguration
from timbrebench.classifier.style.judge_figures import bar_figure
from timbrebench.classifier.style.style_augmentation import Augmentation
from timbrebench.classifier.style.style_evaluation import evaluate_on
from timbrebench.classifier.style.style_features import compute_features
from timbrebench.classifier.style.style_front_end import (
    CqtFrontEnd,
    FrontEnd,
    LogFrequencyFrontEnd,
    MelFrontEnd,
    StftFrontEnd,
)
from timbrebench.classifier.style.style_training import train_judge
from timbrebench.classifier.style.training_stages import stage, training_key
from timbrebench.core.figures import save_figure
from timbrebench.core.files import fingerprint
from timbrebench.core.frozen_model import FrozenModel
from timbrebench.core.progress import Tracker
from timbrebench.core.tables import write_csv
from timbrebench.datasets.dataset import Dataset

TABLE_FILE = "spectrograms.csv"
FIGURE_FILE = "spectrograms.png"

#: All that is compared.
FRONT_ENDS: tuple[FrontEnd, ...] = tuple(
    kind(scale=scale)
    for kind in (StftFrontEnd, MelFrontEnd, CqtFrontEnd, LogFrequencyFrontEnd)
    for scale in ("decibel", "log1p")
)

#: Clips by which the time for a spectrogram is measured.
_TIMED = 16


class Cell(FrozenModel):
    """The figures of one front end on one scale.

    Attributes
    ----------
    front_end, scale : str
        Which.
    bands : int
        Height of a spectrogram.
    test_clips : int
        Clips of unseen pieces, played by the labels' first programs, that were judged.
    test_accuracy : float
        Share of them that were given their label.
    accuracy_without_soundfont : float or None
        Mean, over the families of soundfonts, of the accuracy of a judge that was trained without the family.
        None if it was not asked for, or there is only one.
    seconds_per_clip : float
        Median processor time for the spectrogram of a clip, on the machine that measured it.
    """

    front_end: str
    scale: str
    bands: int
    test_clips: int
    test_accuracy: float
    accuracy_without_soundfont: float | None
    seconds_per_clip: float


def write_study(
    dataset: Dataset,
    folder: Path | str,
    *,
    max_epochs: int = 24,
    seed: int = 0,
    without_soundfonts: bool = False,
) -> pd.DataFrame:
    """Train one judge for each front end and scale, on the same clips with the same seed, and compare them.

    Parameters
    ----------
    dataset : Dataset
        With the splits "judge", "validation" and "test".
    folder : path-like
        Gets ``spectrograms.csv``, ``spectrograms.png`` and the finished cells, which a later call takes up.
    max_epochs : int, default 24
        Maximum passes through the training clips.
    seed : int, default 0
        Seed of the trainings.
    without_soundfonts : bool, default False
        Whether to train a further judge without each family of soundfonts, which takes several times as long.

    Returns
    -------
    pandas.DataFrame
        One row for each :class:`Cell`, with its attributes as columns.

    Raises
    ------
    JudgeError
        If the dataset has too few labels or pieces.
    StorageError
        If a file cannot be written.
    """
    folder = Path(folder)
    used = dataset.select(split=("judge", "validation", "test"))
    cells = []
    with Tracker("comparing spectrograms", len(FRONT_ENDS), "judges") as tracker:
        for front_end in FRONT_ENDS:
            configuration = JudgeConfiguration(
                front_end=front_end,
                network="four-block",
                augmentation=Augmentation(share=0, shift_semitones=0),
                max_epochs=max_epochs,
                seed=seed,
            )
            cells.append(_cell(used, configuration, folder / "cells", without_soundfonts=without_soundfonts))
            tracker.advance()
    table = pd.DataFrame([cell.model_dump() for cell in cells])
    write_csv(folder / TABLE_FILE, table, "%.4f")
    save_figure(_figure(cells), folder / FIGURE_FILE)
    return table


def _cell(
    dataset: Dataset, configuration: JudgeConfiguration, folder: Path, *, without_soundfonts: bool
) -> Cell:
    front_end = configuration.front_end
    name = f"{front_end.kind}-{front_end.scale}"

    def measure(scratch: Path) -> Cell:
        features = compute_features(dataset, front_end)
        training = train_judge(
            features, configuration, description=f"training on {name}", folder=scratch / "judge"
        )
        evaluation = evaluate_on(training.judge, features.where(split=["test"]).first_programs())
        left_out = leave_soundfonts_out(features, configuration, scratch) if without_soundfonts else {}
        accuracies = [other.accuracy for other in left_out.values()]
        return Cell(
            front_end=front_end.kind,
            scale=front_end.scale,
            bands=features.spectrograms.shape[1],
            test_clips=evaluation.clips,
            test_accuracy=evaluation.accuracy,
            accuracy_without_soundfont=float(np.mean(accuracies)) if accuracies else None,
            seconds_per_clip=_seconds_per_clip(dataset, front_end),
        )

    key = fingerprint([training_key(dataset.manifest, configuration), without_soundfonts])
    return stage(folder / f"{name}.json", key, Cell, measure)


def _seconds_per_clip(dataset: Dataset, front_end: FrontEnd) -> float:
    clips = [(dataset.samples(clip), clip.sample_rate) for clip in islice(dataset.clips(), _TIMED)]
    front_end.spectrogram(*clips[0])  # loads what is loaded once
    times = []
    for clip in clips:
        started = time.process_time()
        front_end.spectrogram(*clip)
        times.append(time.process_time() - started)
    return float(np.median(times))


def _figure(cells: list[Cell]) -> Figure:
    figure = bar_figure(
        [f"{cell.front_end}, {cell.scale}" for cell in cells],
        [cell.test_accuracy for cell in cells],
        [_note(cell) for cell in cells],
    )
    clips = cells[0].test_clips
    figure.axes[0].set_xlabel(f"accuracy on {clips} clips of unseen pieces")
    return figure


def _note(cell: Cell) -> str:
    time_ms = f"({1000 * cell.seconds_per_clip:.0f} ms a clip)"
    if cell.accuracy_without_soundfont is None:
        return time_ms
    return f"{time_ms}, soundfonts left out: {cell.accuracy_without_soundfont:.3f}"
