"""How a content judge fares on test clips that were changed as recordings are, by instrument and source."""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd
from pydantic import Field

from timbrebench.audio.clips import Samples
from timbrebench.classifier.clip_changes import (
    UNCHANGED,
    Change,
    noises,
    recorded_otherwise,
    tuned,
    unchanged,
)
from timbrebench.classifier.content.content_evaluation import (
    has_onsets,
    note_f1,
    refuse_learned,
    tested_clips,
)
from timbrebench.classifier.content.content_features import true_notes
from timbrebench.classifier.content.installed_content_judges import InstalledContentJudge
from timbrebench.core.frozen_model import FrozenModel
from timbrebench.core.progress import Tracker
from timbrebench.core.tables import markdown_table
from timbrebench.core.workers.executors import executor_for
from timbrebench.datasets.clip_calls import map_clips
from timbrebench.datasets.dataset import Clip, Dataset

#: Decibels of the clip over the white noise that is added to it.
SNRS_DB = (20, 10)

#: Cents by which clips are tuned down and up: at 50, no pitch is nearer than its neighbour.
CENTS = (-30, 30)

#: Seconds that it takes to change a clip.
_CLIP_S = 0.05


class ContentDisturbance(FrozenModel):
    """The note F1 on clips that were changed in one way.

    Attributes
    ----------
    name : str
        What was done to them.
    clips : int
        How many were read.
    note_f1 : float
        Mean over the clips, by onset (50 ms) and pitch.
    note_f1_by_source : dict of str to float
        The same of each instrument of each soundfont, or folder of recorded notes, by "label, soundfont".
    """

    name: str
    clips: int
    note_f1: float
    note_f1_by_source: dict[str, float]


class ContentRobustness(FrozenModel):
    """The note F1 under all conditions.

    Attributes
    ----------
    conditions : tuple of ContentDisturbance
        The first is that nothing is changed.
    """

    conditions: tuple[ContentDisturbance, ...] = Field(min_length=1)

    def markdown(self) -> str:
        """Return a table in Markdown: a row for each source, a column for each condition."""
        by_source = pd.DataFrame({item.name: item.note_f1_by_source for item in self.conditions})
        by_source.loc["**all**"] = [item.note_f1 for item in self.conditions]
        texts = by_source.map(lambda value: f"{value:.2f}")
        return markdown_table(texts.rename_axis("source").reset_index())


def measure_content_robustness(
    judge: InstalledContentJudge, dataset: Dataset, *, seed: int = 0
) -> ContentRobustness:
    """Read changed clips of the test split.

    Clips are given white noise 20 and 10 dB under their own root mean square; tuned 30 cents down and up,
    which moves their notes as much as it makes them slower or faster; put into a room; filtered by shelves;
    and passed through MP3 of 64 kbit/s.

    Parameters
    ----------
    judge : InstalledContentJudge
        Any content judge.
    dataset : Dataset
        A dataset with a test split. Clips without notes, and those in which none begins, are left out.
    seed : int, default 0
        Seed of the noise and of the room's echoes.

    Returns
    -------
    ContentRobustness
        The same each time.

    Raises
    ------
    JudgeError
        If no clip is left, or the judge has learned from a test piece.
    """
    test = tested_clips(dataset)
    refuse_learned(judge, test.manifest)
    truth = true_notes(test)
    sources = (test.manifest.label + ", " + test.manifest.soundfont.fillna("recorded")).reset_index(drop=True)
    changes = _changes(seed)
    conditions = []
    with (
        Tracker("reading changed clips", len(changes) * len(test), "clips") as tracker,
        executor_for(
            _CLIP_S * len(changes) * len(test), ["timbrebench.audio.librosa_modules", __name__]
        ) as executor,
    ):
        for name, (change, faster) in changes.items():
            scores: list[float] = []
            changed = map_clips(partial(_changed, change=change), test, executor, tracker)
            for (samples, sample_rate), notes in zip(changed, truth, strict=True):
                seconds = len(samples) / sample_rate
                scores.append(_score(judge, samples, sample_rate, _played_faster(notes, faster, seconds)))
            conditions.append(_condition(name, pd.Series(scores), sources))
    return ContentRobustness(conditions=tuple(conditions))


def _changes(seed: int) -> dict[str, tuple[Change, float]]:
    """Return the changes by name, each with how much faster it plays a clip."""
    changes: dict[str, tuple[Change, float]] = {UNCHANGED: (unchanged, 1.0)}
    changes |= {name: (change, 1.0) for name, change in noises(SNRS_DB, seed).items()}
    changes |= {f"{cents:+d} cents": (partial(tuned, cents=cents), 2 ** (cents / 1200)) for cents in CENTS}
    return changes | {name: (change, 1.0) for name, change in recorded_otherwise(seed).items()}


def _changed(dataset: Dataset, clip: Clip, *, change: Change) -> tuple[Samples, int]:
    samples = change(dataset, clip)
    assert samples is not None  # noqa: S101 - these changes apply to every clip
    return samples, clip.sample_rate


def _played_faster(notes: pd.DataFrame, factor: float, duration_s: float) -> pd.DataFrame:
    """Return the notes of a clip that is played faster by a factor, as far as its duration goes."""
    moved = notes.assign(onset_s=notes.onset_s / factor, offset_s=notes.offset_s / factor)
    return moved[moved.onset_s < duration_s]


def _score(judge: InstalledContentJudge, samples: Samples, sample_rate: int, notes: pd.DataFrame) -> float:
    """Return the note F1, nan where no note begins."""
    if not has_onsets(notes):
        return np.nan
    return note_f1(notes, judge.transcribe(samples, sample_rate).notes)


def _condition(name: str, scores: pd.Series[float], sources: pd.Series[str]) -> ContentDisturbance:
    means = scores.groupby(sources).mean().dropna()
    return ContentDisturbance(
        name=name,
        clips=int(scores.notna().sum()),
        note_f1=round(float(scores.mean()), 4),
        note_f1_by_source={str(source): round(float(mean), 4) for source, mean in means.items()},
    )
