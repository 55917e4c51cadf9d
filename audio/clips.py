"""Read, check, resample and write clips of audio."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import soxr
from numpy.typing import ArrayLike, NDArray

from timbrebench.audio.decoding import Decoder, decode, decode_start, decode_whole
from timbrebench.audio.encoding import write_frames
from timbrebench.audio.loudness import cancellation, is_silent
from timbrebench.core.errors import AudioError

Samples = NDArray[np.float32]

#: Maximum seconds of a file that is read whole, unless the caller expects less: half an hour is longer than
#: what methods work on, and takes 320 MB at 44.1 kHz.
LONGEST_S = 1800.0

#: Maximum peak that a lossy format can make of samples in [-1, 1]. Noise of nothing but -1 and 1, as MP3 of
#: the lowest quality, decodes to 3.3, and anything that is music to less than 2; what is beyond 4 left
#: [-1, 1] before it was encoded.
LOSSY_PEAK = 4.0


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


def read_audio(
    path: Path | str, sample_rate: int | None = None, *, max_s: float = LONGEST_S
) -> tuple[Samples, int]:
    """Read a whole file as mono samples.

    What decoding and resampling alone bring beyond full scale is clipped. Lossy formats add noise to what
    they are given, and resampling rings where it jumps, so that a clip within [-1, 1] comes out above. As
    it lay within, clipping only brings it nearer to what was encoded; scaling the whole clip down takes it
    further away: noise at -0.1 dB of full scale as Ogg Vorbis comes back with 31 % of error as it is
    decoded, 30 % clipped, and 44 % scaled; a square wave with 4.7, 3.5 and 26 %.

    Parameters
    ----------
    path : path-like
        A regular file in any format that libsndfile or FFmpeg decodes: WAV, FLAC, Ogg, MP3, AAC and more.
    sample_rate : int, optional
        Rate to resample to, in hertz; by default the file's own.
    max_s : float
        Maximum length in seconds. A longer file is refused and not kept in memory, whatever its header says.

    Returns
    -------
    samples : numpy.ndarray, shape (n,), float32
        The mean of the channels. It leaves [-1, 1] only where the file did before it was encoded: where one
        without loss holds larger values, or one with loss exceeds :data:`LOSSY_PEAK`.
    sample_rate : int
        Rate of `samples` in hertz.

    Raises
    ------
    AudioError
        If the file is missing, cannot be decoded, is empty, or holds NaN, or its channels cancel each other
        out; a TooLongError if it lasts longer.
    """
    path = Path(path)
    try:
        mono = decode_whole(path, max_s)
    except AudioError as error:
        raise type(error)(f"{path}: {error}") from error
    samples = as_samples(mono.samples, name=str(path))
    if is_silent(samples) and (cause := _cancellation(path, len(samples))):
        raise AudioError(f"{path}: the mean of its channels, which is what is heard, is silent{cause}")
    if mono.is_lossy and np.abs(samples).max() <= LOSSY_PEAK:
        samples = np.clip(samples, -1, 1)
    if sample_rate is None:
        return samples, mono.sample_rate
    return change_rate(samples, mono.sample_rate, sample_rate), sample_rate


def read_side(path: Path | str, *, max_s: float = LONGEST_S) -> Samples | None:
    """Read half the difference of a file's two channels, left less right; None unless there are two.

    :func:`read_audio` has their mean, and checks the file: it is called first.
    """
    path = Path(path)

    def take(decoder: Decoder) -> Samples | None:
        parts = []
        for block in decoder.blocks(int(max_s * decoder.sample_rate)):
            if len(block) != 2:
                return None
            parts.append((block[0] - block[1]) / 2)
        return np.concatenate(parts)

    side = decode(path, take)
    return None if side is None else np.clip(as_samples(side, name=str(path)), -1, 1)


def _cancellation(path: Path, length: int) -> str:
    """Decode a silent file again, to see whether its channels cancel each other out."""
    return decode(path, lambda decoder: max(map(cancellation, decoder.blocks(length)), default=""))


def read_start(path: Path, length: int) -> Samples:
    """Read the first samples of a file, as mono samples and as they are decoded.

    Parameters
    ----------
    path : pathlib.Path
        As for :func:`read_audio`.
    length : int
        How many samples, at the file's own rate; what follows is not decoded.

    Returns
    -------
    numpy.ndarray, shape (n,), float32
        The mean of the channels; n is less than `length` where the file ends before.

    Raises
    ------
    AudioError
        As :func:`read_audio`.
    """
    try:
        mono = decode_start(path, length)
    except AudioError as error:
        raise AudioError(f"{path}: {error}") from error
    return as_samples(mono.samples, name=str(path))


def write_audio(path: Path | str, samples: ArrayLike, sample_rate: int, *, subtype: str = "PCM_16") -> None:
    """Write mono samples, whole or not at all.

    Parameters
    ----------
    path : path-like
        The suffix chooses the format (``.flac``, ``.wav``, ``.ogg``, ``.mp3``).
    samples : array_like, shape (n,)
        Samples in [-1, 1].
    sample_rate : int
        Rate in hertz.
    subtype : str, default "PCM_16"
        libsndfile's name of the sample format, for formats without loss. 16 bits are the precision of the
        renderings.

    Raises
    ------
    AudioError
        If the samples are empty, not finite or outside [-1, 1], or the format is unknown, or not defined for
        the rate.
    StorageError
        If the file cannot be written.
    """
    path = Path(path)
    clip = as_samples(samples, name=f"audio for {path}")
    peak = float(np.abs(clip).max())
    if peak > 1:
        raise AudioError(f"audio for {path} peaks at {peak:.3g}: samples must lie in [-1, 1]")
    write_frames(path, clip[:, None], sample_rate, subtype)


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
