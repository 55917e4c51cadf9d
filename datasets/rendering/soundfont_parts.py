"""Which instruments each soundfont of a dataset plays, with which programs, and which pitches sound."""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from timbrebench.core.errors import DatasetError
from timbrebench.core.workers.executors import Executor
from timbrebench.datasets.instruments import programs_of
from timbrebench.datasets.midi import program_name
from timbrebench.datasets.rendering.dataset_configuration import DatasetConfiguration
from timbrebench.datasets.rendering.piece_planning import CALLS, PlannedPiece, shared_range
from timbrebench.datasets.soundfonts.soundfont_finding import Soundfont, find_soundfont

#: The pitches that each program of each soundfont, by its name, sounds.
Sounding = Mapping[tuple[str, int], set[int]]


@dataclass(frozen=True)
class SoundfontPart:
    """A soundfont and the instruments that it plays."""

    soundfont: Soundfont
    instruments: tuple[str, ...]

    @property
    def first_programs(self) -> dict[str, tuple[int, ...]]:
        """The first program of each instrument."""
        return {name: programs_of(name)[:1] for name in self.instruments}

    def choose_programs(
        self, configuration: DatasetConfiguration, piece: PlannedPiece, sounding: Sounding
    ) -> dict[str, tuple[int, ...]]:
        """Choose the programs that play a piece, by instrument: the first, and others drawn."""
        pitches = set(piece.notes.pitch)
        renderings = 1 if piece.split == "train" else configuration.renderings
        chosen = {}
        for name in self.instruments:
            first, *others = programs_of(name)
            able = [
                program
                for program in others
                if pitches <= sounding.get((self.soundfont.name, program), set())
            ]
            words = (piece.name, self.soundfont.name, name)
            drawn = np.random.default_rng(
                [configuration.seed, *(zlib.crc32(word.encode()) for word in words)]
            ).permutation(able)
            chosen[name] = (first, *(int(program) for program in drawn[: renderings - 1]))
        return chosen


def find_parts(configuration: DatasetConfiguration) -> list[SoundfontPart]:
    """Find the soundfonts of a dataset on this machine, or fetch them.

    In a list of soundfonts, a folder of recorded notes plays those of the instruments that it holds.

    Raises
    ------
    MissingResourceError
        If one is missing.
    DatasetError
        If two are of one name, under which datasets list them, a folder holds none of the instruments, or an
        instrument is played by nothing in the list.
    """
    parts = [
        _part(find_soundfont(reference), instruments, of_all=not configuration.has_own_soundfonts)
        for reference, instruments in configuration.instruments_by_soundfont.items()
    ]
    played = {name for part in parts for name in part.instruments}
    if unplayed := [name for name in configuration.instruments if name not in played]:
        folders = ", ".join(str(part.soundfont.path) for part in parts)
        raise DatasetError(
            f"{folders}: no recordings of {', '.join(unplayed)}: leave these instruments out, or add a "
            "soundfont that has them"
        )
    name, count = Counter(part.soundfont.name for part in parts).most_common(1)[0]
    if count > 1:
        paths = " and ".join(str(part.soundfont.path) for part in parts if part.soundfont.name == name)
        raise DatasetError(f"{paths} are both named {name}: rename one of the files")
    return parts


def _part(soundfont: Soundfont, instruments: tuple[str, ...], *, of_all: bool) -> SoundfontPart:
    """Return what a soundfont plays: of all instruments those that it holds, if it is a folder."""
    if not (of_all and soundfont.path.is_dir()):
        return SoundfontPart(soundfont, instruments)
    programs = soundfont.player().programs()
    held = tuple(name for name in instruments if programs_of(name)[0] in programs)
    if not held:
        raise DatasetError(f"{soundfont.path}: holds notes of none of {', '.join(instruments)}: leave it out")
    return SoundfontPart(soundfont, held)


def require_programs(
    configuration: DatasetConfiguration, parts: Sequence[SoundfontPart], executor: Executor
) -> None:
    """Refuse soundfonts that lack a first program, or drums that are asked for, before anything is written.

    Raises DatasetError, which lists what is missing and what the soundfont has in its place.
    """
    problems = [problem for part in executor.map(_missing_programs, parts, CALLS) for problem in part]
    if problems:
        raise DatasetError(f"{'; '.join(problems)}: choose another soundfont or another instrument")
    if not configuration.keep_drums:
        return
    soundfonts = [part.soundfont for part in parts]
    kits = executor.map(_has_drum_kit, soundfonts, CALLS)
    without = [font.name for font, has_drums in zip(soundfonts, kits, strict=True) if not has_drums]
    if without:
        raise DatasetError(
            f"no drum kit in {', '.join(without)}: choose other soundfonts, or leave drums out with "
            "keep_drums = false"
        )


def _missing_programs(part: SoundfontPart) -> list[str]:
    programs = part.soundfont.player().programs()
    has = f"has the programs {_ranges(programs)}" if programs else "has no program in bank 0"
    return [
        f"{part.soundfont.name} {has}, and lacks program {program} ({program_name(program)}) for {name}"
        for name, (program,) in part.first_programs.items()
        if program not in programs
    ]


def _ranges(numbers: set[int]) -> str:
    """Write numbers with runs of neighbours joined: 0-7, 24, 56-127."""
    runs = np.split(np.array(sorted(numbers)), np.flatnonzero(np.diff(sorted(numbers)) != 1) + 1)
    return ", ".join(str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs)


def _has_drum_kit(soundfont: Soundfont) -> bool:
    return soundfont.player().has_drum_kit()


def find_sounding(
    configuration: DatasetConfiguration, parts: Sequence[SoundfontPart], executor: Executor
) -> Sounding:
    """Find the pitches that each program that may play sounds on its soundfont."""
    considered = None if configuration.renderings > 1 else 1
    presets = [
        (part.soundfont, program)
        for part in parts
        for program in sorted({p for name in part.instruments for p in programs_of(name)[:considered]})
    ]
    sounding = executor.map(_sounding_pitches, presets, CALLS)
    return {(font.name, program): pitches for (font, program), pitches in zip(presets, sounding, strict=True)}


def _sounding_pitches(preset: tuple[Soundfont, int]) -> set[int]:
    soundfont, program = preset
    return soundfont.player().sounding_pitches(program)


def shared_pitches(configuration: DatasetConfiguration, sounding: Sounding) -> tuple[int, int]:
    """Return the first and last MIDI pitch that all instruments sound, each by its first program.

    Raises DatasetError if they share no two octaves.
    """
    first = {programs_of(name)[0]: name for name in configuration.instruments}
    return shared_range(
        (f"{first[program]} of {soundfont}", pitches)
        for (soundfont, program), pitches in sounding.items()
        if program in first
    )
