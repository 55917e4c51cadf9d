"""What builders share that cut recordings: the manifest, how much may be missing at the end, 16-bit files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import soundfile
from numpy.typing import NDArray

from timbrebench.audio.loudness import limit_peak
from timbrebench.core.errors import StorageError
from timbrebench.core.files import atomic_path
from timbrebench.datasets.dataset_checks import MANIFEST_COLUMNS

#: Seconds that may be missing at a clip's end and are filled with zeros. Encoders drop or lose part of a
#: frame, which lasts up to 0.05 s; what lacks more is not the excerpt.
SLACK_S = 0.1

#: What stands where other datasets name a soundfont: nothing was rendered.
RECORDED = "recordings"


def recorded_manifest(
    rows: Iterable[Mapping[str, Any]], *, duration_s: float, sample_rate: int
) -> pd.DataFrame:
    """Make the manifest of clips that are cut out of recordings.

    Parameters
    ----------
    rows : iterable of mapping
        For each clip ``clip_id``, ``path``, ``label``, ``piece``, ``start_s``, ``split``, ``sha256``,
        ``source``, the recording, and ``missing_s``, the seconds of zeros at its end.
    duration_s : float
        Length of the clips in seconds.
    sample_rate : int
        Their rate in hertz.

    Returns
    -------
    pandas.DataFrame
        The rows by ``clip_id``: the instrument is the label, the program -1, as nothing was rendered.
    """
    columns = [*MANIFEST_COLUMNS, "soundfont_family", "source", "missing_s"]
    manifest = pd.DataFrame(list(rows), columns=columns).assign(
        program=-1,
        soundfont=RECORDED,
        soundfont_family=RECORDED,
        duration_s=duration_s,
        sample_rate=sample_rate,
    )
    return manifest.assign(instrument=manifest.label).sort_values("clip_id", ignore_index=True)


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
