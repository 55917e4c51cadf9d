"""Tests of the study of textures."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from timbrebench.audio.clips import write_audio
from timbrebench.experiments.studies import texture


def table_of(kl, correlation=(0.2, 0.2, 0.2)):
    return pd.DataFrame(
        {
            "method": ["wide-limit"] * 3,
            "receptive_field_s": [0.1, 0.5, 2.0],
            "ioi_kl": kl,
            "autocorrelation_error": kl,
            "max_cross_correlation": correlation,
        }
    )


def verdicts(table):
    return [finding.held for finding in texture.findings(table)]


def test_rhythm_that_comes_back_without_a_copy_bears_the_claims_out():
    assert verdicts(table_of([3.0, 2.0, 1.0])) == [True, True, True]


def test_rhythm_that_does_not_come_back_does_not():
    assert verdicts(table_of([1.0, 2.0, 3.0])) == [False, False, True]


def test_a_figure_that_is_missing_bears_nothing_out():
    assert verdicts(table_of([3.0, np.nan, 1.0]))[:2] == [False, False]


def test_a_copy_is_told(context):
    assert verdicts(table_of([3.0, 2.0, 1.0], (0.2, 0.5, 0.95))) == [True, True, False]


@pytest.fixture(scope="module")
def result(context, tmp_path_factory):
    """Textures of five seconds of pulses of noise: clips of the small run are shorter than a rhythm."""
    rate = 22_050
    generator = np.random.default_rng(0)
    samples = np.zeros(5 * rate, dtype=np.float32)
    for start in np.arange(0, 5, 0.25):
        first = round(start * rate)
        samples[first : first + 2000] = generator.normal(0, 0.2, 2000) * np.exp(-np.arange(2000) / 300)
    root = tmp_path_factory.mktemp("pulses")
    write_audio(root / "pulses.flac", samples, rate)
    pair = context.suite.pairs[0]
    clip = replace(pair.style, path="pulses.flac", sample_rate=rate, duration_s=5.0)
    dataset = replace(context.clips, root=root)
    pulses = replace(
        context, suite=replace(context.suite, pairs=(replace(pair, style=clip),), dataset=dataset)
    )
    settings = texture.TextureSettings(
        blocks=(),
        kernel_widths=(1, 48),
        wide_limit={"max_iterations": 30, "inversion": {"iterations": 5}},
    )
    return texture.run(pulses, settings)


def test_a_field_longer_than_a_beat_brings_the_rhythm_back_and_one_frame_does_not(result):
    short, long = result.table.itertuples()
    assert long.receptive_field_s > 1 > short.receptive_field_s
    assert long.autocorrelation_error < 0.7 * short.autocorrelation_error
