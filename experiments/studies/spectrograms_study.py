"""Which spectrogram tells a small network most, as a study: table, figure and what they say.

The comparison itself is :mod:`timbrebench.classifier.style.spectrogram_study`: four front ends on two scales,
one training of the multi-instrument report's network for each, all else alike. The small setting takes fewer
clips and passes than ``timbrebench judge spectrograms`` does, so its accuracies are lower; they are for
comparison among themselves.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from timbrebench.classifier.style.spectrogram_study import write_study
from timbrebench.classifier.style.style_features import first_programs
from timbrebench.datasets import Dataset
from timbrebench.experiments.studies.study import Study, StudyContext, StudyFinding, StudyResult
from timbrebench.experiments.studies.study_wording import format_distinct
from timbrebench.experiments.studies.verdicts import decided

_COLOURS = {"decibel": "#0072B2", "log1p": "#D55E00"}


@dataclass(frozen=True)
class SpectrogramSettings:
    """How much is done: maximum passes of each training, and pieces of each split.

    Of each label and piece one clip is taken, played by the labels' first programs on the suite's soundfont;
    all clips where `pieces` is None.
    """

    max_epochs: int
    pieces: int | None


SMALL = SpectrogramSettings(max_epochs=10, pieces=20)
PAPER = SpectrogramSettings(max_epochs=24, pieces=None)


def run(context: StudyContext, settings: SpectrogramSettings) -> StudyResult:
    """Train one judge for each front end and scale."""
    dataset = context.judged
    if settings.pieces is not None:
        dataset = _few(context.suite.configuration.played_clips(dataset), settings.pieces)
    folder = context.learning_folder / "spectrograms"
    table = write_study(dataset, folder, max_epochs=settings.max_epochs)
    table = table.drop(columns="accuracy_without_soundfont")
    return StudyResult(table, _figure(table), _text(table), findings(table))


def _few(dataset: Dataset, pieces: int) -> Dataset:
    """Return one clip of each label and piece, of as many pieces of each split."""
    manifest = dataset.manifest[first_programs(dataset.manifest)]
    manifest = manifest.drop_duplicates(["label", "piece"])
    chosen = [
        name
        for _, names in manifest.groupby("split").piece.unique().items()
        for name in sorted(names)[:pieces]
    ]
    return replace(dataset, manifest=manifest[manifest.piece.isin(chosen)])


def _figure(table: pd.DataFrame) -> Figure:
    figure = Figure(figsize=(10, 4), layout="constrained")
    accuracy, cost = figure.subplots(1, 2)
    names = list(dict.fromkeys(table.front_end))
    places = np.arange(len(names))
    for offset, scale in ((-0.2, "decibel"), (0.2, "log1p")):
        own = table[table.scale == scale].set_index("front_end").loc[names]
        colour = _COLOURS[scale]
        bars = accuracy.bar(places + offset, own.test_accuracy, 0.38, color=colour, label=scale)
        accuracy.bar_label(bars, fmt="%.2f", fontsize=8)
        cost.bar(places + offset, 1000 * own.seconds_per_clip, 0.38, color=colour)
    accuracy.set(ylabel=f"accuracy on {table.test_clips.iloc[0]} clips of unseen pieces", ylim=(0, 1.05))
    cost.set(ylabel="milliseconds for the spectrogram of a clip")
    for axes in (accuracy, cost):
        axes.set_xticks(places, names)
    figure.legend(loc="outside upper center", ncols=2, frameon=False)
    return figure


def findings(table: pd.DataFrame) -> tuple[StudyFinding, ...]:
    """Judge whether front end and scale matter by a table as :func:`run` makes it."""
    best, worst = table.iloc[int(table.test_accuracy.argmax())], table.iloc[int(table.test_accuracy.argmin())]
    # Half of the 95 % interval of a share of so many clips, at its widest.
    chance = 0.98 / np.sqrt(table.test_clips.iloc[0])
    spread = best.test_accuracy - worst.test_accuracy
    scales = table.groupby("scale").test_accuracy.mean()
    decibel, log1p = format_distinct(scales["decibel"], scales["log1p"], decimals=3)
    return (
        StudyFinding(
            "The spectrogram matters to what a small network learns: the best and the worst differ by more "
            "than chance",
            decided(spread > 2 * chance),
            f"{_name(best)} {best.test_accuracy:.3f}, {_name(worst)} {worst.test_accuracy:.3f}; the clips "
            f"tell accuracies apart that differ by {2 * chance:.3f}.",
        ),
        StudyFinding(
            "Decibels tell more than log(1 + magnitude)",
            decided(scales["decibel"] > scales["log1p"]),
            f"Mean accuracies {decibel} and {log1p}.",
        ),
    )


def _text(table: pd.DataFrame) -> str:
    ordered = table.sort_values("test_accuracy", ascending=False)
    listed = ", ".join(f"{_name(row)} {row.test_accuracy:.3f}" for _, row in ordered.iterrows())
    quickest = table.iloc[int(table.seconds_per_clip.argmin())]
    return (
        f"Accuracies on {table.test_clips.iloc[0]} test clips: {listed}. The quickest to compute is "
        f"{_name(quickest)}, {1000 * quickest.seconds_per_clip:.0f} ms for a clip."
    )


def _name(row: pd.Series) -> str:
    return f"{row.front_end} ({row.scale})"


STUDY = Study(
    name="spectrograms",
    question="Which spectrogram tells a small network most?",
    source="multi-instrument report 2023",
    run=run,
    small=SMALL,
    paper=PAPER,
    check=lambda context: context.judged,
)
