"""Tests of the study of keys."""

from __future__ import annotations

from itertools import product

import numpy as np
import pandas as pd
import pytest

from timbrebench.experiments.studies import key_invariance_study
from timbrebench.transfer import create

QUICK = {
    "sample_rate": 11_025,
    "n_fft": 1024,
    "hop_length": 256,
    "stft_network": {"n_filters": 32},
    "mel_network": {"n_filters": 8, "kernel_width": 8, "content_bands": 16, "style_bands": 32},
    "cqt_network": {"n_filters": 2, "kernel_width": 3, "n_bins": 72},
    "max_iterations": 2,
}
WEIGHTS = {"stft_style": 0.3, "mel_style": 0.3, "sparsity": 0.0}
SETTINGS = key_invariance_study.KeySettings((0, 3), (0, 1), QUICK, WEIGHTS)


@pytest.fixture(scope="module")
def result(context):
    return key_invariance_study.run(context, SETTINGS)


def outputs_of(errors, seeds=3, noise=0.002):
    """Outputs with made-up errors: by content, of all keys, or of the own key and of the twelve others."""
    generator = np.random.default_rng(0)
    rows = [
        (name, key, seed, np.broadcast_to(np.asarray(error)[..., None], (2, 12))[int(key != 0)][key % 12])
        for (name, error), key, seed in product(errors.items(), range(-6, 7), range(seeds))
    ]
    table = pd.DataFrame(rows, columns=["content", "transposition", "seed", "key_invariance_mse"])
    table.key_invariance_mse += generator.normal(scale=noise, size=len(table))
    return table.assign(untouched_mse=0.2, feature_change=0.1)


def verdicts(outputs):
    return [finding.verdict for finding in key_invariance_study.findings(outputs)]


def test_every_key_is_tried_with_every_content_and_seed(result):
    outputs = result.further["outputs"]
    assert len(outputs) == 2 * 4 * 2
    assert outputs.key_invariance_mse.gt(0).all()
    assert len(result.table) == 2 * 4
    assert (
        len(key_invariance_study.SMALL.transpositions) == len(key_invariance_study.PAPER.transpositions) == 13
    )


@pytest.mark.parametrize("role", ["content", "style"])
def test_the_content_stays_in_its_key_and_the_error_is_that_against_the_style(context, monkeypatch, role):
    contents = []

    def copy(_, content, style, sample_rate, *, seed):
        contents.append(content)
        return content if role == "content" else style

    monkeypatch.setattr(key_invariance_study, "transfer", copy)
    table = key_invariance_study.run(context, SETTINGS).table.set_index("transposition")
    assert all(np.array_equal(content, contents[0]) for content in contents)
    assert (table.untouched_mse[0] == 0).all()
    assert (table.untouched_mse[3] > 0.05).all()
    expected = table.untouched_mse if role == "content" else 0 * table.untouched_mse
    pd.testing.assert_series_equal(table.key_invariance_mse, expected, check_names=False)


def test_the_contents_differ_in_the_content_alone():
    methods = {
        name: key_invariance_study._method(content, key_invariance_study.PAPER)
        for name, content in key_invariance_study.CONTENTS.items()
    }
    terms = {name: method.parameters.terms for name, method in methods.items()}
    others = [{term for term in own if not term.endswith("_content")} for own in terms.values()]
    assert others == 4 * [{"stft_style", "mel_style"}]
    contents = [sorted(term for term in own if term.endswith("_content")) for own in terms.values()]
    assert contents == [["stft_content"], ["mel_content"], ["cqt_content"], ["cqt_content", "mel_content"]]
    assert {method.parameters.preset for method in methods.values()} == {"text"}
    for name, number in (("STFT", 2), ("mel + CQT", 5)):
        settings = {"configuration": number, "weights": {"sparsity": 0}}
        assert methods[name].parameters == create("multi-representation", settings).parameters


def test_another_key_changes_the_stft_more_than_what_the_text_proposes(result):
    table = result.table.set_index(["transposition", "content"]).feature_change
    assert (table[0] == 0).all()
    for name in key_invariance_study.PROPOSED:
        assert table[3, "STFT"] > 1.5 * table[3, name]


LOWER = {"STFT": (0.2, 0.5), "mel": (0.3, 0.31), "CQT": (0.3, 0.35), "mel + CQT": (0.3, 0.33)}


def test_lower_errors_in_every_other_key_bear_the_claims_out():
    first, best, effect = verdicts(outputs_of(LOWER))
    assert (first, best, effect) == ("held", "did not hold", "held"), "mel beats both in every key"


def test_one_key_is_enough_for_the_first_claim_to_fall():
    outputs = outputs_of(LOWER)
    outputs.loc[(outputs.content == "CQT") & (outputs.transposition == 4), "key_invariance_mse"] += 0.3
    first, *_ = key_invariance_study.findings(outputs)
    assert first.verdict == "did not hold"
    assert "CQT lower in 11 of 12 keys and higher in 1; " in first.figures


def test_nothing_is_clearly_the_best_where_each_is_beaten_somewhere():
    outputs = outputs_of(LOWER)
    for name, key in (("mel", -3), ("CQT", 1), ("mel + CQT", 5)):
        outputs.loc[(outputs.content == name) & (outputs.transposition == key), "key_invariance_mse"] += 0.1
    assert verdicts(outputs)[:2] == ["held", "held"]


def test_seeds_that_scatter_decide_nothing():
    outputs = outputs_of(dict.fromkeys(LOWER, (0.4, 0.4)), noise=0.05)
    assert verdicts(outputs) == 3 * ["not decided"]
    assert verdicts(outputs_of(LOWER, seeds=1)) == 3 * ["not decided"]


def test_less_of_an_effect_is_more_than_what_two_seeds_differ_by():
    outputs = outputs_of(dict.fromkeys(LOWER, (0.3, 0.3)), noise=0.0)
    outputs.key_invariance_mse += 0.02 * outputs.seed
    outputs.loc[(outputs.content == "STFT") & (outputs.transposition != 0), "key_invariance_mse"] += 0.02
    *_, effect = key_invariance_study.findings(outputs)
    # Two seeds differ by 0.02, 0.02 or 0.04.
    assert effect.verdict == "did not hold"
    assert "up to 0.027, what two seeds in one key differ by" in effect.figures
    outputs.loc[(outputs.content == "STFT") & (outputs.transposition != 0), "key_invariance_mse"] += 0.02
    assert verdicts(outputs)[2] == "held"


def test_what_is_missing_bears_nothing_out():
    outputs = outputs_of(LOWER)
    outputs.loc[(outputs.content == "mel") & (outputs.transposition == 2), "key_invariance_mse"] = np.nan
    assert verdicts(outputs) == 3 * ["not decided"]


def test_the_key_of_the_content_is_no_other_key():
    outputs = outputs_of(LOWER)
    outputs.loc[(outputs.content != "STFT") & (outputs.transposition == 0), "key_invariance_mse"] = 9.0
    assert verdicts(outputs)[0] == "held"


def test_an_output_that_is_refused_has_no_error():
    tune = np.full(22_050, 0.1, dtype=np.float32)
    assert np.isnan(key_invariance_study._error(create("silence", {}), tune, tune, 0))
