"""What a judge sees of a clip: a spectrogram that knows nothing of the clip's level.

Each front end gives the power in bands over time, on one of two scales. The default has 24 bands an octave:
fine enough to tell harmonics apart wherever the melody lies, which is what lets a judge know an instrument
again on a soundfont that it has never heard. Mel bands blur what distinguishes wind instruments.

A judge's file may be a stranger's, so what costs memory and time has bounds: several times what is used here,
and at most about 2 GB for a clip of 30 s.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Annotated, Literal, Self

import librosa
import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field, model_validator

from timbrebench.audio.clips import Samples
from timbrebench.audio.power_spectra import mel_power, power_to_decibels, power_to_log1p, stft_power
from timbrebench.audio.spectra import log_frequency_bands
from timbrebench.classifier.clip_preparation import SHORTEST_S, prepare_clip
from timbrebench.core.frozen_model import FrozenModel

Spectrogram = NDArray[np.float32]

#: Maximum number of values in a second of audio that a network sees: eleven times those of the largest
#: front end with default settings, the short-time Fourier transform.
_MAX_SEEN_PER_S = 500_000

#: Maximum number of values in a second of audio of the transform behind them: 22 times those of the default
#: front end.
_MAX_TRANSFORM_PER_S = 2_000_000

#: Maximum number of filter coefficients in an octave of the constant-Q transform: twenty times the default's.
_MAX_COEFFICIENTS = 10_000_000

#: Samples of a window, up to 1.5 s at the default rate.
_Window = Annotated[int, Field(gt=0, le=32_768)]

#: Bands of a spectrogram: ten octaves of 96 have 960.
_Bands = Annotated[int, Field(gt=0, le=1024)]

#: Bands in an octave, up to eighths of a semitone.
_BandsPerOctave = Annotated[int, Field(ge=12, le=96)]

#: Lowest frequency of a transform in hertz.
_Lowest = Annotated[float, Field(ge=1, allow_inf_nan=False)]


class BaseFrontEnd(FrozenModel):
    """What all front ends share.

    Attributes
    ----------
    scale : {"decibel", "log1p"}
        Decibels under the loudest value of the clip, or ``log(1 + magnitude)`` of the clip at a peak of 1.
    range_db : float
        What lies further under the loudest value is cut off there; for decibels only.
    sample_rate : int
        Rate in hertz at which clips are analysed, from 1,000 to 192,000; others are resampled.
    hop_length : int
        Samples from one frame to the next: at most half a second of them, so that the shortest clip has two
        frames, and so many at least that no more than two million values in a second of audio are computed,
        of which the network sees half a million.
    """

    scale: Literal["decibel", "log1p"] = "decibel"
    range_db: float = Field(default=80.0, gt=0, allow_inf_nan=False)
    sample_rate: int = Field(default=22_050, ge=1_000, le=192_000)
    hop_length: int = Field(default=512, gt=0)

    @property
    def height(self) -> int:
        """Bands of its spectrogram."""
        raise NotImplementedError

    @property
    def transform_height(self) -> int:
        """Bins of the transform that its bands are read off."""
        return self.height

    @model_validator(mode="after")
    def _check_cost(self) -> Self:
        if self.hop_length > SHORTEST_S * self.sample_rate:
            raise ValueError(
                f"hop_length is {self.hop_length}, more than the {SHORTEST_S} s of the shortest clip at "
                f"{self.sample_rate} Hz"
            )
        frames = self.sample_rate / self.hop_length
        for values, limit in (
            (self.height, _MAX_SEEN_PER_S),
            (self.transform_height, _MAX_TRANSFORM_PER_S),
        ):
            if values * frames > limit:
                raise ValueError(
                    f"{values} values every {self.hop_length} samples are {values * frames:.4g} in a second, "
                    f"at most {limit} are computed: raise hop_length"
                )
        return self

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
    n_fft: _Window = 4096
    lowest_hz: _Lowest = 41.2
    bands_per_octave: _BandsPerOctave = 24
    n_bands: _Bands = 191

    @property
    def height(self) -> int:
        """Bands of its spectrogram."""
        return self.n_bands

    @property
    def transform_height(self) -> int:
        """Bins of the Fourier transform."""
        return self.n_fft // 2 + 1

    @model_validator(mode="after")
    def _check_bands(self) -> Self:
        _check_highest(self.lowest_hz, self.bands_per_octave, self.n_bands, self.sample_rate)
        return self

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
    n_fft: _Window = 2048
    n_mels: _Bands = 128

    @property
    def height(self) -> int:
        """Bands of its spectrogram."""
        return self.n_mels

    @property
    def transform_height(self) -> int:
        """Bins of the Fourier transform."""
        return self.n_fft // 2 + 1

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
    n_fft: _Window = 2048
    win_length: _Window = 2048

    @property
    def height(self) -> int:
        """Bins of the transform."""
        return self.n_fft // 2 + 1

    @model_validator(mode="after")
    def _check_window(self) -> Self:
        if self.win_length > self.n_fft:
            raise ValueError(f"win_length is {self.win_length}, longer than n_fft, {self.n_fft}")
        return self

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
    lowest_hz: _Lowest = 32.7
    bands_per_octave: _BandsPerOctave = 24
    n_bands: _Bands = 168

    @property
    def height(self) -> int:
        """Bands of its spectrogram."""
        return self.n_bands

    @property
    def transform_height(self) -> int:
        """Bins of the Fourier transform that its longest filters take.

        librosa halves the rate from each octave to the one below while the hop length is even.
        """
        octaves = math.ceil(self.n_bands / self.bands_per_octave)
        even = (self.hop_length & -self.hop_length).bit_length() - 1
        return max(self.n_bands, math.ceil(self._longest_filter / (1 << min(octaves - 1, even))))

    @property
    def _longest_filter(self) -> float:
        quality = 1 / (2 ** (1 / self.bands_per_octave) - 1)
        return quality * self.sample_rate / self.lowest_hz

    @model_validator(mode="after")
    def _check_bands(self) -> Self:
        _check_highest(self.lowest_hz, self.bands_per_octave, self.n_bands, self.sample_rate)
        filters = self.bands_per_octave * self._longest_filter
        if filters > _MAX_COEFFICIENTS:
            raise ValueError(
                f"the filters of the lowest octave have {filters:.3g} coefficients, at most "
                f"{_MAX_COEFFICIENTS} are computed: raise lowest_hz, or lower bands_per_octave or sample_rate"
            )
        return self

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


def _check_highest(lowest_hz: float, bands_per_octave: int, n_bands: int, sample_rate: int) -> None:
    highest = lowest_hz * 2 ** ((n_bands - 1) / bands_per_octave)
    if highest > sample_rate / 2:
        raise ValueError(
            f"the highest of {n_bands} bands (n_bands) lies at {highest:.4g} Hz, above half of {sample_rate} "
            "Hz: ask for fewer bands or a higher sample rate"
        )


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
