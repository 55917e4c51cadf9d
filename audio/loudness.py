"""How loud a clip is, and how to change that."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

#: Below this root mean square a clip counts as silent: -80 dB of full scale, under the noise of 16 bits
#: with dither and far under the quietest note of any rendering.
SILENCE_RMS = 1e-4


def rms(samples: NDArray[np.float32]) -> float:
    """Return the root mean square of `samples`, 1 for a square wave at full scale."""
    return float(np.sqrt(np.mean(np.square(samples, dtype=np.float64))))


def is_silent(samples: NDArray[np.float32]) -> bool:
    """Tell whether a clip is silent: its root mean square lies under :data:`SILENCE_RMS`."""
    return rms(samples) < SILENCE_RMS


def cancellation(channels: NDArray[np.float32]) -> str:
    """Say that the channels of a recording cancel each other out, if they do.

    Whatever has several channels is heard as their mean here. Where one is the other upside down, as after a
    fault in a cable, each sounds and the mean is silent.

    Parameters
    ----------
    channels : numpy.ndarray, shape (n_channels, n)
        NDArray[np.float32].

    Returns
    -------
    str
        To follow "silent" in a message; empty where the mean sounds, or no channel does.
    """
    if is_silent(channels) or not is_silent(channels.mean(axis=0)):
        return ""
    return ", as its channels cancel each other out: turn one of them upside down, or keep one only"


def scale_to_rms(samples: NDArray[np.float32], level: float) -> NDArray[np.float32]:
    """Scale `samples` to the root mean square `level`; silence stays as it is."""
    present = rms(samples)
    if present == 0:
        return samples
    return np.asarray(samples * (level / present), dtype=np.float32)


def limit_peak(samples: NDArray[np.float32], peak: float = 1.0) -> NDArray[np.float32]:
    """Scale a clip down, as a whole, so that no sample exceeds `peak`; quieter clips stay as they are."""
    highest = float(np.abs(samples).max(initial=0.0))
    if highest <= peak:
        return samples
    # Rounding to float32 can land one step above the peak.
    return np.asarray(np.clip(samples * (peak / highest), -peak, peak), dtype=np.float32)
