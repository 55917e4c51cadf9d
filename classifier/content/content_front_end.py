"""The content judge's front end: pitch on a logarithmic scale, at two resolutions.

A constant-Q transform that is sharp enough in frequency to tell the semitones of low notes blurs their
onsets. The front end therefore has two channels on one scale of pitch with three bins to a semitone: one
sharp in frequency, from windows that double in length with every octave downwards, as a constant-Q
transform's do (Brown 1991), and one sharp in time, from short windows throughout. Both read the power of
short-time Fourier transforms off at the bins' frequencies, which takes a five-hundredth of the clip's
duration on one core.

Three bins to a semitone leave a clip that is tuned 30 cents off between two keys. A front end that is `tuned`
moves its bins by the clip's own tuning (:mod:`timbrebench.classifier.content.content_tuning`).
"""

from __future__ import annotations

import itertools
from functools import lru_cache
from typing import Any

import numpy as np
import scipy.fft
import scipy.signal
import scipy.sparse
from numpy.typing import NDArray
from pydantic import Field, SerializerFunctionWrapHandler, model_serializer

from timbrebench.audio.clips import Samples
from timbrebench.classifier.clip_preparation import prepare_clip
from timbrebench.classifier.content.content_tuning import estimate_tuning
from timbrebench.core.frozen_model import FrozenModel

#: The keys of a piano: the MIDI pitches that are transcribed, 27.5 Hz to 4186 Hz.
LOWEST_PITCH, HIGHEST_PITCH = 21, 108
N_PITCHES = HIGHEST_PITCH - LOWEST_PITCH + 1

#: Bins to a semitone, the middle one at the pitch itself.
BINS_PER_SEMITONE = 3

#: Semitones from the lowest pitch to the highest bin, at 10.5 kHz, which includes overtones.
_SEMITONES = 103
N_BINS = _SEMITONES * BINS_PER_SEMITONE

#: Channels: sharp in frequency, sharp in time.
N_CHANNELS = 2

#: Window lengths in samples, each with the frequency in hertz from which it is long enough to tell semitones:
#: a Hann window's main lobe reaches two bins to either side, a little less than a semitone there.
_WINDOWS = ((8192, 0.0), (4096, 220.0), (2048, 440.0), (1024, 880.0))

#: Window length of the channel that is sharp in time: 46 ms.
_SHORT_WINDOW = 1024

#: Cents from one tuning to the next, no finer than it can be measured: filters are made once for each.
_TUNING_STEP = 2


class PitchFrontEnd(FrozenModel):
    """Levels of log-spaced bins in decibels under the clip's loudest one.

    Attributes
    ----------
    sample_rate : int
        Rate in hertz at which clips are analysed; others are resampled. The windows are made for 22,050.
    hop_length : int
        Samples from one frame to the next, at least 128: 512 are 23 ms, and onsets are placed between frames.
    range_db : float
        Dynamic range in decibels under the loudest bin of the clip; lower levels are clamped.
    tuned : bool
        Whether the bins lie at the pitches of the clip's own tuning, rather than at those of A = 440 Hz.
    """

    sample_rate: int = Field(default=22_050, ge=22_050, le=22_050)
    hop_length: int = Field(default=512, ge=128, le=_SHORT_WINDOW)
    range_db: float = Field(default=80.0, gt=0, allow_inf_nan=False)
    tuned: bool = False

    @model_serializer(mode="wrap")
    def _without_later_fields(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out what the first version did not have: judges keep their fingerprints."""
        content: dict[str, Any] = handler(self)
        return {key: value for key, value in content.items() if key != "tuned" or value}

    @property
    def frame_s(self) -> float:
        """Seconds from one frame to the next."""
        return self.hop_length / self.sample_rate

    def n_frames(self, duration_s: float) -> int:
        """Return how many frames a clip of a duration in seconds has."""
        return 1 + round(duration_s * self.sample_rate) // self.hop_length

    def decibels(self, samples: Samples, sample_rate: int) -> NDArray[np.float32]:
        """Return a clip's bins over time.

        Parameters
        ----------
        samples : numpy.ndarray, shape (n,)
            Mono samples, at least 0.5 s.
        sample_rate : int
            Their rate in hertz.

        Returns
        -------
        numpy.ndarray, shape (2, 309, frames), float32
            From -range_db to 0: the channel sharp in frequency, then the one sharp in time. Frame k is
            centred on sample k * hop_length. A louder clip has the same values.

        Raises
        ------
        JudgeError
            If the clip is too short or silent.
        """
        clip = prepare_clip(samples, sample_rate, self.sample_rate)
        cents = _nearest_step(estimate_tuning(clip, self.sample_rate)) if self.tuned else 0
        power = np.stack([self._sharp_in_frequency(clip, cents), self._power(clip, _SHORT_WINDOW, cents)])
        # Each channel under its own loudest bin: their windows gather different amounts of a tone.
        relative = power / power.max(axis=(1, 2), keepdims=True)
        decibels = 10 * np.log10(np.maximum(relative, np.finfo(np.float32).tiny))
        return np.asarray(np.maximum(decibels, -self.range_db), dtype=np.float32)

    def _sharp_in_frequency(self, clip: Samples, cents: int) -> NDArray[np.float32]:
        # The same windows whatever the tuning.
        starts = [*np.searchsorted(_frequencies(), [start for _, start in _WINDOWS]), N_BINS]
        rows = [
            self._power(clip, length, cents)[first:last]
            for (length, _), (first, last) in zip(_WINDOWS, itertools.pairwise(starts), strict=True)
        ]
        return np.concatenate(rows)

    def _power(self, clip: Samples, length: int, cents: int) -> NDArray[np.float32]:
        """Return the power in every bin of the spectrum with one window length: shape (N_BINS, frames)."""
        window = scipy.signal.get_window("hann", length).astype(np.float32)
        padded = np.pad(clip, length // 2)
        frames = np.lib.stride_tricks.sliding_window_view(padded, length)[:: self.hop_length]
        spectrum = scipy.fft.rfft(frames * (window / window.sum()), axis=1)
        power = spectrum.real**2 + spectrum.imag**2
        return np.asarray(_filters(length, self.sample_rate, cents) @ power.T, dtype=np.float32)


def _nearest_step(cents: float) -> int:
    """Return a tuning in cents as one of those for which filters are kept."""
    return round(cents / _TUNING_STEP) * _TUNING_STEP


def _frequencies() -> NDArray[np.float64]:
    """Return the bins' centres in hertz, the first a third of a semitone under the lowest pitch."""
    semitones = LOWEST_PITCH + (np.arange(N_BINS) - BINS_PER_SEMITONE // 2) / BINS_PER_SEMITONE
    return np.asarray(440.0 * 2 ** ((semitones - 69) / 12))


@lru_cache(maxsize=256)  # each length with each tuning
def _filters(length: int, sample_rate: int, cents: int) -> Any:  # noqa: ANN401 - scipy's sparse matrices have no types
    """Return triangular filters from a spectrum's power to the bins, sparse, shape (N_BINS, length // 2 + 1).

    A triangle reaches to the neighbouring bins, and at least to the neighbouring lines of the spectrum.
    """
    centres = (_frequencies() * 2 ** (cents / 1200))[:, np.newaxis]
    half_width = np.maximum(centres * (2 ** (1 / 12 / BINS_PER_SEMITONE) - 1), sample_rate / length)
    lines = scipy.fft.rfftfreq(length, 1 / sample_rate)
    weights = np.maximum(0.0, 1 - np.abs(lines - centres) / half_width)
    return scipy.sparse.csr_matrix(weights.astype(np.float32))
