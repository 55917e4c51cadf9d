"""Evaluation of the content judge: its transcriptions against the notes that were played.

Notes are compared by mir_eval (Raffel et al. 2014): an estimated note is right where its onset lies
within 50 ms of a reference note's and its pitch within half a semitone, and each is matched with one at most;
with offsets, the end must also lie within 50 ms or a fifth of the note's length. Two voices in unison are one
note here, as in the tables of notes: they cannot be separated, and one of them could not be matched. Frames
are compared with the notes from onset to offset, whether or not a note is audible up to there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import mir_eval
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from timbrebench.classifier.content.content_features import ContentFeatures, true_notes
from timbrebench.classifier.content.content_judge import ContentJudge
from timbrebench.classifier.content.installed_content_judges import InstalledContentJudge
from timbrebench.classifier.content.note_decoding import Decoding, Probabilities
from timbrebench.classifier.content.note_targets import note_raster
from timbrebench.core.errors import JudgeError
from timbrebench.core.frozen_model import FrozenModel
from timbrebench.core.progress import Tracker
from timbrebench.datasets.dataset import Dataset

#: Seconds between the onsets of two notes that are one.
ONSET_TOLERANCE_S = 0.05

#: Scores of a clip: columns of tables of them.
_SCORES = ("note_f1", "note_f1_with_offsets", "frame_f1")


class Figures(FrozenModel):
    """Means over clips.

    Attributes
    ----------
    clips : int
        How many.
    note_f1 : float
        By onset and pitch.
    note_f1_with_offsets : float
        By onset, pitch and offset.
    frame_f1 : float
        Of the pitches in each frame.
    """

    clips: int
    note_f1: float
    note_f1_with_offsets: float
    frame_f1: float


class ContentEvaluation(FrozenModel):
    """Figures of a content judge on pieces that it has not learned from.

    Attributes
    ----------
    overall : Figures
        On all clips.
    by_label, by_soundfont : dict
        The same on the clips of each instrument or family, and of each soundfont.
    """

    overall: Figures
    by_label: dict[str, Figures]
    by_soundfont: dict[str, Figures]


@dataclass(frozen=True)
class NoteScores:
    """Agreement of estimated notes with reference notes.

    Attributes
    ----------
    precision : float
        Share of the estimated notes that are right; 0 without any.
    recall : float
        Share of the reference notes that are found.
    f1 : float
        Harmonic mean of the two; 0 where either is.
    """

    precision: float
    recall: float
    f1: float


def note_scores(
    reference: pd.DataFrame,
    estimated: pd.DataFrame,
    *,
    onset_tolerance_s: float = ONSET_TOLERANCE_S,
    with_offsets: bool = False,
) -> NoteScores:
    """Compare estimated notes with reference notes.

    Parameters
    ----------
    reference, estimated : pandas.DataFrame
        ``onset_s, offset_s, pitch``. Repeated rows of one onset and pitch in the reference count once; notes
        that begin before the clip (negative onsets) do not count, nor do notes without a duration.
    onset_tolerance_s : float, default 0.05
        Maximum seconds between the onsets of two notes that are one.
    with_offsets : bool, default False
        Whether the offsets must agree too.

    Returns
    -------
    NoteScores
        Each from 0 to 1.

    Raises
    ------
    JudgeError
        If no reference note starts in the window.
    """
    played = reference[_counted(reference)]
    played = played.drop_duplicates(["onset_s", "pitch"])
    if played.empty:
        raise JudgeError("no reference note starts in this window: choose one in which a note starts")
    if estimated.empty:
        return NoteScores(precision=0.0, recall=0.0, f1=0.0)
    precision, recall, f1, _ = mir_eval.transcription.precision_recall_f1_overlap(
        *_intervals(played),
        *_intervals(estimated),
        onset_tolerance=onset_tolerance_s,
        offset_ratio=0.2 if with_offsets else None,
    )
    return NoteScores(float(precision), float(recall), float(f1))


def _counted(notes: pd.DataFrame) -> pd.Series[bool]:
    """Tell for each note whether it begins in the clip and lasts."""
    return (notes.onset_s >= 0) & (notes.offset_s > notes.onset_s)


def note_f1(reference: pd.DataFrame, estimated: pd.DataFrame, *, with_offsets: bool = False) -> float:
    """Return the F1 of estimated notes, from 0 to 1; takes and raises what :func:`note_scores` does."""
    return note_scores(reference, estimated, with_offsets=with_offsets).f1


def frame_f1(reference: NDArray[np.bool_], estimated: NDArray[np.bool_]) -> float:
    """Return the F1 of the estimated pitches in each frame, from 0 to 1; 0 where no pitch is right.

    It is that of mir_eval's multipitch precision and recall, which for pitches on a keyboard are counts.
    Takes whether a key sounds, shape (88, frames).
    """
    return float(2 * (reference & estimated).sum() / max(1, reference.sum() + estimated.sum()))


def frame_accuracy(reference: NDArray[np.bool_], estimated: NDArray[np.bool_]) -> float:
    """Return mir_eval's multipitch accuracy, from 0 to 1; takes what :func:`frame_f1` does.

    Of all keys that sound in a frame of either, the share that sound in both (Poliner & Ellis 2007).
    """
    return float((reference & estimated).sum() / max(1, (reference | estimated).sum()))


def evaluate_content_judge(judge: InstalledContentJudge, dataset: Dataset) -> ContentEvaluation:
    """Evaluate a judge on the clips of a dataset's test split in which notes begin that are known.

    Raises
    ------
    JudgeError
        If there is no such clip, or one is of a piece that the judge learned from.
    """
    test = tested_clips(dataset)
    refuse_learned(judge, test.manifest)
    rows = []
    with Tracker("reading clips", len(test), "clips") as tracker:
        for clip, truth in zip(test.clips(), true_notes(test), strict=True):
            read = judge.transcribe(test.samples(clip), clip.sample_rate)
            roll = note_raster(truth, read.roll.shape[1], read.frame_s).astype(bool)
            rows.append((*_f1s(truth, read.notes), frame_f1(roll, read.roll)))
            tracker.advance()
    return _evaluation(test.manifest, pd.DataFrame(rows, columns=list(_SCORES)))


def tested_clips(dataset: Dataset) -> Dataset:
    """Return the clips of the test split in which notes begin; JudgeError if there is none."""
    test = dataset.select(split="test").with_notes()
    begins = np.array([has_onsets(notes) for notes in true_notes(test)], dtype=bool)
    if not begins.any():
        raise JudgeError(f"{dataset.root}: no clip of the test split has notes")
    return replace(test, manifest=test.manifest[begins])


def has_onsets(notes: pd.DataFrame) -> bool:
    """Whether one of the notes that sound in a clip begins in it."""
    return bool(_counted(notes).any())


def refuse_learned(judge: InstalledContentJudge, manifest: pd.DataFrame) -> None:
    """Refuse clips of a piece that a judge has learned from, by a JudgeError that names one."""
    learned = sorted(set(manifest.piece) & set(judge.training_pieces))
    if learned:
        raise JudgeError(f"the judge has learned from {learned[0]}: evaluate it on other pieces")


def evaluate_on(judge: ContentJudge, test: ContentFeatures) -> ContentEvaluation:
    """Evaluate a judge on clips that went through its front end; as :func:`evaluate_content_judge`."""
    if test.manifest.empty:
        raise JudgeError("the test split is empty: no clip to evaluate on")
    refuse_learned(judge, test.manifest)
    scores = clip_scores(test, judge.decoding, *judge.probabilities_of(test.levels))
    return _evaluation(test.manifest, scores)


def _evaluation(manifest: pd.DataFrame, scores: pd.DataFrame) -> ContentEvaluation:
    return ContentEvaluation(
        overall=_figures(scores),
        by_label=_by(manifest.label, scores),
        by_soundfont=_by(manifest.soundfont.fillna("recorded"), scores),
    )


def clip_scores(
    features: ContentFeatures, decoding: Decoding, notes: Probabilities, onsets: Probabilities
) -> pd.DataFrame:
    """Score a network's probabilities, shape (clips, 88, frames), for each clip.

    One row for each clip: ``note_f1, note_f1_with_offsets, frame_f1``.
    """
    frame_s = features.front_end.frame_s
    rolls = features.notes.numpy().astype(bool)
    rows = []
    for truth, roll, note, onset in zip(features.truth, rolls, notes, onsets, strict=True):
        estimated = decoding.notes(note, onset, frame_s)
        rows.append((*_f1s(truth, estimated), frame_f1(roll, note >= decoding.note)))
    return pd.DataFrame(rows, columns=list(_SCORES))


def _f1s(truth: pd.DataFrame, estimated: pd.DataFrame) -> tuple[float, float]:
    """Return the note F1 of a clip, and that with offsets."""
    return note_f1(truth, estimated), note_f1(truth, estimated, with_offsets=True)


def choose_decoding(features: ContentFeatures, notes: Probabilities, onsets: Probabilities) -> Decoding:
    """Choose the thresholds, on a grid of 0.05, with the best F1 of notes and of frames on validation clips.

    Takes a network's probabilities for them, shape (clips, 88, frames).
    """
    grid = [round(0.05 * step, 2) for step in range(3, 15)]
    truth, frame_s = features.notes.numpy().astype(bool), features.front_end.frame_s

    def frames(threshold: float) -> float:
        return frame_f1(truth, notes >= threshold)

    note = _best(frames, grid)

    def f1_of_notes(threshold: float) -> float:
        decoding = Decoding(onset=threshold, note=note)
        answers = zip(features.truth, notes, onsets, strict=True)
        return float(np.mean([note_f1(table, decoding.notes(n, o, frame_s)) for table, n, o in answers]))

    return Decoding(onset=_best(f1_of_notes, grid), note=note)


def _best(score: Callable[[float], float], grid: Sequence[float]) -> float:
    return max(grid, key=score)


def _intervals(notes: pd.DataFrame) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return notes as mir_eval takes them: intervals in seconds and frequencies in hertz."""
    return notes[["onset_s", "offset_s"]].to_numpy(dtype=float), _hertz(notes.pitch.to_numpy())


def _hertz(pitches: NDArray[np.int_]) -> NDArray[np.float64]:
    return np.asarray(440.0 * 2 ** ((pitches - 69) / 12), dtype=float)


def _by(group: Iterable[str], scores: pd.DataFrame) -> dict[str, Figures]:
    return {str(name): _figures(rows) for name, rows in scores.groupby(list(group))}


def _figures(scores: pd.DataFrame) -> Figures:
    means = {str(name): round(float(value), 4) for name, value in scores.mean().items()}
    return Figures(clips=len(scores), **means)
