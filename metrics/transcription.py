"""Comparing what the content judge reads in a clip with notes that are known: what several metrics share.

Conventions
-----------
A comparison ends where the clip ends that the true notes are of: what is read later does not count, and
notes that go on are cut there. Times lie on that clip's axis. A reader's frame k lies at ``k * frame_s``; the
frames before the end are compared, and those that an output is too short to have hold no pitch.
"""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from timbrebench.classifier import Transcription
from timbrebench.classifier.content.content_evaluation import ONSET_TOLERANCE_S, NoteScores, note_scores
from timbrebench.classifier.content.note_targets import note_raster
from timbrebench.core.errors import JudgeError
from timbrebench.metrics.sound import Unscorable

#: Which of the 88 keys of a piano sound in each frame, the lowest (MIDI pitch 21) first.
Roll = NDArray[np.bool_]


def compare_notes(
    truth: pd.DataFrame,
    transcription: Transcription,
    *,
    end_s: float,
    truth_name: str,
    onset_tolerance_s: float = ONSET_TOLERANCE_S,
    with_offsets: bool = False,
) -> NoteScores:
    """Return precision, recall and F1 of transcribed notes against true ones (``onset_s, offset_s, pitch``).

    The comparison ends at `end_s` seconds. `truth_name` is what the true notes are, for the reason: "the true
    notes of the content". Onsets may lie `onset_tolerance_s` seconds apart. With `with_offsets`, notes have
    to end together, too. Unscorable if no true note begins between 0 and `end_s`.
    """
    try:
        return note_scores(
            _until(truth, end_s),
            _until(transcription.notes, end_s),
            onset_tolerance_s=onset_tolerance_s,
            with_offsets=with_offsets,
        )
    except JudgeError as error:
        raise Unscorable(f"{truth_name} hold none that begins within {end_s:.3g} s") from error


def true_roll(notes: pd.DataFrame, *, end_s: float, frame_s: float) -> Roll:
    """Return which keys are held in each frame before an end: shape (88, frames).

    A key is held from the onset up to, and not at, the offset, also where it was struck before the clip;
    notes outside the keys of a piano are left out. `frame_s` is the seconds from one frame to the next.
    Unscorable if no key is held in any frame.
    """
    roll = note_raster(notes, _n_frames(end_s, frame_s), frame_s).astype(bool)
    if not roll.any():
        raise Unscorable(f"the true notes of the content hold none that sounds within {end_s:.3g} s")
    return roll


def transcribed_roll(transcription: Transcription, *, end_s: float) -> Roll:
    """Return which keys are read in each frame before an end; those after the clip's own end hold none.

    Parameters
    ----------
    transcription : Transcription
        What is read in a clip.
    end_s : float
        The end in seconds.

    Returns
    -------
    numpy.ndarray, shape (88, frames), bool
        As many frames as :func:`true_roll` has.
    """
    n_frames = _n_frames(end_s, transcription.frame_s)
    roll = transcription.roll[:, :n_frames]
    return np.pad(roll, ((0, 0), (0, n_frames - roll.shape[1])))


def _until(notes: pd.DataFrame, end_s: float) -> pd.DataFrame:
    before = notes[notes.onset_s < end_s]
    return before.assign(offset_s=before.offset_s.clip(upper=end_s))


def _n_frames(end_s: float, frame_s: float) -> int:
    # A little tolerance, so that a frame at the very end is none, however its time was rounded.
    return math.ceil(end_s / frame_s - 1e-6)
