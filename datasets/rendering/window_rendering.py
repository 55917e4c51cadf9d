"""Play the window of a clip again: other notes, or another player."""

from __future__ import annotations

import pandas as pd

from timbrebench.audio.clips import Samples, fit_length
from timbrebench.audio.loudness import scale_to_rms
from timbrebench.datasets.dataset import Clip
from timbrebench.datasets.soundfonts.recorded_notes import RecordedNotes
from timbrebench.datasets.soundfonts.synthesis import Synthesizer

#: Seconds around a clip from which notes are rendered: they may be moved into it, or die away inside it.
_MARGIN_S = 1.0


def notes_near(notes: pd.DataFrame, clip: Clip) -> pd.DataFrame:
    """Return those of a piece's notes that sound in a clip's window, or within a second of it."""
    starts_in_time = notes.onset_s < clip.start_s + clip.duration_s + _MARGIN_S
    return notes[starts_in_time & (notes.offset_s > clip.start_s - _MARGIN_S)]


def render_window(
    player: Synthesizer | RecordedNotes, notes: pd.DataFrame, clip: Clip, *, level: float
) -> Samples:
    """Play the window of a clip, with its program.

    Parameters
    ----------
    player : Synthesizer or RecordedNotes
        Of the clip's soundfont.
    notes : pandas.DataFrame
        What is played, with times of the whole piece: with the clip's own notes the result is the clip, but
        for the rounding of its file.
    clip : Clip
        Program, window and rate.
    level : float
        Root mean square of the result.

    Returns
    -------
    numpy.ndarray, shape (round(clip.duration_s * clip.sample_rate),), float32
        The window.
    """
    rendering = player.render(notes, clip.program, clip.start_s + clip.duration_s, clip.sample_rate)
    first, length = (round(time * clip.sample_rate) for time in (clip.start_s, clip.duration_s))
    return scale_to_rms(fit_length(rendering[first : first + length], length), level)
