"""Bases of methods that turn two magnitude spectrograms into a third, whose phase is estimated."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Self

import librosa
import numpy as np
from pydantic import Field, model_validator

from timbrebench.audio.clips import Samples
from timbrebench.audio.fourier import Spectrum
from timbrebench.audio.inversion import Inversion, invert
from timbrebench.audio.spectra import N_FFT, Spectrogram
from timbrebench.transfer.algorithms.blocks import faded_blocks
from timbrebench.transfer.bases.conversion_method import FrameMethod, FrameParameters


class SpectrogramParameters(FrameParameters):
    """Settings that every :class:`MagnitudeMethod` has.

    Attributes
    ----------
    n_fft : int
        Window of the spectrogram in samples.
    inversion : Inversion
        How the phase is estimated.
    """

    n_fft: int = Field(default=N_FFT, ge=2, multiple_of=2, le=1 << 20)
    inversion: Inversion = Inversion()

    @model_validator(mode="after")
    def _windows_overlap(self) -> Self:
        if self.hop_length > self.n_fft // 2:
            raise ValueError(
                f"hop_length {self.hop_length} is more than half of n_fft {self.n_fft}: "
                "such windows overlap too little to estimate a phase"
            )
        return self


def match_energy(magnitude: Spectrogram, wanted: Spectrogram) -> Spectrogram:
    """Return magnitudes scaled to the sum of squares of others; zeros stay zeros."""
    energy, target = (float(np.sum(np.square(clip), dtype=np.float64)) for clip in (magnitude, wanted))
    return magnitude * np.float32(np.sqrt(target / energy)) if energy > 0 else magnitude


@dataclass(frozen=True)
class AnalysedClip:
    """A clip at the method's rate, with its spectrogram.

    Attributes
    ----------
    samples : numpy.ndarray, shape (n,), float32
        Samples.
    magnitude : numpy.ndarray, shape (bins, frames), float32
        Magnitudes, as :func:`~timbrebench.audio.spectra.magnitude` returns them.
    """

    samples: Samples
    magnitude: Spectrogram


class MagnitudeMethod(FrameMethod):
    """A method that makes magnitudes and leaves their phase to an inversion.

    A subclass writes :meth:`make`.
    """

    Parameters: ClassVar[type[SpectrogramParameters]] = SpectrogramParameters
    parameters: SpectrogramParameters

    @property
    def win_length(self) -> int:
        """Samples of the window, which is padded with zeros to `n_fft`: by default as many as that."""
        return self.parameters.n_fft

    @abstractmethod
    def make(self, content: AnalysedClip, style: AnalysedClip, rng: np.random.Generator) -> Spectrogram:
        """Return the magnitudes of the output.

        Parameters
        ----------
        content, style : AnalysedClip
            The clips.
        rng : numpy.random.Generator
            Source of every random draw.

        Returns
        -------
        numpy.ndarray, shape of the content's magnitudes
            Magnitudes, finite and not negative.
        """

    def convert(self, content: Samples, style: Samples, *, sample_rate: int, seed: int) -> Samples:
        """Make the magnitudes, and invert them."""
        settings = self.parameters
        transform_rng, phase_rng = np.random.default_rng(seed).spawn(2)
        spectrum = self.spectrum(content)
        made = self.make(
            AnalysedClip(content, np.abs(spectrum)),
            AnalysedClip(style, np.abs(self.spectrum(style))),
            transform_rng,
        )
        return invert(
            made.astype(np.float32),
            length=len(content),
            inversion=settings.inversion,
            seed=int(phase_rng.integers(2**63)),
            n_fft=settings.n_fft,
            hop_length=settings.hop_length,
            win_length=self.win_length,
            phase=np.angle(spectrum),
        )

    def spectrum(self, clip: Samples) -> Spectrum:
        """Return the spectrum of a clip, with silence before and after it: shape (bins, frames)."""
        settings = self.parameters
        spectrum: Spectrum = librosa.stft(
            clip, n_fft=settings.n_fft, hop_length=settings.hop_length, win_length=self.win_length
        )
        return spectrum


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
            Source of every random draw.

        Returns
        -------
        numpy.ndarray, shape of `content`
            Magnitudes, finite and not negative.
        """

    def make(self, content: AnalysedClip, style: AnalysedClip, rng: np.random.Generator) -> Spectrogram:
        """Transform the content, a long one block by block."""
        magnitude = content.magnitude
        frames = magnitude.shape[1]
        per_second = self.parameters.sample_rate / self.parameters.hop_length
        max_length = frames if self.block_s is None else round(self.block_s * per_second)
        total, weights = np.zeros_like(magnitude), np.zeros(frames, dtype=np.float32)
        for block, fade in faded_blocks(frames, max_length, round(self.overlap_s * per_second)):
            total[:, block] += fade * self.transform(magnitude[:, block], style.magnitude, rng)
            weights[block] += fade
        return total / weights
