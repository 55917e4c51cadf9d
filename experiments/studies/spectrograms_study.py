"""Which spectrogram tells a small network most, as a study: table, figure and what they say.

The multi-instrument report (2023, section III-C) looks at pictures of three clips in four ways, STFT and mel
bands, each in decibels and as log(1 + magnitude), and takes the STFT in decibels; it measures nothing, and
has no CQT. Whether its choice is the best of the four is what is tested here, by what its own network learns
from each. CQT and log-frequency bands are this benchmark's addition.

The comparison itself is :mod:`timbrebench.classifier.style.spectrogram_study`: four front ends on two scales,
a training of the report's network for each, all else alike. It is repeated with other seeds, which draw first
weights and, in the small setting, the pieces; leads are of trainings with one seed, and intervals over seeds.
One training of each decides nothing, however many clips it is tested on. The small setting takes fewer clips
and passes than ``timbrebench judge spectrograms`` does, so its accuracies are lower; they are for comparison
among themselves.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from timbrebench.classifier.style.spectrogram_study import write_study
from timbrebench.classifier.style.style_features import first_programs
from timbrebench.datasets import Dataset
from timbrebench.experiments.studies.study import (
    STUDY_SETTINGS,
    Study,
    StudyContext,
    StudyFinding,
    StudyResult,
)
from timbrebench.experiments.studies.study_wording import counted, with_interval
from timbrebench.experiments.studies.verdicts import all_positive

#: What the report looked at, and what it chose.
LOOKED_AT = (("stft", "decibel"), ("stft", "log1p"), ("mel", "decibel"), ("mel", "log1p"))
CHOICE = ("stft", "decibel")

_COLOURS = {"decibel": "#0072B2", "log1p": "#D55E00"}


@dataclass(frozen=True)
class SpectrogramSettings:
    """How much is done: maximum passes of each training, pieces of each split, and seeds.

    Of each label and piece one clip is taken, played by the labels' first programs on the suite's soundfont;
    all clips where `pieces` is None.
    """

    max_epochs: int
    pieces: int | None
    seeds: tuple[int, ...] = (0, 1, 2)


SMALL = SpectrogramSettings(max_epochs=10, pieces=20)
PAPER = SpectrogramSettings(max_epochs=24, pieces=None)


def run(context: StudyContext, settings: SpectrogramSettings) -> StudyResult:
    """Train one judge for each front end, scale and seed."""
    folder = context.learning_folder / "spectrograms"
    tables = []
    for seed in settings.seeds:
        dataset = context.judged
        if settings.pieces is not None:
            played = context.suite.configuration.played_clips(dataset)
            dataset = _drawn_pieces(played, settings.pieces, seed)
        table = write_study(dataset, folder / f"seed-{seed}", max_epochs=settings.max_epochs, seed=seed)
        tables.append(table.drop(columns="accuracy_without_soundfont").assign(seed=seed))
    trainings = pd.concat(tables, ignore_index=True)
    table = over_seeds(trainings)
    return StudyResult(table, _figure(table), _text(trainings), findings(trainings), {"trainings": trainings})


def over_seeds(trainings: pd.DataFrame) -> pd.DataFrame:
    """Return the means over the seeds, for each front end and scale in their order."""
    means: pd.DataFrame = trainings.groupby(["front_end", "scale"], sort=False).mean().reset_index()
    return means.drop(columns="seed").astype({"bands": int, "test_clips": int})


def _drawn_pieces(dataset: Dataset, pieces: int, seed: int) -> Dataset:
    """Return one clip of each label and piece, of as many pieces of each split."""
    generator = np.random.default_rng(seed)
    manifest = dataset.manifest[first_programs(dataset.manifest)]
    manifest = manifest.drop_duplicates(["label", "piece"])
    chosen = [
        name
        for _, names in manifest.groupby("split").piece.unique().items()
        for name in generator.permutation(sorted(names))[:pieces]
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


def findings(trainings: pd.DataFrame) -> tuple[StudyFinding, ...]:
    """Judge the report's choice by a table of trainings: a row for each front end, scale and seed."""
    accuracies = trainings.pivot_table(
        index="seed", columns=["front_end", "scale"], values="test_accuracy", dropna=False
    )
    leads = {other: accuracies[CHOICE] - accuracies[other] for other in LOOKED_AT if other != CHOICE}
    shown = ", ".join(
        f"{front_end} ({scale}) by {with_interval(lead)}" for (front_end, scale), lead in leads.items()
    )
    return (
        StudyFinding(
            "Of the four spectrograms that the report looks at, its network learns most from the one that it "
            "chooses, the STFT in decibels (which the report does not say)",
            all_positive(list(leads.values())),
            f"Its accuracy, {accuracies[CHOICE].mean():.3f}, is above that of {shown}, over "
            f"{counted(len(accuracies), 'training')} of each.",
        ),
    )


def _text(trainings: pd.DataFrame) -> str:
    table = over_seeds(trainings)
    ordered = table.sort_values("test_accuracy", ascending=False)
    names = ", ".join(f"{_name(row)} {row.test_accuracy:.3f}" for _, row in ordered.iterrows())
    quickest = table.iloc[int(table.seconds_per_clip.argmin())]
    return (
        f"Mean accuracies over {counted(trainings.seed.nunique(), 'seed')}, on {table.test_clips.iloc[0]} "
        f"test clips with each: {names}. The quickest to compute is {_name(quickest)}, "
        f"{1000 * quickest.seconds_per_clip:.0f} ms for a clip."
    )


def _name(row: pd.Series) -> str:
    return f"{row.front_end} ({row.scale})"


STUDY = Study(
    name="spectrograms",
    question="Which spectrogram tells a small network most?",
    source="multi-instrument report 2023, section III-C",
    run=run,
    small=SMALL,
    paper=PAPER,
    small_limit="So few clips and passes cannot refute it.",
    changes=dict.fromkeys(
        STUDY_SETTINGS,
        "The report compares four spectrograms by eye, on three clips, and has no CQT. Here its network is "
        "trained on each, and on CQT and log-frequency bands, with this benchmark's clips and training; what "
        "is said is over trainings with several seeds.",
    ),
    check=lambda context: context.judged,
)
