"""From a magnitude spectrogram back to samples, in the way that is asked for.

A magnitude spectrogram leaves the phase open. :class:`Inversion` says how to find it: by which algorithm,
in how many iterations, and from which phase. :func:`invert` does it, and :func:`spectral_convergence`
measures how near the magnitudes of the result come to those wanted.

Measured on twelve clips of 5 s, two for each of six instruments, rendered with four soundfonts (22,050 Hz,
n_fft 2048, hop_length 512): mean convergence in decibels, lower being nearer.

    iterations                          1       5      20      60     200
    ------------------------------  -----   -----   -----   -----   -----
    griffin-lim, random              -8.4   -11.3   -14.9   -19.1   -25.4
    fast-griffin-lim, random         -8.4   -12.8   -20.3   -27.8   -34.5
    le-roux, random                 -10.2   -14.9   -19.8   -24.1   -29.0
    waveform, random                 -5.2   -11.7   -19.4   -29.2   -34.7
    griffin-lim, pghi               -27.3   -30.0   -31.8   -33.3   -34.9
    fast-griffin-lim, pghi          -27.3   -30.9   -33.9   -36.1   -38.3
    le-roux, pghi                   -27.7   -30.3   -31.6   -32.4   -33.3
    waveform, pghi                  -25.5   -30.7   -34.3   -36.7   -38.6
    pghi alone                      -24.1

    seconds for a clip, one core
    ------------------------------  -----   -----   -----   -----   -----
    griffin-lim, fast-griffin-lim    0.01    0.03    0.11    0.32    1.0
    le-roux                          0.03    0.09    0.35    1.0     3.3
    waveform                         0.04    0.07    0.22    0.62    2.1
    pghi alone, or to start from     0.06

"pghi" and "le-roux" add a second for compiling their loop, once in each process.

Those are magnitudes that some clip has. What methods make, none has, and there the ways lie closer together.
For the geometric mean of two clips' magnitudes, mean of six such pairs, after 60 iterations:

    start                           random    pghi
    ------------------------------  ------   -----
    griffin-lim                      -17.5   -22.2
    fast-griffin-lim                 -21.8   -22.8
    le-roux                          -20.7   -22.3
    waveform                         -21.8   -22.8
    pghi alone                               -17.6

Silence stays silence, and the true phase, where it is given, is kept: all but by "le-roux", whose truncated
weights move it a little.
"""

from __future__ import annotations

import math
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from timbrebench.audio.clips import Samples
from timbrebench.audio.consistency import make_consistent
from timbrebench.audio.fourier import ShortTimeFourier, Spectrum
from timbrebench.audio.pghi import integrate_phase
from timbrebench.audio.projections import FAST, PLAIN, project
from timbrebench.audio.spectra import HOP_LENGTH, N_FFT, Spectrogram
from timbrebench.audio.waveform import descend
from timbrebench.core.errors import AudioError
from timbrebench.core.frozen_model import FrozenModel


class Inversion(FrozenModel):
    """How to find the phase of a magnitude spectrogram.

    The defaults came nearest in the comparisons above, or within 0.6 dB of it at half the cost.

    Attributes
    ----------
    algorithm : str
        "griffin-lim" (1984) and "fast-griffin-lim" (2013, by default), see
        :mod:`timbrebench.audio.projections`; "le-roux" (2010), see :mod:`timbrebench.audio.consistency`;
        "pghi" (2017), without iterations, see :mod:`timbrebench.audio.pghi`; "waveform", descent on the
        samples, see :mod:`timbrebench.audio.waveform`.
    iterations : int or None
        Iterations, 60 by default; 0 keeps the phase to start from. None for "pghi", which refuses a number.
    start : str or None
        Phase to start from: "pghi" (by default), "random", or "given", the `phase` handed to :func:`invert`.
        None for the algorithm "pghi", which refuses any.
    """

    algorithm: Literal["griffin-lim", "fast-griffin-lim", "le-roux", "pghi", "waveform"] = "fast-griffin-lim"
    iterations: int | None = Field(default=None, ge=0, le=1_000_000)
    start: Literal["pghi", "random", "given"] | None = None

    @model_validator(mode="before")
    @classmethod
    def _fill_in(cls, data: object) -> object:
        """Fill in the defaults that "pghi" has no use for."""
        if isinstance(data, dict) and data.get("algorithm") != "pghi":
            return {"iterations": 60, "start": "pghi", **data}
        return data

    @model_validator(mode="after")
    def _fields_fit_the_algorithm(self) -> Self:
        settings = {"iterations": self.iterations, "start": self.start}
        if self.algorithm == "pghi":
            useless = [name for name, value in settings.items() if value is not None]
            if useless:
                raise ValueError(
                    "'pghi' has no iterations and no phase to start from: leave out "
                    f"{' and '.join(useless)}, or go on from its phase by another algorithm with start 'pghi'"
                )
            return self
        missing = [name for name, value in settings.items() if value is None]
        if missing:
            raise ValueError(f"{self.algorithm!r} needs {' and '.join(missing)}: leave out what is None")
        return self


