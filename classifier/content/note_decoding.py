"""From the probabilities of every key and frame to notes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import Field

from timbrebench.classifier.content.content_front_end import LOWEST_PITCH
from timbrebench.core.frozen_model import FrozenModel

#: Columns of a table of transcribed notes.
COLUMNS = ("onset_s", "offset_s", "pitch")

Probabilities = NDArray[np.float32]


@dataclass(frozen=True)
class Transcription:
    """What is read in a clip.

    Attributes
    ----------
    notes : pandas.DataFrame
        ``onset_s, offset_s, pitch`` (seconds; MIDI numbers, 21 to 108), sorted by onset and pitch.
    roll : numpy.ndarray, shape (88, frames), bool
        Which keys sound in each frame; row 0 is MIDI pitch 21, frame k lies at ``k * frame_s``.
    frame_s : float
        Seconds from one frame to the next.
    """

    notes: pd.DataFrame
    roll: NDArray[np.bool_]
    frame_s: float


class Decoding(FrozenModel):
    """Thresholds of a network's probabilities, chosen on validation pieces.

    Attributes
    ----------
    onset : float
        Probability of an onset from which its peak begins a note.
    note : float
        Probability from which a key sounds.
    shortest_frames : int
        Notes that sound for fewer frames are dropped.
    """

    onset: float = Field(default=0.5, gt=0, lt=1)
    note: float = Field(default=0.5, gt=0, lt=1)
    shortest_frames: int = Field(default=2, ge=1)

    def notes(self, notes: Probabilities, onsets: Probabilities, frame_s: float) -> pd.DataFrame:
        """Return the notes of probabilities: each onset peak begins one, which lasts while its key sounds.

        Takes the probabilities that a key sounds, and that it is struck, shape (88, frames). ``onset_s,
        offset_s, pitch``, sorted by onset and pitch; a note ends where the next of its key begins. Empty
        without a note.
        """
        keys, frames = np.nonzero(self._peaks(onsets))
        rows = []
        for place, (key, frame) in enumerate(zip(keys, frames, strict=True)):
            again = place + 1 < len(keys) and keys[place + 1] == key
            limit = frames[place + 1] if again else notes.shape[1]
            silent = np.flatnonzero(notes[key, frame + 1 : limit] < self.note)
            end = frame + 1 + silent[0] if len(silent) else limit
            if end - frame >= self.shortest_frames:
                onset = max(0.0, frame + _between(onsets[key], int(frame)))
                rows.append((onset * frame_s, end * frame_s, int(key) + LOWEST_PITCH))
        table = pd.DataFrame(rows, columns=list(COLUMNS)).astype(
            {"pitch": int, "onset_s": float, "offset_s": float}
        )
        return table.sort_values(["onset_s", "pitch"], ignore_index=True)

    def _peaks(self, onsets: Probabilities) -> NDArray[np.bool_]:
        """Return where an onset is at least as probable as in the frames around it; of equals the first."""
        padded = np.pad(onsets, ((0, 0), (2, 2)))
        before = np.maximum(padded[:, 1:-3], padded[:, :-4])
        after = np.maximum(padded[:, 3:-1], padded[:, 4:])
        return (onsets >= self.onset) & (onsets > before) & (onsets >= after)


def _between(onsets: Probabilities, frame: int) -> float:
    """Return where between frames an onset lies, from -0.5 to 0.5 of a frame.

    On the triangles of the targets the difference of the neighbours is exactly the distance.
    """
    if not 0 < frame < len(onsets) - 1:
        return 0.0
    return float(np.clip((onsets[frame + 1] - onsets[frame - 1]) / onsets[frame], -0.5, 0.5))
