"""Tests of the study of loss terms."""

from __future__ import annotations

from dataclasses import replace

import pytest

from timbrebench.audio.errors import ConfigurationError
from timbrebench.experiments.studies import loss_terms

QUICK = {
    "sample_rate": 11_025,
    "n_fft": 1024,
    "hop_length": 256,
    "stft_network": {"n_filters": 16},
    "mel_network": {
        "n_filters": 8,
        "kernel_width": 8,
        "block_width": 4,
        "n_blocks": 0,
        "content_bands": 16,
        "style_bands": 32,
    },
    "max_iterations": 2,
}


@pytest.fixture(scope="module")
def result(context):
    settings = loss_terms.LossTermSettings(
        QUICK,
        style_weight=0.3,
        configurations=("stft/stft+mel", "mel/stft+mel"),
        differences=(loss_terms.SAME_TUNE, loss_terms.OTHER_MUSIC),
    )
    return loss_terms.run(context, settings)


def verdicts(table):
    return [finding.held for finding in loss_terms.findings(table)]


def test_the_six_configurations_of_the_table_are_compared():
    assert len(loss_terms.COMPARED) == 6


def test_each_configuration_is_tried_on_each_pair(result):
    counts = result.table.groupby("configuration").size()
    assert counts.to_dict() == {"untouched": 2, "stft/stft+mel": 2, "mel/stft+mel": 2}


def test_the_untouched_content_has_its_notes(result):
    untouched = result.table[result.table.configuration == "untouched"]
    assert (untouched.note_f1 > 0.8).all()


def test_the_mean_lies_between_its_halves(result):
    table = result.table
    low = table[["style_confidence", "note_f1"]].min(axis=1)
    high = table[["style_confidence", "note_f1"]].max(axis=1)
    assert (table.harmonic_mean >= low - 1e-9).all()
    assert (table.harmonic_mean <= high + 1e-9).all()


def test_what_is_found_follows_the_table(result):
    by_stft = result.table.configuration == "stft/stft+mel"
    assert verdicts(result.table.assign(harmonic_mean=by_stft.astype(float))) == [True, False]
    assert verdicts(result.table.assign(harmonic_mean=(~by_stft).astype(float))) == [False, True]


def test_a_judge_of_other_instruments_is_refused(context):
    class Deaf:
        labels = ("piano", "voice")

    with pytest.raises(ConfigurationError, match="knows no trumpet"):
        loss_terms.run(replace(context, judge=Deaf()))
