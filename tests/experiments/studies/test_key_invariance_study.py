"""Tests of the study of keys."""

from __future__ import annotations

import numpy as np
import pytest

from timbrebench.experiments.studies import key_invariance_study
from timbrebench.transfer import create

QUICK = {
    "sample_rate": 11_025,
    "n_fft": 1024,
    "hop_length": 256,
    "stft_network": {"n_filters": 32},
    "mel_network": {
        "n_filters": 8,
        "kernel_width": 8,
        "block_width": 4,
        "n_blocks": 1,
        "content_bands": 16,
        "style_bands": 32,
    },
    "cqt_network": {"n_filters": 2, "kernel_width": 3, "n_blocks": 0, "n_bins": 72},
    "max_iterations": 8,
}
WEIGHTS = {"stft_style": 0.3, "mel_style": 0.3, "sparsity": 0.0}


@pytest.fixture(scope="module")
def result(context):
    return key_invariance_study.run(context, key_invariance_study.KeySettings((0, 3), QUICK, WEIGHTS))


def held(table, part):
    (finding,) = (finding for finding in key_invariance_study.findings(table) if part in finding.claim)
    return finding.verdict == "held"


def test_where_keys_agree_content_and_style_are_one_signal(result):
    same = result.table[result.table.transposition == 0]
    assert (same.untouched_mse == 0).all()
    assert same.feature_change.dropna().eq(0).all()
    other = result.table[result.table.transposition == 3]
    assert (other.untouched_mse > 0.05).all()


def test_another_key_changes_the_stft_more_than_mel_bands_and_constant_q(result):
    changes = result.table[result.table.transposition == 3].set_index("content").feature_change
    assert changes["STFT"] > 2 * changes["mel"]
    assert changes["STFT"] > 1.5 * changes["CQT"]


def test_without_content_its_key_cannot_matter(result):
    alone = result.table[result.table.content == "none"].log_stft_mse
    assert alone.nunique() == 1


def test_content_by_the_stft_is_nearest_where_keys_agree_and_loses_most_in_another(result):
    errors = result.table.set_index(["transposition", "content"]).log_stft_mse
    assert errors[0, "STFT"] < errors[0, "none"]
    assert errors[3, "STFT"] - errors[0, "STFT"] > errors[3, "CQT"] - errors[0, "CQT"]


def test_what_is_found_follows_the_table(result):
    table = result.table
    own = (table.content == "STFT").to_numpy()
    best = table.assign(log_stft_mse=table.log_stft_mse.where(~own, 0.0))
    worst = table.assign(log_stft_mse=table.log_stft_mse.where(~own, 9.0))
    assert held(best, "Where the keys agree")
    assert not held(worst, "Where the keys agree")
    assert held(worst, "In other keys")
    assert not held(best, "In other keys")


def test_what_is_missing_bears_nothing_out(result):
    missing = result.table.assign(log_stft_mse=result.table.log_stft_mse.where(result.table.content != "mel"))
    assert not held(missing, "Where the keys agree")
    assert not held(missing, "In other keys")


def test_the_text_compares_contents_with_none(result):
    table = result.table
    errors = table.content.map({"STFT": 0.5, "mel": 0.3, "CQT": 0.4, "mel + CQT": 0.35, "none": 0.1})
    text = key_invariance_study._text(table.assign(log_stft_mse=errors))
    assert text.startswith(
        "2 keys. Mean errors in other keys: of the contents mel has the least, 0.300; with no content at all "
        "it is 0.100, which 0 of 4 undercut."
    )


def test_an_output_that_is_refused_has_no_error():
    tune = np.full(22_050, 0.1, dtype=np.float32)
    assert np.isnan(key_invariance_study._error(create("silence", {}), tune, tune))
