"""Write audio of one or two channels in the formats that datasets come in.

FLAC and WAV hold 16 bits and lose nothing of them. Ogg Vorbis and MP3 are smaller and change the sound; what
they decode to has the length of what was encoded. All of them are the same bytes whenever they are written by
the same version of libsndfile.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal, get_args

import numpy as np
import soundfile
from numpy.typing import NDArray

from timbrebench.audio.ogg import with_stable_serial
from timbrebench.core.errors import AudioError, StorageError
from timbrebench.core.files import atomic_path

#: Names of formats, which are the suffixes of their files as well.
AudioFormat = Literal["flac", "wav", "ogg", "mp3"]

AUDIO_FORMATS: tuple[AudioFormat, ...] = get_args(AudioFormat)

_SUBTYPES = {"flac": "PCM_16", "wav": "PCM_16", "ogg": "VORBIS", "mp3": "MPEG_LAYER_III"}

#: Rates in hertz that MPEG-1, 2 and 2.5 define for MP3.
MP3_RATES = (8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)

#: Samples that are encoded at a time: libvorbis takes a whole block on the stack.
_BLOCK = 1 << 14


def encode_audio(path: Path, samples: NDArray[np.float32], sample_rate: int) -> None:
    """Write audio, whole or not at all.

    Parameters
    ----------
    path : pathlib.Path
        The suffix chooses the format: one of :data:`AUDIO_FORMATS`.
    samples : numpy.ndarray, shape (n,) or (channels, n), float32
        Samples in [-1, 1].
    sample_rate : int
        Rate in hertz; one of :data:`MP3_RATES` for MP3.

    Raises
    ------
    AudioError
        If the format is unknown, or samples are missing, not finite or outside [-1, 1].
    StorageError
        If the file cannot be written.
    """
    name = path.suffix[1:]
    if name not in _SUBTYPES:
        raise AudioError(f"{path}: audio is written as {', '.join(AUDIO_FORMATS)}, not as {name!r}")
    if name == "mp3" and sample_rate not in MP3_RATES:
        rates = ", ".join(str(rate) for rate in MP3_RATES)
        raise AudioError(f"{path}: MP3 has no sample rate of {sample_rate} Hz, only {rates}")
    frames = np.atleast_2d(samples).T
    if not frames.size or not np.isfinite(frames).all() or np.abs(frames).max() > 1:
        raise AudioError(f"audio for {path}: samples must be there, be finite and lie in [-1, 1]")
    with atomic_path(path) as temporary:
        try:
            with soundfile.SoundFile(
                temporary, "w", sample_rate, frames.shape[1], _SUBTYPES[name], format=name.upper()
            ) as file:
                for start in range(0, len(frames), _BLOCK):
                    file.write(frames[start : start + _BLOCK])
        except soundfile.LibsndfileError as error:
            raise StorageError(f"cannot write {path}: {error}: is there space left?") from error
        if name == "ogg":
            temporary.write_bytes(with_stable_serial(temporary.read_bytes()))
