"""Cut windows out of encoded audio, exact to the sample, without holding the whole of it in memory.

Time is counted in samples from the first that is decoded. libsndfile seeks by samples, so it reads the
windows alone. What it cannot read is decoded by FFmpeg (PyAV) from the beginning: time stamps in containers
such as WebM are rounded to milliseconds, and a seek would be as far off.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import gcd
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray

from timbrebench.audio.clips import resample
from timbrebench.audio.errors import AudioError

#: Seconds read on both sides of a window where the rate is changed: longer than half of soxr's filter, so
#: that a window comes out as if the whole had been resampled.
_MARGIN_S = 0.1


@dataclass(frozen=True)
class _Reach:
    """The samples of the source that a window is made of: from `first` up to `last`.

    After resampling, `skip` samples at its head are not the window's.
    """

    first: int
    last: int
    skip: int

    @classmethod
    def of(cls, start_s: float, length: int, source_rate: int, target_rate: int) -> _Reach:
        start = round(start_s * target_rate)
        if source_rate == target_rate:
            return cls(start, start + length, 0)
        common = gcd(source_rate, target_rate)
        source_step, target_step = source_rate // common, target_rate // common
        # Only where both grids meet can reading begin without a shift by part of a sample.
        meeting = max(0, start - round(_MARGIN_S * target_rate)) // target_step
        last = -(-(start + length) * source_step // target_step) + round(_MARGIN_S * source_rate)
        return cls(meeting * source_step, last, start - meeting * target_step)


def cut_windows(
    source: Path | bytes, starts_s: Sequence[float], length: int, sample_rate: int
) -> list[NDArray[np.float32]]:
    """Cut windows of one length out of a file.

    Parameters
    ----------
    source : pathlib.Path or bytes
        The file or its content, in any format that libsndfile or, where PyAV is installed, FFmpeg decodes.
    starts_s : sequence of float
        Where windows begin, in seconds.
    length : int
        Samples of a window at `sample_rate`.
    sample_rate : int
        Rate of the windows in hertz; the source is resampled with soxr where it has another.

    Returns
    -------
    list of numpy.ndarray, shape (channels, n), float32
        The windows in the order of `starts_s`; n is less than `length` where the source ends before.

    Raises
    ------
    AudioError
        If it cannot be decoded or holds no audio, or a window holds NaN or infinity.
    """
    try:
        windows, rate, reaches = _cut_with_libsndfile(source, starts_s, length, sample_rate)
    except (soundfile.LibsndfileError, RuntimeError) as error:
        windows, rate, reaches = _cut_with_ffmpeg(source, starts_s, length, sample_rate, error)
    return [
        _finish(window, reach, rate, length, sample_rate)
        for window, reach in zip(windows, reaches, strict=True)
    ]


_Cut = tuple[list[NDArray[np.float32]], int, list[_Reach]]


def _cut_with_libsndfile(
    source: Path | bytes, starts_s: Sequence[float], length: int, sample_rate: int
) -> _Cut:
    with soundfile.SoundFile(io.BytesIO(source) if isinstance(source, bytes) else source) as sound:
        rate = int(sound.samplerate)
        reaches = [_Reach.of(start, length, rate, sample_rate) for start in starts_s]
        windows = []
        for reach in reaches:
            if reach.first >= sound.frames:
                windows.append(np.zeros((sound.channels, 0), dtype=np.float32))
                continue
            sound.seek(reach.first)
            windows.append(sound.read(reach.last - reach.first, dtype="float32", always_2d=True).T)
    return windows, rate, reaches


def _cut_with_ffmpeg(
    source: Path | bytes, starts_s: Sequence[float], length: int, sample_rate: int, earlier: Exception
) -> _Cut:
    try:
        import av  # noqa: PLC0415 - an extra
    except ImportError:
        raise AudioError(
            f"libsndfile cannot decode it ({_plain(earlier)}): `pip install 'timbrebench[audioset]'` "
            "for what FFmpeg decodes"
        ) from earlier
    av.logging.set_level(av.logging.PANIC)
    try:
        with av.open(io.BytesIO(source) if isinstance(source, bytes) else str(source)) as container:
            if not container.streams.audio:
                raise AudioError("holds no audio")
            stream = container.streams.audio[0]
            rate = int(stream.rate)
            reaches = [_Reach.of(start, length, rate, sample_rate) for start in starts_s]
            return _collect(_blocks(container, stream), reaches), rate, reaches
    # A change of rate or channels in mid-stream is a ValueError.
    except (av.FFmpegError, ValueError) as error:
        raise AudioError(f"cannot be decoded: {_plain(error)}") from error


def _blocks(container: Any, stream: Any) -> Iterator[NDArray[np.float32]]:  # noqa: ANN401 - an extra's types
    """Decode block by block: shape (channels, n)."""
    import av  # noqa: PLC0415 - an extra

    to_floats = av.AudioResampler(format="fltp")
    for frame in container.decode(stream):
        for block in to_floats.resample(frame):
            yield block.to_ndarray()


def _collect(blocks: Iterator[NDArray[np.float32]], reaches: list[_Reach]) -> list[NDArray[np.float32]]:
    """Take from a stream of blocks what lies in reach, and stop after the last."""
    parts: list[list[NDArray[np.float32]]] = [[] for _ in reaches]
    end = max(reach.last for reach in reaches)
    position, channels = 0, 1
    for block in blocks:
        channels, size = block.shape
        for reach, own in zip(reaches, parts, strict=True):
            first, last = max(reach.first - position, 0), min(reach.last - position, size)
            if first < last:
                own.append(block[:, first:last])
        position += size
        if position >= end:
            break
    if not position:
        raise AudioError("cannot be decoded: holds no samples")
    nothing = np.zeros((channels, 0), dtype=np.float32)
    return [np.concatenate([nothing, *own], axis=1) for own in parts]


def _finish(
    window: NDArray[np.float32], reach: _Reach, rate: int, length: int, sample_rate: int
) -> NDArray[np.float32]:
    """Bring a window to its rate and cut off what was read beside it."""
    if not np.isfinite(window).all():
        raise AudioError("holds samples that are NaN or infinite")
    if rate != sample_rate and window.size:
        window = np.stack([resample(np.ascontiguousarray(row), rate, sample_rate) for row in window])
    return window[:, reach.skip : reach.skip + length]


def _plain(error: Exception) -> str:
    """Return a library's message without what names its objects, which differ from run to run."""
    text = str(getattr(error, "strerror", None) or getattr(error, "error_string", None) or error)
    return text.rstrip(".")
