"""Cross-synthesis by linear prediction: the content's excitation through the style's resonances.

Linear prediction takes a frame of sound apart into an all-pole filter, which is its spectral envelope, and
what is left when that filter has been undone: a residual with a flat spectrum, the excitation, which carries
pitch and rhythm. Cross-synthesis sends the excitation of one sound through the filter of another (Moorer
1979). A frame X of the content's short-time spectrum becomes

    X · A_content / g_content · g_style / A_style,

with A = 1 + Σ a_k z^-k the inverse filter and g² what it leaves of a frame of energy 1, so that loud frames
stay loud. Windows are multiplied once more when frames are added up again.

What the source, which has speech in mind, leaves open, and how it is settled here, by 30 pairs of training
pieces (FluidR3, 5 s; style accuracy and note F1, of which the untouched content has 0 and 0.85):

- *Which envelope goes with which frame.* The mean of all the style's frames: what it plays at some moment has
  nothing to do with what the content plays then. The mean is that of autocorrelations of frames of equal
  energy. With `share` under 1, only those frames of the style count that are about as loud, within their
  clip, as the content's frame within its own: the n-th of 100 in order of level goes with the n-th of 100.
  That brings no style and loses notes: 0.23 and 0.82 with all frames, 0.20 and 0.79 with three in ten, 0.23
  and 0.78 with one in ten. The content's envelope is always the frame's own (its mean over time: 0.17 and
  0.84).
- *Order.* 1.1 poles for each kHz of the rate, 24 at 22,050 Hz, about what is customary for speech (Markel &
  Gray 1976). 12 poles: 0.13 and 0.82; 24: 0.23 and 0.82; 48: 0.27 and 0.74; 72: 0.27 and 0.68. With more
  poles than harmonics the envelope follows single partials, and the excitation loses its notes.
- *Window.* Hann, 46 ms, three quarters of overlap, in transforms of twice that length, into which filters
  ring. Windows of 23 ms: 0.23 and 0.80; 93 ms: 0.20 and 0.82.
- *Faint bands.* Noise 60 dB under each frame is assumed in both clips (autocorrelation 0 raised by 1e-6), or
  what rounding left above a clip's highest partial would be whitened to full level. 40 dB: 0.13 and 0.82;
  80 dB: 0.20 and 0.81.
- *Pauses.* Frames 60 dB under the loudest of their clip count in no mean.
- *Phase.* The filters' own, so that each is causal, as in the time domain; the ratio without its phase does
  the same (0.23 and 0.81).
- *Level.* The output is as loud as the content.
- *Rate.* Works at the clips' own rate.

References
----------
J. A. Moorer, "The use of linear prediction of speech in computer music applications", Journal of the Audio
Engineering Society 27(3), 1979.

J. D. Markel and A. H. Gray, "Linear prediction of speech", Springer, 1976: autocorrelation method, the
recursion of Levinson and Durbin.
"""

from __future__ import annotations

import librosa
import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from scipy.fft import next_fast_len

from timbrebench.audio.clips import Samples
from timbrebench.audio.fourier import Spectrum
from timbrebench.core.progress import Tracker
from timbrebench.transfer.bases.conversion_method import ConversionMethod
from timbrebench.transfer.contract import Parameters

Array = NDArray[np.float64]

#: Energy of assumed white noise over that of the frame: 60 dB under it.
_NOISE = 1e-6

#: Energy over that of the loudest frame under which a frame is a pause: 60 dB under it.
_PAUSE = 1e-6

#: Lengths of windows and of transforms, in steps from one window to the next.
_WINDOW, _PADDED = 4, 8

#: Frames worked on at once, which bounds memory on long clips.
_CHUNK = 2048


