"""Spectrograms of invented phrases, beside those of a dataset's clips, for a judge to learn from.

A dataset plays each of its pieces on each of its soundfonts. Phrases add sources with which a dataset would
be large: further soundfonts, and folders of recorded notes that hold only some of the instruments. No file of
them is kept, and they are of no piece.
"""

from __future__ import annotations

import hashlib
import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from timbrebench.audio.loudness import is_silent
from timbrebench.classifier.style.phrases.inventing import invent_phrase
from timbrebench.classifier.style.phrases.note_bank import NoteBank, sample_notes
from timbrebench.classifier.style.phrases.phrase_configuration import PhraseConfiguration
from timbrebench.classifier.style.phrases.phrase_playing import WINDS, play_phrase
from timbrebench.classifier.style.sound_variation import SoundVariation
from timbrebench.classifier.style.style_features import StyleFeatures
from timbrebench.classifier.style.style_front_end import BaseFrontEnd
from timbrebench.core.errors import JudgeError
from timbrebench.core.progress import Tracker
from timbrebench.core.workers.executors import executor_for
from timbrebench.datasets.instruments import programs_of
from timbrebench.datasets.soundfonts.soundfont_finding import Soundfont, find_soundfont

#: Seconds that a phrase takes.
_PHRASE_S = 0.03

#: Clips of the validation split for ten of the judges'.
_VALIDATION_SHARE = 0.1

#: Share of the phrases that have one voice: of winds, which play one note at a time, and of others.
_ALONE, _ALONE_OTHERS = 0.65, 0.3

#: Share of the phrases that are varied, where a variation is given; the rest sounds as it is.
_VARIED = 0.7


@dataclass(frozen=True)
class _Sound:
    """How phrases sound, and what is seen of them."""

    front_end: BaseFrontEnd
    variation: SoundVariation | None
    duration_s: float
    sample_rate: int


@dataclass(frozen=True)
class _Job:
    """Phrases of one program of one soundfont: their numbers, by split."""

    sound: _Sound
    seed: int
    soundfont: Soundfont
    label: str
    program: int
    numbers: dict[str, range]

    @property
    def phrases(self) -> int:
        """How many it makes at most."""
        return sum(map(len, self.numbers.values()))

    def run(self) -> list[tuple[dict[str, Any], NDArray[np.float16]]]:
        """Return a row of the manifest and the spectrogram of each phrase that is not silent."""
        bank = sample_notes(self.soundfont.player(), self.program)
        made = [
            self._make(bank, split, number) for split, numbers in self.numbers.items() for number in numbers
        ]
        return [phrase for phrase in made if phrase is not None]

    def _make(
        self, bank: NoteBank, split: str, number: int
    ) -> tuple[dict[str, Any], NDArray[np.float16]] | None:
        words = (self.label, self.soundfont.name, split)
        drawn = [self.seed, self.program, number, *(zlib.crc32(word.encode()) for word in words)]
        rng, rate = np.random.default_rng(drawn), self.sound.sample_rate
        alone = rng.random() < (_ALONE if self.program in WINDS else _ALONE_OTHERS)
        phrase = invent_phrase(
            rng, bank.range, self.sound.duration_s, 1 if alone else int(rng.integers(2, 5))
        )
        samples = play_phrase(
            bank, self.program, phrase, duration_s=self.sound.duration_s, sample_rate=rate, rng=rng
        )
        if is_silent(samples):
            return None
        digest = hashlib.sha256(samples.tobytes()).hexdigest()
        if self.sound.variation and rng.random() < _VARIED:
            samples = self.sound.variation.vary(samples, rate, digest, number)
        row = {
            "label": self.label,
            "soundfont": self.soundfont.name,
            "soundfont_family": self.soundfont.family,
            "program": self.program,
            "split": split,
            "sha256": digest,
        }
        return row, self.sound.front_end.spectrogram(samples, rate).astype(np.float16)


def add_phrases(
    features: StyleFeatures,
    configuration: PhraseConfiguration,
    variation: SoundVariation | None,
    *,
    duration_s: float,
    sample_rate: int,
) -> StyleFeatures:
    """Add phrases of the labels of a dataset's clips to them.

    Parameters
    ----------
    features : StyleFeatures
        Of clips whose labels are names of instruments.
    configuration : PhraseConfiguration
        With what they are played, and how many.
    variation : SoundVariation or None
        How seven of ten phrases are varied; None for none.
    duration_s, sample_rate : float, int
        Of the dataset's clips, in seconds and hertz.

    Returns
    -------
    StyleFeatures
        The clips followed by the phrases, which are in the splits "judge" and "validation" and of no piece.
        Their sums are those of the phrases before they are varied.

    Raises
    ------
    JudgeError
        If no soundfont has one of the instruments, or every phrase is silent.
    UnknownNameError
        If a label is no instrument.
    MissingResourceError
        If a soundfont is missing.
    """
    sound = _Sound(features.front_end, variation, duration_s, sample_rate)
    jobs = _jobs(sound, configuration, features.labels(multi_label=False))
    total = sum(job.phrases for job in jobs)
    made = []
    with (
        Tracker("inventing phrases", total, "phrases") as tracker,
        executor_for(_PHRASE_S * total, ["timbrebench.audio.librosa_modules", __name__]) as executor,
    ):
        for job, part in zip(jobs, executor.map(_Job.run, jobs, "phrases"), strict=True):
            made += part
            tracker.advance(job.phrases)
    if not made:
        raise JudgeError("every phrase is silent: choose other soundfonts for the phrases")
    rows, spectrograms = zip(*made, strict=True)
    return StyleFeatures(
        torch.cat([features.spectrograms, *(torch.from_numpy(values)[None] for values in spectrograms)]),
        pd.concat([features.manifest, pd.DataFrame(rows)], ignore_index=True),
        features.front_end,
    )


def _jobs(sound: _Sound, configuration: PhraseConfiguration, labels: tuple[str, ...]) -> list[_Job]:
    """Share the phrases of each label out among the families of soundfonts, and in each among programs."""
    soundfonts = [find_soundfont(reference) for reference in configuration.soundfonts]
    programs = {soundfont: soundfont.player().programs() for soundfont in soundfonts}
    counts = {"judge": configuration.clips, "validation": round(_VALIDATION_SHARE * configuration.clips)}
    jobs = []
    for label in labels:
        families: dict[str, list[tuple[Soundfont, int]]] = {}
        for soundfont, has in programs.items():
            played = [(soundfont, program) for program in programs_of(label) if program in has]
            if played:
                families.setdefault(soundfont.family, []).extend(played)
        if not families:
            raise JudgeError(f"no soundfont of the phrases has {label}: add one that has")
        for sources in families.values():
            for place, (soundfont, program) in enumerate(sources):
                numbers = {
                    split: range(place, count // len(families), len(sources))
                    for split, count in counts.items()
                }
                jobs.append(_Job(sound, configuration.seed, soundfont, label, program, numbers))
    return jobs
