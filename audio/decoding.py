"""Cut windows out of encoded audio, exact to the sample, without holding the whole of it in memory.

Time is counted in samples from the first that is decoded. libsndfile seeks by samples, so it reads the
windows alone. What it cannot read is decoded by FFmpeg (PyAV) from the beginning: time stamps in containers
such as WebM are rounded to milliseconds, and a seek would be as far off.
"""

from __future__ import annotations

import io
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from math import gcd
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import soundfile
from numpy.typing import NDArray

from timbrebench.audio.clips import resample
from timbrebench.core.errors import AudioError

#: Seconds read on both sides of a window where the rate is changed: longer than half of soxr's filter, so
#: that a window comes out as if the whole had been resampled.
_MARGIN_S = 0.1

#: Rates in hertz that audio has; what a file claims beyond is damage.
_LOWEST_RATE, _HIGHEST_RATE = 1_000, 1_000_000


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


class _UndecodableError(AudioError):
    """What a decoder cannot make out; another one may."""


#: Windows one after the other: shape (channels, n), float32.
Windows = Iterator[NDArray[np.float32]]

Result = TypeVar("Result")


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
    order = sorted(range(len(starts_s)), key=starts_s.__getitem__)
    ordered = decode_windows(source, [starts_s[index] for index in order], length, sample_rate, list)
    windows = dict(zip(order, ordered, strict=True))
    return [windows[index] for index in range(len(starts_s))]


def decode_windows(
    source: Path | bytes,
    starts_s: Iterable[float],
    length: int,
    sample_rate: int,
    take: Callable[[Windows], Result],
) -> Result:
    """Hand the windows of a file to a function one after the other, a few blocks of it in memory at a time.

    Parameters
    ----------
    source, length, sample_rate
        As :func:`cut_windows` has them.
    starts_s : iterable of float
        Where windows begin, in seconds, none before the one that stands before it. They may have no end; each
        decoder that is tried goes through them from their beginning.
    take : callable
        Gets an iterator over the windows, of shape (channels, n), where n is less than `length` from where
        the source ends, and 0 behind its end. It is called a second time, with the windows of FFmpeg, where
        libsndfile turns out to be unable to go on.

    Returns
    -------
    object
        What `take` returns.

    Raises
    ------
    AudioError
        As :func:`cut_windows` does.
    """
    try:
        with closing(_windows_of_libsndfile(source, starts_s, length, sample_rate)) as windows:
            return take(windows)
    except _UndecodableError as error:
        earlier = error
    with closing(_windows_of_ffmpeg(source, starts_s, length, sample_rate, earlier)) as windows:
        return take(windows)


def _windows_of_libsndfile(
    source: Path | bytes, starts_s: Iterable[float], length: int, sample_rate: int
) -> Generator[NDArray[np.float32]]:
    try:
        with soundfile.SoundFile(io.BytesIO(source) if isinstance(source, bytes) else source) as sound:
            rate = _plausible(sound.samplerate)
            for start in starts_s:
                reach = _Reach.of(start, length, rate, sample_rate)
                if reach.first >= sound.frames:
                    yield np.zeros((sound.channels, 0), dtype=np.float32)
                    continue
                sound.seek(reach.first)  # to 0 as well: Opus begins elsewhere where it was not sought
                window = sound.read(reach.last - reach.first, dtype="float32", always_2d=True).T
                yield _finish(window, reach, rate, length, sample_rate)
    # What a damaged header claims can be more than there is memory.
    except (soundfile.LibsndfileError, RuntimeError, MemoryError) as error:
        raise _UndecodableError(_plain(error)) from error


def _windows_of_ffmpeg(
    source: Path | bytes, starts_s: Iterable[float], length: int, sample_rate: int, earlier: Exception
) -> Generator[NDArray[np.float32]]:
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
            rate = _plausible(stream.rate)
            held = _Held(_blocks(container, stream))
            for start in starts_s:
                reach = _Reach.of(start, length, rate, sample_rate)
                yield _finish(held.cut(reach), reach, rate, length, sample_rate)
    # A change of rate or channels in mid-stream is a ValueError.
    except (av.FFmpegError, ValueError, MemoryError) as error:
        raise AudioError(f"cannot be decoded: {_plain(error)}") from error


def _plausible(rate: int | None) -> int:
    """Return a rate in hertz; a damaged header can claim one that nothing could be resampled from."""
    if not rate or not _LOWEST_RATE <= rate <= _HIGHEST_RATE:
        raise _UndecodableError(f"claims a sample rate of {rate or 0} Hz")
    return int(rate)


def _blocks(container: Any, stream: Any) -> Iterator[NDArray[np.float32]]:  # noqa: ANN401 - an extra's types
    """Decode block by block: shape (channels, n)."""
    import av  # noqa: PLC0415 - an extra

    to_floats = av.AudioResampler(format="fltp")
    for frame in container.decode(stream):
        for block in to_floats.resample(frame):
            yield block.to_ndarray()


class _Held:
    """A stream of blocks, of which only those are kept that a window may still need."""

    def __init__(self, blocks: Iterator[NDArray[np.float32]]) -> None:
        self._blocks, self._kept = blocks, deque[NDArray[np.float32]]()
        self._first = self._end = 0  # the samples that are kept
        self._channels = 1

    def cut(self, reach: _Reach) -> NDArray[np.float32]:
        """Take what lies in reach; the next reach must not begin before this one."""
        while self._end < reach.last and (block := next(self._blocks, None)) is not None:
            self._channels, size = block.shape
            self._kept.append(block)
            self._end += size
            self._drop_before(reach.first)
        if not self._end:
            raise AudioError("cannot be decoded: holds no samples")
        self._drop_before(reach.first)
        parts = [np.zeros((self._channels, 0), dtype=np.float32)]
        position = self._first
        for block in self._kept:
            parts.append(block[:, max(0, reach.first - position) : max(0, reach.last - position)])
            position += block.shape[1]
        return np.concatenate(parts, axis=1)

    def _drop_before(self, first: int) -> None:
        while self._kept and self._first + self._kept[0].shape[1] <= first:
            self._first += self._kept.popleft().shape[1]


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
