"""Play notes with a bank as players do: tuning, vibrato and bends differ from note to note."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from timbrebench.audio.clips import Samples, resample
from timbrebench.classifier.style.phrases.inventing import Note
from timbrebench.classifier.style.phrases.note_bank import BANK_RATE, NoteBank

#: General MIDI's programs of brass, reeds and pipes.
WINDS = range(56, 80)

#: Programs whose players bend notes and give them vibrato: bowed strings and winds.
_BENT = {*range(40, 44), *WINDS}

#: Shares of the phrases on those that have vibrato, and of their notes that are bent.
_VIBRATO, _BEND = 0.4, 0.08

#: Share of the phrases in which notes are taken from further than the nearest pitch, which moves resonances.
_SPREAD = 0.3

#: What MIDI velocities cost, in semitones, when a note of the bank is chosen.
_SEMITONES_PER_VELOCITY = 1 / 40


def play_phrase(
    bank: NoteBank,
    program: int,
    phrase: Sequence[Note],
    *,
    duration_s: float,
    sample_rate: int,
    rng: np.random.Generator,
) -> Samples:
    """Play a phrase.

    Parameters
    ----------
    bank : NoteBank
        Whose notes are resampled to the pitches.
    program : int
        General MIDI program, which decides whether notes are bent.
    phrase : sequence of Note
        What is played.
    duration_s : float
        Length of the result; what sounds longer is cut.
    sample_rate : int
        Rate of the result in hertz.
    rng : numpy.random.Generator
        Draws tuning (4 cents from note to note), vibrato (5 to 35 cents, 4 to 7 Hz), bends and release.

    Returns
    -------
    numpy.ndarray, shape (round(duration_s * sample_rate),), float32
        Silent where no note sounds.
    """
    mix = np.zeros(round(duration_s * BANK_RATE), dtype=np.float32)
    release_s = rng.uniform(0.06, 0.3)
    bends = program in _BENT
    vibrato = rng.uniform(5, 35) if bends and rng.random() < _VIBRATO else 0.0
    spread = int(rng.integers(0, 4)) if rng.random() < _SPREAD else 0
    for note in phrase:
        nearest = _choose(bank, note, spread, rng)
        times = np.arange(round((note.offset_s - note.onset_s + release_s) * BANK_RATE)) / BANK_RATE
        cents = 100 * (note.pitch - bank.pitches[nearest]) + rng.normal(0, 4)
        cents = cents + vibrato * np.clip((times - 0.15) / 0.25, 0, 1) * np.sin(
            2 * np.pi * rng.uniform(4, 7) * times + rng.uniform(0, 6)
        )
        if bends and rng.random() < _BEND:
            cents += rng.uniform(-100, 40) * np.exp(-times / 0.05)
        _add(mix, _sound(bank.notes[nearest], cents, note, release_s), round(note.onset_s * BANK_RATE))
    return resample(mix, BANK_RATE, sample_rate)[: round(duration_s * sample_rate)]


def _choose(bank: NoteBank, note: Note, spread: int, rng: np.random.Generator) -> int:
    """Return which note of a bank is played: about `spread` semitones away, and near in velocity."""
    away = np.abs(np.abs(bank.pitches - note.pitch) - spread)
    if spread:
        return int((away + 2 * rng.random(len(away))).argmin())
    return int((away + np.abs(bank.velocities - note.velocity) * _SEMITONES_PER_VELOCITY).argmin())


def _sound(recorded: Samples, cents: NDArray[np.float64], note: Note, release_s: float) -> Samples:
    """Play a note of a bank, moved by cents over time, and let it go at the note's offset."""
    places = np.cumsum(2 ** (cents / 1200)) - 1
    played = np.interp(places, np.arange(len(recorded)), recorded, right=0.0)
    held = min(len(played), round((note.offset_s - note.onset_s) * BANK_RATE))
    played[held:] *= 10 ** (-3 * np.arange(len(played) - held) / (release_s * BANK_RATE))
    return np.asarray(played * (note.velocity / 127) ** 1.5, dtype=np.float32)


def _add(mix: Samples, note: Samples, first: int) -> None:
    """Add a note that may begin before the mix does, or end after it."""
    note = note[max(0, -first) : max(0, len(mix) - first)]
    first = max(0, first)
    mix[first : first + len(note)] += note
