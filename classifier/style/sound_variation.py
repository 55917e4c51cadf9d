"""Vary the sound of training clips as rooms, microphones, recorders and files do.

:mod:`timbrebench.classifier.style.style_augmentation` varies spectrograms anew at each step, where it costs
next to nothing. What is here changes the samples, once before training: echoes, hiss and the holes that
lossy codecs leave have no cheap counterpart in a spectrogram. A judge that has learned from renderings alone
takes such changes for another instrument.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Literal

import numpy as np
from pydantic import Field
from scipy import signal

from timbrebench.audio.clips import Samples
from timbrebench.audio.loudness import rms
from timbrebench.audio.sound_changes import (
    LOWEST_HZ,
    apply_gains,
    detune,
    frequencies_of,
    high_shelf,
    in_room,
    low_shelf,
    through_file,
)
from timbrebench.core.frozen_model import FrozenModel

#: Shares of the varied clips that each change is made to, in the order in which a recording undergoes them:
#: the player's tuning, dynamics, the instrument and microphone, the room, the channel, its noise, the file.
_SHARES = {
    "detuned": 0.3,
    "compressed": 0.2,
    "clipped": 0.08,
    "equalised": 0.5,
    "echoing": 0.4,
    "band_limited": 0.25,
    "noisy": 0.3,
    "recoded": 0.2,
}

#: MP3 is met twice as often as the others.
_CODECS: tuple[Literal["mp3", "vorbis", "opus"], ...] = ("mp3", "mp3", "vorbis", "opus")


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
        return detune(samples, sample_rate, rng.uniform(-self.cents, self.cents))

    def _equalised(self, samples: Samples, sample_rate: int, rng: np.random.Generator) -> Samples:
        frequencies = frequencies_of(samples, sample_rate)
        octaves = np.log2(frequencies / LOWEST_HZ)
        gains = np.zeros_like(frequencies)
        for _ in range(rng.integers(1, 5)):
            place, width = rng.uniform(0, octaves[-1]), rng.uniform(0.4, 1.5)
            gains += rng.normal(0, self.equaliser_db) * np.exp(-0.5 * ((octaves - place) / width) ** 2)
        for shelf, lowest, highest in ((low_shelf, 150, 900), (high_shelf, 1500, 5000)):
            if rng.random() < 0.4:
                gain = rng.uniform(-self.shelf_db, min(9.0, self.shelf_db))
                gains += shelf(frequencies, rng.uniform(lowest, highest), gain)
        return apply_gains(samples, gains)

    def _echoing(self, samples: Samples, sample_rate: int, rng: np.random.Generator) -> Samples:
        fade_s, echoes_db = rng.uniform(0.15, self.room_s), rng.uniform(-12, 6)
        return in_room(samples, sample_rate, fade_s=fade_s, echoes_db=echoes_db, rng=rng)

    def _noisy(self, samples: Samples, sample_rate: int, rng: np.random.Generator) -> Samples:
        noise = rng.standard_normal(len(samples)).astype(np.float32)
        if rng.random() < 0.6:
            slope = rng.uniform(0, 1)
            noise = apply_gains(noise, -20 * slope * np.log10(frequencies_of(samples, sample_rate) / 1000))
            noise /= rms(noise)
            if rng.random() < 0.2:
                phases = 2 * np.pi * rng.choice([50, 60]) * np.arange(len(samples)) / sample_rate
                for harmonic in (1, 2, 3, 5):
                    noise += rng.uniform(0, 1.5) * np.sin(harmonic * phases)
        level = rms(samples) * 10 ** (-rng.uniform(min(self.noise_db, 40), 40) / 20)
        return np.asarray(samples + noise * (level / rms(noise)), dtype=np.float32)


def _at_peak(samples: Samples) -> Samples:
    return np.asarray(samples * (0.7 / max(float(np.abs(samples).max()), 1e-6)), dtype=np.float32)


def _band_limited(samples: Samples, sample_rate: int, rng: np.random.Generator) -> Samples:
    frequencies = frequencies_of(samples, sample_rate)
    gains = np.zeros_like(frequencies)
    if rng.random() < 0.7:
        gains -= 10 * np.log10(1 + (frequencies / rng.uniform(2500, 9500)) ** rng.choice([4, 8, 16]))
    if rng.random() < 0.5:
        gains -= 10 * np.log10(1 + (rng.uniform(60, 350) / frequencies) ** rng.choice([2, 4, 8]))
    return apply_gains(samples, gains)


def _compressed(samples: Samples, sample_rate: int, rng: np.random.Generator) -> Samples:
    """Raise what is soft, by the level over the last 0.1 s."""
    decay = np.exp(-1 / (0.1 * sample_rate))
    level = np.sqrt(signal.lfilter([1 - decay], [1, -decay], samples**2) + 1e-9)
    return np.asarray(samples * (level / level.max()) ** -rng.uniform(0.2, 0.7), dtype=np.float32)


def _clipped(samples: Samples, _: int, rng: np.random.Generator) -> Samples:
    louder = samples * rng.uniform(2, 8)
    return np.asarray(np.tanh(louder) if rng.random() < 0.5 else np.clip(louder, -1, 1), dtype=np.float32)


def _recoded(samples: Samples, sample_rate: int, rng: np.random.Generator) -> Samples:
    return through_file(samples, sample_rate, _CODECS[rng.integers(len(_CODECS))], rng.uniform(0.3, 0.95))
