"""Whether notes begin in the output where they begin in the content.

Definition
----------
The F-measure between the ground-truth onsets of the content's notes and the onsets that
:func:`detect_onsets` finds in the output, as mir_eval defines it: onsets match when they lie at most 50 ms
apart, each is matched once, and as many as possible are.

- Ground-truth onsets that follow the first of a chord by at most 30 ms are one with it.
- On both sides only onsets count that lie at least 50 ms inside the span of the content: nearer to an end,
  a note cannot be told from the cut. So a note that sounds already when the clip starts has no onset, and
  what an output plays after the content's end is not judged.
- Range 0 to 1, higher is better. A silent output scores 0, and so does any in which no onset is found: none
  of the notes is there. A content without a note that begins in it has no score.

What to compare with: on renderings of 12 scores that the detector's settings were not chosen on, by six
instruments and two soundfonts, perfect renderings reach 0.89 on average (piano and guitar 0.96, saxophone
0.80), since no detector is perfect; the onsets of another piece reach 0.24. So a method's figure means
something beside that of the reference.

References
----------
C. Raffel et al., "mir_eval: a transparent implementation of common MIR metrics", International Society for
Music Information Retrieval Conference (ISMIR), 2014.
"""

from __future__ import annotations

import mir_eval
import numpy as np
from numpy.typing import ArrayLike

from timbrebench.metrics.contract import metric
from timbrebench.metrics.detection import MARGIN_S, Times, detect_onsets, within_margins
from timbrebench.metrics.sound import Unscorable
from timbrebench.metrics.trial import Trial

__all__ = ["detect_onsets", "merge_chords", "onset_f1", "onset_f_measure"]

#: How far apart in seconds onsets may lie and still match.
WINDOW_S = 0.05

#: Within how many seconds the onsets of a chord's notes lie.
CHORD_S = 0.03


def merge_chords(onsets: ArrayLike) -> Times:
    """Replace the onsets of a chord by its first one.

    Parameters
    ----------
    onsets : array_like, shape (notes,)
        Seconds, in any order.

    Returns
    -------
    numpy.ndarray, shape (chords,), float64
        Ascending; each lies more than 30 ms after the one before.
    """
    merged: list[float] = []
    for onset in np.sort(np.asarray(onsets, dtype=np.float64)):
        if not merged or onset - merged[-1] > CHORD_S:
            merged.append(float(onset))
    return np.array(merged)


def onset_f_measure(note_onsets: ArrayLike, detected_onsets: ArrayLike, duration_s: float) -> float:
    """Compare detected onsets with those of notes.

    Parameters
    ----------
    note_onsets : array_like, shape (notes,)
        Ground truth in seconds; negative for notes that sound already when the clip starts.
    detected_onsets : array_like, shape (onsets,)
        In seconds.
    duration_s : float
        Length in seconds of the clip that the notes are of.

    Returns
    -------
    float
        F-measure, 0 to 1.

    Raises
    ------
    Unscorable
        If no note begins within the clip.

    Examples
    --------
    >>> onset_f_measure([0.5, 1.0, 1.01, 2.0], [0.52, 1.0, 1.5], duration_s=4.0)
    0.6666666666666666
    """
    truth = within_margins(merge_chords(note_onsets), duration_s)
    detected = within_margins(np.sort(np.asarray(detected_onsets, dtype=np.float64)), duration_s)
    if len(truth) == 0:
        raise Unscorable(f"no note begins more than {MARGIN_S:g} s inside the content's {duration_s:.3g} s")
    if len(detected) == 0:
        return 0.0
    f_measure, _, _ = mir_eval.onset.f_measure(truth, detected, window=WINDOW_S)
    return float(f_measure)


@metric(
    direction="higher",
    needs=("notes",),
    relevant_change=0.02,
    summary="Do notes begin in the output where they begin in the content?",
    responds={"shifted_onsets": "falls", "time_stretch": "falls"},
)
def onset_f1(trial: Trial) -> float:
    """Return the F-measure of the output's onsets against the content's notes."""
    assert trial.notes is not None  # noqa: S101 - declared as needed
    return onset_f_measure(
        trial.notes["onset_s"].to_numpy(),
        trial.output.onsets,
        duration_s=trial.content.duration_s,
    )
