"""The one decoder: every file of audio that the project reads becomes samples here.

Files come from anybody, so nothing that they say of themselves is believed. libsndfile decodes what it can,
and FFmpeg (PyAV) the rest: formats that libsndfile lacks, headers that state no length, as those written to
a pipe, and whatever follows a first stream that has ended, as in two MP3 files put together. Files are read
block by block and up to a length that the caller states; files are opened by their handles, and only regular
ones. Decoders are others' code at work on anybody's bytes, and fail on damage in whatever way these happen to
be read: whatever they raise is an :class:`~timbrebench.core.errors.AudioError`.
"""

from __future__ import annotations

import io
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import IO, Any, NamedTuple, TypeVar

import numpy as np
import soundfile
from numpy.typing import NDArray

from timbrebench.audio.ffmpeg_frames import frames_of, interleaved, load_ffmpeg
from timbrebench.core.errors import AudioError
from timbrebench.core.files import open_regular, why_no_file

#: Rates in hertz that audio has; what a file claims beyond is damage.
_LOWEST_RATE, _HIGHEST_RATE = 1_000, 1_000_000

#: Values that are decoded at a time, of all channels together: 1 MiB.
_BLOCK = 1 << 18

#: Values that are decoded in one piece where blocks would differ in the last bit: 256 MiB, which is twelve
#: minutes of stereo.
_PIECE = 1 << 26

#: Samples by which FFmpeg may decode more than libsndfile without more being in the file: encoders of lossy
#: formats add up to four of their frames, which not every decoder takes away.
_ENCODER_DELAY = 4 * 1152

#: Bytes of a file so small that libsndfile may have buffered, unread, what follows its first stream.
_BUFFERED = 1 << 16

#: What libsndfile gives as the length of a stream that does not state it.
_UNKNOWN = 2**63 - 1

#: Sample formats of libsndfile that lose something, and can decode beyond the full scale that was encoded.
_LOSSY = frozenset({"VORBIS", "OPUS", "MPEG_LAYER_I", "MPEG_LAYER_II", "MPEG_LAYER_III"})

#: Formats of libsndfile in which streams are put one after the other.
_JOINABLE = frozenset({"MP3", "OGG", "FLAC"})

#: FFmpeg's names of the formats that hold their audio themselves. Others name files, devices or addresses,
#: which FFmpeg would open.
_CONTAINERS = (
    "aac,ac3,aiff,amr,amrnb,amrwb,ape,asf,au,avi,caf,dsf,dts,dtshd,eac3,flac,flv,gsm,iff,loas,matroska,webm,"
    "mlp,mov,mp4,m4a,3gp,3g2,mj2,mp3,mpc,mpc8,mpeg,mpegts,mxf,nistsphere,nut,ogg,oma,qcp,qoa,rm,shn,sox,tak,"
    "truehd,tta,voc,w64,wav,wv,xwma"
)

#: Extensions by which a file is taken for audio where others may lie beside it.
AUDIO_SUFFIXES = frozenset(
    (
        *(".aac", ".ac3", ".aif", ".aifc", ".aiff", ".amr", ".ape", ".au", ".caf", ".flac", ".m4a", ".m4b"),
        *(".mka", ".mkv", ".mov", ".mp2", ".mp3", ".mp4", ".mpc", ".oga", ".ogg", ".opus", ".rf64", ".snd"),
        *(".tta", ".voc", ".w64", ".wav", ".wave", ".weba", ".webm", ".wma", ".wv"),
    )
)

Result = TypeVar("Result")


class Decoder(ABC):
    """An open file of audio, decoded from its beginning.

    Attributes
    ----------
    sample_rate : int
        Rate in hertz.
    is_lossy : bool
        Whether its samples differ from those that were encoded: they may lie beyond full scale though those
        did not.
    stated_length : int or None
        Samples that its header claims; None where that is not known.
    """

    sample_rate: int
    is_lossy: bool
    stated_length: int | None

    @abstractmethod
    def read(self, first: int, last: int) -> NDArray[np.float32]:
        """Decode the samples from `first` up to `last`; `first` must not decrease from call to call.

        Returns an array of shape (channels, n), shorter than asked for from where the file ends. Raises
        AudioError if it cannot be decoded, and :class:`UndecodableError` where another decoder may succeed.
        """

    @abstractmethod
    def blocks(self, length: int) -> Iterator[NDArray[np.float32]]:
        """Decode the first `length` samples block by block, of shape (channels, n), or all where it ends.

        Another call begins anew. Raises as :meth:`read`.
        """

    def mono(self, length: int) -> NDArray[np.float32]:
        """Decode the first `length` samples, or all where it ends; return the mean of the channels."""
        parts = [block.mean(axis=0) for block in self.blocks(length)]
        return np.concatenate(parts) if parts else np.zeros(0, dtype=np.float32)


