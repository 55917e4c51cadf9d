"""Vary the sound of training clips as rooms, microphones, recorders and files do.

:mod:`timbrebench.classifier.style.style_augmentation` varies spectrograms anew at each step, where it costs
next to nothing. What is here changes the samples, once before training: echoes, hiss and the holes that
lossy codecs leave have no cheap counterpart in a spectrogram. A judge that has learned from renderings alone
takes such changes for another instrument.
"""

from __future__ import annotations

import io
import zlib
from collections.abc import Callable

import numpy as np
import soundfile
from numpy.typing import NDArray
from pydantic import Field
from scipy import signal

from timbrebench.audio.clips import Samples, fit_length, resample
from timbrebench.audio.loudness import rms
from timbrebench.core.frozen_model import FrozenModel

_Gains = NDArray[np.float64]

#: Shares of the varied clips that each change is made to, in the order in which a recording undergoes them:
#: the player's tuning, dynamics, the instrument and microphone, the room, the channel, its noise, the file.
_SHARES = {
    "detuned": 0.3,
    "compressed": 0.2,
    "clipped": 0.08,
    "equalised": 0.5,
    "echoing": 0.4,
    "band_limited": 0.25,
    "noisy": 0.45,
    "recoded": 0.2,
}

#: Containers and codecs, by libsndfile's names; MP3 is met twice as often as the others.
_CODECS = (("MP3", "MPEG_LAYER_III"), ("MP3", "MPEG_LAYER_III"), ("OGG", "VORBIS"), ("OGG", "OPUS"))

#: Rate in hertz at which Opus, which knows few, is encoded.
_OPUS_RATE = 24_000

#: Frequency in hertz under which gains are those at it: the lowest that instruments sound.
_LOWEST_HZ = 20.0


class SoundVariation(FrozenModel):
    """How copies of training clips sound different, drawn for each copy from its clip's name.

    Attributes
    ----------
    copies : int
        Varied copies of each clip, beside the clip itself.
    cents : float
        Largest detuning, up or down.
    room_s : float
        Longest time in which the echoes of a room fade by 60 dB; the shortest is 0.15 s. Rooms are noise
        that fades exponentially, high frequencies faster, from 6 dB over to 12 dB under the direct sound.
    equaliser_db : float
        Standard deviation of each of one to four resonances, 0.4 to 1.5 octaves wide.
    shelf_db : float
        Deepest low or high shelf; they are raised by at most 9 dB.
    noise_db : float
        Loudest noise, in decibels of the clip over it; the softest is 40. It is white, or falls by up to 6 dB
        an octave, with the hum of mains in some.
    """

    copies: int = Field(default=1, ge=1, le=16)
    cents: float = Field(default=50.0, ge=0, le=100)
    room_s: float = Field(default=1.5, ge=0.15, le=5)
    equaliser_db: float = Field(default=5.0, ge=0, le=20)
    shelf_db: float = Field(default=15.0, ge=0, le=40)
    noise_db: float = Field(default=5.0, ge=-10, le=40)

    def vary(self, samples: Samples, sample_rate: int, name: str, copy: int) -> Samples:
        """Return a copy of a clip that sounds different.

        Parameters
        ----------
        samples : numpy.ndarray, shape (n,)
            Mono samples that are not silent.
        sample_rate : int
            Their rate in hertz.
        name : str
            The clip's, which with `copy` decides all that is drawn.
        copy : int
            Which of the copies.

        Returns
        -------
        numpy.ndarray, shape (n,), float32
            At a peak of 0.7.
        """
        rng = np.random.default_rng([zlib.crc32(name.encode()), copy])
        varied = _at_peak(samples)
        for change, share in _SHARES.items():
            if rng.random() < share:
                varied = _at_peak(self._changes()[change](varied, sample_rate, rng))
        return varied

    def _changes(self) -> dict[str, Callable[[Samples, int, np.random.Generator], Samples]]:
        return {
            "detuned": self._detuned,
            "compressed": _compressed,
            "clipped": _clipped,
            "equalised": self._equalised,
            "echoing": self._echoing,
            "band_limited": _band_limited,
            "noisy": self._noisy,
            "recoded": _recoded,
        }

    def _detuned(self, samples: Samples, sample_rate: int, rng: np.random.Generator) -> Samples:
        """Play a clip faster or slower; what is missing at its end is silent."""
        faster = round(sample_rate * 2 ** (rng.uniform(-self.cents, self.cents) / 1200))
        return fit_length(resample(samples, faster, sample_rate), len(samples))

    def _equalised(self, samples: Samples, sample_rate: int, rng: np.random.Generator) -> Samples:
        frequencies = _frequencies(samples, sample_rate)
        octaves = np.log2(frequencies / _LOWEST_HZ)
        gains = np.zeros_like(frequencies)
        for _ in range(rng.integers(1, 5)):
            place, width = rng.uniform(0, octaves[-1]), rng.uniform(0.4, 1.5)
            gains += rng.normal(0, self.equaliser_db) * np.exp(-0.5 * ((octaves - place) / width) ** 2)
        shelf = min(9.0, self.shelf_db)
        if rng.random() < 0.4:
            gains += rng.uniform(-self.shelf_db, shelf) / (1 + (frequencies / rng.uniform(150, 900)) ** 2)
        if rng.random() < 0.4:
            gains += rng.uniform(-self.shelf_db, shelf) / (1 + (rng.uniform(1500, 5000) / frequencies) ** 2)
        return _filtered(samples, gains)

    def _echoing(self, samples: Samples, sample_rate: int, rng: np.random.Generator) -> Samples:
        fade_s = rng.uniform(0.15, self.room_s)
        noise = rng.standard_normal(round(fade_s * sample_rate))
        times = np.arange(len(noise)) / sample_rate
        low = signal.lfilter(*signal.butter(1, rng.uniform(1500, 6000), fs=sample_rate), noise)
        echoes = low * 10 ** (-3 * times / fade_s)
        echoes += (noise - low) * 10 ** (-3 * times / (fade_s * rng.uniform(0.3, 0.7)))
        echoes *= 10 ** (-rng.uniform(-6, 12) / 20) / np.sqrt(np.sum(echoes**2))
        delay = np.zeros(round(rng.uniform(0.001, 0.03) * sample_rate))
        delay[0] = 1.0  # the direct sound
        response = np.concatenate([delay, echoes])
        return np.asarray(signal.fftconvolve(samples, response)[: len(samples)], dtype=np.float32)

    def _noisy(self, samples: Samples, sample_rate: int, rng: np.random.Generator) -> Samples:
        noise = rng.standard_normal(len(samples)).astype(np.float32)
        if rng.random() < 0.6:
            slope = rng.uniform(0, 1)
            noise = _filtered(noise, -20 * slope * np.log10(_frequencies(samples, sample_rate) / 1000))
            noise /= rms(noise)
            if rng.random() < 0.2:
                phases = 2 * np.pi * rng.choice([50, 60]) * np.arange(len(samples)) / sample_rate
                for harmonic in (1, 2, 3, 5):
                    noise += rng.uniform(0, 1.5) * np.sin(harmonic * phases)
        level = rms(samples) * 10 ** (-rng.uniform(min(self.noise_db, 40), 40) / 20)
        return np.asarray(samples + noise * (level / rms(noise)), dtype=np.float32)


