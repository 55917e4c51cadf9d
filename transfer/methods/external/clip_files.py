"""Clips as files that go to and come from external systems, and their digests."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from scipy.io import wavfile

from timbrebench.audio.clips import Samples, read_audio
from timbrebench.audio.decoding import TooLongError
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


def read_output(path: Path, sample_rate: int, content_length: int) -> Samples:
    """Read what another system made.

    Parameters
    ----------
    path : pathlib.Path
        A regular file in any format that libsndfile or FFmpeg decodes, at any rate, with any number of
        channels.
    sample_rate : int
        Rate to bring it to, in hertz.
    content_length : int
        Samples of the content at that rate, as many as the output should have.

    Returns
    -------
    numpy.ndarray, shape (n,), float32
        The mean of the channels; what a lossy format or resampling brings beyond full scale is clipped
        (:func:`timbrebench.audio.clips.read_audio`).

    Raises
    ------
    MethodError
        If it cannot be decoded, is empty, holds NaN or infinity, or lasts so much longer than the content
        that it is not read at all.
    """
    content_s = content_length / sample_rate
    try:
        samples, _ = read_audio(path, sample_rate, max_s=max_output_s(content_s))
    except TooLongError as error:
        raise MethodError(f"the output is not as long as its content, {content_s:.3f} s: {error}") from error
    except AudioError as error:
        raise MethodError(f"the output is not audio: {error}") from error
    return samples


def max_output_s(content_s: float) -> int:
    """Return the length in seconds up to which an output is looked at that is to last `content_s` seconds.

    Far from the tolerance of the contract, so that the usual mistakes, as a tail that was left on, are named
    with their length, and so near that what is read takes no more memory than the content does.
    """
    return math.ceil(2 * content_s + 10)


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
