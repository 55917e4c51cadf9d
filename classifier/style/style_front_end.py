"""What a judge sees of a clip: a spectrogram that knows nothing of the clip's level.

Each front end gives the power in bands over time, on one of two scales. The default has 24 bands an octave:
fine enough to tell harmonics apart wherever the melody lies, which is what lets a judge know an instrument
again on a soundfont that it has never heard. Mel bands blur what distinguishes wind instruments.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Annotated, Literal

import librosa
import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field

from timbrebench.audio.clips import Samples
from timbrebench.audio.power_spectra import mel_power, power_to_decibels, power_to_log1p, stft_power
from timbrebench.audio.spectra import log_frequency_bands
from timbrebench.classifier.clip_preparation import prepare_clip
from timbrebench.core.frozen_model import FrozenModel

Spectrogram = NDArray[np.float32]


class BaseFrontEnd(FrozenModel):
    """What all front ends share.

    Attributes
    ----------
    scale : {"decibel", "log1p"}
        Decibels under the loudest value of the clip, or ``log(1 + magnitude)`` of the clip at a peak of 1.
    range_db : float
        What lies further under the loudest value is cut off there; for decibels only.
    sample_rate : int
        Rate in hertz at which clips are analysed; others are resampled.
    hop_length : int
        Samples from one frame to the next.
    """

    scale: Literal["decibel", "log1p"] = "decibel"
    range_db: float = Field(default=80.0, gt=0)
    sample_rate: int = Field(default=22_050, gt=0)
    hop_length: int = Field(default=512, gt=0)

    @property
    def steps_per_octave(self) -> int | None:
        """Bands in an octave, where they are equally many in all; a transposed clip is then a shifted one."""
        return None

    def power(self, samples: Samples) -> Spectrogram:
        """Return the power of samples at `sample_rate`: shape (bands, frames)."""
        raise NotImplementedError

    def spectrogram(self, samples: Samples, sample_rate: int) -> Spectrogram:
        """Return what the judge sees of a clip.

        Parameters
        ----------
        samples : numpy.ndarray, shape (n,)
            Mono samples, at least 0.5 s.
        sample_rate : int
            Their rate in hertz.

        Returns
        -------
        numpy.ndarray, shape (bands, frames), float32
            From -range_db to 0, or from 0 up for log1p. A louder clip has the same values.

        Raises
        ------
        JudgeError
            If the clip is too short or silent: there is nothing to judge.
        """
        power = self.power(prepare_clip(samples, sample_rate, self.sample_rate))
        return power_to_log1p(power) if self.scale == "log1p" else power_to_decibels(power, self.range_db)


class LogFrequencyFrontEnd(BaseFrontEnd):
    """Triangular bands at equal musical intervals over a short-time Fourier transform.

    Attributes
    ----------
    n_fft : int
        Window in samples: 186 ms, which parts the harmonics of all but the lowest notes.
    lowest_hz : float
        Centre of the first band: E1.
    bands_per_octave, n_bands : int
        Bands of half a semitone, up to 10 kHz.
    """

    kind: Literal["log-frequency"] = "log-frequency"
    n_fft: int = Field(default=4096, gt=0)
    lowest_hz: float = Field(default=41.2, gt=0)
    bands_per_octave: int = Field(default=24, ge=12)
    n_bands: int = Field(default=191, gt=0)

    @property
    def steps_per_octave(self) -> int | None:
        """Bands in an octave."""
        return self.bands_per_octave

    def power(self, samples: Samples) -> Spectrogram:
        """Return the power in the bands."""
        bands = _bands(self.sample_rate, self.n_fft, self.lowest_hz, self.bands_per_octave, self.n_bands)
        spectrum = np.abs(librosa.stft(samples, n_fft=self.n_fft, hop_length=self.hop_length)) ** 2
        return np.asarray(bands @ spectrum, dtype=np.float32)


class MelFrontEnd(BaseFrontEnd):
    """Mel bands.

    Attributes
    ----------
    n_fft : int
        Window in samples.
    n_mels : int
        Number of bands.
    """

    kind: Literal["mel"] = "mel"
    n_fft: int = Field(default=2048, gt=0)
    n_mels: int = Field(default=128, gt=0)

    def power(self, samples: Samples) -> Spectrogram:
        """Return the power in the bands."""
        return mel_power(
            samples, self.sample_rate, n_fft=self.n_fft, hop_length=self.hop_length, n_mels=self.n_mels
        )


class StftFrontEnd(BaseFrontEnd):
    """The short-time Fourier transform as it is.

    Attributes
    ----------
    n_fft : int
        Length of the transform in samples.
    win_length : int
        Length of its window; shorter than `n_fft` where the transform is padded.
    """

    kind: Literal["stft"] = "stft"
    n_fft: int = Field(default=2048, gt=0)
    win_length: int = Field(default=2048, gt=0)

    def power(self, samples: Samples) -> Spectrogram:
        """Return the power in the transform's bins."""
        return stft_power(samples, n_fft=self.n_fft, hop_length=self.hop_length, win_length=self.win_length)


class CqtFrontEnd(BaseFrontEnd):
    """The constant-Q transform, whose windows are the longer the lower the band.

    Attributes
    ----------
    lowest_hz : float
        Centre of the first band: C1.
    bands_per_octave, n_bands : int
        Distance and number of the bands: seven octaves in quarter tones.
    """

    kind: Literal["cqt"] = "cqt"
    lowest_hz: float = Field(default=32.7, gt=0)
    bands_per_octave: int = Field(default=24, ge=12)
    n_bands: int = Field(default=168, gt=0)

    @property
    def steps_per_octave(self) -> int | None:
        """Bands in an octave."""
        return self.bands_per_octave

    def power(self, samples: Samples) -> Spectrogram:
        """Return the power in the bands."""
        transform = librosa.cqt(
            samples,
            sr=self.sample_rate,
            hop_length=self.hop_length,
            fmin=self.lowest_hz,
            n_bins=self.n_bands,
            bins_per_octave=self.bands_per_octave,
        )
        return np.asarray(np.abs(transform) ** 2, dtype=np.float32)


FrontEnd = Annotated[
    LogFrequencyFrontEnd | MelFrontEnd | StftFrontEnd | CqtFrontEnd, Field(discriminator="kind")
]


@lru_cache(maxsize=4)
def _bands(
    sample_rate: int, n_fft: int, lowest_hz: float, bands_per_octave: int, n_bands: int
) -> NDArray[np.float32]:
    return log_frequency_bands(
        sample_rate, n_fft, fmin=lowest_hz, bins_per_octave=bands_per_octave, n_bands=n_bands
    )


def standardise(spectrograms: torch.Tensor) -> torch.Tensor:
    """Give each clip of a batch, shape (clips, bands, frames), mean 0 and variance 1, as networks take it."""
    mean = spectrograms.mean(dim=(1, 2), keepdim=True)
    deviation = spectrograms.std(dim=(1, 2), keepdim=True)
    return (spectrograms - mean) / deviation.clamp(min=1e-6)
