"""The melody of a piece, as its highest voice."""

from __future__ import annotations

import heapq

import numpy as np
import pandas as pd

from timbrebench.datasets.notes import SHORTEST_S


def skyline(notes: pd.DataFrame) -> pd.DataFrame:
    """Keep the highest note at any time, so that an instrument that plays one note at a time can play them.

    A note is kept if the score has no higher one sounding when it begins, and ends when the next kept one
    begins. What lies below a melody note and outlasts it does not come back after it: a player would have to
    strike it again, which the score does not ask for. Notes cut to less than
    :data:`~timbrebench.datasets.notes.SHORTEST_S` are dropped: they are the lower notes of chords that are
    not played quite together.

    References
    ----------
    A. Uitdenbogerd and J. Zobel, "Manipulation of music for melody matching", ACM Multimedia, 1998: of
    several rules, listeners liked what this one takes for the melody best.
    """
    # Of those that begin together the highest comes first and keeps the others out.
    ordered = notes.sort_values(["onset_s", "pitch"], ascending=[True, False], kind="stable")
    onsets, offsets, pitches = (ordered[name].tolist() for name in ("onset_s", "offset_s", "pitch"))
    highest: list[int] = []
    # A heap with the highest pitch on top; what has ended stays in it until it gets there.
    sounding: list[tuple[int, float]] = []
    for index, (onset, pitch) in enumerate(zip(onsets, pitches, strict=True)):
        while sounding and sounding[0][1] <= onset:
            heapq.heappop(sounding)
        if not sounding or pitch >= -sounding[0][0]:
            highest.append(index)
        heapq.heappush(sounding, (-pitch, offsets[index]))
    melody = ordered.iloc[highest]
    following = melody.onset_s.shift(-1, fill_value=float("inf"))
    melody = melody.assign(offset_s=np.minimum(melody.offset_s, following))
    # Times are whole tenths of a millisecond: half of one absorbs what subtracting them leaves.
    long_enough = melody.offset_s - melody.onset_s > SHORTEST_S - 5e-5
    return melody[long_enough].reset_index(drop=True)
