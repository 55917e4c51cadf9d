"""Tests of the study of textures."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from timbrebench.audio.clips import write_audio
from timbrebench.experiments.studies import texture_study
from timbrebench.metrics.correlation import COPY
from timbrebench.transfer import create


def table_of(kl, correlation=0.2):
    return pd.DataFrame(
        {
            "method": "wide-limit",
            "receptive_field_s": 0.1 * 2.0 ** np.arange(len(kl)),
            "ioi_kl": kl,
            "autocorrelation_error": kl,
            "max_cross_correlation": correlation,
        }
    )


def figures(table):
    return [finding.figures for finding in texture_study.findings(table)]


def verdicts(table):
    return [finding.verdict == "held" for finding in texture_study.findings(table)]


def test_rhythm_that_comes_back_without_a_copy_bears_the_claims_out():
    assert verdicts(table_of([3.0, 2.0, 1.0])) == [True, True, True]


def test_rhythm_that_does_not_come_back_does_not():
    assert verdicts(table_of([1.0, 2.0, 3.0])) == [False, False, True]


def test_a_figure_that_is_missing_bears_nothing_out():
    table = table_of([3.0, np.nan, 1.0], (0.2, np.nan, 0.2))
    assert verdicts(table) == [False, False, False]
    assert all("could not be worked out" in said for said in figures(table))


def test_a_copy_is_detected():
    assert verdicts(table_of([3.0, 2.0, 1.0], (0.2, 0.5, 0.95))) == [True, True, False]


def test_an_order_that_decides_is_said():
    """It ends lower than it began, and rises all the way to there."""
    table = table_of([2.0, 3.0, 4.0, 5.0, 1.0])
    assert verdicts(table)[0] is False
    assert figures(table)[0] == (
        "From 2.00 with the shortest to 1.00 with the longest; over all of them its rank correlation with "
        "the field is 0.00."
    )


def test_a_rise_that_decides_is_said_wherever_it_is():
    table = table_of([3.0, 2.0, 1.0], (0.16, 0.9, 0.16))
    assert verdicts(table)[2] is False
    assert figures(table)[2] == (
        "From 0.16 with the shortest to 0.90 with 0.20 s, where it is highest: a rise of 0.74, which counts "
        "from 0.10 on."
    )


def test_a_figure_that_stays_bears_no_fall_out():
    table = table_of([2.0, 2.0])
    assert verdicts(table) == [False, False, True]
    assert figures(table)[::2] == [
        "It is 2.00 with every field.",
        "It is highest, 0.20, with the shortest.",
    ]


@pytest.mark.parametrize(
    ("kl", "correlation", "sources", "said"),
    [
        ([3.0, 1.0], 0.2, 1, "Means over 1 source. `wide-limit`: inter-onset intervals are nearest"),
        ([3.0, 1.0], (0.2, COPY), 3, "with a field of 0.20 s the texture is a copy."),
        ([3.0, 1.0], (0.2, COPY - 0.001), 3, "no texture is a copy (cross-correlation 0.899 at most)."),
        ([np.nan, np.nan], 0.2, 3, "`wide-limit`: no texture has inter-onset intervals to compare, and no"),
    ],
)
def test_the_text_follows_the_table(kl, correlation, sources, said):
    assert said in texture_study._text(table_of(kl, correlation), sources)


def test_a_texture_that_is_refused_has_no_figures():
    scores = texture_study._scores(create("silence", {}), np.full(22_050, 0.1, dtype=np.float32))
    assert list(scores) == list(texture_study.METRICS)
    assert np.isnan(list(scores.values())).all()


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
    settings = texture_study.TextureSettings(
        blocks=(),
        kernel_widths=(1, 48),
        wide_limit={"max_iterations": 30, "inversion": {"iterations": 5}},
    )
    return texture_study.run(pulses, settings)


def test_a_field_longer_than_a_beat_brings_the_rhythm_back_and_one_frame_does_not(result):
    short, long = result.table.itertuples()
    assert long.receptive_field_s > 1 > short.receptive_field_s
    assert long.autocorrelation_error < 0.7 * short.autocorrelation_error
