"""Griffin-Lim, plain and fast: project by turns on what is a spectrum and on what has the magnitudes.

Not every complex matrix is the short-time spectrum of a clip. One iteration goes to the nearest that is, by
transforming there and back, and from there to the nearest with the wanted magnitudes, by keeping the phase.

The fast variant goes on, after each turn, in the direction of the last step. This is
:func:`librosa.griffinlim`, number for number, with any phase to start from and with progress shown.

References
----------
D. Griffin and J. Lim, "Signal estimation from modified short-time Fourier transform", IEEE Transactions on
Acoustics, Speech and Signal Processing 32(2), 1984.

N. Perraudin, P. Balazs and P. Søndergaard, "A fast Griffin-Lim algorithm", IEEE Workshop on Applications of
Signal Processing to Audio and Acoustics, 2013.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np

from timbrebench.audio.clips import Samples
from timbrebench.audio.fourier import Spectrum
from timbrebench.audio.spectra import Spectrogram
from timbrebench.core.progress import Tracker

#: Momentum of the algorithm of 1984, and the one that Perraudin et al. recommend.
PLAIN, FAST = 0.0, 0.99


class Transform(Protocol):
    """A transform of samples to complex values that can be inverted, in the sense of least squares."""

    def forward(self, samples: Samples) -> Spectrum:
        """Return the complex values of samples."""

    def inverse(self, spectrum: Spectrum) -> Samples:
        """Return the samples whose complex values are nearest."""


def project(
    start: Spectrum,
    magnitude: Spectrogram,
    transform: Transform,
    *,
    iterations: int,
    momentum: float,
) -> Spectrum:
    """Improve the phase of a spectrum by alternating projections.

    Parameters
    ----------
    start : numpy.ndarray, shape of what `transform` returns, complex64
        The magnitudes with the phase to start from.
    magnitude : numpy.ndarray, the same shape
        The magnitudes.
    transform : Transform
        Where they are from.
    iterations : int
        How often to go there and back.
    momentum : float
        Share of the last step that is added to each: 0 for Griffin-Lim, 0.99 for the fast variant.

    Returns
    -------
    numpy.ndarray, shape of `start`, complex64
        The magnitudes with a better phase.
    """
    spectrum, previous = start, None
    tiny = np.finfo(np.float32).tiny
    with Tracker("Griffin-Lim", iterations, "iterations") as tracker:
        for _ in range(iterations):
            projected = transform.forward(transform.inverse(spectrum))
            spectrum = projected.copy()
            if momentum and previous is not None:
                # In proportion to (1 + momentum) * projected - momentum * previous; only the phase is kept.
                spectrum -= np.float32(momentum / (1 + momentum)) * previous
            spectrum /= np.abs(spectrum) + tiny
            spectrum *= magnitude
            previous = projected
            tracker.advance()
    return spectrum
