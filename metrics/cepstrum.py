"""By how many decibels the output's spectral envelope differs from the reference's.

Definition
----------
``mel_cepstral_distortion``, between cepstra c of the output and c' of the reference::

    mean over frames of (10 / ln 10) sqrt(2 sum over k from 1 to 13 of (c_k - c'_k)^2)

1. 128 mel bands of the standard clips in decibels (:attr:`~timbrebench.metrics.sound.Sound.mel_decibels`):
   22,050 Hz, root mean square 0.1, centred Hann windows of 2,048 samples, 512 samples apart. Bands more than
   60 dB under the loudest of their clip are raised to that floor.
2. The natural logarithm of a band's magnitude is ``c_0 + sum of c_k cos(pi k (band + 1/2) / 128)``: the
   cepstrum of one side. With this scale the distortion of a frame is the root mean square over the bands of
   the difference in decibels of both envelopes, each smoothed to 13 coefficients and without its level c_0.
   In terms of an orthonormal DCT-II of decibels it is the length of the difference over sqrt(128).
3. Frame is compared with frame and nothing is warped, since output and reference play the same notes at the
   same times. Where the lengths differ by at most 50 ms, frames are compared up to the end of the shorter;
   where they differ by more, there is no score.

Range 0 to infinity in decibels, though hardly beyond 30; lower is better. A silent output or reference has
no score.

Thirteen coefficients of 128 bands leave the envelope and drop most harmonics, but not all: low harmonics lie
farther apart than mel bands, so that wrong notes count, too.

References
----------
R. Kubichek, "Mel-cepstral distance measure for objective speech quality assessment", IEEE Pacific Rim
Conference on Communications, Computers and Signal Processing, 1993. S. Davis and P. Mermelstein, "Comparison
of parametric representations for monosyllabic word recognition in continuously spoken sentences", IEEE
Transactions on Acoustics, Speech, and Signal Processing 28(4), 1980 (cepstra of mel bands by a cosine
transform). Level, floor and bands are settled here.
"""

from __future__ import annotations

import math

import numpy as np
import scipy.fft

from timbrebench.audio.spectra import Spectrogram
from timbrebench.metrics.contract import metric
from timbrebench.metrics.log_spectrum import FLOOR_DB
from timbrebench.metrics.sound import Sound
from timbrebench.metrics.target import DISTANCE_RESPONSES, check_lengths
from timbrebench.metrics.trial import Trial

#: Coefficients 1 to 13: without the level.
_COEFFICIENTS = slice(1, 14)


def cepstral_distortion_db(output: Sound, reference: Sound) -> float:
    """Return the mel-cepstral distortion of two clips in decibels; the same in either order.

    Raises what :func:`~timbrebench.metrics.target.log_spectral_mse` does.
    """
    check_lengths(output, reference)
    first, second = _cepstrum(output), _cepstrum(reference)
    frames = min(first.shape[1], second.shape[1])
    squares = np.square(first[:, :frames] - second[:, :frames])
    return float(np.sqrt(squares.sum(axis=0, dtype=np.float64)).mean())


def _cepstrum(clip: Sound) -> Spectrogram:
    """Scaled so that a frame's distortion is the plain length of the difference."""
    bands = clip.mel_decibels
    floored = np.maximum(bands, bands.max() - np.float32(FLOOR_DB))
    cepstrum = scipy.fft.dct(floored, type=2, axis=0, norm="ortho")[_COEFFICIENTS]
    return np.asarray(cepstrum / math.sqrt(len(bands)), dtype=np.float32)


@metric(
    unit="dB",
    upper=math.inf,
    direction="lower",
    needs=("reference",),
    relevant_change=0.2,
    summary="By how many decibels does the output's spectral envelope differ from the reference's?",
    responds={**DISTANCE_RESPONSES, "transposition": "rises"},
    invariant_to=("gain", "polarity"),
)
def mel_cepstral_distortion(trial: Trial) -> float:
    """Return the mel-cepstral distortion of the output against the reference."""
    assert trial.reference is not None  # noqa: S101 - declared as needed
    return cepstral_distortion_db(trial.output, trial.reference)
