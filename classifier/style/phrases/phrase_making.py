"""Make invented phrases of labels, with the programs of soundfonts and folders of recorded notes.

A dataset plays each of its pieces on each of its soundfonts. Phrases add sources with which a dataset would
be large: further soundfonts, and folders of recorded notes that hold only some of the instruments. No file of
them is kept, and they are of no piece.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, TypeVar

import numpy as np
import pandas as pd

from timbrebench.audio.clips import Samples
from timbrebench.audio.loudness import is_silent
from timbrebench.classifier.style.phrases.inventing import Note, invent_phrase, invent_strokes
from timbrebench.classifier.style.phrases.note_bank import sample_notes
from timbrebench.classifier.style.phrases.phrase_configuration import PhraseConfiguration
from timbrebench.classifier.style.phrases.phrase_playing import WINDS, play_phrase
from timbrebench.classifier.style.sound_variation import SoundVariation
from timbrebench.core.errors import DatasetError, JudgeError
from timbrebench.core.progress import Tracker
from timbrebench.core.workers.executors import executor_for
from timbrebench.datasets.instruments import FAMILIES, programs_of
from timbrebench.datasets.soundfonts.soundfont_finding import Soundfont, find_soundfont

#: Seconds that a phrase takes.
_PHRASE_S = 0.03

#: Clips of the validation split for ten of the judges'.
_VALIDATION_SHARE = 0.1

#: Share of the phrases that have one voice: of winds, which play one note at a time, and of others.
_ALONE, _ALONE_OTHERS = 0.65, 0.3

#: Share of the phrases that are varied, where a variation is given; the rest sounds as it is.
_VARIED = 0.7

#: Number that stands for the drum kit, after General MIDI's programs.
_DRUM_KIT = 128

#: Phrases without a label that one program plays, since sampling its notes takes a second.
_STRANGERS_EACH = 20

#: What is kept of a phrase.
Seen = TypeVar("Seen")


class Phrase(NamedTuple):
    """A phrase: mono samples at a rate in hertz, and its notes, of which strokes of drums have none."""

    samples: Samples
    sample_rate: int
    notes: list[Note]


#: Plays one phrase, drawn by a generator.
_Play = Callable[[np.random.Generator], tuple[Samples, list[Note]]]

#: Soundfonts, and a program that each plays.
_Sources = list[tuple[Soundfont, int]]


@dataclass(frozen=True)
class PhraseSound:
    """How phrases sound.

    Attributes
    ----------
    variation : SoundVariation or None
        How seven of ten are varied; None for none.
    duration_s, sample_rate : float, int
        In seconds and hertz.
    """

    variation: SoundVariation | None
    duration_s: float
    sample_rate: int


@dataclass(frozen=True)
class _Job(Generic[Seen]):
    """Phrases of one program of one soundfont, or of its drum kit: their numbers, by split."""

    see: Callable[[Phrase], Seen]
    sound: PhraseSound
    seed: int
    soundfont: Soundfont
    label: str | None
    program: int
    numbers: dict[str, range]

    @property
    def phrases(self) -> int:
        """How many it makes at most."""
        return sum(map(len, self.numbers.values()))

    def run(self) -> list[tuple[dict[str, Any], Seen]]:
        """Return a row of the manifest, and what is kept, of each phrase that is not silent."""
        try:
            play = self._strokes() if self.program == _DRUM_KIT else self._notes()
        except DatasetError:
            if self.label is None:  # one stranger of many: its phrases are left out
                return []
            raise
        made = [
            self._make(play, split, number) for split, numbers in self.numbers.items() for number in numbers
        ]
        return [phrase for phrase in made if phrase is not None]

    def _notes(self) -> _Play:
        bank, sound = sample_notes(self.soundfont.player(), self.program), self.sound

        def play(rng: np.random.Generator) -> tuple[Samples, list[Note]]:
            alone = rng.random() < (_ALONE if self.program in WINDS else _ALONE_OTHERS)
            phrase = invent_phrase(rng, bank.range, sound.duration_s, 1 if alone else int(rng.integers(2, 5)))
            samples = play_phrase(
                bank,
                self.program,
                phrase,
                duration_s=sound.duration_s,
                sample_rate=sound.sample_rate,
                rng=rng,
            )
            return samples, phrase

        return play

    def _strokes(self) -> _Play:
        player, sound = self.soundfont.player(), self.sound

        def play(rng: np.random.Generator) -> tuple[Samples, list[Note]]:
            strokes = invent_strokes(rng, sound.duration_s)
            return player.render_drums(strokes, sound.duration_s, sound.sample_rate), []

        return play

    def _make(self, play: _Play, split: str, number: int) -> tuple[dict[str, Any], Seen] | None:
        words = (self.label or "", self.soundfont.name, split)
        drawn = [self.seed, self.program, number, *(zlib.crc32(word.encode()) for word in words)]
        rng, rate = np.random.default_rng(drawn), self.sound.sample_rate
        samples, notes = play(rng)
        if is_silent(samples):
            return None
        digest = hashlib.sha256(samples.tobytes()).hexdigest()
        if self.sound.variation and rng.random() < _VARIED:
            samples = self.sound.variation.vary(samples, rate, digest, number)
            if is_silent(samples):  # a note at the very end, played slower
                return None
        row = {
            "label": self.label,
            "soundfont": self.soundfont.name,
            "soundfont_family": self.soundfont.family,
            "program": self.program,
            "split": split,
            "sha256": digest,
        }
        return row, self.see(Phrase(samples, rate, notes))


def make_phrases(
    labels: Sequence[str],
    configuration: PhraseConfiguration,
    sound: PhraseSound,
    see: Callable[[Phrase], Seen],
) -> tuple[pd.DataFrame, list[Seen]]:
    """Make phrases, on all cores.

    Parameters
    ----------
    labels : sequence of str
        Names of instruments.
    configuration : PhraseConfiguration
        With what they are played, and how many.
    sound : PhraseSound
        How they sound.
    see : callable
        Returns what is kept of a phrase; processes share it.

    Returns
    -------
    pandas.DataFrame, list
        Rows of a manifest, in the splits "judge" and "validation" and of no piece, whose sums are those of
        the phrases before they are varied; and what is kept of each. Silent phrases are left out.

    Raises
    ------
    JudgeError
        If no soundfont has one of the instruments, or every phrase is silent.
    UnknownNameError
        If a label is no instrument.
    MissingResourceError
        If a soundfont is missing.
    """
    jobs = _jobs(see, sound, configuration, labels)
    total = sum(job.phrases for job in jobs)
    made: list[tuple[dict[str, Any], Seen]] = []
    with (
        Tracker("inventing phrases", total, "phrases") as tracker,
        executor_for(_PHRASE_S * total, ["timbrebench.audio.librosa_modules", __name__]) as executor,
    ):
        for job, part in zip(jobs, executor.map(_Job.run, jobs, "phrases"), strict=True):
            made += part
            tracker.advance(job.phrases)
    if not made:
        raise JudgeError("every phrase is silent: choose other soundfonts for the phrases")
    rows, seen = zip(*made, strict=True)
    return pd.DataFrame(rows), list(seen)


def _jobs(
    see: Callable[[Phrase], Seen],
    sound: PhraseSound,
    configuration: PhraseConfiguration,
    labels: Sequence[str],
) -> list[_Job[Seen]]:
    """Share the phrases of each label out among the families of soundfonts, and in each among programs."""
    soundfonts = [find_soundfont(reference) for reference in configuration.soundfonts]
    programs = {soundfont: soundfont.player().programs() for soundfont in soundfonts}
    counts = {"judge": configuration.clips, "validation": round(_VALIDATION_SHARE * configuration.clips)}
    jobs = []
    for label in labels:
        families = _by_family(programs, programs_of(label))
        if not families:
            raise JudgeError(f"no soundfont of the phrases has {label}: add one that has")
        for sources, share in _shares(families, configuration):
            for place, (soundfont, program) in enumerate(sources):
                numbers = {
                    split: range(place, round(count * share), len(sources)) for split, count in counts.items()
                }
                jobs.append(_Job(see, sound, configuration.seed, soundfont, label, program, numbers))
    return jobs + _strangers(see, sound, configuration, programs, labels)


def _strangers(
    see: Callable[[Phrase], Seen],
    sound: PhraseSound,
    configuration: PhraseConfiguration,
    programs: dict[Soundfont, set[int]],
    labels: Sequence[str],
) -> list[_Job[Seen]]:
    """Share the phrases without a label out among families of soundfonts, and in each among some programs."""
    learned = {program for label in labels for program in programs_of(label)}
    unlike = [number for family in FAMILIES.values() if not learned & set(family) for number in family]
    kits = {soundfont: {_DRUM_KIT} for soundfont in programs if soundfont.player().has_drum_kit()}
    playable = {soundfont: has | kits.get(soundfont, set()) for soundfont, has in programs.items()}
    rng = np.random.default_rng(configuration.seed)
    jobs = []
    for sources, share in _shares(_by_family(playable, [*unlike, _DRUM_KIT]), configuration):
        count = round(configuration.strangers * share)
        drawn = [sources[place] for place in rng.permutation(len(sources))[: -(-count // _STRANGERS_EACH)]]
        # Kits are one source among a hundred, and the commonest of all that has no pitch.
        drawn += [source for source in sources if source[1] == _DRUM_KIT and source not in drawn and count]
        for place, (soundfont, program) in enumerate(drawn):
            numbers = {"judge": range(place, count, len(drawn))}
            jobs.append(_Job(see, sound, configuration.seed, soundfont, None, program, numbers))
    return jobs


def _by_family(programs: dict[Soundfont, set[int]], wanted: Sequence[int]) -> dict[str, _Sources]:
    """Return which soundfonts have which of the programs wanted, by family."""
    families: dict[str, _Sources] = {}
    for soundfont, has in programs.items():
        if played := [(soundfont, program) for program in wanted if program in has]:
            families.setdefault(soundfont.family, []).extend(played)
    return families


def _shares(
    families: dict[str, _Sources], configuration: PhraseConfiguration
) -> list[tuple[_Sources, float]]:
    """Return for each family its sources and the share of the phrases that they play."""
    weights = [configuration.weights.get(family, 1.0) for family in families]
    return [
        (sources, weight / sum(weights)) for sources, weight in zip(families.values(), weights, strict=True)
    ]
