"""Excerpts of a few pairs for people to listen to, small enough to lie in a repository: Ogg Opus, mono.

They show what a method sounds like and prove nothing: scores are of whole outputs, whose SHA-256 the records
state. They are of the same pairs in every entry of a suite, spread evenly over it, so that methods can be
compared; what was given, content, style and reference, lies beside the entries once.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import soundfile

from timbrebench.audio.clips import Samples, read_audio
from timbrebench.audio.decoding import measure
from timbrebench.audio.ogg import with_stable_serial
from timbrebench.core.errors import AudioError, RunError
from timbrebench.core.files import read_bytes
from timbrebench.experiments.suites.suite import Pair

#: Number of pairs, and seconds of each from its beginning.
EXCERPT_PAIRS, EXCERPT_S = 5, 3.0

#: Rate in hertz, one of Opus's own, and bits per second: 8 kB each.
_RATE, _BIT_RATE = 24_000, 20_000

#: libsndfile's scale from 256,000 bits per second for each channel to 6,000.
_COMPRESSION = (256_000 - _BIT_RATE) / 250_000

#: Maximum bytes of an excerpt, which is three times what it takes.
EXCERPT_BYTES = 24_576

#: What was given of a pair, as the names of files end.
GIVEN = ("content", "style", "reference")

#: Seconds at its end in which an excerpt dies away.
_FADE_S = 0.05


def excerpt_pairs(pairs: Sequence[Pair]) -> list[Pair]:
    """Return the pairs that can be heard: :data:`EXCERPT_PAIRS` at even distances, all of fewer."""
    places = np.linspace(0, len(pairs) - 1, min(EXCERPT_PAIRS, len(pairs))).round()
    return [pairs[int(place)] for place in places]


def excerpt_name(pair: Pair, what: str = "") -> str:
    """Return the name of an excerpt's file, of an output or of `what` was given."""
    return f"{pair.pair_id}-{what}.ogg" if what else f"{pair.pair_id}.ogg"


def excerpt_of_file(path: Path) -> bytes:
    """Return an excerpt of an audio file; raise AudioError if it cannot be read."""
    return encode_excerpt(read_audio(path, _RATE)[0], _RATE)


def encode_excerpt(samples: Samples, sample_rate: int) -> bytes:
    """Return the beginning of a clip as Ogg Opus.

    `samples` are of shape (n,), and `sample_rate` in hertz is one of Opus's. The same samples give the same
    bytes, with the same version of libsndfile.
    """
    cut = np.array(samples[: round(EXCERPT_S * sample_rate)], dtype=np.float32)
    fade = min(len(cut), round(_FADE_S * sample_rate))
    if len(cut) < len(samples):
        cut[len(cut) - fade :] *= np.linspace(1, 0, fade, dtype=np.float32)
    buffer = io.BytesIO()
    soundfile.write(buffer, cut, sample_rate, format="OGG", subtype="OPUS", compression_level=_COMPRESSION)
    return with_stable_serial(buffer.getvalue())


def read_excerpt(path: Path) -> bytes:
    """Read an excerpt that anybody may have made.

    Raises RunError if it is not a regular file of at most :data:`EXCERPT_BYTES`, or not Ogg Opus that lasts
    no longer than an excerpt.
    """
    content = read_bytes(path, EXCERPT_BYTES, RunError)
    if not content.startswith(b"OggS") or b"OpusHead" not in content[:64]:
        raise RunError(f"{path}: is not Ogg Opus")
    try:
        measure(content, EXCERPT_S + 0.1)
    except AudioError as error:
        raise RunError(f"{path}: is no excerpt of at most {EXCERPT_S:g} s ({error})") from error
    return content
