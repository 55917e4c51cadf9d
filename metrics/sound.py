"""One clip with its features, each computed once, when it is first needed.

Conventions
-----------
What is analysed is the *standard* clip: resampled to 22,050 Hz and scaled to a root mean square of 0.1, so
that neither the rate nor the loudness of a clip counts. Spectra come from centred Hann windows of 2,048
samples (93 ms), 512 samples (23 ms) apart. A silent clip has no standard form: silence cannot be scaled.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cached_property
from typing import Any, Protocol, TypeVar

import librosa
import numpy as np
from numpy.typing import ArrayLike, NDArray

from timbrebench.audio.clips import Samples, as_samples, resample
from timbrebench.audio.loudness import is_silent, scale_to_rms
from timbrebench.audio.spectra import HOP_LENGTH, N_FFT, Spectrogram
from timbrebench.classifier import Prediction, Transcription
from timbrebench.core.errors import ConfigurationError, JudgeError
from timbrebench.metrics.detection import WINDOW, Times, onset_envelope, pick_onsets

#: Rate in hertz and root mean square of standard clips.
RATE = 22_050
LEVEL = 0.1

#: Window and hop of the chromagram: 372 ms separate semitones down to 65 Hz.
CHROMA_N_FFT, CHROMA_HOP_LENGTH = 8192, 2048

_MELS, _MFCCS = 128, 20


T = TypeVar("T")


class Unscorable(Exception):  # noqa: N818 - no error: an outcome that a metric declares
    """Raised by a metric that has no answer for an output; the message is the reason."""


class Predictor(Protocol):
    """What a metric needs of a style judge: the probability of each label, and the embedding of a clip."""

    @property
    def labels(self) -> tuple[str, ...]:
        """Its labels."""

    @property
    def fingerprint(self) -> str:
        """Equal only for judges with the same predictions."""

    def predict(self, samples: Samples, sample_rate: int) -> Prediction:
        """Return the probability of each label, in the order of `labels`, and the embedding."""


class Transcriber(Protocol):
    """What a metric needs of a content judge: the notes of a clip."""

    @property
    def fingerprint(self) -> str:
        """Equal only for content judges with the same transcriptions."""

    def transcribe(self, samples: Samples, sample_rate: int) -> Transcription:
        """Return the notes, and the keys that sound in each frame."""


class Sound:
    """A clip, with the features that more than one metric computes of it.

    Parameters
    ----------
    samples : array_like, shape (n,) or (channels, n)
        Floats in [-1, 1]; checked by :func:`~timbrebench.audio.clips.as_samples`.
    sample_rate : int
        Their rate in hertz.
    name : str
        What the clip is, for reasons: "output", "content".
    judge, second_judge : Predictor, optional
        Predict the instrument, each for itself.
    content_judge : Transcriber, optional
        Transcribes the notes.

    Raises
    ------
    AudioError
        If the clip is empty, or holds NaN or infinity, or is not audio.
    ConfigurationError
        If the sample rate is not positive.
    """

    def __init__(
        self,
        samples: ArrayLike,
        sample_rate: int,
        *,
        name: str = "clip",
        judge: Predictor | None = None,
        second_judge: Predictor | None = None,
        content_judge: Transcriber | None = None,
    ) -> None:
        if sample_rate <= 0:
            raise ConfigurationError(f"the sample rate is a positive number of hertz, got {sample_rate}")
        self.samples = as_samples(samples, name=f"the {name}")
        self.sample_rate = sample_rate
        self.name = name
        self.judge = judge
        self.second_judge = second_judge
        self.content_judge = content_judge
        self._results: dict[Callable[[Sound], Any], Any] = {}

    def once(self, work: Callable[[Sound], T]) -> T:
        """Return a function's result for this clip, computed once.

        For what a single metric computes of content, style or reference, which all outputs of a pair share.
        A function that raises is called again.
        """
        if work not in self._results:
            self._results[work] = work(self)
        result: T = self._results[work]
        return result

    @property
    def duration_s(self) -> float:
        """Its length in seconds."""
        return len(self.samples) / self.sample_rate

    @cached_property
    def is_silent(self) -> bool:
        """Whether its root mean square lies under -80 dB of full scale."""
        return is_silent(self.samples)

    @cached_property
    def standard(self) -> Samples:
        """The clip at 22,050 Hz with a root mean square of 0.1: shape (m,), float32.

        Raises
        ------
        Unscorable
            If the clip is silent, or what sounds in it lies above 11 kHz.
        """
        resampled = resample(self.samples, self.sample_rate, RATE)
        if self.is_silent or is_silent(resampled):
            raise Unscorable(f"the {self.name} is silent")
        return scale_to_rms(resampled, LEVEL)

    @cached_property
    def spectrum(self) -> NDArray[np.complex64]:
        """Short-time Fourier transform of the standard clip: shape (1025, frames)."""
        return np.asarray(librosa.stft(self.standard, n_fft=N_FFT, hop_length=HOP_LENGTH), dtype=np.complex64)

    @cached_property
    def magnitude(self) -> Spectrogram:
        """Magnitude of `spectrum`: a sine of amplitude 1 reaches 512."""
        return np.abs(self.spectrum)

    @cached_property
    def log_magnitude(self) -> Spectrogram:
        """``log(1 + magnitude)``, as :func:`~timbrebench.audio.spectra.log_magnitude`."""
        return np.log1p(self.magnitude)

    @cached_property
    def mel_decibels(self) -> Spectrogram:
        """Power in 128 mel bands in decibels, cut off 80 dB under the loudest: shape (128, frames)."""
        power = librosa.feature.melspectrogram(S=self.magnitude**2, sr=RATE, n_fft=N_FFT, n_mels=_MELS)
        return np.asarray(librosa.power_to_db(power, ref=1.0, amin=1e-10, top_db=80.0), dtype=np.float32)

    @cached_property
    def mfcc(self) -> Spectrogram:
        """The first 20 mel-frequency cepstral coefficients of `mel_decibels`: shape (20, frames)."""
        return np.asarray(librosa.feature.mfcc(S=self.mel_decibels, n_mfcc=_MFCCS), dtype=np.float32)

    @cached_property
    def chroma(self) -> Spectrogram:
        """Power in the twelve pitch classes, C first, each frame's greatest 1: shape (12, frames).

        Windows of 372 ms, 93 ms apart, tuned to A4 = 440 Hz.
        """
        if len(self.standard) < CHROMA_N_FFT:
            raise Unscorable(f"the {self.name} is shorter than the {CHROMA_N_FFT / RATE:.2f} s of a window")
        spectrum = librosa.stft(self.standard, n_fft=CHROMA_N_FFT, hop_length=CHROMA_HOP_LENGTH)
        chroma = librosa.feature.chroma_stft(S=np.abs(spectrum) ** 2, sr=RATE, n_fft=CHROMA_N_FFT, tuning=0.0)
        return np.asarray(chroma, dtype=np.float32)

    @cached_property
    def onset_envelope(self) -> NDArray[np.float32]:
        """Spectral flux, 86 frames a second (:func:`~timbrebench.metrics.detection.onset_envelope`)."""
        if len(self.standard) < WINDOW:
            raise Unscorable(f"the {self.name} is shorter than the {WINDOW / RATE:.2f} s of a window")
        return onset_envelope(self.standard)

    @cached_property
    def onsets(self) -> Times:
        """Onsets that are detected, in seconds; none in a silent clip."""
        try:
            return pick_onsets(self.onset_envelope, len(self.standard) / RATE)
        except Unscorable:
            return np.zeros(0)

    @cached_property
    def transcription(self) -> Transcription:
        """The content judge's transcription.

        Raises
        ------
        Unscorable
            If there is no content judge, or it has no answer.
        """
        if self.content_judge is None:
            raise Unscorable("needs a content judge, none was given")
        try:
            return self.content_judge.transcribe(self.samples, self.sample_rate)
        except JudgeError as error:
            raise Unscorable(f"the content judge has no answer for the {self.name}: {error}") from error

    @cached_property
    def prediction(self) -> Prediction:
        """The style judge's prediction.

        Raises
        ------
        Unscorable
            If there is no judge, it has no answer, or its answer is not a distribution over its labels.
        """
        return self._prediction_of(self.judge)

    @cached_property
    def second_prediction(self) -> Prediction:
        """The second style judge's prediction; raises as :attr:`prediction` does."""
        return self._prediction_of(self.second_judge)

    def _prediction_of(self, judge: Predictor | None) -> Prediction:
        if judge is None:
            raise Unscorable("needs a judge, none was given")
        try:
            answer = judge.predict(self.samples, self.sample_rate)
        except JudgeError as error:
            raise Unscorable(f"the judge has no answer for the {self.name}: {error}") from error
        probabilities = np.asarray(answer.probabilities, dtype=np.float64)
        labels = judge.labels
        if probabilities.shape != (len(labels),):
            raise Unscorable(f"the judge's answer has shape {probabilities.shape} for {len(labels)} labels")
        if not (np.all(probabilities >= 0) and math.isclose(probabilities.sum(), 1, abs_tol=1e-3)):
            raise Unscorable("the judge's answer is no probability distribution")
        embedding = np.asarray(answer.embedding, dtype=np.float64)
        return Prediction(probabilities, embedding, answer.is_unfamiliar)