class CrossSynthesisParameters(Parameters):
    """Settings of :class:`CrossSynthesis`.

    Attributes
    ----------
    poles_per_khz : float
        Poles of each filter for each kilohertz of the sample rate, above 0, at most 5; 1.1 by default. At
        least one.
    window_s : float
        Length of a frame in seconds, from 0.01 to 0.5, rounded up to a length of quick transforms; 0.046 by
        default. Shorter ones follow faster notes, longer ones resolve lower ones.
    share : float
        Share of the style's frames whose envelopes are averaged for a frame of the content: those nearest in
        level. Above 0, at most 1; 1 by default, which is the same mean for all frames.
    """

    poles_per_khz: float = Field(default=1.1, gt=0, le=5)
    window_s: float = Field(default=0.046, ge=0.01, le=0.5)
    share: float = Field(default=1.0, gt=0, le=1)


class CrossSynthesis(ConversionMethod):
    """Cross-synthesis by linear prediction; see the module for what is published and what is not."""

    name = "cross-synthesis"
    version = 1
    summary = "sends the content's excitation through the style's all-pole envelope"
    source = "J. A. Moorer, The use of linear prediction of speech in computer music applications, 1979"
    Parameters = CrossSynthesisParameters
    parameters: CrossSynthesisParameters
    keeps_level = True
    remedy = "a smaller window_s"

    def min_length(self, sample_rate: int) -> int:
        """Return the length of two windows."""
        return _PADDED * self._hop_length(sample_rate)

    def convert(self, content: Samples, style: Samples, *, sample_rate: int, seed: int) -> Samples:
        """Return the content's excitation in the style's envelope; nothing is drawn."""
        hop_length = self._hop_length(sample_rate)
        order = max(1, round(self.parameters.poles_per_khz * sample_rate / 1000))
        spectrum = _frames(content, hop_length)
        targets = StyleEnvelopes(autocorrelation(_frames(style, hop_length), order), self.parameters.share)
        ranks = level_ranks(autocorrelation(spectrum, 0)[0])
        with Tracker(self.name, len(ranks), "frames") as tracker:
            for first in range(0, len(ranks), _CHUNK):
                part = slice(first, first + _CHUNK)
                exchange_envelopes(spectrum[:, part], targets.at(ranks[part]), order)
                tracker.advance(len(ranks[part]))
        output: Samples = librosa.istft(
            spectrum,
            n_fft=_PADDED * hop_length,
            win_length=_WINDOW * hop_length,
            hop_length=hop_length,
            length=len(content),
        )
        return output

    def _hop_length(self, sample_rate: int) -> int:
        return int(next_fast_len(max(1, round(self.parameters.window_s * sample_rate / _WINDOW))))


def _frames(clip: Samples, hop_length: int) -> Spectrum:
    """Return spectra of windows, each with as many zeros around it."""
    spectrum: Spectrum = librosa.stft(
        clip, n_fft=_PADDED * hop_length, win_length=_WINDOW * hop_length, hop_length=hop_length
    )
    return spectrum


class StyleEnvelopes:
    """The style's envelopes, by level, as autocorrelations.

    Parameters
    ----------
    correlations : numpy.ndarray, shape (order + 1, frames)
        Autocorrelations of the style's frames, not all 0.
    share : float
        Share of the frames to average.
    """

    def __init__(self, correlations: Array, share: float) -> None:
        energy = correlations[0]
        sounding = np.flatnonzero(energy > energy.max() * _PAUSE)
        by_level = sounding[np.argsort(energy[sounding], kind="stable")]
        self._frames = len(by_level)
        self._averaged = max(1, round(share * self._frames))
        self._sums = np.zeros((len(correlations), self._frames + 1))
        np.cumsum(correlations[:, by_level] / energy[by_level], axis=1, out=self._sums[:, 1:])

    def at(self, ranks: Array) -> Array:
        """Return mean autocorrelations of frames of energy 1.

        Parameters
        ----------
        ranks : numpy.ndarray, shape (frames,)
            Levels wanted, from 0 for the softest frame to 1 for the loudest.

        Returns
        -------
        numpy.ndarray, shape (order + 1, frames)
            For each rank the mean of the frames around it: a share of the frames, in order of level.
        """
        middle = ranks * (self._frames - 1)
        first = np.rint(middle - (self._averaged - 1) / 2).clip(0, self._frames - self._averaged).astype(int)
        means: Array = (self._sums[:, first + self._averaged] - self._sums[:, first]) / self._averaged
        return means


