"""Notes that are off by a constant are noticed, others are not."""

import numpy as np
import pandas as pd
import pytest

from timbrebench.experiments.suites.note_alignment import note_lag


@pytest.fixture
def notes(generator):
    onsets = np.cumsum(generator.uniform(0.1, 0.4, 60))
    return pd.DataFrame({"onset_s": onsets, "pitch": generator.integers(60, 72, 60)})


@pytest.mark.parametrize("lag", [1.0, -0.6, 2.5])
def test_a_constant_lag_is_measured(notes, lag, generator):
    transcribed = notes.assign(onset_s=notes.onset_s + lag + generator.normal(0, 0.02, len(notes)))
    assert note_lag(notes, transcribed.iloc[::2]) == pytest.approx(lag, abs=0.05)


def test_notes_that_are_transcribed_in_time_or_badly_have_none(notes, generator):
    assert note_lag(notes, notes) == 0
    assert note_lag(notes, notes.assign(onset_s=notes.onset_s + 0.08)) == 0
    assert note_lag(notes, notes.assign(pitch=generator.integers(60, 72, len(notes)))) == 0
    assert note_lag(notes, notes.iloc[:0]) == 0
