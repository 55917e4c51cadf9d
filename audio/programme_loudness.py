"""How loud a clip is heard to be, in LUFS."""

from __future__ import annotations

import numpy as np
import pyloudnorm

from timbrebench.audio.clips import Samples

#: Seconds of a block of ITU-R BS.1770-4: what is shorter cannot be measured.
BLOCK_S = 0.4


def integrated_loudness(samples: Samples, sample_rate: int) -> float:
    """Return the integrated loudness of a clip after ITU-R BS.1770-4.

    Parameters
    ----------
    samples : numpy.ndarray, shape (n,)
        At least :data:`BLOCK_S` of it.
    sample_rate : int
        Rate in hertz.

    Returns
    -------
    float
        In LUFS; minus infinity where no block is louder than -70 LUFS.
    """
    meter = pyloudnorm.Meter(sample_rate, block_size=BLOCK_S)
    return float(meter.integrated_loudness(samples.astype(np.float64)))


def scale_to_loudness(samples: Samples, sample_rate: int, target: float) -> Samples:
    """Scale a clip to an integrated loudness of `target` LUFS; what has no loudness stays as it is.

    Peaks may leave [-1, 1].
    """
    present = integrated_loudness(samples, sample_rate)
    if not np.isfinite(present):
        return samples
    return np.asarray(samples * 10 ** ((target - present) / 20), dtype=np.float32)
