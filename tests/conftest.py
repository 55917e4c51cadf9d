"""Music for the tests: real notes, rendered with a real soundfont."""

from __future__ import annotations

import os

# Threads that outnumber the cores cost far more than they gain. Read when torch starts.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pandas as pd
import pytest
from hypothesis import settings

from timbrebench.datasets.notes import notes_table
from timbrebench.datasets.soundfonts.soundfont_finding import find_soundfont
from timbrebench.datasets.soundfonts.synthesis import Synthesizer

# The same examples every time, and no test asserts a time.
settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.load_profile("repeatable")


@pytest.fixture(scope="session")
def synthesizer():
    """TimGM6mb, which comes with pretty_midi."""
    return Synthesizer(find_soundfont("TimGM6mb").path)


@pytest.fixture
def scale() -> pd.DataFrame:
    """C major upwards, four notes a second, two seconds."""
    pitches = [60, 62, 64, 65, 67, 69, 71, 72]
    return notes_table([(0.25 * i, 0.25 * i + 0.2, pitch, 90) for i, pitch in enumerate(pitches)])


@pytest.fixture
def generator() -> np.random.Generator:
    return np.random.default_rng(0)
