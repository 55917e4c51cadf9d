"""Tests of the pairs that loss terms are compared on."""

from __future__ import annotations

import numpy as np
import pytest

from timbrebench.experiments.studies.loss_term_pairs import (
    FASTER,
    N_CONTENTS,
    PAIR_KINDS,
    SLOWER,
    TEMPO,
    long_rhythm,
    tune_pairs,
)
from timbrebench.experiments.studies.loss_terms_study import STYLE_S

PAIRS = list(tune_pairs())


def pair_of(kind, number=0):
    return next(pair for pair in PAIRS if (pair.kind, pair.number) == (kind, number))


def pitch_classes(notes):
    return set(notes.pitch % 12)


def test_each_content_has_a_pair_of_each_kind():
    assert [(pair.number, pair.kind) for pair in PAIRS] == [
        (number, kind) for number in range(N_CONTENTS) for kind in PAIR_KINDS
    ]
    assert len(list(tune_pairs(("long",), 2))) == 2


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: f"{pair.kind}-{pair.number}")
def test_both_parts_last_long_enough_and_differ_in_their_instruments(pair):
    assert pair.content.program != pair.style.program
    for part in (pair.content, pair.style):
        assert part.notes.offset_s.max() > STYLE_S - 0.5
        assert part.notes.pitch.between(50, 80).all()


def test_tempi_lie_within_ten_beats_per_minute():
    assert max(TEMPO, FASTER, SLOWER) - min(TEMPO, FASTER, SLOWER) <= 12
    assert all(abs(tempo - TEMPO) <= 10 for tempo in (FASTER, SLOWER))


@pytest.mark.parametrize("number", range(N_CONTENTS))
def test_the_style_of_each_kind_differs_from_the_content_as_it_says(number):
    alike, aligned, apart = (pair_of(kind, number) for kind in ("alike", "aligned", "apart"))
    assert alike.style.notes.equals(alike.content.notes)
    assert not aligned.style.notes.pitch.equals(aligned.content.notes.pitch)
    major = {0, 2, 4, 5, 7, 9, 11}
    for kind in ("alike", "aligned", "long", "singing"):
        assert pitch_classes(pair_of(kind, number).style.notes) <= major
    assert (apart.style.notes.pitch - aligned.style.notes.pitch == 6).all()
    assert pitch_classes(pair_of("hardest", number).style.notes) & {1, 3, 6, 8, 10}
    assert pair_of("singing", number).style.program in {52, 53}


def test_the_long_rhythm_begins_anew_after_eight_beats_and_not_before():
    onsets = np.unique(long_rhythm().onset_s)
    beat = 60 / FASTER
    first, second = onsets[onsets < 8 * beat - 0.01], onsets[onsets >= 8 * beat - 0.01]
    assert np.allclose(second - 8 * beat, first, atol=0.001)
    assert (first < 4 * beat - 0.01).sum() == 16
    assert (first >= 4 * beat - 0.01).sum() == 1
