"""Tests of the study of loss terms."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from timbrebench.core.errors import ConfigurationError
from timbrebench.experiments.studies import loss_terms_study

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
    "cqt_network": {"n_filters": 2, "n_bins": 72},
    "max_iterations": 2,
}


@pytest.fixture(scope="module")
def result(context):
    settings = loss_terms_study.LossTermSettings(
        QUICK,
        style_weight=0.3,
        configurations=("stft/stft+mel", "mel+cqt/stft+mel"),
        differences=(loss_terms_study.SAME_TUNE, loss_terms_study.OTHER_KEY, loss_terms_study.OTHER_MUSIC),
    )
    return loss_terms_study.run(context, settings)


def verdicts(table):
    return [finding.verdict == "held" for finding in loss_terms_study.findings(table)]


def test_the_six_configurations_of_the_table_are_compared():
    assert len(loss_terms_study.TABLE_1) == 6


def test_each_configuration_is_tried_on_each_pair(result):
    counts = result.table.groupby("configuration").size()
    assert counts.to_dict() == {"untouched": 3, "stft/stft+mel": 3, "mel+cqt/stft+mel": 3}


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


def test_what_is_not_in_two_keys_for_sure_does_not_count_there(result):
    """The other music may be in the content's key."""
    by_stft = result.table.configuration == "stft/stft+mel"
    unknown = result.table.pair == loss_terms_study.OTHER_MUSIC
    scores = (by_stft | unknown).astype(float) + (~by_stft & unknown)
    assert verdicts(result.table.assign(harmonic_mean=scores)) == [True, False]


def test_what_has_no_score_bears_nothing_out(result):
    by_mel = result.table.configuration == "mel+cqt/stft+mel"
    missing = result.table.assign(harmonic_mean=(~by_mel).astype(float).mask(by_mel))
    same, other = loss_terms_study.findings(missing)
    assert same.verdict == "did not hold"
    assert other.verdict == "did not hold"
    assert same.figures == "Harmonic mean `stft/stft+mel` 1.00, `mel+cqt/stft+mel` \N{EN DASH}."
    assert "Same tune: `stft/stft+mel` does best" in loss_terms_study._text(missing, loss_terms_study.SMALL)


def test_nothing_is_best_where_all_have_nothing(result):
    nothing = result.table.assign(harmonic_mean=0.0)
    assert "Same tune: none brings the trumpet and the notes together." in loss_terms_study._text(
        nothing, loss_terms_study.SMALL
    )


@pytest.mark.parametrize(
    ("confidence", "notes", "mean"),
    [(0.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.5, 1.0, 2 / 3), (np.nan, 1.0, np.nan), (0.0, np.nan, np.nan)],
)
def test_what_could_not_be_worked_out_is_no_score(confidence, notes, mean):
    assert loss_terms_study._harmonic_mean(confidence, notes) == pytest.approx(mean, nan_ok=True)


def test_an_output_that_is_refused_has_no_score(context):
    clip = np.zeros(22_050, dtype=np.float32)
    assert np.isnan(list(loss_terms_study._scores(context, None, clip, clip, clip).values())).all()


def test_a_suite_without_the_style_is_refused_before_any_work(context):
    pairs = tuple(pair for pair in context.suite.pairs if pair.style.label != "trumpet")
    bare = replace(context, suite=replace(context.suite, pairs=pairs))
    with pytest.raises(ConfigurationError, match="no pair whose style is a trumpet"):
        loss_terms_study.STUDY.check(bare)


def test_a_judge_of_other_instruments_is_refused(context):
    class Deaf:
        labels = ("piano", "voice")

    with pytest.raises(ConfigurationError, match="does not know trumpet"):
        loss_terms_study.STUDY.answer(replace(context, judge=Deaf()))
