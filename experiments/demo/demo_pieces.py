"""The two pieces of `timbrebench demo`: made up for it, and given to everybody (CC0 1.0).

A tune of two voices for a piano, and a phrase for a clarinet, of other notes and in another key; and the tune
on the clarinet, which is what a perfect transfer comes to. They come as audio, so that a demo needs neither
soundfont nor synthesizer; ``python -m timbrebench.experiments.demo.demo_pieces`` makes it again.
"""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import numpy as np
import pandas as pd

from timbrebench.audio.encoding import encode_audio
from timbrebench.core.files import atomic_path
from timbrebench.datasets.notes import notes_table
from timbrebench.datasets.soundfonts.soundfont_finding import find_soundfont
from timbrebench.datasets.soundfonts.synthesis import RENDER_RATE, Synthesizer

#: What plays: FluidR3, whose licence (MIT) asks nothing of what is played with it.
SOUNDFONT = "FluidR3_GM"

#: General MIDI programs, counted from 0.
PIANO, CLARINET = 0, 71

#: Files of audio in the package.
CONTENT, STYLE, REFERENCE = "content.ogg", "style.ogg", "reference.ogg"

#: Seconds of a beat, and after the last note; the largest sample.
_BEAT_S, _END_S, _PEAK = 0.5, 1.0, 0.7

#: Voices: MIDI pitches and beats that each lasts.
_TUNE = (
    *((74, 1), (71, 0.5), (74, 0.5), (79, 1.5), (78, 0.5)),
    *((76, 1), (72, 0.5), (76, 0.5), (81, 1.5), (79, 0.5)),
    *((78, 0.5), (76, 0.5), (74, 0.5), (72, 0.5), (71, 1), (69, 1)),
    *((71, 0.5), (72, 0.5), (69, 0.5), (66, 0.5), (67, 2)),
)
_SECOND_VOICE = (
    *((55, 1), (62, 1), (59, 1), (62, 1)),
    *((57, 1), (64, 1), (60, 1), (64, 1)),
    *((62, 1), (57, 1), (55, 1), (60, 1)),
    *((62, 1), (54, 1), (55, 2)),
)
_PHRASE = (
    *((69, 1), (74, 1.5), (76, 0.5), (77, 1)),
    *((76, 0.5), (74, 0.5), (73, 0.5), (74, 0.5), (69, 2)),
    *((70, 0.5), (69, 0.5), (67, 0.5), (69, 0.5), (65, 1), (64, 1)),
    *((67, 0.5), (65, 0.5), (64, 0.5), (61, 0.5), (62, 2)),
)


def tune() -> pd.DataFrame:
    """Return the notes of the content, as :func:`~timbrebench.datasets.notes.notes_table` orders them."""
    return notes_table([*_played(_TUNE, 96), *_played(_SECOND_VOICE, 74)])


def phrase() -> pd.DataFrame:
    """Return the notes of the style."""
    return notes_table(list(_played(_PHRASE, 92)))


def copy_pieces(folder: Path) -> None:
    """Write the audio of content, style and reference that comes with the package into a folder.

    Raises :class:`StorageError` if it cannot be written.
    """
    for name in (CONTENT, STYLE, REFERENCE):
        with atomic_path(folder / name) as temporary:
            temporary.write_bytes(_packaged(name))


def holds_pieces(folder: Path) -> bool:
    """Return whether a folder holds the content of :func:`copy_pieces`, or nothing, or does not exist."""
    path = folder / CONTENT
    if path.is_file():
        return path.read_bytes() == _packaged(CONTENT)
    return not folder.exists() or not any(folder.iterdir())


def render_pieces(folder: Path) -> None:
    """Play the pieces and write their audio, as it comes with the package.

    Raises :class:`MissingResourceError` if the soundfont or libfluidsynth is not installed.
    """
    synthesizer = Synthesizer(find_soundfont(SOUNDFONT).path)
    for name, notes, program in (
        (CONTENT, tune(), PIANO),
        (STYLE, phrase(), CLARINET),
        (REFERENCE, tune(), CLARINET),
    ):
        duration_s = float(notes.offset_s.max()) + _END_S
        samples = synthesizer.render(notes, program, duration_s, RENDER_RATE, channels=2)
        encode_audio(folder / name, (_PEAK / np.abs(samples).max()) * samples, RENDER_RATE)


def _packaged(name: str) -> bytes:
    return (resources.files("timbrebench.experiments.demo") / "audio" / name).read_bytes()


def _played(voice: tuple[tuple[int, float], ...], velocity: int) -> list[tuple[float, float, int, int]]:
    """Return onset, offset, pitch and velocity of each note: accents on the beats, a gap before the next."""
    notes, beat = [], 0.0
    for pitch, beats in voice:
        accent = 0 if beat % 1 else 8 if beat % 4 == 0 else 4
        notes.append((beat * _BEAT_S, (beat + 0.92 * beats) * _BEAT_S, pitch, velocity + accent))
        beat += beats
    return notes


if __name__ == "__main__":
    render_pieces(Path(__file__).parent / "audio")
