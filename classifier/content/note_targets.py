"""Piano rolls of notes and onsets: the network's targets for every key and frame.

A key sounds in the frames from its note's onset up to its offset, as the score has it: not as long as
anything can be heard of it. Notes of decaying instruments can be inaudible before their offset, and notes of
others ring on after it; a judge of content is asked for the score. Onsets are triangles of two frames to
either side, so that the place of an onset between frames can be read off (Kong et al. 2021).
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from timbrebench.classifier.content.content_front_end import HIGHEST_PITCH, LOWEST_PITCH, N_PITCHES

#: Frames to either side of an onset in which the target falls to 0.
ONSET_FRAMES = 2.0


def note_raster(notes: pd.DataFrame, n_frames: int, frame_s: float) -> NDArray[np.uint8]:
    """Return 1 where a key sounds: shape (88, n_frames).

    Takes the notes that sound in the clip, with negative onsets where they began before it; notes outside the
    keys of a piano are left out.
    """
    raster = np.zeros((N_PITCHES, n_frames), dtype=np.uint8)
    for onset, offset, pitch in _on_keys(notes):
        first, last = (max(0, int(np.ceil(time / frame_s - 1e-6))) for time in (onset, offset))
        raster[pitch - LOWEST_PITCH, first:last] = 1
    return raster


def onset_raster(notes: pd.DataFrame, n_frames: int, frame_s: float) -> NDArray[np.float32]:
    """Return how near an onset is.

    Parameters
    ----------
    notes, n_frames, frame_s
        As for :func:`note_raster`.

    Returns
    -------
    numpy.ndarray, shape (88, n_frames), float32
        1 at an onset, falling to 0 two frames from it. Onsets before the clip count for nothing.
    """
    raster = np.zeros((N_PITCHES, n_frames), dtype=np.float32)
    times = np.arange(n_frames)
    for onset, _, pitch in _on_keys(notes):
        if onset >= 0:
            triangle = np.maximum(0, 1 - np.abs(times - onset / frame_s) / ONSET_FRAMES)
            row = raster[pitch - LOWEST_PITCH]
            np.maximum(row, triangle, out=row, casting="same_kind")
    return raster


def _on_keys(notes: pd.DataFrame) -> list[tuple[float, float, int]]:
    rows = notes[notes.pitch.between(LOWEST_PITCH, HIGHEST_PITCH)]
    return list(zip(rows.onset_s, rows.offset_s, rows.pitch, strict=True))
