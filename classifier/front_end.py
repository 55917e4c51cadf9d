"""What the judge sees of a clip: log-mel bands that know nothing of its level."""

from __future__ import annotations

import librosa
import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from timbrebench.audio.clips import Samples, as_samples, resample
from timbrebench.audio.errors import JudgeError
from timbrebench.audio.loudness import is_silent

#: Shortest clip in seconds that can be judged: a note and some of its decay.
SHORTEST_S = 0.5


class FrontEnd(BaseModel):
    """Mel bands in decibels under the clip's loudest one.

    Attributes
    ----------
    sample_rate : int
        Rate in hertz at which clips are analysed; others are resampled.
    n_fft, hop_length : int
        Window and step of the short-time Fourier transform, in samples.
    n_mels : int
        Number of bands.
    range_db : float
        What lies further under the loudest band of the clip is cut off there.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    sample_rate: int = Field(default=22_050, gt=0)
    n_fft: int = Field(default=2048, gt=0)
    hop_length: int = Field(default=512, gt=0)
    n_mels: int = Field(default=96, gt=0)
    range_db: float = Field(default=80.0, gt=0)

    def decibels(self, samples: Samples, sample_rate: int) -> NDArray[np.float32]:
        """Return a clip's bands over time.

        Parameters
        ----------
        samples : numpy.ndarray, shape (n,)
            Mono samples, at least 0.5 s.
        sample_rate : int
            Their rate in hertz.

        Returns
        -------
        numpy.ndarray, shape (n_mels, frames), float32
            From -range_db to 0. A louder clip has the same values.

        Raises
        ------
        JudgeError
            If the clip is too short or silent: there is nothing to judge.
        """
        clip = as_samples(samples)
        if len(clip) < SHORTEST_S * sample_rate:
            raise JudgeError(
                f"the clip lasts {len(clip) / sample_rate:.3f} s: a judge needs at least {SHORTEST_S} s"
            )
        # Resampled first: a clip that sounds only above half the rate is silent afterwards.
        clip = resample(clip, sample_rate, self.sample_rate)
        if is_silent(clip):
            raise JudgeError(
                f"the clip is silent below {self.sample_rate / 2:g} Hz: there is no instrument to hear"
            )
        power = librosa.feature.melspectrogram(
            y=clip / np.abs(clip).max(),
            sr=self.sample_rate,
            n_fft=self.n_fft,
            hop_length=self.hop_length,
            n_mels=self.n_mels,
        )
        relative = power / power.max()
        return np.asarray(10 * np.log10(np.maximum(relative, 10 ** (-self.range_db / 10))), dtype=np.float32)


def standardise(decibels: torch.Tensor) -> torch.Tensor:
    """Give each clip of a batch mean 0 and variance 1.

    Parameters
    ----------
    decibels : torch.Tensor, shape (clips, bands, frames)
        Of :meth:`FrontEnd.decibels`.

    Returns
    -------
    torch.Tensor, same shape
        What networks take.
    """
    mean = decibels.mean(dim=(1, 2), keepdim=True)
    deviation = decibels.std(dim=(1, 2), keepdim=True)
    return (decibels - mean) / deviation.clamp(min=1e-6)
