"""A matching equaliser: the content gets the style's spectrum as it is on average over time.

Audio editors have it to make one recording sound like another. It moves no note, and so it keeps the notes of
any content; it cannot take over what changes in time, such as attacks.
"""

from __future__ import annotations

import librosa
import numpy as np
from pydantic import Field

from timbrebench.audio.loudness import limit_peak, rms, scale_to_rms
from timbrebench.transfer import Method, Parameters


class LongTermSpectrumParameters(Parameters):
    """Settings, checked before anything runs.

    Attributes
    ----------
    n_fft : int
        Samples of the window, and so the width of the equaliser's bands.
    range_db : float
        Maximum gain of a band, up or down, in decibels: what the content lacks cannot be amplified.
    """

    n_fft: int = Field(default=2048, ge=64)
    range_db: float = Field(default=40.0, ge=0)


class LongTermSpectrum(Method):
    """Scales each band of the content to its mean energy in the style."""

    name = "long-term-spectrum"
    version = 1
    summary = "filters the content so that it has the style's spectrum on average"
    source = "the matching equaliser of audio editors"
    Parameters = LongTermSpectrumParameters
    parameters: LongTermSpectrumParameters

    def transfer(self, content: np.ndarray, style: np.ndarray, *, sample_rate: int, seed: int) -> np.ndarray:
        """Filter the content; it keeps its level."""
        n_fft, range_db = self.parameters.n_fft, self.parameters.range_db
        spectra = [librosa.stft(clip, n_fft=n_fft) for clip in (content, style)]
        # Each clip at its own level, so that a soft style does not use up the range.
        levels = [librosa.power_to_db(np.mean(np.abs(one) ** 2, axis=1), ref=np.max) for one in spectra]
        gain = librosa.db_to_amplitude(np.clip(levels[1] - levels[0], -range_db, range_db))
        output = librosa.istft(spectra[0] * gain[:, None], n_fft=n_fft, length=len(content))
        return limit_peak(scale_to_rms(output, rms(content)))
