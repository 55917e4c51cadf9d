"""Whether the notes of a recording are those at the time: alignments of others can be off by a constant."""

from __future__ import annotations

import numpy as np
import pandas as pd

#: Seconds around which a lag is looked for, and within which notes are at the same time.
_FARTHEST_S, _NEAR_S = 3.0, 0.1

#: How many times as many notes have to be heard at another time as at their own.
_CLEARLY = 2


def note_lag(notes: pd.DataFrame, transcribed: pd.DataFrame) -> float:
    """Return by how many seconds notes come before what is heard, to a twentieth; 0 where they are aligned.

    Each note is compared with all that are heard of its pitch. Where notes are right, those differences pile
    up at 0; where they are off by a constant, elsewhere. The lag is 0 as well where no other time explains
    half of what is heard, and twice as much as the notes' own.

    Parameters
    ----------
    notes, transcribed : pandas.DataFrame
        ``onset_s`` and ``pitch``: what should be heard, and what is.

    Returns
    -------
    float
        Within 3 s; to be added to the notes' times.
    """
    same = notes[["onset_s", "pitch"]].merge(transcribed[["onset_s", "pitch"]], on="pitch")
    later = (same.onset_s_y - same.onset_s_x).to_numpy()
    lags = np.arange(-_FARTHEST_S, _FARTHEST_S + 0.01, 0.05)
    counts = (np.abs(later[:, None] - lags) <= _NEAR_S).sum(axis=0)
    best = int(np.argmax(counts))
    at_zero = int((np.abs(later) <= _NEAR_S).sum())
    if np.abs(lags[best]) <= _NEAR_S or counts[best] <= max(_CLEARLY * at_zero, len(transcribed) / 2):
        return 0.0
    near = later[np.abs(later - lags[best]) <= _NEAR_S]
    return round(float(np.median(near)) * 20) / 20
