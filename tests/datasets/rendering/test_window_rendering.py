"""Which notes of a piece are played for a window of it."""

from __future__ import annotations

import pandas as pd

from timbrebench.datasets.dataset import Clip
from timbrebench.datasets.rendering.window_rendering import notes_near

CLIP = Clip(
    clip_id="clip",
    path="audio/clip.flac",
    label="piano",
    piece="piece",
    instrument="piano",
    program=0,
    soundfont="any",
    soundfont_family="any",
    start_s=10.0,
    duration_s=5.0,
    sample_rate=22_050,
    split="test",
    sha256="0" * 64,
)


def test_notes_a_second_around_a_window_are_near_it():
    notes = pd.DataFrame(
        [(8.0, 8.9, 60), (8.0, 9.1, 61), (12.0, 13.0, 62), (15.9, 17.0, 63), (16.1, 17.0, 64)],
        columns=["onset_s", "offset_s", "pitch"],
    )
    assert notes_near(notes, CLIP).pitch.tolist() == [61, 62, 63]
