"""By how many decibels the output's spectrum differs from the reference's.

Definition
----------
``log_spectral_distance``, between the short-time power spectra P of the output and Q of the reference::

    mean over frames of sqrt(mean over bins of (10 log10 P - 10 log10 Q)^2)

1. Power spectra of the standard clips (:attr:`~timbrebench.metrics.sound.Sound.magnitude` squared): 22,050
   Hz, root mean square 0.1, centred Hann windows of 2,048 samples, 512 samples apart, 1,025 bins that all
   count alike.
2. Power more than 60 dB under the loudest bin of its clip is raised to that floor: without one, differences
   between sounds too faint to be heard beside the rest outweigh everything.
3. Where the lengths differ by at most 50 ms, frames are compared up to the end of the shorter; where they
   differ by more, there is no score.

Range 0 to 60 dB and a little more, as far as the loudest bins differ; lower is better. A silent output or
reference has no score.

What to compare with, on 28 renderings of 5 s (FluidR3, the default dataset's training split): the reference
by another soundfont (TimGM6mb) 7.0 dB on average, the untouched content 9.9, the untouched style 11.5, white
noise 26.6; the reference with white noise 40 dB under it 0.7 (with a floor of 80 dB: 7.1), its phases lost
and found again by Griffin-Lim 1.0, five samples late 0.10.

References
----------
A. Gray and J. Markel, "Distance measures for speech processing", IEEE Transactions on Acoustics, Speech, and
Signal Processing 24(5), 1976: the root mean square difference of log spectra, d_2, in decibels.
"""

from __future__ import annotations

import math

import numpy as np

from timbrebench.audio.spectra import Spectrogram
from timbrebench.metrics.contract import metric
from timbrebench.metrics.sound import Sound, Unscorable
from timbrebench.metrics.target import DISTANCE_RESPONSES, check_lengths
from timbrebench.metrics.trial import Trial

#: How far under a clip's loudest bin sounds still count, in decibels.
FLOOR_DB = 60.0


def floored_decibels(magnitude: Spectrogram) -> Spectrogram:
    """Return ``20 log10`` of a clip's magnitudes, nothing lower than 60 dB under the highest.

    Unscorable if all are 0.

    Examples
    --------
    >>> import numpy as np
    >>> floored_decibels(np.array([10.0, 1.0, 0.0]))
    array([ 20.,   0., -40.])
    """
    loudest = magnitude.max()
    if not loudest > 0:
        raise Unscorable("a clip has no spectrum: nothing sounds in it")
    floored = np.maximum(magnitude, loudest * magnitude.dtype.type(10 ** (-FLOOR_DB / 20)))
    return np.asarray(20 * np.log10(floored), dtype=magnitude.dtype)


def spectral_distance_db(output: Sound, reference: Sound) -> float:
    """Return the log-spectral distance of two clips in decibels; the same in either order.

    Raises what :func:`~timbrebench.metrics.target.log_spectral_mse` does.
    """
    check_lengths(output, reference)
    first, second = floored_decibels(output.magnitude), floored_decibels(reference.magnitude)
    frames = min(first.shape[1], second.shape[1])
    squares = np.square(first[:, :frames] - second[:, :frames])
    return float(np.sqrt(squares.mean(axis=0, dtype=np.float64)).mean())


@metric(
    unit="dB",
    upper=math.inf,
    direction="lower",
    needs=("reference",),
    relevant_change=0.2,
    summary="By how many decibels does the output's spectrum differ from the reference's?",
    responds=DISTANCE_RESPONSES,
    invariant_to=("gain", "polarity"),
)
def log_spectral_distance(trial: Trial) -> float:
    """Return the log-spectral distance of output and reference."""
    assert trial.reference is not None  # noqa: S101 - declared as needed
    return spectral_distance_db(trial.output, trial.reference)
