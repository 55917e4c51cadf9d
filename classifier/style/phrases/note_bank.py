"""Single notes of one program of a soundfont, or of a folder of recorded notes, ready to be played."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from timbrebench.audio.clips import Samples
from timbrebench.core.errors import DatasetError
from timbrebench.datasets.notes import notes_table
from timbrebench.datasets.soundfonts.recorded_notes import RecordedNotes
from timbrebench.datasets.soundfonts.synthesis import Synthesizer

#: Rate in hertz at which notes are kept and played.
BANK_RATE = 44_100

#: Semitones from one sampled note to the next, and the velocities that each is sampled at.
_STEP, _VELOCITIES = 3, (55, 110)

#: Seconds for which a note is held, until the next begins, and until it is cut.
_HELD_S, _APART_S, _KEPT_S = 2.4, 3.2, 3.0

#: A note begins where it first comes within this many decibels of its peak.
_ONSET_DB = 40.0

#: Pitches that phrases are made of: those of the music that judges are asked about.
_LOWEST, _HIGHEST = 36, 90


@dataclass(frozen=True)
class NoteBank:
    """Notes of one program.

    Attributes
    ----------
    pitches, velocities : numpy.ndarray, shape (notes,)
        MIDI pitch and velocity of each.
    notes : list of numpy.ndarray, each shape (n,), float32
        From the onset on, at a peak of 1, at :data:`BANK_RATE`.
    """

    pitches: NDArray[np.float64]
    velocities: NDArray[np.float64]
    notes: list[Samples]

    @property
    def range(self) -> tuple[int, int]:
        """First and last pitch."""
        return int(self.pitches.min()), int(self.pitches.max())


def sample_notes(player: Synthesizer | RecordedNotes, program: int) -> NoteBank:
    """Sample a program's notes, three semitones apart, loud and soft.

    Raises
    ------
    DatasetError
        If it sounds fewer than two of them.
    """
    sounding = sorted(pitch for pitch in player.sounding_pitches(program) if _LOWEST <= pitch <= _HIGHEST)
    wanted = [(pitch, velocity) for pitch in sounding[::_STEP] for velocity in _VELOCITIES]
    # One rendering of all: a synthesizer is opened for each.
    table = notes_table(
        [
            (n * _APART_S, n * _APART_S + _HELD_S, pitch, velocity)
            for n, (pitch, velocity) in enumerate(wanted)
        ]
    )
    rendering = player.render(table, program, len(wanted) * _APART_S, BANK_RATE)
    length = round(_APART_S * BANK_RATE)
    notes = [_trimmed(rendering[n * length : (n + 1) * length]) for n in range(len(wanted))]
    sounding_notes = [
        (pitch, velocity, note) for (pitch, velocity), note in zip(wanted, notes, strict=True) if len(note)
    ]
    if len(sounding_notes) < 2 * len(_VELOCITIES):
        raise DatasetError(f"{player.path}: program {program} sounds too few pitches to make phrases of")
    pitches, velocities, samples = zip(*sounding_notes, strict=True)
    return NoteBank(np.array(pitches, dtype=float), np.array(velocities, dtype=float), list(samples))


def _trimmed(note: Samples) -> Samples:
    """Return a note from its onset at a peak of 1; nothing of one that does not sound."""
    peak = float(np.abs(note).max(initial=0.0))
    if peak < 1e-4:
        return note[:0]
    onset = np.flatnonzero(np.abs(note) > peak * 10 ** (-_ONSET_DB / 20))[0]
    return np.asarray(note[onset : onset + round(_KEPT_S * BANK_RATE)] / peak, dtype=np.float32)
