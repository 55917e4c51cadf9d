"""Tests of how the timbre of a clip is recognised."""

from __future__ import annotations

import pytest

from timbrebench.audio.spectra import magnitude
from timbrebench.transfer.algorithms.note_templates import label_of
from timbrebench.transfer.bases.spectrogram_method import AnalysedClip
from timbrebench.transfer.methods.reinstrument.recogniser import recognise


@pytest.mark.parametrize("length", [8000, 22050])
def test_a_known_timbre_is_recognised_however_loud(prepared, content, style, length):
    learned = prepared._prepared
    for clip, label in ((content, "string"), (style, "reed")):
        for gain in (0.1, 1.0):
            samples = gain * clip[:length]
            timbre, unexplained = recognise(
                AnalysedClip(samples, magnitude(samples, 2048, 512)),
                22050,
                learned.reading,
                learned.recogniser,
            )
            assert label_of(learned.reading.timbres[timbre]) == label
            assert 0 < unexplained < 0.2


@pytest.mark.parametrize(
    ("timbre", "label"),
    [("piano 000 FluidR3_GM", "piano"), ("grand piano 001 My Font 2", "grand piano")],
)
def test_labels_may_hold_blanks(timbre, label):
    assert label_of(timbre) == label