class UndecodableError(AudioError):
    """What a decoder cannot make out; another one may."""


class TooLongError(AudioError):
    """A file that lasts longer than its reader expects."""


class Mono(NamedTuple):
    """The mean of the channels of a file.

    `samples` has the shape (n,) and is float32, `sample_rate` is in hertz, `is_lossy` as of
    :class:`Decoder`.
    """

    samples: NDArray[np.float32]
    sample_rate: int
    is_lossy: bool


def decode(source: Path | bytes, take: Callable[[Decoder], Result]) -> Result:
    """Open a file, and hand its decoder to a function.

    Parameters
    ----------
    source : pathlib.Path or bytes
        The file or its content, in any format that libsndfile or FFmpeg decodes.
    take : callable
        Gets the decoder. It is called a second time, with FFmpeg's, where libsndfile turns out to be unable
        to go on.

    Returns
    -------
    object
        What `take` returns.

    Raises
    ------
    AudioError
        If it is not a regular file, or cannot be decoded.
    """
    with _opened(source) as file:
        try:
            with closing(_Libsndfile(file)) as decoder:
                return take(decoder)
        except UndecodableError as error:
            earlier = error
        with closing(_Ffmpeg(file, earlier)) as decoder:
            return take(decoder)


def decode_whole(source: Path | bytes, max_s: float) -> Mono:
    """Decode a whole file that lasts no longer than expected.

    A file that lasts longer is refused in a few MiB of memory: where its header claims more than `max_s`, or
    does not say, the samples are counted first and not kept.

    Parameters
    ----------
    source : pathlib.Path or bytes
        As :func:`decode` has it.
    max_s : float
        Maximum length in seconds.

    Returns
    -------
    Mono
        All its samples, at its own rate.

    Raises
    ------
    AudioError
        As :func:`decode`; and if it lasts longer, or is empty.
    """

    def take(decoder: Decoder) -> Mono:
        _length_within(decoder, max_s)
        return _mono(decoder, int(max_s * decoder.sample_rate))  # there may be more than is claimed

    return decode(source, take)


def decode_start(source: Path | bytes, length: int) -> Mono:
    """Decode the first `length` samples of a file, or all where it has fewer; otherwise :func:`decode`."""
    return decode(source, lambda decoder: _mono(decoder, length))


def measure(source: Path | bytes, max_s: float) -> tuple[int, int, bool]:
    """Return the number of samples of a file, its sample rate in hertz, and whether it is lossy.

    What the header claims is believed where it is not beyond `max_s` seconds, the maximum that is expected;
    otherwise samples are counted. Raises as :func:`decode_whole`.
    """

    def take(decoder: Decoder) -> tuple[int, int, bool]:
        return _length_within(decoder, max_s), decoder.sample_rate, decoder.is_lossy

    return decode(source, take)


def _length_within(decoder: Decoder, max_s: float) -> int:
    """Return how many samples there are, or are claimed to be; raise AudioError if they last too long."""
    limit = int(max_s * decoder.sample_rate)
    claimed = decoder.stated_length
    if claimed is not None and claimed <= limit:
        return claimed
    length = 0
    for block in decoder.blocks(limit + 1):
        length += block.shape[1]
    if length > limit:
        claim = "" if claimed is None else f" ({claimed / decoder.sample_rate:.6g} s by its header)"
        raise TooLongError(f"lasts longer than the {max_s:g} s that are read at most{claim}")
    return length


def _mono(decoder: Decoder, length: int) -> Mono:
    return Mono(decoder.mono(length), decoder.sample_rate, decoder.is_lossy)


