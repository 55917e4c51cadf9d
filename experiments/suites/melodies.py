"""Tunes that studies play, as notes.

*The Star-Spangled Banner* is the tune of "To Anacreon in Heaven" (John Stafford Smith, about 1775), the other
tune is from Beethoven's ninth symphony (1824). Both are in the public domain.
"""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from timbrebench.datasets.notes import notes_table

#: The beginning of *The Star-Spangled Banner*, "O say can you see, by the", in B flat: MIDI pitches and how
#: many beats each lasts. Seven beats, from the upbeat to the end of the second bar.
STAR_SPANGLED_BANNER: tuple[tuple[int, float], ...] = (
    (65, 0.75),
    (62, 0.25),
    (58, 1.0),
    (62, 1.0),
    (65, 1.0),
    (70, 2.0),
    (74, 0.75),
    (72, 0.25),
)

#: The beginning of the *Ode to Joy* in D: eight beats.
ODE_TO_JOY: tuple[tuple[int, float], ...] = tuple((pitch, 1.0) for pitch in (66, 66, 67, 69, 69, 67, 66, 64))

#: Beats a minute. At this tempo, which is about that of performances, the seven beats last 4 s.
BANNER_TEMPO = 105.0

#: Beats a minute, at which eight last 4 s.
ODE_TEMPO = 120.0

#: Share of each note's time for which it is held; the rest is silent, so that equal pitches stay apart.
_HELD = 0.95

#: MIDI velocity of all notes, of 1 to 127.
_VELOCITY = 90


def star_spangled_banner(transposition: int = 0) -> pd.DataFrame:
    """Return the first 4 s of *The Star-Spangled Banner*, so many semitones upwards from B flat major.

    It is a table of notes (:mod:`timbrebench.datasets.notes`), the last of which ends within the 4 s.

    Examples
    --------
    >>> star_spangled_banner(-6).pitch.tolist()
    [59, 56, 52, 56, 59, 64, 68, 66]
    """
    return tune([(pitch + transposition, beats) for pitch, beats in STAR_SPANGLED_BANNER], BANNER_TEMPO)


def ode_to_joy(transposition: int = 0) -> pd.DataFrame:
    """Return the first 4 s of the *Ode to Joy*, as :func:`star_spangled_banner`, upwards from D major."""
    return tune([(pitch + transposition, beats) for pitch, beats in ODE_TO_JOY], ODE_TEMPO)


def tune(steps: Sequence[tuple[int, float]], tempo: float) -> pd.DataFrame:
    """Return notes that follow one another, each held for 95 % of its time.

    A step is a note's MIDI pitch and its duration in beats, the tempo beats a minute.
    """
    beat_s = 60.0 / tempo
    rows, start = [], 0.0
    for pitch, beats in steps:
        rows.append((start * beat_s, (start + _HELD * beats) * beat_s, pitch, _VELOCITY))
        start += beats
    return notes_table(rows)
