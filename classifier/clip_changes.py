"""Clips changed as recordings differ from renderings, to measure what judges make of them."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from timbrebench.audio.clips import Samples
from timbrebench.audio.loudness import rms
from timbrebench.audio.sound_changes import (
    Gains,
    apply_gains,
    detune,
    frequencies_of,
    high_shelf,
    in_room,
    low_shelf,
    through_file,
)
from timbrebench.datasets.dataset import Clip, Dataset

#: A room that fades by 60 dB in so many seconds, with echoes as loud as the direct sound.
ROOM_S = 0.8

#: Decibels of a low shelf with its corner at 300 Hz, and of a high one at 2 kHz.
SHELF_DB = -12

#: Compression with which libsndfile writes MP3 of 24 kHz at 64 kbit/s.
_MP3_64 = 0.6316

UNCHANGED = "unchanged"

#: Returns a clip's changed samples, or None if it cannot be changed so.
Change = Callable[[Dataset, Clip], Samples | None]


def noises(snrs_db: Sequence[int], seed: int) -> dict[str, Change]:
    """Return the changes that add white noise so many decibels under the clip, by name."""
    return {f"noise at {snr} dB": partial(noisy, snr_db=snr, seed=seed) for snr in snrs_db}


def recorded_otherwise(seed: int) -> dict[str, Change]:
    """Return the changes of the room, the microphone and the file, by name; `seed` draws the echoes."""
    return {
        f"room of {ROOM_S:g} s": partial(echoing, seed=seed),
        f"low shelf {SHELF_DB} dB": partial(shelved, shelf=low_shelf, corner_hz=300.0),
        f"high shelf {SHELF_DB} dB": partial(shelved, shelf=high_shelf, corner_hz=2000.0),
        "MP3 at 64 kbit/s": through_mp3,
    }


def unchanged(dataset: Dataset, clip: Clip) -> Samples:
    """Return a clip as it is."""
    return dataset.samples(clip)


def louder(dataset: Dataset, clip: Clip, *, gain_db: float) -> Samples:
    """Return a clip that is louder by a gain, unclipped."""
    return np.asarray(dataset.samples(clip) * 10 ** (gain_db / 20), dtype=np.float32)


def shortened(dataset: Dataset, clip: Clip, *, seconds: float) -> Samples | None:
    """Return the middle of a clip, `seconds` long; None if the clip is no longer than that."""
    samples, length = dataset.samples(clip), round(seconds * clip.sample_rate)
    if len(samples) <= length:
        return None
    first = (len(samples) - length) // 2
    return samples[first : first + length]


def noisy(dataset: Dataset, clip: Clip, *, snr_db: float, seed: int) -> Samples:
    """Return a clip with white noise whose root mean square lies `snr_db` under the clip's."""
    samples = dataset.samples(clip)
    noise = _generator(clip, seed).standard_normal(len(samples))
    return np.asarray(samples + noise * rms(samples) * 10 ** (-snr_db / 20), dtype=np.float32)


def _generator(clip: Clip, seed: int) -> np.random.Generator:
    """Return a generator that depends on the clip's name, and not on which other clips are judged."""
    return np.random.default_rng([seed, zlib.crc32(clip.clip_id.encode())])


def tuned(dataset: Dataset, clip: Clip, *, cents: float) -> Samples:
    """Return a clip that is played faster, and so higher, by some cents, or slower."""
    return detune(dataset.samples(clip), clip.sample_rate, cents)


def echoing(dataset: Dataset, clip: Clip, *, seed: int) -> Samples:
    """Return a clip in a room that fades by 60 dB in :data:`ROOM_S`, with echoes as loud as the clip."""
    rng = _generator(clip, seed)
    return in_room(dataset.samples(clip), clip.sample_rate, fade_s=ROOM_S, echoes_db=0.0, rng=rng)


def shelved(
    dataset: Dataset, clip: Clip, *, shelf: Callable[[Gains, float, float], Gains], corner_hz: float
) -> Samples:
    """Return a clip with what lies under or over a corner in hertz changed by :data:`SHELF_DB`."""
    samples = dataset.samples(clip)
    return apply_gains(samples, shelf(frequencies_of(samples, clip.sample_rate), corner_hz, SHELF_DB))


def through_mp3(dataset: Dataset, clip: Clip) -> Samples:
    """Return a clip that was MP3 of 64 kbit/s."""
    return through_file(dataset.samples(clip), clip.sample_rate, "mp3", _MP3_64)
