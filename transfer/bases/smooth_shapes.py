"""Smooth shapes of a log spectrum over frequency: what methods change that leave the notes alone.

A frame of a log-magnitude spectrum is the sum of cosines over frequency. The slow ones make its envelope,
which belongs to the instrument; the fast ones separate partials from the gaps between them, and so decide
which notes sound. The first few are the features here, and the residual of a frame is left unchanged: exactly
invertible.

Frequency is measured on the axis log(1 + f / 100 Hz), near logarithmic above that, because an envelope has as
much to say between 200 and 400 Hz as between 2 and 4 kHz. On such an axis sampled cosines are not orthogonal,
so they are made so, with each bin weighted by its share of the axis.

A spectrum has a floor at some decibels under the clip's loudest bin: below it, rounding to 16 bits would
dominate. Frames of which nothing is louder than :data:`PAUSE_DB` under the loudest bin are pauses:
they do not count in any statistics, and stay as they are.

Windows that reach beyond a clip see it go on as it sounds (:mod:`timbrebench.audio.continuation`): silence
there would make a step of each end, whose high frequencies come out raised by tens of decibels. Such windows
do not count in any statistics either, because what is predicted lacks the noise of what sounds, and so is an
outlier. They are changed as the window next to them that lies within the clip. On the 20 pairs of a default
run (decibels by which the first or last 30 ms out-peak the rest, largest of 20; root mean square of the first
60 ms by that of the next half second, over the same of the content, median of 20):

======================================== =========== ===========
windows beyond the ends                  adain       wct
======================================== =========== ===========
see silence, count                       11.1, 0.92  23.3, 1.25
see the clip go on, count                none, 0.94  11.1, 1.10
see silence, do not count                7.8, 1.09   13.0, 1.28
see the clip mirrored, do not count      11.4, 1.10  17.0, 1.35
see the clip go on, do not count         1.0, 1.02   4.1, 1.04
======================================== =========== ===========

How the choice was made, with the statistics of AdaIN (:mod:`timbrebench.transfer.methods.adain`) on 30 pairs
of training pieces (FluidR3, 5 s; style accuracy, note F1; the untouched content has 0 and 0.85):

=============================== ==== ====
features                        style note
=============================== ==== ====
each bin by itself              0.37 0.28
40 cosines, linear axis         0.30 0.77
40 cosines, corner at 700 Hz    0.40 0.73
40 cosines, corner at 200 Hz    0.47 0.73
40 cosines, corner at 100 Hz    0.47 0.73
40 cosines, corner at 50 Hz     0.47 0.74
=============================== ==== ====

Statistics of single bins bring the notes of the style along, and lose those of the content.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from typing import ClassVar, Self

import librosa
import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from timbrebench.audio.clips import Samples
from timbrebench.audio.continuation import continue_clip
from timbrebench.audio.fourier import Spectrum
from timbrebench.audio.inversion import Inversion
from timbrebench.audio.spectra import Spectrogram
from timbrebench.core.progress import Tracker
from timbrebench.transfer.bases.spectrogram_method import (
    SpectrogramMethod,
    SpectrogramParameters,
    match_energy,
)

Array = NDArray[np.float64]

#: Frames this much under the loudest bin of a clip are pauses, in decibels.
PAUSE_DB = 60.0

#: Maximum by which a bin may lie above the loudest of the content before the whole is scaled, in decibels.
#: Without a limit one frame that is far from the others can outshout them all: on the pairs above, whitening
#: and colouring made spectra 11.4 dB from the references' without one, and 10.4 dB with this, at an equal
#: style accuracy.
HEADROOM_DB = 20.0

#: Where the frequency axis turns from linear to logarithmic, in hertz.
_CORNER_HZ = 100.0

#: Frames worked on at once, which bounds memory on long clips.
_CHUNK = 2048


class SmoothShapes:
    """The first few cosines over a near logarithmic frequency axis, made orthogonal.

    Parameters
    ----------
    n_channels : int
        Number of shapes, from the constant one on.
    n_bins : int
        Bins of the spectra, at least `n_channels`.
    sample_rate : int
        Rate of the clips in hertz: the last bin lies at half of it.

    Attributes
    ----------
    analysis : numpy.ndarray, shape (n_channels, n_bins)
        Takes log spectra to features: the first is the mean over the axis, up to a factor.
    synthesis : numpy.ndarray, shape (n_bins, n_channels)
        Takes features back; ``analysis @ synthesis`` is the identity.
    """

    def __init__(self, n_channels: int, n_bins: int, sample_rate: int) -> None:
        axis = np.log1p(np.linspace(0, sample_rate / 2, n_bins) / _CORNER_HZ)
        axis /= axis[-1]
        weights = np.sqrt(np.gradient(axis))[:, None]
        cosines = np.cos(np.pi * np.outer(axis, np.arange(n_channels)))
        orthogonal, _ = np.linalg.qr(weights * cosines)
        self.analysis: Array = (orthogonal * weights).T
        self.synthesis: Array = orthogonal / weights


class SmoothParameters(SpectrogramParameters):
    """Settings of methods that work on :class:`SmoothShapes`.

    Attributes
    ----------
    alpha : float
        Share of the style, 0 to 1: how far features go from the content's to those made. 1 by default.
    n_channels : int
        Number of shapes that are changed. More of them take more of the timbre and more of the notes.
    range_db : float
        Floor of a spectrum under its loudest bin, in decibels, from 20 to 120; 80 by default, a little
        above what rounding to 16 bits leaves in a bin. On 30 pairs of training pieces, AdaIN reached a style
        accuracy of 0.17 with 60, 0.37 with 70, 0.47 with 80, 0.43 with 90, 0.40 with 100, and a note F1 of
        0.77, 0.74, 0.73, 0.72, 0.70.
    inversion : Inversion
        How the phase is estimated. By default not at all: the content's own phase serves
        changes as smooth as these better than an estimate, at a seventh of the time.
    """

    alpha: float = Field(default=1.0, ge=0, le=1)
    n_channels: int = Field(default=40, ge=1, le=1 << 16)
    range_db: float = Field(default=80.0, ge=20, le=120)
    inversion: Inversion = Inversion(algorithm="griffin-lim", iterations=0, start="given")

    @property
    def min_frames(self) -> int:
        """Frames until the first and the last window no longer overlap: a clip as long as a window."""
        return 1 + -(-self.n_fft // self.hop_length)

    @model_validator(mode="after")
    def _no_more_channels_than_bins(self) -> Self:
        n_bins = 1 + self.n_fft // 2
        if self.n_channels > n_bins:
            raise ValueError(
                f"n_channels {self.n_channels} is more than the {n_bins} bins of n_fft {self.n_fft}"
            )
        return self


class SmoothMethod(SpectrogramMethod):
    """A method that changes the smooth shapes of the content's log spectrum.

    A subclass writes :meth:`match`. What it makes of the features is applied as a gain for each bin, so that
    equal features leave every bin as it was. No bin comes out more than :data:`HEADROOM_DB` above the
    content's loudest, and then the whole is scaled to the content's sum of squares: level is not timbre.
    """

    Parameters: ClassVar[type[SmoothParameters]] = SmoothParameters
    parameters: SmoothParameters

    def spectrum(self, clip: Samples) -> Spectrum:
        """Return the spectrum of a clip that goes on beyond its ends."""
        n_fft = self.parameters.n_fft
        continued = continue_clip(clip, n_fft // 2, self.parameters.sample_rate)
        spectrum: Spectrum = librosa.stft(
            continued, n_fft=n_fft, hop_length=self.parameters.hop_length, center=False
        )
        return spectrum

    @abstractmethod
    def match(self, content: Array, style: Array) -> Array:
        """Return features for the content.

        Parameters
        ----------
        content, style : numpy.ndarray, shapes (channels, frames) and (channels, frames of the style)
            Features of all frames except pauses, two or more of each.

        Returns
        -------
        numpy.ndarray, shape of `content`
            Features.
        """

    def transform(self, content: Spectrogram, style: Spectrogram, rng: np.random.Generator) -> Spectrogram:
        """Return the content's magnitudes with matched features; nothing is drawn."""
        settings = self.parameters
        shapes = SmoothShapes(settings.n_channels, len(content), settings.sample_rate)
        inner, style_inner = (self._inner_frames(clip.shape[1]) for clip in (content, style))
        with Tracker(self.name, 2 * content.shape[1] + style.shape[1], "frames") as tracker:
            features = analyse(content, shapes, settings.range_db, tracker)[:, inner]
            style_features = analyse(style, shapes, settings.range_db, tracker)[:, style_inner]
            sounding = sounding_frames(content[:, inner])
            made = self.match(
                features[:, sounding], style_features[:, sounding_frames(style[:, style_inner])]
            )
            change = np.zeros_like(features)
            change[:, sounding] = settings.alpha * (made - features[:, sounding])
            beyond = (inner.start, content.shape[1] - inner.stop)
            change = np.pad(change, ((0, 0), beyond), mode="edge")
            return synthesise(content, change, shapes, settings.range_db, tracker)

    def _inner_frames(self, frames: int) -> slice:
        """Return the frames whose windows lie within the clip; all where fewer than two do."""
        beyond = -(-self.parameters.n_fft // (2 * self.parameters.hop_length))
        return slice(beyond, frames - beyond) if frames - 2 * beyond >= 2 else slice(0, frames)


def log_spectrum(magnitude: Spectrogram, loudest: float, range_db: float) -> Array:
    """Return the natural logarithm of magnitudes over the loudest, nothing lower than `range_db` under it."""
    floor = 10 ** (-range_db / 20)
    return np.log(np.maximum(magnitude.astype(np.float64) / loudest, floor))


def sounding_frames(magnitude: Spectrogram) -> NDArray[np.bool_]:
    """Return which frames sound, as opposed to pauses; all of them where fewer than two do.

    Parameters
    ----------
    magnitude : numpy.ndarray, shape (bins, frames)
        Magnitudes of a clip.

    Returns
    -------
    numpy.ndarray, shape (frames,), bool
        Two at least are true, if there are two frames.
    """
    peaks = magnitude.max(axis=0)
    sounding: NDArray[np.bool_] = peaks > peaks.max() * 10 ** (-PAUSE_DB / 20)
    return sounding if sounding.sum() >= 2 else np.ones_like(sounding)


def analyse(magnitude: Spectrogram, shapes: SmoothShapes, range_db: float, tracker: Tracker) -> Array:
    """Return the features of a clip.

    Parameters
    ----------
    magnitude : numpy.ndarray, shape (bins, frames)
        Magnitudes, not all 0. Their level only adds a constant to the first feature.
    shapes : SmoothShapes
        The shapes.
    range_db : float
        Floor under the loudest bin, in decibels.
    tracker : Tracker
        Advances with every frame.

    Returns
    -------
    numpy.ndarray, shape (channels, frames)
        The features.
    """
    loudest = float(magnitude.max())
    features = np.empty((len(shapes.analysis), magnitude.shape[1]))
    for part in _chunks(magnitude.shape[1]):
        features[:, part] = shapes.analysis @ log_spectrum(magnitude[:, part], loudest, range_db)
        tracker.advance(features[:, part].shape[1])
    return features


def synthesise(
    magnitude: Spectrogram, change: Array, shapes: SmoothShapes, range_db: float, tracker: Tracker
) -> Spectrogram:
    """Return magnitudes with changed features.

    Parameters
    ----------
    magnitude : numpy.ndarray, shape (bins, frames)
        Magnitudes, not all 0.
    change : numpy.ndarray, shape (channels, frames)
        What is to be added to their features.
    shapes, range_db, tracker
        As for :func:`analyse`.

    Returns
    -------
    numpy.ndarray, shape (bins, frames), float32
        Magnitudes with the sum of squares of `magnitude`.
    """
    loudest = float(magnitude.max())
    headroom = HEADROOM_DB * np.log(10) / 20
    made = np.empty_like(magnitude, dtype=np.float32)
    for part in _chunks(magnitude.shape[1]):
        room = headroom - log_spectrum(magnitude[:, part], loudest, range_db)
        gain = np.exp(np.minimum(shapes.synthesis @ change[:, part], room))
        made[:, part] = magnitude[:, part] * gain
        tracker.advance(gain.shape[1])
    return match_energy(made, magnitude)


def _chunks(frames: int) -> Iterator[slice]:
    for first in range(0, frames, _CHUNK):
        yield slice(first, first + _CHUNK)
