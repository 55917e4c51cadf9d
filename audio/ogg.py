"""The pages of an Ogg file, as far as it takes to make a file that is the same whenever it is written.

An encoder draws the serial number of its stream at random, so that streams can be put one after the other in
one file. Here the number is drawn from the content instead.

Reference: S. Pfeiffer, "The Ogg encapsulation format version 0", RFC 3533, 2003.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator

from timbrebench.core.errors import AudioError

_MAGIC = b"OggS"

#: Bytes of a page's header before its table of segments, and where in it two fields of four bytes lie.
_HEADER = 27
_SERIAL, _CHECKSUM = slice(14, 18), slice(22, 26)

_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


def with_stable_serial(content: bytes) -> bytes:
    """Replace the serial number of an Ogg stream by one that follows from the rest of it.

    The checksums are made to go with it. Raises AudioError if `content` is not an Ogg file, or holds several
    streams.
    """
    pages = [bytearray(page) for page in _pages(content)]
    if len({bytes(page[_SERIAL]) for page in pages}) != 1:
        raise AudioError("an Ogg file of several streams has several serial numbers: write one stream only")
    for page in pages:
        page[_SERIAL] = page[_CHECKSUM] = bytes(4)
    serial = zlib.crc32(b"".join(pages)).to_bytes(4, "little")
    for page in pages:
        page[_SERIAL] = serial
        page[_CHECKSUM] = page_checksum(bytes(page)).to_bytes(4, "little")
    return b"".join(pages)


def page_checksum(page: bytes) -> int:
    """Return the checksum of a page whose field for it is zero.

    It is a cyclic redundancy check with the polynomial of zlib's, from zero and with the highest bit first,
    which is zlib's of all bits in reverse order.
    """
    reflected = zlib.crc32(page.translate(_REVERSED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int(f"{reflected:032b}"[::-1], 2)


def _pages(content: bytes) -> Iterator[bytes]:
    position = 0
    while position < len(content):
        header = content[position : position + _HEADER]
        segments = content[position + _HEADER : position + _HEADER + header[-1]] if header else b""
        end = position + len(header) + len(segments) + sum(segments)
        if not header.startswith(_MAGIC) or len(header) < _HEADER or end > len(content):
            raise AudioError(f"no page of an Ogg file begins at byte {position}: the file is damaged")
        yield content[position:end]
        position = end
