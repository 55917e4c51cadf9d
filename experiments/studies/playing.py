"""Notes played by one instrument, at the level of the dataset's clips."""

from __future__ import annotations

import pandas as pd

from timbrebench.audio.clips import Samples
from timbrebench.audio.loudness import is_silent, limit_peak, scale_to_rms
from timbrebench.core.errors import DatasetError
from timbrebench.datasets.soundfonts.soundfont_finding import find_soundfont

#: Rate in hertz of what is played.
RATE = 22_050

#: Root mean square, and highest peak.
_LEVEL, _PEAK = 0.1, 0.99


def play(notes: pd.DataFrame, soundfont: str, program: int, duration_s: float) -> Samples:
    """Render notes.

    Parameters
    ----------
    notes : pandas.DataFrame
        A table of notes.
    soundfont : str
        Name or path of a soundfont.
    program : int
        General MIDI program, 0 to 127.
    duration_s : float
        Length in seconds; what sounds longer is cut.

    Returns
    -------
    numpy.ndarray, shape (round(duration_s * 22050),), float32
        Mono samples with a root mean square of 0.1, or less where the peak would exceed 0.99.

    Raises
    ------
    DatasetError
        If the instrument does not sound any of the notes.
    MissingResourceError
        If the soundfont or libfluidsynth is missing.
    """
    samples = find_soundfont(soundfont).player().render(notes, program, duration_s, RATE)
    if is_silent(samples):
        raise DatasetError(f"program {program} of {soundfont} sounds none of the notes: choose another")
    return at_level(samples)


def at_level(samples: Samples) -> Samples:
    """Scale a clip to a root mean square of 0.1, or less where the peak would exceed 0.99."""
    return limit_peak(scale_to_rms(samples, _LEVEL), _PEAK)
