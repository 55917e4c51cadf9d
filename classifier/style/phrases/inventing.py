"""Invent notes: melodies of random steps, alone or several at once, which no suite's piece contains."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from timbrebench.datasets.notes import drums_table

#: Steps from one note of a melody to the next, in semitones, and how often each is taken.
_STEPS = (-12, -7, -4, -3, -2, -1, 0, 1, 2, 3, 4, 7, 12)
_WEIGHTS = np.array([1, 4, 6, 10, 15, 15, 4, 15, 15, 10, 6, 4, 1]) / 106

#: Major and minor scale, from their first note.
_SCALES = ((0, 2, 4, 5, 7, 9, 11), (0, 2, 3, 5, 7, 8, 10))

#: Beats in seconds, and lengths of notes in beats.
_BEATS_S = (0.15, 0.25, 0.35, 0.5, 0.8, 1.5)
_LENGTHS = (0.5, 1, 1, 1, 2, 3)

#: General MIDI's strokes: bass drums, snares, hi-hats, toms and cymbals.
_STROKES = (35, 36, 38, 40, 42, 44, 46, 41, 45, 48, 50, 49, 51, 37, 39, 54)


class Note(NamedTuple):
    """A note: seconds, MIDI pitch and MIDI velocity."""

    onset_s: float
    offset_s: float
    pitch: int
    velocity: float


def invent_phrase(
    rng: np.random.Generator, pitch_range: tuple[int, int], duration_s: float, voices: int
) -> list[Note]:
    """Invent a phrase in one key.

    Parameters
    ----------
    rng : numpy.random.Generator
        Draws it.
    pitch_range : tuple of int
        First and last MIDI pitch.
    duration_s : float
        It goes on to the end.
    voices : int
        Melodies that sound at once, each in a part of the range.

    Returns
    -------
    list of Note
        Times are as uneven as a player's, by a tenth, and velocities by 10.
    """
    lowest, highest = pitch_range
    tonic = int(rng.integers(12))
    scale = {(step + tonic) % 12 for step in _SCALES[rng.integers(2)]}
    beat_s, legato, velocity = rng.choice(_BEATS_S), rng.uniform(0.5, 1.05), rng.integers(50, 115)
    notes = []
    for _ in range(voices):
        width = (highest - lowest) if voices == 1 else max(7, (highest - lowest) // 2)
        low = int(rng.integers(lowest, max(lowest, highest - width) + 1))
        pitch, time_s = int(rng.integers(low, min(highest, low + width) + 1)), rng.uniform(-0.3, 0.3)
        while time_s < duration_s:
            length_s = beat_s * rng.choice(_LENGTHS) * rng.uniform(0.9, 1.1)
            if rng.random() > 0.1:  # else a rest
                loudness = float(np.clip(velocity + rng.normal(0, 10), 25, 127))
                notes.append(Note(time_s, time_s + length_s * legato, pitch, loudness))
            time_s += length_s
            pitch = _step(rng, pitch, scale, low, min(highest, low + width))
    return notes


def _step(rng: np.random.Generator, pitch: int, scale: set[int], lowest: int, highest: int) -> int:
    stepped = int(np.clip(pitch + rng.choice(_STEPS, p=_WEIGHTS), lowest, highest))
    if stepped % 12 in scale or rng.random() < 0.2:
        return stepped
    return int(np.clip(stepped + rng.choice((-1, 1)), lowest, highest))


def invent_strokes(rng: np.random.Generator, duration_s: float) -> pd.DataFrame:
    """Invent strokes of a drum kit: two to five drums, each struck at random in a bar that is repeated.

    Returns a table of strokes (:mod:`timbrebench.datasets.notes`), of which there is always one.
    """
    step_s, steps = rng.uniform(0.08, 0.25), int(rng.choice([8, 12, 16]))
    rows = [(0.0, 0.1, int(rng.choice(_STROKES)), 100)]
    for stroke in rng.choice(_STROKES, size=rng.integers(2, 6), replace=False):
        bar = rng.random(steps) < rng.uniform(0.1, 0.6)
        for step in range(1, int(duration_s / step_s)):
            if bar[step % steps]:
                onset_s = step * step_s
                rows.append((onset_s, onset_s + 0.1, int(stroke), int(rng.integers(50, 120))))
    return drums_table(rows)
