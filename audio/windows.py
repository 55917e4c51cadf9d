"""Cut windows out of encoded audio, exact to the sample, without holding the whole of it in memory.

Time is counted in samples from the first that is decoded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import gcd
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from timbrebench.audio.clips import resample
from timbrebench.audio.decoding import Decoder, decode
from timbrebench.core.errors import AudioError

#: Seconds read on both sides of a window where the rate is changed: longer than half of soxr's filter, so
#: that a window comes out as if the whole had been resampled.
_MARGIN_S = 0.1

#: Windows one after the other: shape (channels, n), float32.
Windows = Iterator[NDArray[np.float32]]

Result = TypeVar("Result")


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
        The file or its content, in any format that :mod:`timbrebench.audio.decoding` reads.
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

    def take_windows(decoder: Decoder) -> Result:
        return take(_windows(decoder, starts_s, length, sample_rate))

    return decode(source, take_windows)


def _windows(decoder: Decoder, starts_s: Iterable[float], length: int, sample_rate: int) -> Windows:
    for start in starts_s:
        reach = _Reach.of(start, length, decoder.sample_rate, sample_rate)
        window = decoder.read(reach.first, reach.last)
        yield _finish(window, reach, decoder.sample_rate, length, sample_rate)


def _finish(
    window: NDArray[np.float32], reach: _Reach, rate: int, length: int, sample_rate: int
) -> NDArray[np.float32]:
    """Bring a window to its rate and cut off what was read beside it."""
    if not np.isfinite(window).all():
        raise AudioError("holds samples that are NaN or infinite")
    if rate != sample_rate and window.size:
        window = np.stack([resample(np.ascontiguousarray(row), rate, sample_rate) for row in window])
    return window[:, reach.skip : reach.skip + length]
