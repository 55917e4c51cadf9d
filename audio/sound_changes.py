"""What happens to a sound between an instrument and a file: tuning, rooms, filters and lossy codecs."""

from __future__ import annotations

import io
from typing import Literal

import numpy as np
import soundfile
from numpy.typing import NDArray
from scipy import signal

from timbrebench.audio.clips import Samples, fit_length, resample

Gains = NDArray[np.float64]

#: Frequency in hertz under which gains are those at it: the lowest that instruments sound.
LOWEST_HZ = 20.0

#: Containers and codecs, by libsndfile's names.
_CODECS = {"mp3": ("MP3", "MPEG_LAYER_III"), "vorbis": ("OGG", "VORBIS"), "opus": ("OGG", "OPUS")}

#: Rate in hertz at which lossy files are written: Opus knows few, and MP3 knows it too.
_FILE_RATE = 24_000


def detune(samples: Samples, sample_rate: int, cents: float) -> Samples:
    """Play a clip faster, and so higher, or slower; what is missing at its end is silent."""
    faster = round(sample_rate * 2 ** (cents / 1200))
    return fit_length(resample(samples, faster, sample_rate), len(samples))


def in_room(
    samples: Samples, sample_rate: int, *, fade_s: float, echoes_db: float, rng: np.random.Generator
) -> Samples:
    """Let a clip sound in a room.

    Parameters
    ----------
    samples : numpy.ndarray, shape (n,)
        Mono samples.
    sample_rate : int
        Their rate in hertz.
    fade_s : float
        Seconds in which echoes fade by 60 dB.
    echoes_db : float
        How much louder they are than the direct sound.
    rng : numpy.random.Generator
        Draws them: noise that fades exponentially, high frequencies faster, 1 to 30 ms after the direct
        sound.

    Returns
    -------
    numpy.ndarray, shape (n,), float32
        What sounds after the clip's end is cut.
    """
    noise = rng.standard_normal(round(fade_s * sample_rate))
    times = np.arange(len(noise)) / sample_rate
    low = signal.lfilter(*signal.butter(1, rng.uniform(1500, 6000), fs=sample_rate), noise)
    echoes = low * 10 ** (-3 * times / fade_s)
    echoes += (noise - low) * 10 ** (-3 * times / (fade_s * rng.uniform(0.3, 0.7)))
    echoes *= 10 ** (echoes_db / 20) / np.sqrt(np.sum(echoes**2))
    direct = np.zeros(round(rng.uniform(0.001, 0.03) * sample_rate))
    direct[0] = 1.0
    response = np.concatenate([direct, echoes])
    return np.asarray(signal.fftconvolve(samples, response)[: len(samples)], dtype=np.float32)


def frequencies_of(samples: NDArray[np.floating], sample_rate: int) -> Gains:
    """Return the frequencies that :func:`apply_gains` takes gains for, in hertz, 20 at least."""
    frequencies = np.asarray(np.fft.rfftfreq(len(samples), 1 / sample_rate), dtype=np.float64)
    return np.maximum(frequencies, LOWEST_HZ)


def low_shelf(frequencies: Gains, corner_hz: float, gain_db: float) -> Gains:
    """Return gains in decibels that are `gain_db` far under a corner, half of it there, and 0 far above."""
    return gain_db / (1 + (frequencies / corner_hz) ** 2)


def high_shelf(frequencies: Gains, corner_hz: float, gain_db: float) -> Gains:
    """Return gains in decibels that are `gain_db` far above a corner, half of it there, and 0 far under."""
    return gain_db / (1 + (corner_hz / frequencies) ** 2)


def apply_gains(samples: NDArray[np.floating], gains_db: Gains) -> Samples:
    """Apply gains in decibels, shape (n // 2 + 1,), to the frequencies of a clip, shape (n,)."""
    spectrum = np.fft.rfft(samples) * 10 ** (gains_db / 20)
    return np.fft.irfft(spectrum, len(samples)).astype(np.float32)


def through_file(
    samples: Samples, sample_rate: int, codec: Literal["mp3", "vorbis", "opus"], compression: float
) -> Samples:
    """Encode a clip at 24 kHz and decode it again.

    `compression` is libsndfile's, from 0 to 0.95: MP3 has from 160 down to 16 kbit/s. Peaks may exceed 1.
    """
    container, subtype = _CODECS[codec]
    content = io.BytesIO()
    with soundfile.SoundFile(
        content,
        "w",
        _FILE_RATE,
        1,
        subtype,
        format=container,
        compression_level=compression,
        bitrate_mode="CONSTANT" if codec == "mp3" else None,
    ) as file:
        file.write(resample(samples, sample_rate, _FILE_RATE))
    content.seek(0)
    decoded = soundfile.read(content, dtype="float32")[0]
    return fit_length(resample(decoded, _FILE_RATE, sample_rate), len(samples))
