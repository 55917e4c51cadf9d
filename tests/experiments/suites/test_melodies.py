"""Tests of the tunes that studies play, and of tuning forks."""

from __future__ import annotations

import librosa
import numpy as np
import pytest

from timbrebench.core.errors import DatasetError
from timbrebench.datasets.notes import notes_table
from timbrebench.experiments.studies.playing import RATE, play
from timbrebench.experiments.studies.tuning_fork import CLANG_RATIO, tuning_forks
from timbrebench.experiments.suites.melodies import ode_to_joy, star_spangled_banner, tune


@pytest.mark.parametrize("notes", [star_spangled_banner(), ode_to_joy()])
def test_both_tunes_fill_four_seconds_with_one_note_at_a_time(notes):
    assert 3.9 < notes.offset_s.max() <= 4.0
    assert (notes.onset_s.to_numpy()[1:] >= notes.offset_s.to_numpy()[:-1]).all()


def test_the_banner_falls_by_a_triad_and_rises_over_an_octave():
    steps = star_spangled_banner().pitch.diff().dropna().astype(int).tolist()
    assert steps == [-3, -4, 4, 3, 5, 4, -2]


def test_a_transposed_tune_has_the_same_intervals_and_times():
    own, moved = star_spangled_banner(), star_spangled_banner(5)
    assert (moved.pitch - own.pitch == 5).all()
    assert (moved.onset_s == own.onset_s).all()


def test_beats_last_as_long_as_the_tempo_says():
    notes = tune([(60, 1.0), (62, 2.0), (64, 1.0)], tempo=60)
    assert notes.onset_s.tolist() == [0.0, 1.0, 3.0]


def test_a_fork_sounds_its_note_and_for_a_moment_its_clang_tone():
    notes = notes_table([(0.0, 1.0, 69, 100)])
    sound = tuning_forks(notes, 1.0, RATE)
    start, end = (
        np.abs(librosa.stft(part, n_fft=2048, center=False)).mean(axis=1)
        for part in (sound[: RATE // 10], sound[RATE // 2 :])
    )
    hertz = librosa.fft_frequencies(sr=RATE, n_fft=2048)
    clang = np.abs(hertz - CLANG_RATIO * 440).argmin()
    assert hertz[start.argmax()] == pytest.approx(440, abs=11)
    assert hertz[end.argmax()] == pytest.approx(440, abs=11)
    assert start[clang] / start.max() > 100 * end[clang] / end.max()


def test_a_damped_fork_is_silent():
    sound = tuning_forks(notes_table([(0.0, 0.5, 69, 100)]), 1.0, RATE)
    assert np.abs(sound[round(0.54 * RATE) :]).max() == 0


def test_an_instrument_that_sounds_none_of_the_notes_is_refused():
    silent = notes_table([(10.0, 11.0, 60, 90)])
    with pytest.raises(DatasetError, match="sounds none of the notes"):
        play(silent, "TimGM6mb", 0, 1.0)
