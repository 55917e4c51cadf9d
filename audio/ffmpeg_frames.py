"""Frames of audio as FFmpeg (PyAV) decodes them, over the seams of streams that were put together."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from timbrebench.core.errors import AudioError

#: FFmpeg's names of formats whose files begin with an ID3v2 tag, and the bytes of its header.
_TAGGED, _TAG_HEADER = frozenset({"mp3", "aac"}), 10


def load_ffmpeg() -> Any:  # noqa: ANN401 - PyAV has no types
    """Import PyAV and return it; raise AudioError if that fails."""
    try:
        import av  # noqa: PLC0415 - few files need it, and loading it takes longer than decoding one
    except ImportError as error:
        raise AudioError(
            "libsndfile cannot decode it, and PyAV, which decodes with FFmpeg, cannot be imported "
            f"({error}): `pip install av`"
        ) from error
    av.logging.set_level(av.logging.PANIC)
    return av


def frames_of(container: Any, stream: Any) -> Iterator[Any]:  # noqa: ANN401 - PyAV's, without types
    """Decode a stream, and leave out the tags that stand between files put together.

    Parameters
    ----------
    container : av.container.InputContainer
        The open file.
    stream : av.audio.AudioStream
        One of its streams.

    Yields
    ------
    av.AudioFrame
        Its frames, in order.

    Raises
    ------
    av.error.FFmpegError
        If a packet that is not part of a tag cannot be decoded.
    """
    is_tagged = container.format.name in _TAGGED
    unread, was_tag = 0, False
    for packet in container.demux(stream):
        if is_tagged and (size := tag_size(bytes(packet))):
            unread, was_tag = size, True
        if unread > 0:
            unread -= packet.size
            continue
        try:
            frames = packet.decode()
        except load_ffmpeg().error.InvalidDataError:
            if not was_tag:
                raise
            continue  # what is left of the tag, up to where the next frame begins
        was_tag = was_tag and not frames
        yield from frames


def interleaved(frames: Iterator[Any], rate: int) -> Iterator[Any]:
    """Interleave frames as 32-bit floats at one rate in hertz; streams put together may differ in theirs.

    Each keeps its channels, which FFmpeg would not mix by their mean. They are interleaved since, of eight
    channels and more in planes, PyAV reads one too many, and crashes.
    """
    convert: Any = None
    source = None
    for frame in frames:
        own = frame.sample_rate, frame.layout.name, frame.format.name
        if own != source:
            if convert is not None:
                yield from convert.resample(None)
            convert, source = load_ffmpeg().AudioResampler(format="flt", rate=rate), own
        yield from convert.resample(frame)
    if convert is not None:
        yield from convert.resample(None)


def tag_size(content: bytes) -> int:
    """Return the bytes of the ID3v2 tag at the beginning, 0 without a tag."""
    if len(content) < _TAG_HEADER or not content.startswith(b"ID3"):
        return 0
    size = 0
    for byte in content[6:_TAG_HEADER]:
        size = size << 7 | byte & 0x7F
    return _TAG_HEADER + size
