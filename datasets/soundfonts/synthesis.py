"""Render notes with fluidsynth, inside this process.

fluidsynth computes blocks of 64 samples, and whatever happens takes effect where a block begins. Events
are therefore placed on blocks here, to the nearest, which moves none by more than 0.73 ms at 44.1 kHz and
moves it alike on every instrument. Each rendering has a synthesizer of its own: one that is used again keeps
some state and renders different samples. That costs some 20 ms, because only the samples of the program that
plays are loaded.
"""

from __future__ import annotations

import ctypes
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd

from timbrebench.audio.clips import Samples, resample
from timbrebench.audio.loudness import rms
from timbrebench.core.errors import DatasetError, MissingResourceError

#: Rate in hertz at which soundfonts are recorded and rendered; other rates are resampled from it, since
#: fluidsynth itself interpolates without a filter against aliases.
RENDER_RATE = 44_100

BLOCK = 64

#: Playing softer than this keeps four voices under full scale.
_GAIN = 0.3

#: MIDI's channels, counted from 0, of the instrument that plays, and of drums.
_INSTRUMENT, _DRUMS = 0, 9

#: Where soundfonts have General MIDI's standard drum kit: a bank of its own, and the program in it.
_DRUM_BANK, _STANDARD_KIT = 128, 0

#: The keys of a piano; pitches outside are not asked of any instrument.
_LOWEST_PITCH, _HIGHEST_PITCH = 21, 108


