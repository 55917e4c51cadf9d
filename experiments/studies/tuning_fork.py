"""The sound of tuning forks, computed: no soundfont holds any.

A struck fork sounds its fundamental, which dies away slowly, and for a moment the clang tone, the second mode
of its prongs, 6.27 times as high as that of a bar that is clamped at one end. Each note is a fork of its own,
damped when the note ends.

References
----------
T. Rossing, D. Russell and D. Brown, "On the acoustics of tuning forks", American Journal of Physics 60(7),
1992.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from timbrebench.audio.clips import Samples
from timbrebench.experiments.studies.playing import at_level

#: Frequency of the clang tone over that of the fundamental.
CLANG_RATIO = 6.27

#: Seconds in which fundamental and clang tone fall to 1 / e, and in which a damped fork fades out.
_FUNDAMENTAL_S, _CLANG_S, _DAMPED_S = 2.0, 0.05, 0.03

#: Amplitude of the clang tone at the stroke, over that of the fundamental.
_CLANG = 0.1

#: Seconds in which the stroke sets in.
_ATTACK_S = 0.005


def tuning_forks(notes: pd.DataFrame, duration_s: float, sample_rate: int) -> Samples:
    """Return notes as tuning forks sound them.

    Parameters
    ----------
    notes : pandas.DataFrame
        A table of notes (:mod:`timbrebench.datasets.notes`), none of which begins before the clip.
    duration_s : float
        Length in seconds; what sounds longer is cut.
    sample_rate : int
        Rate in hertz.

    Returns
    -------
    numpy.ndarray, shape (round(duration_s * sample_rate),), float32
        Mono samples with a root mean square of 0.1, or less where the peak would exceed 0.99; zeros where
        there is no note.
    """
    samples = np.zeros(round(duration_s * sample_rate))
    for onset, offset, pitch, velocity in zip(
        notes.onset_s, notes.offset_s, notes.pitch, notes.velocity, strict=True
    ):
        first = round(onset * sample_rate)
        time_s = np.arange(max(0, len(samples) - first)) / sample_rate
        hertz = 440.0 * 2 ** ((pitch - 69) / 12)
        sound = np.exp(-time_s / _FUNDAMENTAL_S) * np.sin(2 * np.pi * hertz * time_s)
        if CLANG_RATIO * hertz < sample_rate / 2:
            sound += _CLANG * np.exp(-time_s / _CLANG_S) * np.sin(2 * np.pi * CLANG_RATIO * hertz * time_s)
        envelope = np.minimum(1.0, time_s / _ATTACK_S) * np.clip(
            1 - (time_s - (offset - onset)) / _DAMPED_S, 0.0, 1.0
        )
        samples[first:] += velocity / 127 * envelope * sound
    return at_level(samples.astype(np.float32))
