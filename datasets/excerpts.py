"""What all builders share that cut recordings: how much may miss at the end, channels, 16-bit files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from timbrebench.audio.loudness import limit_peak
from timbrebench.core.errors import StorageError
from timbrebench.core.files import atomic_path

#: Seconds that may miss at a clip's end and are filled with zeros. Encoders drop or lose part of a frame,
#: which lasts up to 0.05 s; what misses more is not the excerpt.
SLACK_S = 0.1

#: What stands where other datasets name a soundfont: nothing was rendered.
RECORDED = "recordings"


def with_channels(samples: NDArray[np.float32], channels: int) -> NDArray[np.float32]:
    """Give mono audio a second channel, or take the mean of channels that are too many.

    Parameters
    ----------
    samples : numpy.ndarray, shape (n_channels, n)
        Samples.
    channels : {1, 2}
        How many are wanted.

    Returns
    -------
    numpy.ndarray, shape (channels, n)
        Not a copy where nothing is to be done.
    """
    if len(samples) == channels:
        return samples
    return np.repeat(samples.mean(axis=0, keepdims=True), channels, axis=0)


def write_pcm(path: Path, samples: NDArray[np.float32], sample_rate: int) -> None:
    """Write audio of several channels with 16 bits, whole or not at all.

    Samples that were decoded from 16 bits keep their values. Lossy formats decode to peaks beyond full scale;
    the clip is then made quieter as a whole, as clipping would add overtones.

    Parameters
    ----------
    path : pathlib.Path
        The suffix chooses the format.
    samples : numpy.ndarray, shape (channels, n)
        Samples.
    sample_rate : int
        Rate in hertz.

    Raises
    ------
    StorageError
        If the file cannot be written.
    """
    # The scale of libsndfile's own reading: full scale is -32768.
    scaled = np.rint(limit_peak(samples) * 32768.0)
    pcm = np.clip(scaled, -32768, 32767).astype(np.int16)
    with atomic_path(path) as temporary:
        try:
            soundfile.write(temporary, pcm.T, sample_rate, subtype="PCM_16")
        except soundfile.LibsndfileError as error:
            raise StorageError(f"cannot write {path}: {error}: is there space left?") from error