class Synthesizer:
    """Plays notes with the instruments of one soundfont.

    Parameters
    ----------
    path : pathlib.Path
        A soundfont file.

    Raises
    ------
    MissingResourceError
        If libfluidsynth is not installed.
    DatasetError
        If the file is not a soundfont.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._fluidsynth = _load_fluidsynth()
        self._open()[0].delete()

    def render(
        self, notes: pd.DataFrame, program: int, duration_s: float, sample_rate: int, *, channels: int = 1
    ) -> Samples:
        """Render notes, each from onset to offset: no pedal holds them, and nothing bends their pitch.

        Parameters
        ----------
        notes : pandas.DataFrame
            A table of notes.
        program : int
            General MIDI program, 0 to 127.
        duration_s : float
            Length of the rendering in seconds; what sounds longer is cut.
        sample_rate : int
            Rate of the result in hertz.
        channels : {1, 2}, default 1
            2 for the stereo image that the soundfont gives the instrument, 1 for the mean of both channels.

        Returns
        -------
        numpy.ndarray, shape (n,) or, of two channels, (2, n), float32
            n is round(duration_s * sample_rate). Without reverb and chorus. Not scaled: many loud voices can
            exceed 1.
        """
        return self._render(notes, (_INSTRUMENT, 0, program), duration_s, sample_rate, channels)

    def render_drums(
        self, drums: pd.DataFrame, duration_s: float, sample_rate: int, *, channels: int = 1
    ) -> Samples:
        """Render strokes of drums with the standard drum kit.

        Parameters
        ----------
        drums : pandas.DataFrame
            A table of strokes (:mod:`timbrebench.datasets.notes`).
        duration_s, sample_rate, channels
            As :meth:`render` takes them.

        Returns
        -------
        numpy.ndarray, shape (n,) or, of two channels, (2, n), float32
            As :meth:`render` returns it, and to be added to it.

        Raises
        ------
        DatasetError
            If the soundfont has no drum kit.
        """
        return self._render(drums, (_DRUMS, _DRUM_BANK, _STANDARD_KIT), duration_s, sample_rate, channels)

    def programs(self) -> set[int]:
        """Return the General MIDI programs, 0 to 127, that the soundfont has in bank 0."""
        synth, soundfont = self._open()
        names = {program: synth.sfpreset_name(soundfont, 0, program) for program in range(128)}
        synth.delete()
        return {program for program, name in names.items() if name is not None}

    def has_drum_kit(self) -> bool:
        """Whether the soundfont has a drum kit."""
        synth, soundfont = self._open()
        selected = synth.program_select(_DRUMS, soundfont, _DRUM_BANK, _STANDARD_KIT)
        synth.delete()
        return bool(selected == 0)

    def _render(
        self,
        notes: pd.DataFrame,
        preset: tuple[int, int, int],
        duration_s: float,
        sample_rate: int,
        channels: int,
    ) -> Samples:
        """Render notes with a preset: channel, bank and program."""
        length = -(-round(duration_s * RENDER_RATE) // BLOCK) * BLOCK
        channel, bank, program = preset
        synth, soundfont = self._open()
        try:
            selected = synth.program_select(channel, soundfont, bank, program)
            if selected != 0 and channel == _DRUMS:
                raise DatasetError(f"{self.path}: has no drum kit: choose another soundfont for drums")
            stereo = self._play(synth, notes, length, channel)
        finally:
            synth.delete()
        length = round(duration_s * sample_rate)
        if channels == 1:
            mono = stereo[0]
            mono += stereo[1]  # in place, since fresh memory costs more than the sum
            mono /= 2
            return resample(mono, RENDER_RATE, sample_rate)[:length]
        return np.stack([resample(channel, RENDER_RATE, sample_rate)[:length] for channel in stereo])

    def sounding_pitches(self, program: int) -> set[int]:
        """Find which keys of a piano an instrument answers: some presets have gaps and ends.

        Parameters
        ----------
        program : int
            General MIDI program, 0 to 127.

        Returns
        -------
        set of int
            MIDI pitches that come within 40 dB of the loudest one.
        """
        length = RENDER_RATE // 5 // BLOCK * BLOCK
        synth, soundfont = self._open()
        synth.program_select(0, soundfont, 0, program)
        levels = {}
        for pitch in range(_LOWEST_PITCH, _HIGHEST_PITCH + 1):
            synth.noteon(0, pitch, 90)
            levels[pitch] = rms(self._write(synth, length).ravel())
            synth.all_sounds_off(0)
            self._write(synth, BLOCK)  # in which the voices are freed
        synth.delete()
        loudest = max(levels.values())
        return {pitch for pitch, level in levels.items() if level > 0.01 * loudest}

    def _open(self) -> tuple[Any, int]:
        synth = self._fluidsynth.Synth(gain=_GAIN, samplerate=float(RENDER_RATE))
        synth.setting("synth.reverb.active", 0)
        synth.setting("synth.chorus.active", 0)
        synth.setting("synth.dynamic-sample-loading", 1)
        soundfont = synth.sfload(str(self.path))
        if soundfont < 0:
            synth.delete()
            raise DatasetError(f"{self.path}: fluidsynth cannot read it as a soundfont: fetch the file again")
        return synth, int(soundfont)

    def _play(self, synth: Any, notes: pd.DataFrame, length: int, channel: int) -> Samples:  # noqa: ANN401 - no types
        stereo = np.empty((2, length), dtype=np.float32)
        position = 0
        for block, starts, pitch, velocity in _events(notes):
            sample = block * BLOCK
            if sample >= length:
                break
            if sample > position:
                self._fill(synth, stereo, position, sample)
                position = sample
            if starts:
                synth.noteon(channel, pitch, velocity)
            else:
                synth.noteoff(channel, pitch)
        self._fill(synth, stereo, position, length)
        return stereo

    def _write(self, synth: Any, length: int) -> Samples:  # noqa: ANN401 - fluidsynth has no types
        """Let the synthesizer play on for `length` samples: shape (2, length)."""
        out = np.empty((2, length), dtype=np.float32)
        self._fill(synth, out, 0, length)
        return out

    def _fill(self, synth: Any, stereo: Samples, first: int, last: int) -> None:  # noqa: ANN401 - no types
        """Let the synthesizer play on into the samples from `first` up to `last`: shape (2, n)."""
        left = stereo.ctypes.data
        right = left + stereo.strides[0]
        self._fluidsynth.write_float(synth.synth, last - first, left, first, 1, right, first, 1)


def _events(notes: pd.DataFrame) -> list[tuple[int, bool, int, int]]:
    """List (block, is a note's start, pitch, velocity) in the order of playing, ends before starts."""
    events = []
    columns = (notes[name].tolist() for name in ("onset_s", "offset_s", "pitch", "velocity"))
    for onset, offset, pitch, velocity in zip(*columns, strict=True):
        start = round(onset * RENDER_RATE / BLOCK)
        end = max(start + 1, round(offset * RENDER_RATE / BLOCK))
        events += [(start, True, int(pitch), int(velocity)), (end, False, int(pitch), 0)]
    return sorted(events)


def _load_fluidsynth() -> ModuleType:
    """Import pyfluidsynth, with the float output that it does not wrap itself."""
    try:
        import fluidsynth  # noqa: PLC0415 - it looks for the C library when imported
    except ImportError as error:
        raise MissingResourceError(
            f"libfluidsynth is not installed ({error}): install it with "
            "`sudo apt-get install libfluidsynth3`, `brew install fluid-synth` or `choco install fluidsynth`"
        ) from error
    if not hasattr(fluidsynth, "write_float"):
        pointer, integer = ctypes.c_void_p, ctypes.c_int
        fluidsynth.write_float = fluidsynth.cfunc(
            "fluid_synth_write_float",
            integer,
            ("synth", pointer, 1),
            ("length", integer, 1),
            ("left", pointer, 1),
            ("left_offset", integer, 1),
            ("left_step", integer, 1),
            ("right", pointer, 1),
            ("right_offset", integer, 1),
            ("right_step", integer, 1),
        )
    module: ModuleType = fluidsynth
    return module


def fluidsynth_version() -> str:
    """Return the version of libfluidsynth; raise MissingResourceError where it is not installed."""
    parts = [ctypes.c_int() for _ in range(3)]
    function = _load_fluidsynth().cfunc(
        "fluid_version", None, *((name, ctypes.c_void_p, 1) for name in ("major", "minor", "micro"))
    )
    function(*(ctypes.addressof(part) for part in parts))
    return ".".join(str(part.value) for part in parts)
