"""Music for the tests: real notes, rendered with a real soundfont."""

from __future__ import annotations

import os

# Threads that outnumber the cores cost far more than they gain. Read when torch starts.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import threading
from collections.abc import Sequence
from typing import ClassVar

import numpy as np
import pandas as pd
import pretty_midi
import pytest
from hypothesis import settings

from timbrebench.core.workers import processes
from timbrebench.datasets.notes import notes_table
from timbrebench.datasets.soundfonts.soundfont_finding import find_soundfont
from timbrebench.datasets.soundfonts.synthesis import Synthesizer

# The same examples every time, and no test asserts a time.
settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.load_profile("repeatable")


_OwnTemplate = processes._Template


class SharedTemplate:
    """A template that outlives the executor it was made for: closing it ends that executor's processes alone.

    Importing what all of them need takes 5 s of a core, and tests open some fifty executors.
    """

    PRELOAD = (
        "timbrebench.audio.librosa_modules",
        "timbrebench.classifier.style.style_training",
        "timbrebench.experiments.run.scores",
        "timbrebench.experiments.run.transfers",
    )
    _lock: ClassVar[threading.Lock] = threading.Lock()
    _template: ClassVar[processes._Template | None] = None

    def __init__(self, preload: Sequence[str]) -> None:
        self._preload, self._forked = preload, list[processes._Process]()

    def fork(self, kind: str) -> processes._Process:
        with self._lock:
            if self._template is None or self._template._process.poll() is not None:
                SharedTemplate._template = _OwnTemplate(self.PRELOAD)
            process = self._template.fork(kind)
        process.template = self
        self._forked.append(process)
        return process

    def close(self) -> int:
        for process in self._forked:
            if process.alive:
                process.kill()
        return 0


@pytest.fixture(scope="session", autouse=True)
def shared_template():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(processes, "_Template", SharedTemplate)
        yield
    if SharedTemplate._template is not None:
        SharedTemplate._template.close()


@pytest.fixture
def own_templates(monkeypatch):
    """Let each executor have a template of its own, as it has outside of tests: for tests of processes."""
    monkeypatch.setattr(processes, "_Template", _OwnTemplate)


@pytest.fixture(scope="session")
def synthesizer():
    """TimGM6mb, which comes with pretty_midi."""
    return Synthesizer(find_soundfont("TimGM6mb").path)


@pytest.fixture(scope="session")
def corpus_of_tunes(tmp_path_factory):
    """Write 24 tunes of 24 random notes, one for each beat of so many seconds, and return their folder."""

    def write(*, beat_s):
        folder = tmp_path_factory.mktemp("corpora") / "corpus"
        folder.mkdir()
        for number in range(24):
            midi, tune = pretty_midi.PrettyMIDI(initial_tempo=100.0), pretty_midi.Instrument(0)
            pitches = 60 + np.random.default_rng(number).integers(-9, 10, size=24)
            tune.notes = [
                pretty_midi.Note(90, int(pitch), beat_s * beat, beat_s * (beat + 0.85))
                for beat, pitch in enumerate(pitches)
            ]
            midi.instruments.append(tune)
            midi.write(str(folder / f"tune-{number:02d}.mid"))
        return folder

    return write


@pytest.fixture
def scale() -> pd.DataFrame:
    """C major upwards, four notes a second, two seconds."""
    pitches = [60, 62, 64, 65, 67, 69, 71, 72]
    return notes_table([(0.25 * i, 0.25 * i + 0.2, pitch, 90) for i, pitch in enumerate(pitches)])


@pytest.fixture
def generator() -> np.random.Generator:
    return np.random.default_rng(0)
