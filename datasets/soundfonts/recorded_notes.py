"""Play notes with recordings of single notes, as a sampler does.

A folder of recorded notes (:mod:`timbrebench.datasets.soundfonts.recorded_takes`) takes the place of a
soundfont. It lets a judge be asked about instruments that no soundfont has ever held, and suites be made of
recordings of which the notes are known. ``FOLDER#even`` and ``FOLDER#odd`` are halves of a folder that share
no file: what judges and methods learn from one is asked on the other.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from timbrebench.audio.clips import Samples, resample
from timbrebench.core.errors import AudioError, DatasetError
from timbrebench.core.progress import log
from timbrebench.datasets.soundfonts.note_shaping import RELEASE_S, fade_ends, let_go, sustain
from timbrebench.datasets.soundfonts.recorded_takes import Take, list_takes
from timbrebench.datasets.soundfonts.take_measurement import (
    TAKE_RATE,
    TakeMeasures,
    decode_take,
    measure_takes,
)

#: Semitones by which a recording is shifted at most: half the widest gap that is still bridged.
_FARTHEST = 6

#: Semitones by which a take may be shifted so that a note need not be sustained beyond its own length.
_NEAR = 3.5

#: What MIDI velocities of neighbouring dynamics are apart; a take of the next dynamic costs a semitone.
_DYNAMIC = 16.0

#: Semitones that it costs a take to last half as long as the note.
_HALF_LENGTH = 6.0

#: Root mean square of a note's loudest moment at full velocity.
_LEVEL = 0.25

#: A note that begins within so many seconds of another's end is played legato.
_LEGATO_S = 0.03

#: Seconds in which a note fades in: after silence, and out of the note before it.
_ATTACK_S, _LEGATO_FADE_S = 0.002, 0.025

#: General MIDI's programs whose tone lasts as long as the player wants; others die away.
_SUSTAINING = {*range(16, 24), *range(40, 45), *range(48, 55), *range(56, 96), 109, 110, 111}


class _Range(NamedTuple):
    """The usable takes of a program, one beside the other.

    `pitches` are measured, `lengths_s` in seconds up to where the take is let go or has died away,
    `velocities` nan where no dynamic is stated.
    """

    takes: list[Take]
    measures: list[TakeMeasures]
    pitches: NDArray[np.float64]
    lengths_s: NDArray[np.float64]
    velocities: NDArray[np.float64]


class RecordedNotes:
    """Plays notes with the recordings of a folder.

    Parameters
    ----------
    path : pathlib.Path
        The folder.
    half : {"", "even", "odd"}
        Which of its takes are played; all by default.

    Raises
    ------
    DatasetError
        If its manifest cannot be used (:func:`~timbrebench.datasets.soundfonts.recorded_takes.list_takes`).

    Notes
    -----
    A note is played by one take, the nearest in pitch, where a dynamic more (of the note's velocity) counts
    as much as a semitone. Takes that last as long as the note come first, if within 3.5 semitones. Without
    such a take, strings, winds and organs are sustained by a loop in its held part, and others die away as
    they were recorded: no take is stretched. It is resampled, by at most six semitones, to the note's
    pitch from the one it was measured at, cut at its onset, scaled so that its loudest moment has a root mean
    square of ``0.25 * (velocity / 127) ** 1.5``, and fades by 60 dB in 0.15 s after the note's offset. Where
    a note begins as another ends, the attack of a sustaining instrument is left out, and the one fades into
    the other.

    On 770 notes of the Philharmonia Orchestra, tones were 0.6 cents off in the median and 3.2 at the 95th
    percentile; 7 % of the notes of melodies were sustained by a loop; and the largest step between samples
    where notes begin and end was 0.7 of the largest elsewhere, in the median of 24 phrases, and 1.05 at most.
    """

    def __init__(self, path: Path, half: str = "") -> None:
        self.path = path
        self._takes = list_takes(path, half)
        self._ranges: dict[int, _Range] = {}
        self._samples: dict[Path, Samples] = {}

    def render(
        self, notes: pd.DataFrame, program: int, duration_s: float, sample_rate: int, *, channels: int = 1
    ) -> Samples:
        """Render notes as a ``Synthesizer`` does; all channels are alike.

        Raises
        ------
        DatasetError
            If there is no recording within six semitones of a note, or none of the program that can be used.
        """
        length = round(duration_s * TAKE_RATE)
        mix = np.zeros(length, dtype=np.float32)
        for onset, offset, pitch, velocity, is_legato in zip(
            notes.onset_s, notes.offset_s, notes.pitch, notes.velocity, _legato(notes), strict=True
        ):
            start = round(onset * TAKE_RATE)
            if start >= length:
                continue
            note = self._note(
                program, int(pitch), offset - onset, velocity, is_legato and program in _SUSTAINING
            )
            note = note[: length - start]
            mix[start : start + len(note)] += note
        mono = resample(mix, TAKE_RATE, sample_rate)[: round(duration_s * sample_rate)]
        return mono if channels == 1 else np.stack([mono] * channels)

    def render_drums(
        self, drums: pd.DataFrame, duration_s: float, sample_rate: int, *, channels: int = 1
    ) -> Samples:
        """Refuse strokes of drums, of which there are no recordings; without any, return silence.

        Raises
        ------
        DatasetError
            If there is a stroke.
        """
        if len(drums):
            raise DatasetError(f"{self.path}: holds no drums: choose a soundfont for them, or leave them out")
        length = round(duration_s * sample_rate)
        return np.zeros(length if channels == 1 else (channels, length), dtype=np.float32)

    def programs(self) -> set[int]:
        """Return the General MIDI programs that there are recordings for."""
        return set(self._takes)

    def has_drum_kit(self) -> bool:
        """Return False: recorded notes have no drum kit."""
        return False

    def sounding_pitches(self, program: int) -> set[int]:
        """Return the MIDI pitches that are within six semitones of a recording; none for other programs.

        Raises
        ------
        DatasetError
            If no recording of the program can be used.
        """
        if program not in self._takes:
            return set()
        recorded = {round(pitch) for pitch in self._range(program).pitches}
        return {pitch + shift for pitch in recorded for shift in range(-_FARTHEST, _FARTHEST + 1)}

    def _range(self, program: int) -> _Range:
        """Measure the takes of a program once, and leave out those that cannot be used."""
        if program not in self._ranges:
            takes = self._takes[program]
            measured = measure_takes(takes)
            for take, measures in zip(takes, measured, strict=True):
                if measures.failure:
                    log(f"{take.path}: this recorded note is left out: {measures.failure}")
                if not measures.is_tracked:
                    log(f"{take.path}: its pitch cannot be tracked: it is played as {take.pitch}, as stated")
            usable = [pair for pair in zip(takes, measured, strict=True) if not pair[1].failure]
            if not usable:
                raise DatasetError(
                    f"{self.path}: no recording for program {program} can be used: {takes[0].path}: "
                    f"{measured[0].failure}"
                )
            self._ranges[program] = _side_by_side(usable, program in _SUSTAINING)
        return self._ranges[program]

    def _note(
        self, program: int, pitch: int, held_s: float, velocity: float, is_legato: bool
    ) -> NDArray[np.float32]:
        """Return a note from its onset until it has died away."""
        take, measures = self._choose(program, pitch, held_s, velocity)
        # Played faster, it sounds higher.
        faster = round(TAKE_RATE * 2 ** ((pitch - measures.pitch) / 12))
        body, attack_end = self._recording(take, measures), measures.attack_end - measures.onset
        is_legato = is_legato and attack_end > _ATTACK_S * TAKE_RATE
        first = attack_end if is_legato else 0
        wanted = int((held_s + RELEASE_S) * faster) + 1
        if program in _SUSTAINING and held_s * faster > measures.held_end - measures.onset - first:
            body = sustain(body, attack_end, measures.held_end - measures.onset, first + wanted)
        fade = round((_LEGATO_FADE_S if is_legato else _ATTACK_S) * TAKE_RATE)
        note = resample(fade_ends(body[first : first + wanted], fade), faster, TAKE_RATE)
        return let_go(note, round(held_s * TAKE_RATE)) * np.float32(_LEVEL * (velocity / 127) ** 1.5)

    def _choose(self, program: int, pitch: int, held_s: float, velocity: float) -> tuple[Take, TakeMeasures]:
        """Choose the take that plays a note."""
        if program not in self._takes:
            raise DatasetError(f"{self.path}: no recordings for program {program}")
        takes = self._range(program)
        shifts = pitch - takes.pitches
        lengths = takes.lengths_s / 2 ** (shifts / 12)
        missing = np.maximum(np.log2(held_s / lengths), 0)
        dynamics = np.nan_to_num(np.abs(takes.velocities - velocity) / _DYNAMIC)
        costs = np.abs(shifts) + dynamics + _HALF_LENGTH * missing
        long_enough = (missing == 0) & (np.abs(shifts) <= _NEAR)
        costs[np.abs(shifts).round() > _FARTHEST] = np.inf
        if long_enough.any():
            costs[~long_enough] = np.inf
        best = int(np.argmin(costs))
        if np.isinf(costs[best]):
            raise DatasetError(f"{self.path}: no recording near MIDI pitch {pitch} for program {program}")
        return takes.takes[best], takes.measures[best]

    def _recording(self, take: Take, measures: TakeMeasures) -> Samples:
        """Read a take once: from its onset to its end, with a loudest level of 1."""
        if take.path not in self._samples:
            try:
                samples = decode_take(take.path)[measures.onset : measures.end]
            except AudioError as error:
                raise DatasetError(f"{take.path}: {error}") from error
            self._samples[take.path] = fade_ends(samples / np.float32(measures.level), 0)
        return self._samples[take.path]


def _side_by_side(usable: list[tuple[Take, TakeMeasures]], is_sustaining: bool) -> _Range:
    ends = [measures.held_end if is_sustaining else measures.end for _, measures in usable]
    return _Range(
        [take for take, _ in usable],
        [measures for _, measures in usable],
        np.array([measures.pitch for _, measures in usable]),
        np.array([end - measures.onset for end, (_, measures) in zip(ends, usable, strict=True)]) / TAKE_RATE,
        np.array([take.velocity or np.nan for take, _ in usable]),
    )


def _legato(notes: pd.DataFrame) -> NDArray[np.bool_]:
    """Return for each note whether another one ends as it begins."""
    onsets, offsets = (notes[name].to_numpy(dtype=np.float64) for name in ("onset_s", "offset_s"))
    ends = np.sort(offsets[offsets - onsets > _LEGATO_S])
    first, last = (np.searchsorted(ends, onsets + shift) for shift in (-_LEGATO_S, _LEGATO_S))
    return np.asarray(last > first)
