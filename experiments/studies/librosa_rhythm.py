"""Onsets and rhythmic hierarchy as librosa finds them, which is what Barry & Kim (2018) used.

The metrics have a detector of their own (:mod:`timbrebench.metrics.detection`), which misses fewer legato
notes, an autocorrelation whose windows lose their mean (:mod:`timbrebench.metrics.periodicity`), and a
divergence in the other direction (:mod:`timbrebench.metrics.rhythm`). Studies of that paper measure as it
does, so that its claims are tested with its own figures:

- *Onsets* are those of ``librosa.onset.onset_detect`` with its defaults.
- *Divergence from the source distribution* is KL(texture || source) of inter-onset intervals. The text leaves
  open bins and empty bins: distributions are those of :func:`timbrebench.metrics.rhythm.ioi_distribution`,
  whose share of a uniform distribution keeps the divergence finite.
- *Mean local autocorrelation* is the mean over time of ``librosa.feature.tempogram`` with its defaults
  (windows of 8.9 s, each frame's autocorrelation divided by its greatest value), the curve that librosa's
  documentation draws under that name. The text shows curves and no figure. Here two of them differ by the
  root mean square of their difference over lags up to 4 s.
"""

from __future__ import annotations

from dataclasses import dataclass

import librosa
import numpy as np
import scipy.special
from numpy.typing import NDArray

from timbrebench.audio.clips import Samples
from timbrebench.experiments.studies.playing import RATE
from timbrebench.metrics.rhythm import BINS, LONGEST_S, SHORTEST_S, ioi_distribution

Curve = NDArray[np.float64]

#: Samples from one frame of librosa's onset envelope to the next.
_HOP_LENGTH = 512

#: Frames of the longest lag that is compared, 4 s.
_LAGS = round(4.0 * RATE / _HOP_LENGTH)

#: Seconds of the lags of :func:`mean_local_autocorrelation`.
LAGS_S = np.arange(1, _LAGS + 1) * (_HOP_LENGTH / RATE)

#: Seconds between which the intervals of each bin of :func:`interval_distribution` lie.
INTERVAL_EDGES_S = np.geomspace(SHORTEST_S, LONGEST_S, BINS + 1)

#: Onsets, and so one interval more, without which there is no distribution.
_MIN_ONSETS = 3


def interval_distribution(samples: Samples) -> Curve | None:
    """Return the distribution of a clip's inter-onset intervals.

    Parameters
    ----------
    samples : numpy.ndarray, shape (n,)
        Mono samples at 22,050 Hz.

    Returns
    -------
    numpy.ndarray, shape (64,), float64, or None
        Probabilities of intervals from 50 ms to 2 s in bins of equal ratio; None for fewer than 3 onsets.
    """
    onsets = librosa.onset.onset_detect(y=samples, sr=RATE, hop_length=_HOP_LENGTH, units="time")
    return ioi_distribution(onsets) if len(onsets) >= _MIN_ONSETS else None


def divergence(distribution: Curve | None, source: Curve | None) -> float:
    """Return the Kullback-Leibler divergence of a distribution from that of its source.

    It is KL(distribution || source) in nats; NaN where either is missing.
    """
    if distribution is None or source is None:
        return float("nan")
    # Rounding can leave the divergence of equal distributions just under 0.
    return max(0.0, float(scipy.special.rel_entr(distribution, source).sum()))


def mean_local_autocorrelation(samples: Samples) -> Curve:
    """Return how much a clip's onset envelope resembles itself some time later.

    Parameters
    ----------
    samples : numpy.ndarray, shape (n,)
        Mono samples at 22,050 Hz.

    Returns
    -------
    numpy.ndarray, shape (172,), float64
        0 to 1 at the lags of `LAGS_S`, which end at 4 s. A clip without any onset has 0 throughout.
    """
    envelope = librosa.onset.onset_strength(y=samples, sr=RATE, hop_length=_HOP_LENGTH)
    tempogram = librosa.feature.tempogram(onset_envelope=envelope, sr=RATE, hop_length=_HOP_LENGTH)
    # Transforms leave rounding errors where there is nothing.
    return np.asarray(np.clip(tempogram.mean(axis=1, dtype=np.float64)[1 : _LAGS + 1], 0.0, 1.0))


def curve_error(curve: Curve, source: Curve) -> float:
    """Return the root mean square difference of two curves of :func:`mean_local_autocorrelation`, 0 to 1."""
    return float(np.sqrt(np.mean((curve - source) ** 2)))


@dataclass(frozen=True, eq=False)
class Rhythm:
    """What figure 4 of the paper shows of a clip.

    Attributes
    ----------
    intervals : numpy.ndarray, shape (64,), or None
        What :func:`interval_distribution` returns.
    autocorrelation : numpy.ndarray, shape (172,)
        What :func:`mean_local_autocorrelation` returns.
    """

    intervals: Curve | None
    autocorrelation: Curve

    @classmethod
    def of(cls, samples: Samples) -> Rhythm:
        """Measure mono samples at 22,050 Hz."""
        return cls(interval_distribution(samples), mean_local_autocorrelation(samples))
