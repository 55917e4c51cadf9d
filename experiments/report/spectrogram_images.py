"""Spectrograms as images: PNG without axes, all on one scale."""

from __future__ import annotations

from functools import cache, lru_cache
from io import BytesIO
from pathlib import Path

import librosa
import matplotlib as mpl
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from timbrebench.audio.clips import Samples, read_audio
from timbrebench.audio.spectra import HOP_LENGTH, N_FFT, magnitude
from timbrebench.core.files import atomic_path, fingerprint

#: Levels that the darkest and the brightest colour stand for, in dB relative to a sine at full scale.
DB_RANGE = (-70.0, -15.0)

#: Lowest frequency of the spectrograms, in hertz: under the lowest note of any instrument here.
F_MIN = 50.0

_N_MELS = 96
_COLOUR_MAP = "magma"

#: What an image depends on beside the audio.
_SETTINGS = [1, *DB_RANGE, F_MIN, _N_MELS, N_FFT, HOP_LENGTH, _COLOUR_MAP]


def spectrogram_image(samples: Samples, sample_rate: int) -> bytes:
    """Draw a mel spectrogram: time to the right, low frequencies below.

    Parameters
    ----------
    samples : numpy.ndarray, shape (n,)
        Mono samples in [-1, 1].
    sample_rate : int
        Rate in hertz.

    Returns
    -------
    bytes
        PNG without axes, one pixel for each of 96 bands from :data:`F_MIN` to half the sample rate and each
        frame. Colours span :data:`DB_RANGE`, the same for every clip.
    """
    power = np.square(magnitude(samples) / (N_FFT / 4))  # a sine at full scale has power 1
    bands = _mel_filters(sample_rate) @ power
    low, high = DB_RANGE
    levels = 10 * np.log10(np.maximum(bands, 10 ** (low / 10)))
    return _png(255 * (levels[::-1] - low) / (high - low))


def colour_bar() -> bytes:
    """Draw the colours of the spectrograms from the quietest, left, to the loudest, as PNG."""
    return _png(np.tile(np.arange(256.0), (4, 1)))


def image_name(sha256: str) -> str:
    """Return the name of the image of the audio file with this SHA-256, as images are drawn now."""
    return f"{fingerprint([sha256, *_SETTINGS])[:20]}.png"


def write_image(audio: Path, image: Path) -> None:
    """Draw the spectrogram of an audio file under the name of :func:`image_name`, unless that image exists.

    Raises :class:`AudioError` if the audio cannot be read, :class:`StorageError` if the image cannot be
    written.
    """
    if image.is_file():
        return
    content = spectrogram_image(*read_audio(audio))
    with atomic_path(image) as temporary:
        temporary.write_bytes(content)


@lru_cache(maxsize=4)
def _mel_filters(sample_rate: int) -> NDArray[np.float32]:
    # Peaks of 1, so that a sine has the same level in every band.
    filters = librosa.filters.mel(sr=sample_rate, n_fft=N_FFT, n_mels=_N_MELS, fmin=F_MIN, norm=None)
    return np.asarray(filters, dtype=np.float32)


def _png(values: NDArray[np.floating]) -> bytes:
    """Write numbers from 0 to 255 as colours; what lies beyond is cut off."""
    image = Image.fromarray(np.clip(np.round(values), 0, 255).astype(np.uint8))
    image.putpalette(_palette())
    buffer = BytesIO()
    image.save(buffer, format="PNG")  # searching for the best filter takes ten times as long, to save 1 %
    return buffer.getvalue()


@cache
def _palette() -> bytes:
    colours = mpl.colormaps[_COLOUR_MAP](np.arange(256), bytes=True)
    return bytes(colours[:, :3].tobytes())
