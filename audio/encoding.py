"""Write audio of one or two channels in the formats that datasets come in.

FLAC and WAV hold 16 bits and lose nothing of them. Ogg Vorbis and MP3 are smaller and change the sound; what
they decode to has the length of what was encoded. All of them are the same bytes whenever they are written by
the same version of libsndfile.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Literal, get_args

import numpy as np
import soundfile
from numpy.typing import NDArray

from timbrebench.audio.ogg import with_stable_serial
from timbrebench.core.errors import AudioError
from timbrebench.core.files import atomic_path

#: Names of formats, which are the suffixes of their files as well.
AudioFormat = Literal["flac", "wav", "ogg", "mp3"]

AUDIO_FORMATS: tuple[AudioFormat, ...] = get_args(AudioFormat)

#: Sample formats, by libsndfile's names, of the formats that have one of their own.
_LOSSY_SUBTYPES = {"OGG": "VORBIS", "MP3": "MPEG_LAYER_III"}

#: Rates in hertz that MPEG-1, 2 and 2.5 define for MP3.
MP3_RATES = (8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)

#: A rate in hertz that every format has.
_USUAL_RATE = 44_100

#: Samples that are encoded at a time: libvorbis puts a whole block on the stack, and three minutes are too
#: much for it.
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
    if path.suffix[1:] not in AUDIO_FORMATS:
        raise _unknown_format(path)
    frames = np.atleast_2d(samples).T
    if not frames.size or not np.isfinite(frames).all() or np.abs(frames).max() > 1:
        raise AudioError(f"audio for {path}: samples must be there, be finite and lie in [-1, 1]")
    write_frames(path, frames, sample_rate, "PCM_16")


def recode(samples: NDArray[np.float32], sample_rate: int, audio_format: AudioFormat) -> NDArray[np.float32]:
    """Encode audio and decode it again: what a format does to the sound.

    Parameters
    ----------
    samples : numpy.ndarray, shape (n,) or (channels, n), float32
        Samples in [-1, 1].
    sample_rate : int
        Rate in hertz; one of :data:`MP3_RATES` for MP3.
    audio_format : AudioFormat
        The format.

    Returns
    -------
    numpy.ndarray, of the shape of `samples`, float32
        Lossy formats decode to peaks beyond 1.
    """
    frames = np.atleast_2d(samples).T
    content = io.BytesIO()
    with _encoder(content, Path(f"track.{audio_format}"), sample_rate, frames.shape[1], "PCM_16") as file:
        for start in range(0, len(frames), _BLOCK):
            file.write(frames[start : start + _BLOCK])
    content.seek(0)
    decoded = soundfile.read(content, dtype="float32", always_2d=True)[0]
    return np.ascontiguousarray(decoded.T.reshape(samples.shape))


def check_suffix(path: Path) -> None:
    """Raise AudioError unless :func:`write_frames` can write a file of this name at some rate.

    It is asked before anything is read, and so before the rate is known: then :func:`check_format` knows all.
    """
    check_format(path, _USUAL_RATE)


def check_format(path: Path, sample_rate: int) -> None:
    """Raise AudioError unless :func:`write_frames` can write a file of this name at this rate in hertz.

    It is asked before the work that the file is to hold.
    """
    if path.suffix[1:].lower() == "mp3" and sample_rate not in MP3_RATES:
        rates = ", ".join(str(rate) for rate in MP3_RATES)
        raise AudioError(f"{path}: MP3 has no sample rate of {sample_rate} Hz, only {rates}")
    try:
        with _encoder(io.BytesIO(), path, sample_rate, 1, "PCM_16"):
            pass
    except Exception as error:  # libraries refuse a format or a rate in ways of their own
        raise _unknown_format(path) from error


def write_frames(path: Path, frames: NDArray[np.float32], sample_rate: int, subtype: str) -> None:
    """Write samples block by block, whole or not at all.

    Parameters
    ----------
    path : pathlib.Path
        The suffix chooses the format: one of :data:`AUDIO_FORMATS`, or another that libsndfile writes.
    frames : numpy.ndarray, shape (n, channels), float32
        Samples in [-1, 1].
    sample_rate : int
        Rate in hertz.
    subtype : str
        libsndfile's name of the sample format, for formats without loss; Ogg and MP3 have their own.

    Raises
    ------
    AudioError
        If there is no such format, or not at this rate.
    StorageError
        If the file cannot be written.
    """
    check_format(path, sample_rate)
    with atomic_path(path) as temporary:
        try:
            with _encoder(temporary, path, sample_rate, frames.shape[1], subtype) as file:
                for start in range(0, len(frames), _BLOCK):
                    file.write(frames[start : start + _BLOCK])
        except (soundfile.SoundFileError, RuntimeError, TypeError, ValueError) as error:
            raise _write_error(path, temporary, error) from error
        if path.suffix.lower() == ".ogg":
            temporary.write_bytes(with_stable_serial(temporary.read_bytes()))


def _encoder(
    target: Path | io.BytesIO, path: Path, sample_rate: int, channels: int, subtype: str
) -> soundfile.SoundFile:
    name = path.suffix[1:].upper()
    return soundfile.SoundFile(
        target, "w", sample_rate, channels, _LOSSY_SUBTYPES.get(name, subtype), format=name
    )


def _unknown_format(path: Path) -> AudioError:
    *others, last = (f".{name}" for name in AUDIO_FORMATS)
    return AudioError(f"{path}: the name of the file to write must end in {', '.join(others)} or {last}")


def _write_error(path: Path, temporary: Path, error: Exception) -> Exception:
    """Distinguish a full disk, which libsndfile reports as an error of its own, from what it cannot write."""
    try:
        with temporary.open("ab") as probe:
            probe.write(bytes(4096))
    except OSError as full:
        return full
    return AudioError(f"cannot write {path}: {error}")
