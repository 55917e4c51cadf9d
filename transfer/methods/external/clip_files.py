"""Clips as files that go to and come from external systems, and their digests."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from scipy.io import wavfile

from timbrebench.audio.clips import Samples, read_audio, resample
from timbrebench.core.errors import AudioError, MethodError
from timbrebench.core.files import atomic_path, file_sha256, fingerprint


def write_clip(path: Path, samples: Samples, sample_rate: int) -> None:
    """Write a clip as it is: WAV with 32-bit floats, byte for byte the same every time.

    libsndfile would write the time of day beside the samples.

    Parameters
    ----------
    path : pathlib.Path
        The file, ``.wav``.
    samples : numpy.ndarray, shape (n,), float32
        Mono samples in [-1, 1].
    sample_rate : int
        Rate in hertz.

    Raises
    ------
    StorageError
        If the file cannot be written.
    """
    with atomic_path(path) as temporary:
        wavfile.write(temporary, sample_rate, samples.astype(np.float32, copy=False))


def read_output(path: Path, sample_rate: int) -> Samples:
    """Read what another system made.

    Parameters
    ----------
    path : pathlib.Path
        A file in any format that libsndfile decodes, at any rate, with any number of channels.
    sample_rate : int
        Rate to bring it to, in hertz.

    Returns
    -------
    numpy.ndarray, shape (n,), float32
        The mean of the channels.

    Raises
    ------
    MethodError
        If it cannot be decoded, is empty, or holds NaN or infinity.
    """
    try:
        samples, native_rate = read_audio(path)
    except AudioError as error:
        raise MethodError(f"the output is not audio: {error}") from error
    return change_rate(samples, native_rate, sample_rate)


def change_rate(samples: Samples, source_rate: int, target_rate: int) -> Samples:
    """Resample a clip that keeps to [-1, 1] without leaving it.

    The filter rings where samples jump, and so a clip near full scale may come out a little above it. That is
    clipped; a clip that left [-1, 1] before still does.

    Parameters
    ----------
    samples : numpy.ndarray, shape (n,), float32
        Mono samples.
    source_rate, target_rate : int
        Rates in hertz.

    Returns
    -------
    numpy.ndarray, shape (ceil(n * target_rate / source_rate),), float32
        Mono samples.
    """
    if source_rate == target_rate:
        return samples
    bound = max(1.0, float(np.abs(samples).max()))
    return np.clip(resample(samples, source_rate, target_rate), -bound, bound)


def samples_sha256(samples: Samples) -> str:
    """Return the SHA-256 of samples as little-endian 32-bit floats: 64 hexadecimal digits."""
    return hashlib.sha256(samples.astype("<f4").tobytes()).hexdigest()


def files_fingerprint(paths: Iterable[Path]) -> str:
    """Fingerprint the content of files, and of folders with all that is in them, to notice changes.

    What is missing or cannot be read counts as such.
    """
    digests = []
    for path in paths:
        inside = sorted(item for item in path.rglob("*") if item.is_file()) if path.is_dir() else [path]
        digests.append([[str(item), _sha256_or_nothing(item)] for item in inside])
    return fingerprint(digests)


def _sha256_or_nothing(path: Path) -> str:
    try:
        return file_sha256(path)
    except OSError:
        return ""