def _at_peak(samples: Samples) -> Samples:
    return np.asarray(samples * (0.7 / max(float(np.abs(samples).max()), 1e-6)), dtype=np.float32)


def _frequencies(samples: Samples, sample_rate: int) -> _Gains:
    frequencies = np.asarray(np.fft.rfftfreq(len(samples), 1 / sample_rate), dtype=np.float64)
    return np.maximum(frequencies, _LOWEST_HZ)


def _filtered(samples: NDArray[np.floating], gains_db: _Gains) -> Samples:
    """Apply gains in decibels, shape (n // 2 + 1,), to the frequencies of a clip."""
    spectrum = np.fft.rfft(samples) * 10 ** (gains_db / 20)
    return np.fft.irfft(spectrum, len(samples)).astype(np.float32)


def _band_limited(samples: Samples, sample_rate: int, rng: np.random.Generator) -> Samples:
    frequencies = _frequencies(samples, sample_rate)
    gains = np.zeros_like(frequencies)
    if rng.random() < 0.7:
        gains -= 10 * np.log10(1 + (frequencies / rng.uniform(2500, 9500)) ** rng.choice([4, 8, 16]))
    if rng.random() < 0.5:
        gains -= 10 * np.log10(1 + (rng.uniform(60, 350) / frequencies) ** rng.choice([2, 4, 8]))
    return _filtered(samples, gains)


def _compressed(samples: Samples, sample_rate: int, rng: np.random.Generator) -> Samples:
    """Raise what is soft, by the level over the last 0.1 s."""
    kept = np.exp(-1 / (0.1 * sample_rate))
    level = np.sqrt(signal.lfilter([1 - kept], [1, -kept], samples**2) + 1e-9)
    return np.asarray(samples * (level / level.max()) ** -rng.uniform(0.2, 0.7), dtype=np.float32)


def _clipped(samples: Samples, _: int, rng: np.random.Generator) -> Samples:
    louder = samples * rng.uniform(2, 8)
    return np.asarray(np.tanh(louder) if rng.random() < 0.5 else np.clip(louder, -1, 1), dtype=np.float32)


def _recoded(samples: Samples, sample_rate: int, rng: np.random.Generator) -> Samples:
    """Encode a clip as MP3, Ogg Vorbis or Opus, at 24 kHz, and decode it again."""
    container, codec = _CODECS[rng.integers(len(_CODECS))]
    content = io.BytesIO()
    with soundfile.SoundFile(
        content, "w", _OPUS_RATE, 1, codec, format=container, compression_level=rng.uniform(0.3, 1.0)
    ) as file:
        file.write(resample(samples, sample_rate, _OPUS_RATE))
    content.seek(0)
    decoded = soundfile.read(content, dtype="float32")[0]
    return fit_length(resample(decoded, _OPUS_RATE, sample_rate), len(samples))