def _opened(source: Path | bytes) -> IO[bytes]:
    if isinstance(source, bytes):
        return io.BytesIO(source)
    try:
        return open_regular(source)
    except FileNotFoundError as error:
        raise AudioError(why_no_file(source)) from error
    except OSError as error:
        raise AudioError(f"cannot be read: {error.strerror or error}") from error


class _Libsndfile(Decoder):
    """libsndfile's decoder, which seeks by samples, and so decodes only what is asked for."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file, self._is_alone = file, False
        try:
            # By its descriptor: by name, a file called x.raw would be taken for one without a header.
            handle = file if isinstance(file, io.BytesIO) else file.fileno()
            self._sound = soundfile.SoundFile(handle, closefd=False)
        except Exception as error:  # whatever damage makes of it
            raise UndecodableError(plain(error)) from error
        self.sample_rate = _plausible(self._sound.samplerate)
        self.is_lossy = self._sound.subtype in _LOSSY
        self.stated_length = None if self._sound.frames == _UNKNOWN else self._sound.frames
        if self.stated_length == 0:
            raise UndecodableError("holds no samples")

    def close(self) -> None:
        self._sound.close()

    def read(self, first: int, last: int) -> NDArray[np.float32]:
        if first >= self._sound.frames:
            window = np.zeros((self._sound.channels, 0), dtype=np.float32)
        else:
            self._seek(first)
            window = self._read(last - first)
        if first + window.shape[1] < last:
            self._refuse_followed(first + window.shape[1])
        return window

    def blocks(self, length: int) -> Iterator[NDArray[np.float32]]:
        return self._blocks(length, max(1, _BLOCK // self._sound.channels))

    def mono(self, length: int) -> NDArray[np.float32]:
        # soundfile seeks after each block, and MP3 decoded from there differs in its last bit.
        length_here = min(length, self._sound.frames)
        if self.is_lossy and length_here * self._sound.channels <= _PIECE:
            return np.concatenate([block.mean(axis=0) for block in self._blocks(length, length_here)])
        return super().mono(length)

    def _blocks(self, length: int, size: int) -> Iterator[NDArray[np.float32]]:
        self._seek(0)
        done = 0
        while done < length and (block := self._read(min(size, length - done))).size:
            done += block.shape[1]
            yield block
        if done < length:
            self._refuse_followed(done)

    def _seek(self, first: int) -> None:
        try:
            self._sound.seek(first)  # to 0 as well: Opus begins elsewhere where it was not sought
        except Exception as error:  # whatever damage makes of it
            raise UndecodableError(plain(error)) from error

    def _read(self, count: int) -> NDArray[np.float32]:
        try:
            samples: NDArray[np.float32] = self._sound.read(count, dtype="float32", always_2d=True).T
        except Exception as error:  # whatever damage makes of it
            raise UndecodableError(plain(error)) from error
        return samples

    def _refuse_followed(self, length: int) -> None:
        """Raise UndecodableError where the file goes on after the `length` samples that were decoded."""
        if self._is_alone or self._sound.format not in _JOINABLE:
            return
        position = self._file.tell()
        size = self._file.seek(0, io.SEEK_END)
        try:
            may_go_on = position < size or size <= _BUFFERED
            if may_go_on and _ffmpeg_exceeds(self._file, (length + _ENCODER_DELAY) / self.sample_rate):
                raise UndecodableError("holds more than its first stream")
            self._is_alone = True
        finally:
            self._file.seek(position)


class _Ffmpeg(Decoder):
    """FFmpeg's decoder, which decodes from the beginning.

    Time stamps in containers such as WebM are rounded to milliseconds, and a seek would be as far off.
    """

    stated_length = None

    def __init__(self, file: IO[bytes], earlier: Exception) -> None:
        self._file, self._earlier, self._is_begun = file, earlier, False
        self._open()

    def close(self) -> None:
        self._container.close()

    def read(self, first: int, last: int) -> NDArray[np.float32]:
        return self._held.cut(first, last)

    def blocks(self, length: int) -> Iterator[NDArray[np.float32]]:
        if self._is_begun:
            self.close()
            self._open()
        self._is_begun = True
        for block in self._decoded:
            yield block[:, :length]
            length -= min(length, block.shape[1])
            if not length:
                return

    def _open(self) -> None:
        av = load_ffmpeg()
        self._file.seek(0)
        try:
            self._container = av.open(
                self._file, container_options={"format_whitelist": _CONTAINERS}, io_open=_refuse
            )
        except Exception as error:  # whatever damage makes of it
            raise AudioError(f"cannot be decoded: {plain(error)} ({plain(self._earlier)})") from error
        if not self._container.streams.audio:
            raise AudioError("holds no audio")
        stream = self._container.streams.audio[0]
        try:
            rate, is_lossless = stream.rate, stream.codec_context.codec.lossless
        except Exception as error:  # or FFmpeg knows the stream and has no decoder for it
            raise AudioError(f"cannot be decoded: {plain(error)}") from error
        self.sample_rate, self.is_lossy = _plausible(rate), not is_lossless
        self._decoded = self._decode(stream)
        self._held = _Held(self._decoded)

    def _decode(self, stream: Any) -> Iterator[NDArray[np.float32]]:  # noqa: ANN401 - PyAV's, without types
        channels = 0
        try:
            for frame in interleaved(frames_of(self._container, stream), self.sample_rate):
                block = frame.to_ndarray().reshape(frame.samples, frame.layout.nb_channels).T
                channels = channels or len(block)
                if len(block) != channels:  # streams put together, or a broadcast that went over to stereo
                    block = np.tile(block.mean(axis=0), (channels, 1))
                yield block
        except Exception as error:  # whatever damage makes of it
            raise AudioError(f"cannot be decoded: {plain(error)} ({plain(self._earlier)})") from error
        if not channels:
            raise AudioError("is empty: holds no samples")


class _Held:
    """A stream of blocks, of which only those are kept that a window may still need."""

    def __init__(self, blocks: Iterator[NDArray[np.float32]]) -> None:
        self._blocks, self._kept = blocks, deque[NDArray[np.float32]]()
        self._first = self._end = 0  # the samples that are kept
        self._channels = 1

    def cut(self, first: int, last: int) -> NDArray[np.float32]:
        """Take the samples from `first` up to `last`; the next `first` must not be less."""
        while self._end < last and (block := next(self._blocks, None)) is not None:
            self._channels, size = block.shape
            self._kept.append(block)
            self._end += size
            self._drop_before(first)
        self._drop_before(first)
        parts = [np.zeros((self._channels, 0), dtype=np.float32)]
        position = self._first
        for block in self._kept:
            parts.append(block[:, max(0, first - position) : max(0, last - position)])
            position += block.shape[1]
        return np.concatenate(parts, axis=1)

    def _drop_before(self, first: int) -> None:
        while self._kept and self._first + self._kept[0].shape[1] <= first:
            self._first += self._kept.popleft().shape[1]


def _ffmpeg_exceeds(file: IO[bytes], duration_s: float) -> bool:
    """Return whether FFmpeg makes more than so many seconds of a file: of Opus, always at 48 kHz."""
    try:
        with closing(_Ffmpeg(file, AudioError())) as decoder:
            limit = int(duration_s * decoder.sample_rate)
            length: int = sum(block.shape[1] for block in decoder.blocks(limit + 1))
            return length > limit
    except AudioError as error:
        # Garbage may follow, or a stream that FFmpeg knows and cannot go over to.
        return isinstance(error.__cause__, load_ffmpeg().error.PatchWelcomeError)


def _refuse(url: str, flags: int, options: dict[str, str]) -> IO[bytes]:  # noqa: ARG001 - PyAV's callback
    """Refuse to open what a file names."""
    raise PermissionError(f"names another file, {url}, which is not opened")


def _plausible(rate: int | None) -> int:
    """Return a rate in hertz; a damaged header can claim one that nothing could be resampled from."""
    if not rate or not _LOWEST_RATE <= rate <= _HIGHEST_RATE:
        raise UndecodableError(f"claims a sample rate of {rate or 0} Hz")
    return int(rate)


def plain(error: Exception) -> str:
    """Return a library's message without what names its objects, which differ from run to run."""
    text = str(getattr(error, "strerror", None) or getattr(error, "error_string", None) or error)
    return text.rstrip(".") or type(error).__name__
