"""What methods share that turn two magnitude spectrograms into a third and estimate its phase.

Clips are resampled to the method's rate; the subclass makes a spectrogram of the content's shape; that is
inverted, brought back to the clips' rate and length, and scaled down where it exceeds full scale.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Self

import librosa
import numpy as np
from pydantic import Field, model_validator

from timbrebench.audio.clips import Samples, fit_length, resample
from timbrebench.audio.inversion import Inversion, invert
from timbrebench.audio.loudness import limit_peak
from timbrebench.audio.spectra import HOP_LENGTH, N_FFT, Spectrogram
from timbrebench.core.errors import MethodError
from timbrebench.transfer.algorithms.blocks import faded_blocks
from timbrebench.transfer.contract import Method, Parameters


class SpectrogramParameters(Parameters):
    """Settings that every :class:`SpectrogramMethod` has.

    Attributes
    ----------
    sample_rate : int
        Rate that the method works at, in hertz.
    n_fft, hop_length : int
        Window of the spectrogram, and the step from one to the next, in samples.
    inversion : Inversion
        How the phase is estimated.
    """

    sample_rate: int = Field(default=22_050, gt=0)
    n_fft: int = Field(default=N_FFT, ge=2, multiple_of=2)
    hop_length: int = Field(default=HOP_LENGTH, gt=0)
    inversion: Inversion = Inversion()

    @model_validator(mode="after")
    def _windows_overlap(self) -> Self:
        if self.hop_length > self.n_fft // 2:
            raise ValueError(
                f"hop_length {self.hop_length} is more than half of n_fft {self.n_fft}: "
                "such windows overlap too little to estimate a phase"
            )
        return self


@dataclass(frozen=True)
class Heard:
    """A clip as a method of this kind works on it.

    Attributes
    ----------
    samples : numpy.ndarray, shape (n,), float32
        At the method's rate.
    magnitude : numpy.ndarray, shape (bins, frames), float32
        Its spectrogram.
    """

    samples: Samples
    magnitude: Spectrogram


class MagnitudeMethod(Method):
    """A method that makes magnitudes and leaves their phase to an inversion.

    A subclass writes :meth:`make`.
    """

    Parameters: ClassVar[type[SpectrogramParameters]] = SpectrogramParameters
    parameters: SpectrogramParameters

    @property
    def fewest_frames(self) -> int:
        """Frames of the spectrogram that a clip needs at least."""
        return 1

    @abstractmethod
    def make(self, content: Heard, style: Heard, rng: np.random.Generator) -> Spectrogram:
        """Return the magnitudes of the output.

        Parameters
        ----------
        content, style : Heard
            The clips.
        rng : numpy.random.Generator
            Source of all that is drawn.

        Returns
        -------
        numpy.ndarray, shape of the content's magnitudes
            Magnitudes, finite and not negative.
        """

    def transfer(self, content: Samples, style: Samples, *, sample_rate: int, seed: int) -> Samples:
        """Return the content in the style; see :meth:`Method.transfer`.

        Raises
        ------
        MethodError
            If a clip has fewer frames than the method needs, with the duration that it needs.
        """
        settings = self.parameters
        inner = {"content": content, "style": style}
        inner = {name: resample(clip, sample_rate, settings.sample_rate) for name, clip in inner.items()}
        for name, clip in inner.items():
            check_length(
                clip,
                name,
                method=self.name,
                frames=self.fewest_frames,
                hop_length=settings.hop_length,
                sample_rate=settings.sample_rate,
            )
        transform_rng, phase_rng = np.random.default_rng(seed).spawn(2)
        spectrum = self._spectrum(inner["content"])
        made = self.make(
            Heard(inner["content"], np.abs(spectrum)),
            Heard(inner["style"], np.abs(self._spectrum(inner["style"]))),
            transform_rng,
        )
        output = invert(
            made.astype(np.float32),
            length=len(inner["content"]),
            inversion=settings.inversion,
            seed=int(phase_rng.integers(2**63)),
            n_fft=settings.n_fft,
            hop_length=settings.hop_length,
            phase=np.angle(spectrum),
        )
        return limit_peak(fit_length(resample(output, settings.sample_rate, sample_rate), len(content)))

    def _spectrum(self, clip: Samples) -> np.ndarray:
        return librosa.stft(clip, n_fft=self.parameters.n_fft, hop_length=self.parameters.hop_length)


class SpectrogramMethod(MagnitudeMethod):
    """A method that turns two magnitude spectrograms into a third.

    A subclass writes :meth:`transform`, and sets :attr:`block_s` if its cost grows with the square of the
    content's length.

    Attributes
    ----------
    block_s : float or None
        Longest content in seconds that is transformed as a whole; a longer one is in blocks that overlap by
        :attr:`overlap_s` and are cross-faded. None for no limit.
    """

    block_s: ClassVar[float | None] = None
    overlap_s: ClassVar[float] = 1.0

    @abstractmethod
    def transform(self, content: Spectrogram, style: Spectrogram, rng: np.random.Generator) -> Spectrogram:
        """Return the magnitudes of the output.

        Parameters
        ----------
        content, style : numpy.ndarray, shapes (bins, frames) and (bins, frames of the style), float32
            Magnitudes, as :func:`~timbrebench.audio.spectra.magnitude` returns them.
        rng : numpy.random.Generator
            Source of all that is drawn.

        Returns
        -------
        numpy.ndarray, shape of `content`
            Magnitudes, finite and not negative.
        """

    def make(self, content: Heard, style: Heard, rng: np.random.Generator) -> Spectrogram:
        """Transform the content, a long one block by block."""
        magnitude = content.magnitude
        total, weights = np.zeros_like(magnitude), np.zeros(magnitude.shape[1], dtype=np.float32)
        for first, last, fade in self._blocks(magnitude.shape[1]):
            total[:, first:last] += fade * self.transform(magnitude[:, first:last], style.magnitude, rng)
            weights[first:last] += fade
        return total / weights

    def _blocks(self, frames: int) -> Iterator[tuple[int, int, np.ndarray]]:
        """Yield the first frame, the end, and the weight of each frame of every block."""
        per_second = self.parameters.sample_rate / self.parameters.hop_length
        longest = frames if self.block_s is None else round(self.block_s * per_second)
        overlap = round(self.overlap_s * per_second)
        for block, fade in faded_blocks(frames, longest, overlap):
            yield block.start, block.stop, fade


def check_length(
    clip: Samples, name: str, *, method: str, frames: int, hop_length: int, sample_rate: int
) -> None:
    """Refuse a clip that is shorter than what a method looks at at a time.

    Parameters
    ----------
    clip : numpy.ndarray, shape (n,)
        Samples.
    name : str
        What the clip is, for the error: "content", "style".
    method : str
        The method's name, for the error.
    frames : int
        Centred frames that it needs.
    hop_length : int
        Samples from one frame to the next.
    sample_rate : int
        Rate of the clip in hertz.

    Raises
    ------
    MethodError
        If the clip is shorter, with the duration that is needed.
    """
    needed = (frames - 1) * hop_length
    if len(clip) < needed:
        seconds = math.ceil(1000 * needed / sample_rate) / 1000
        raise MethodError(
            f"the {name} lasts {len(clip) / sample_rate:.3f} s, but {method} looks at "
            f"{frames} frames at a time, {seconds:.3f} s: use a longer clip or other settings"
        )
