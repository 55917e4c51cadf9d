"""Read, check, resample and write clips of audio."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import soxr
from numpy.typing import ArrayLike, NDArray

from timbrebench.core.errors import AudioError
from timbrebench.core.files import atomic_path

Samples = NDArray[np.float32]


def as_samples(audio: ArrayLike, *, name: str = "audio") -> Samples:
    """Check an array and return it as mono ``float32`` samples.

    Parameters
    ----------
    audio : array_like, shape (n,) or (channels, n)
        Samples; several channels are averaged. Integer arrays are refused, because their full scale is
        not known here.
    name : str
        What to call the array in an error.

    Returns
    -------
    numpy.ndarray, shape (n,), float32
        Mono samples; not a copy where none is needed.

    Raises
    ------
    AudioError
        If the array is empty, of more than two dimensions, not of floats, or holds NaN or infinity.
    """
    array: NDArray[Any] = np.asarray(audio)
    if array.dtype.kind != "f":
        raise AudioError(f"{name} has samples of type {array.dtype}: convert them to floats in [-1, 1]")
    if array.ndim == 2:
        if array.shape[0] > array.shape[1]:
            raise AudioError(
                f"{name} has shape {array.shape}, more channels than samples: "
                "transpose it to (channels, samples)"
            )
        array = array.mean(axis=0)
    if array.ndim != 1:
        raise AudioError(f"{name} has shape {array.shape}: expected (samples,) or (channels, samples)")
    if array.size == 0:
        raise AudioError(f"{name} is empty")
    if not np.isfinite(array).all():
        count = int(np.count_nonzero(~np.isfinite(array)))
        raise AudioError(f"{name} holds {count} samples that are NaN or infinite, of {array.size}")
    return array.astype(np.float32, copy=False)


def read_audio(path: Path | str, sample_rate: int | None = None) -> tuple[Samples, int]:
    """Read a file as mono samples.

    Parameters
    ----------
    path : path-like
        Any format that libsndfile decodes: WAV, FLAC, Ogg, MP3 and more.
    sample_rate : int, optional
        Rate to resample to, in hertz; by default the file's own.

    Returns
    -------
    samples : numpy.ndarray, shape (n,), float32
        The mean of the channels.
    sample_rate : int
        Rate of `samples` in hertz.

    Raises
    ------
    AudioError
        If the file is missing, cannot be decoded, is empty, or holds NaN.
    """
    path = Path(path)
    if not path.is_file():
        raise AudioError(f"{path}: no such file")
    try:
        data, native_rate = soundfile.read(path, dtype="float32", always_2d=True)
    except (soundfile.LibsndfileError, RuntimeError) as error:
        raise AudioError(f"{path}: cannot be decoded as audio ({error})") from error
    samples = as_samples(data.mean(axis=1) if data.size else data.ravel(), name=str(path))
    if sample_rate is None or sample_rate == native_rate:
        return samples, int(native_rate)
    return resample(samples, int(native_rate), sample_rate), sample_rate


def write_audio(path: Path | str, samples: ArrayLike, sample_rate: int, *, subtype: str = "PCM_16") -> None:
    """Write mono samples, whole or not at all.

    Parameters
    ----------
    path : path-like
        The suffix chooses the format (``.flac``, ``.wav``, ``.ogg``).
    samples : array_like, shape (n,)
        Samples in [-1, 1].
    sample_rate : int
        Rate in hertz.
    subtype : str, default "PCM_16"
        libsndfile's name of the sample format. 16 bits are the precision of the renderings.

    Raises
    ------
    AudioError
        If the samples are empty, not finite or outside [-1, 1], or the format is unknown.
    StorageError
        If the file cannot be written.
    """
    path = Path(path)
    clip = as_samples(samples, name=f"audio for {path}")
    peak = float(np.abs(clip).max())
    if peak > 1:
        raise AudioError(f"audio for {path} peaks at {peak:.3g}: samples must lie in [-1, 1]")
    with atomic_path(path) as temporary:
        try:
            soundfile.write(temporary, clip, sample_rate, subtype=subtype)
        except (soundfile.LibsndfileError, TypeError, ValueError) as error:
            raise _write_error(path, temporary, error) from error


def _write_error(path: Path, temporary: Path, error: Exception) -> Exception:
    """Distinguish a full disk, which libsndfile reports as an error of its own, from an unknown format."""
    try:
        with temporary.open("ab") as probe:
            probe.write(bytes(4096))
    except OSError as full:
        return full
    return AudioError(f"cannot write {path}: {error}")


def resample(samples: Samples, source_rate: int, target_rate: int) -> Samples:
    """Resample with soxr's high-quality filter.

    Parameters
    ----------
    samples : numpy.ndarray, shape (n,)
        Mono samples.
    source_rate, target_rate : int
        Rates in hertz.

    Returns
    -------
    numpy.ndarray, shape (ceil(n * target_rate / source_rate),)
        Resampled samples.
    """
    if source_rate == target_rate:
        return samples
    resampled = soxr.resample(samples, source_rate, target_rate, quality="HQ")
    return fit_length(resampled, -(-len(samples) * target_rate // source_rate))


def fit_length(samples: Samples, length: int) -> Samples:
    """Cut `samples` at `length`, or fill them up with zeros.

    Parameters
    ----------
    samples : numpy.ndarray, shape (n,)
        Mono samples.
    length : int
        Number of samples wanted.

    Returns
    -------
    numpy.ndarray, shape (length,)
        The first `length` samples.
    """
    if len(samples) >= length:
        return samples[:length]
    return np.pad(samples, (0, length - len(samples)))
