"""What metrics are validated on: the controls, and references that were degraded or changed, pair by pair."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from functools import partial
from typing import Literal, NamedTuple

import pandas as pd

from timbrebench.audio.clips import Samples
from timbrebench.audio.loudness import rms
from timbrebench.datasets import Dataset
from timbrebench.datasets.notes import fold, read_notes
from timbrebench.datasets.rendering.window_rendering import notes_near, render_window
from timbrebench.datasets.soundfonts.soundfont_finding import Soundfont
from timbrebench.experiments.run.run_configuration import CONTROLS
from timbrebench.experiments.suites.suite import Pair
from timbrebench.experiments.validity import corruptions
from timbrebench.transfer.contract import ReferenceControl
from timbrebench.transfer.registry import create

#: Grades of each corruption; 0 is the reference as it is.
GRADES = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)

#: Decibels, signs and samples by which a reference is changed without becoming worse.
AMOUNTS: dict[str, tuple[float, ...]] = {"gain": (-12, 12), "polarity": (-1,), "shift": (-5, 5)}

#: Semitones by which the content is moved for metrics that need the style to be its tune in another key.
OTHER_KEY = 2

Kind = Literal["control", "corruption", "invariance"]


class Treatment(NamedTuple):
    """How an output was made that is scored.

    `change` is the name of the control or of what is done to the reference; `grade` says how much of it: a
    grade of a corruption, decibels, a sign, samples; 0 for controls.
    """

    kind: Kind
    change: str
    grade: float = 0.0


#: The reference as it is, which is where everything begins.
REFERENCE = Treatment("control", "reference")


class Degrader:
    """Makes everything that is scored of one pair of a dataset that was rendered from notes.

    `soundfont` is what its reference was rendered with, `seed` that of all that is drawn.
    """

    def __init__(self, pair: Pair, dataset: Dataset, soundfont: Soundfont, seed: int) -> None:
        self._pair = pair
        self._player = soundfont.player()
        self._content, self._style, self._reference = (
            dataset.samples(clip) for clip in (pair.content, pair.style, pair.target)
        )
        # The pair's name takes part in the seed: its mistakes are the same whichever other pairs there are.
        self._seed = zlib.crc32(f"{seed} {pair.pair_id}".encode())
        clip = pair.target
        self._notes = notes_near(read_notes(dataset.notes_path(clip.piece)), clip)
        self._range = dict(zip(("lowest", "highest"), dataset.description["pitch_range"], strict=True))

    def outputs(self) -> dict[Treatment, Samples]:
        """Return the samples of each condition: the controls first, then worse and worse, then no worse."""
        controls = {Treatment("control", name): self._control(name) for name in CONTROLS}
        degraded = {
            Treatment("corruption", name, grade): degrade(grade)
            for name, degrade in self._corruptions().items()
            for grade in GRADES[1:]
        }
        changed = {
            Treatment("invariance", name, amount): change(amount)
            for name, change in self._invariances().items()
            for amount in AMOUNTS[name]
        }
        return controls | degraded | changed

    def in_another_key(self) -> Samples:
        """Return the reference's notes, :data:`OTHER_KEY` semitones higher, as its instrument plays them."""
        notes = fold(self._notes.assign(pitch=self._notes.pitch + OTHER_KEY), *self._range.values())
        return self._played(lambda _: notes, 0.0)

    def _control(self, name: str) -> Samples:
        """Return what a control makes, unchecked: a run refuses silence before it is scored."""
        method = create(name, {})
        if isinstance(method, ReferenceControl):
            return method.transfer_from_reference(self._reference)
        rate = self._pair.content.sample_rate
        return method.transfer(self._content, self._style, sample_rate=rate, seed=self._seed)

    def _corruptions(self) -> dict[str, Callable[[float], Samples]]:
        clip, rate = self._reference, self._pair.target.sample_rate
        on_samples: dict[str, Callable[[float], Samples]] = {
            "noise": partial(corruptions.noise, clip, seed=self._seed),
            "lowpass": partial(corruptions.lowpass, clip, sample_rate=rate),
            "wrong_instrument": partial(corruptions.wrong_instrument, clip, other=self._content),
            "holes": partial(corruptions.holes, clip, sample_rate=rate, seed=self._seed),
            "burst": partial(corruptions.burst, clip, sample_rate=rate, seed=self._seed),
            "smear": partial(corruptions.smear, clip, seed=self._seed),
            "ring": partial(corruptions.ring, clip, sample_rate=rate),
        }
        start_s = self._pair.target.start_s
        on_notes: dict[str, Callable[[float], pd.DataFrame]] = {
            "wrong_notes": partial(corruptions.wrong_notes, self._notes, seed=self._seed, **self._range),
            "shifted_onsets": partial(corruptions.shifted_onsets, self._notes, seed=self._seed),
            "time_stretch": partial(corruptions.time_stretch, self._notes, start_s=start_s),
            "transposition": partial(corruptions.transposition, self._notes, **self._range),
        }
        return on_samples | {name: partial(self._played, degrade) for name, degrade in on_notes.items()}

    def _played(self, degrade: Callable[[float], pd.DataFrame], grade: float) -> Samples:
        return render_window(self._player, degrade(grade), self._pair.target, level=rms(self._reference))

    def _invariances(self) -> dict[str, Callable[[float], Samples]]:
        clip = self._reference
        return {
            "gain": partial(corruptions.gain, clip),
            "polarity": lambda _: corruptions.polarity(clip),
            "shift": lambda count: corruptions.shift(clip, round(count)),
        }