def invert(
    magnitude: Spectrogram,
    *,
    length: int,
    inversion: Inversion,
    seed: int,
    n_fft: int = N_FFT,
    hop_length: int = HOP_LENGTH,
    win_length: int | None = None,
    phase: NDArray[np.floating] | None = None,
) -> Samples:
    """Estimate samples whose spectrogram has the given magnitudes.

    Parameters
    ----------
    magnitude : numpy.ndarray, shape (1 + n_fft // 2, 1 + length // hop_length)
        Magnitudes as :func:`~timbrebench.audio.spectra.magnitude` returns them.
    length : int
        Number of samples wanted.
    inversion : Inversion
        How to find the phase.
    seed : int
        Seed of every random phase: all of them at the start, or those of bins too quiet for "pghi".
    n_fft, hop_length, win_length : int
        Those of `magnitude`; `win_length` is `n_fft` by default, and `hop_length` at most half of it.
    phase : numpy.ndarray, shape of `magnitude`, optional
        Phase in radians, as ``numpy.angle(librosa.stft(samples))``. Used where `inversion.start` is "given"
        and only there, so a method that has a phase at hand can always pass it on.

    Returns
    -------
    numpy.ndarray, shape (length,), float32
        Samples, which may exceed [-1, 1].

    Raises
    ------
    AudioError
        If shapes, `length` and hop do not fit each other, a magnitude is negative or not finite, or the phase
        to start from is asked for and not given.
    """
    transform = ShortTimeFourier(length, n_fft, hop_length, n_fft if win_length is None else win_length)
    magnitude = _checked(magnitude, transform)
    if not magnitude.any():
        return np.zeros(length, dtype=np.float32)
    start = _with_phase(magnitude, _first_phase(magnitude, transform, inversion, seed, phase))
    iterations = inversion.iterations or 0
    match inversion.algorithm:
        case "griffin-lim" | "fast-griffin-lim" as name:
            momentum = PLAIN if name == "griffin-lim" else FAST
            spectrum = project(start, magnitude, transform, iterations=iterations, momentum=momentum)
        case "le-roux":
            spectrum = make_consistent(start, magnitude, transform, iterations=iterations)
        case "waveform":
            return descend(transform.inverse(start), magnitude, transform, iterations=iterations)
        case "pghi":
            spectrum = start
    return transform.inverse(spectrum)


def spectral_convergence(
    samples: Samples, magnitude: Spectrogram, n_fft: int = N_FFT, hop_length: int = HOP_LENGTH
) -> float:
    """Return how far the magnitudes of samples are from those wanted, in decibels.

    20 log10(‖ |STFT(samples)| - magnitude ‖ / ‖magnitude‖), with Frobenius norms.

    Parameters
    ----------
    samples : numpy.ndarray, shape (length,)
        Samples.
    magnitude : numpy.ndarray, shape (1 + n_fft // 2, 1 + length // hop_length)
        The magnitudes wanted.
    n_fft, hop_length : int
        Those of `magnitude`.

    Returns
    -------
    float
        Decibels: 0 for silence, lower the nearer, minus infinity for equal magnitudes.

    Raises
    ------
    AudioError
        If the shapes do not fit, or all magnitudes are zero, of which nothing is a share.
    """
    transform = ShortTimeFourier(len(samples), n_fft, hop_length, n_fft)
    magnitude = _checked(magnitude, transform)
    if not magnitude.any():
        raise AudioError("all magnitudes are zero: no error can be expressed as a share of them")
    error = float(np.linalg.norm(np.abs(transform.forward(samples)) - magnitude))
    return 20 * math.log10(error / float(np.linalg.norm(magnitude))) if error else -math.inf


def _checked(magnitude: Spectrogram, transform: ShortTimeFourier) -> Spectrogram:
    """Refuse what cannot be the magnitudes of such a transform."""
    n_fft, hop_length, length = transform.n_fft, transform.hop_length, transform.length
    win_length = transform.win_length
    if length < 1 or hop_length < 1 or hop_length > win_length // 2 or n_fft % 2 or win_length > n_fft:
        raise AudioError(
            f"cannot invert {length} samples with n_fft {n_fft}, win_length {win_length} and hop_length "
            f"{hop_length}: take one sample or more, an even n_fft, a window no longer than that, and a hop "
            "of at most half the window, or windows overlap too little"
        )
    if magnitude.shape != transform.shape:
        raise AudioError(
            f"magnitudes have shape {magnitude.shape}, but {length} samples have {transform.shape} (bins, "
            f"frames) with n_fft {n_fft} and hop_length {hop_length}"
        )
    if not np.isfinite(magnitude).all() or (magnitude < 0).any():
        raise AudioError("magnitudes hold values that are negative, infinite or NaN: clamp them first")
    return magnitude.astype(np.float32, copy=False)


def _first_phase(
    magnitude: Spectrogram,
    transform: ShortTimeFourier,
    inversion: Inversion,
    seed: int,
    phase: NDArray[np.floating] | None,
) -> NDArray[np.floating]:
    """Return the phase to start from, which for "pghi" is also the phase to end with."""
    rng = np.random.default_rng(seed)
    if inversion.algorithm == "pghi" or inversion.start == "pghi":
        return integrate_phase(magnitude, transform, rng)
    if inversion.start == "random":
        return 2 * np.pi * rng.random(magnitude.shape)
    if phase is None:
        raise AudioError("the inversion starts from a given phase, and none was given: pass `phase`")
    if phase.shape != magnitude.shape:
        raise AudioError(f"the phase has shape {phase.shape}, the magnitudes {magnitude.shape}")
    if not np.isfinite(phase).all():
        raise AudioError("the phase holds values that are infinite or NaN")
    return phase


def _with_phase(magnitude: Spectrogram, phase: NDArray[np.floating]) -> Spectrum:
    """Return the spectrum of given magnitudes and phase in radians."""
    spectrum: Spectrum = np.exp(1j * phase).astype(np.complex64)
    spectrum *= magnitude
    return spectrum