def level_ranks(energy: Array) -> Array:
    """Return which share of the frames of a clip is softer than each, from 0 to 1; 0 for pauses.

    Energies, shape (frames,), are not all 0. Pauses are not counted.
    """
    levels = np.sort(energy[energy > energy.max() * _PAUSE])
    return np.searchsorted(levels, energy).clip(0, len(levels) - 1) / max(1, len(levels) - 1)


def autocorrelation(spectrum: Spectrum, order: int) -> Array:
    """Return the autocorrelations of frames, from lag 0 to `order`.

    Parameters
    ----------
    spectrum : numpy.ndarray, shape (1 + n_fft // 2, frames), complex
        Spectra of frames filled up with zeros to more than their length plus `order`.
    order : int
        Highest lag in samples.

    Returns
    -------
    numpy.ndarray, shape (order + 1, frames), float64
        Not normalised.
    """
    lags = np.empty((order + 1, spectrum.shape[1]))
    for first in range(0, spectrum.shape[1], _CHUNK):
        part = slice(first, first + _CHUNK)
        power = np.square(np.abs(spectrum[:, part]), dtype=np.float64)
        lags[:, part] = np.fft.irfft(power, axis=0)[: order + 1]
    return lags


def predict(correlations: Array) -> tuple[Array, Array]:
    """Solve for the linear predictors of many frames at once, by the recursion of Levinson and Durbin.

    Parameters
    ----------
    correlations : numpy.ndarray, shape (order + 1, frames)
        Autocorrelations, positive at lag 0 and positive definite.

    Returns
    -------
    inverse_filters : numpy.ndarray, shape (order + 1, frames)
        1 and the coefficients a_k of the inverse filters, which have all their zeros inside the unit circle.
    energies : numpy.ndarray, shape (frames,)
        Energy of what is left of each frame.
    """
    filters = np.zeros_like(correlations)
    filters[0] = 1
    energies = correlations[0].copy()
    for lag in range(1, len(correlations)):
        reflection = -np.sum(filters[:lag] * correlations[lag:0:-1], axis=0) / energies
        filters[1 : lag + 1] += reflection * filters[lag - 1 :: -1]
        energies *= 1 - reflection**2
    return filters, energies


def exchange_envelopes(spectrum: Spectrum, targets: Array, order: int) -> None:
    """Give each frame another envelope, in place; frames without energy stay as they are.

    Parameters
    ----------
    spectrum : numpy.ndarray, shape (1 + n_fft // 2, frames), complex64
        Spectra of the content's frames.
    targets : numpy.ndarray, shape (order + 1, frames)
        Autocorrelations of frames of energy 1 that have the envelopes wanted.
    order : int
        Poles of both filters.
    """
    n_fft = 2 * (len(spectrum) - 1)
    own = autocorrelation(spectrum, order)
    audible = own[0] > 0
    whitening, left = _predictor(own[:, audible] / own[0, audible], n_fft)
    colouring, wanted = _predictor(targets[:, audible], n_fft)
    spectrum[:, audible] *= whitening / colouring * np.sqrt(wanted / left)


def _predictor(correlations: Array, n_fft: int) -> tuple[NDArray[np.complex128], Array]:
    """Return spectra of inverse filters, and the energies that they leave, with a little noise assumed."""
    correlations = correlations.copy()
    correlations[0] *= 1 + _NOISE
    filters, energies = predict(correlations)
    return np.fft.rfft(filters, n_fft, axis=0), energies
