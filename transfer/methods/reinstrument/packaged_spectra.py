"""Note spectra that come with the package, for two recordings without a dataset.

They are the templates of :func:`~timbrebench.transfer.methods.reinstrument.trained_notes.learn_templates` of
six instruments, and the network that names labels, learned from the training pieces of the default dataset
(:mod:`~timbrebench.transfer.methods.reinstrument.spectra_learning`). They serve who has two files and no
dataset. A run never loads them: there a method learns from the clips of the run, so that what it has met is
what the suite's rules say.

Spectra are stored in half decibels under their loudest value, down to -110 dB, which is a byte for each.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

from timbrebench.classifier.style.style_judge import Judge
from timbrebench.core.errors import ConfigurationError
from timbrebench.core.files import atomic_path
from timbrebench.transfer.algorithms.note_templates import NoteTemplates, label_of, source_of
from timbrebench.transfer.contract import Learned

#: Files beside this module.
SPECTRA_FILE, RECOGNISER_FILE, SPECTRA_CARD_FILE = "spectra.npz", "recogniser.pt", "spectra.json"

#: Steps in a decibel, and the number of steps from the loudest value to nothing.
_STEPS_PER_DB, _STEPS = 2, 220


@dataclass(frozen=True)
class PackagedSpectra:
    """What comes with the package.

    Attributes
    ----------
    reading, playing : NoteTemplates
        Templates of attack and rest, and of six stages, of the same timbres and pitches.
    clips : frozenset of str
        SHA-256 of the clips that the templates were learned from.
    """

    reading: NoteTemplates
    playing: NoteTemplates
    clips: frozenset[str]

    def save(self, path: Path) -> None:
        """Write them atomically; the same templates give the same bytes."""
        with atomic_path(path) as temporary:
            np.savez_compressed(
                temporary,
                timbres=np.array(self.reading.timbres),
                pitches=self.reading.pitches,
                clips=np.array(sorted(self.clips)),
                loudest=np.array([self.reading.spectra.max(), self.playing.spectra.max()]),
                reading=_to_steps(self.reading.spectra),
                playing=_to_steps(self.playing.spectra),
            )

    @classmethod
    def load(cls, path: Path) -> PackagedSpectra:
        """Read what :meth:`save` wrote."""
        with np.load(path, allow_pickle=False) as stored:
            timbres, pitches = tuple(stored["timbres"].tolist()), stored["pitches"]
            reading, playing = (
                NoteTemplates(timbres, pitches, _from_steps(stored[name], loudest))
                for name, loudest in zip(("reading", "playing"), stored["loudest"], strict=True)
            )
            return cls(reading, playing, frozenset(stored["clips"].tolist()))

    def learned(self) -> Learned:
        """Return the clips, and what played them; templates have no weights."""
        programs, soundfonts = zip(*map(source_of, self.reading.timbres), strict=True)
        return Learned(clips=self.clips, soundfonts=frozenset(soundfonts), programs=frozenset(programs))

    def describe(self) -> str:
        """Return in a sentence what was learned, and from what."""
        timbres = self.reading.timbres
        *others, last = sorted(map(label_of, timbres))
        soundfonts = ", ".join(sorted({source_of(name)[1] for name in timbres}))
        return (
            f"knows note spectra that come with timbrebench: {', '.join(others)} and {last} of {soundfonts}, "
            f"learned from {len(self.clips)} rendered clips; with --dataset it learns from clips of yours"
        )


@cache
def packaged_spectra() -> PackagedSpectra:
    """Return the note spectra that come with the package."""
    with resources.as_file(_weights() / SPECTRA_FILE) as path:
        return PackagedSpectra.load(path)


@cache
def packaged_recogniser() -> Judge:
    """Return the network that names their labels."""
    with resources.as_file(_weights() / RECOGNISER_FILE) as path:
        return Judge.load(path)


@cache
def recogniser_soundfonts() -> frozenset[str]:
    """Return what played the clips that the network has learned from: the six programs of the spectra."""
    card = json.loads((_weights() / SPECTRA_CARD_FILE).read_text(encoding="utf-8"))
    return frozenset(card["dataset"]["soundfonts"])


def require_defaults(method: str, settings: BaseModel, names: tuple[str, ...]) -> None:
    """Raise ConfigurationError where a parameter that decides what is learned differs from its default."""
    for name in ("sample_rate", "n_fft", "hop_length", *names):
        if getattr(settings, name) != type(settings).model_fields[name].default:
            raise ConfigurationError(
                f"{name} of {method!r} decides what is learned, and the note spectra that come with "
                "timbrebench were learned with its default: leave it out, or give a dataset by --dataset"
            )


def _weights() -> Traversable:
    return resources.files("timbrebench.transfer.methods.reinstrument") / "weights"


def _to_steps(spectra: NDArray[np.float32]) -> NDArray[np.uint8]:
    decibels = 20 * np.log10(np.maximum(spectra / spectra.max(), 1e-9))
    return np.asarray(np.clip(np.round(_STEPS + _STEPS_PER_DB * decibels), 0, _STEPS), dtype=np.uint8)


def _from_steps(steps: NDArray[np.uint8], loudest: float) -> NDArray[np.float32]:
    decibels = (np.arange(_STEPS + 1) - _STEPS) / _STEPS_PER_DB
    values = np.where(np.arange(_STEPS + 1) > 0, loudest * 10 ** (decibels / 20), 0).astype(np.float32)
    return np.asarray(values[steps])
