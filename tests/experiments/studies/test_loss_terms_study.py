"""Tests of the study of loss terms."""

from __future__ import annotations

import numpy as np
import pytest

from timbrebench.datasets.notes import notes_table
from timbrebench.experiments.studies import loss_terms_study
from timbrebench.experiments.studies.loss_term_claims import (
    FEW_CHANNELS,
    FEW_CHANNELS_SHALLOW,
    MANY_CHANNELS,
    NUMBERS,
    RIGHT,
    UNTOUCHED,
    WITHOUT_PENALTY,
)
from timbrebench.experiments.studies.loss_term_pairs import tune_pairs
from timbrebench.experiments.studies.playing import RATE, play
from timbrebench.transfer.methods.multi_representation.loss_configurations import TABLE_1

QUICK = loss_terms_study.LossTermSettings(
    duration_s=3.0,
    parameters={
        "sample_rate": 11_025,
        "n_fft": 1024,
        "hop_length": 256,
        "stft_network": {"n_filters": 4},
        "cqt_network": {"n_filters": 1, "n_bins": 72, "n_blocks": 1, "kernel_width": 5},
        "max_iterations": 1,
    },
    mel_network={"n_filters": 4, "kernel_width": 8, "block_width": 4},
    style_weight=0.3,
    kinds=("singing",),
    contents=1,
)


@pytest.fixture(scope="module")
def result(context):
    return loss_terms_study.run(context, QUICK)


@pytest.fixture(scope="module")
def played():
    (pair,) = tune_pairs(("aligned",), 1)
    return loss_terms_study.PlayedPair.of(pair, "TimGM6mb", 3.0)


def test_the_numbers_are_those_of_the_table():
    for number, name in zip(NUMBERS, TABLE_1, strict=True):
        condition = next(own for own in loss_terms_study._conditions("alike") if own.name == number)
        assert loss_terms_study._method(condition, loss_terms_study.PAPER).parameters.configuration == name


def test_each_pair_has_the_six_configurations_and_what_is_claimed_of_its_kind(result):
    expected = [UNTOUCHED, RIGHT, *NUMBERS, WITHOUT_PENALTY]
    assert result.further["outputs"].condition.tolist() == expected
    assert result.table.condition.tolist() == expected
    made = result.table[~result.table.condition.isin([UNTOUCHED, RIGHT])]
    assert made.notna().all(axis=None)
    assert len(result.findings) == 17


def test_doing_nothing_has_no_success_and_the_right_output_has_all(played):
    untouched, right = played.scores(played.content), played.scores(played.right)
    assert untouched["success"] == untouched["timbre"] == 0
    assert untouched["notes"] > 0.9
    assert right["timbre"] == pytest.approx(1)
    assert right["success"] > 0.9


def test_copying_the_style_has_its_timbre_and_leaks_its_notes(played):
    copy = played.scores(played.style[: len(played.content)])
    assert copy["timbre"] > 0.5
    assert copy["note_leakage"] > 0.8 > copy["notes"]
    assert played.scores(played.style)["rhythm_error"] == 0


def test_notes_that_move_to_another_key_are_still_there():
    (pair,) = tune_pairs(("aligned",), 1)
    moved = pair.content.notes.assign(pitch=pair.content.notes.pitch + 5)
    played = loss_terms_study.PlayedPair.of(pair, "TimGM6mb", 3.0)
    output = play(moved, "TimGM6mb", pair.content.program, 3.0)
    trial = played.trial.with_output(output, RATE)
    assert trial.note_scores.f1 < 0.5
    assert loss_terms_study.notes_in_any_key(trial) > 0.9
    other = notes_table([(0.37 * i, 0.37 * i + 0.3, 60 + 7 * (i % 3), 90) for i in range(8)])
    output = play(other, "TimGM6mb", pair.content.program, 3.0)
    assert loss_terms_study.notes_in_any_key(played.trial.with_output(output, RATE)) < 0.5


@pytest.mark.parametrize(("first", "second", "mean"), [(0.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.5, 1.0, 2 / 3)])
def test_success_needs_both_halves(first, second, mean):
    assert loss_terms_study.harmonic_mean(first, second) == pytest.approx(mean)


def test_an_output_that_is_refused_has_no_figures(played):
    refused = played.scores(None)
    assert list(refused) == list(loss_terms_study.FIGURES)
    assert np.isnan(list(refused.values())).all()


def test_mel_channels_and_blocks_of_the_mash_up_are_the_texts():
    networks = {
        condition.name: loss_terms_study._method(condition, loss_terms_study.PAPER).parameters.mel_network
        for condition in loss_terms_study._conditions("aligned")
    }
    assert (networks[MANY_CHANNELS].style_bands, networks[MANY_CHANNELS].n_blocks) == (512, 2)
    assert (networks[FEW_CHANNELS].style_bands, networks[FEW_CHANNELS].n_blocks) == (16, 2)
    assert (networks[FEW_CHANNELS_SHALLOW].style_bands, networks[FEW_CHANNELS_SHALLOW].n_blocks) == (16, 0)


def test_the_penalty_is_left_out_where_it_is_said():
    terms = {
        condition.name: loss_terms_study._method(condition, loss_terms_study.SMALL).parameters.terms
        for condition in loss_terms_study._conditions("singing")
    }
    assert "sparsity" in terms["4"]
    assert "sparsity" not in terms[WITHOUT_PENALTY]
    assert {**terms[WITHOUT_PENALTY], "sparsity": terms["4"]["sparsity"]} == terms["4"]
