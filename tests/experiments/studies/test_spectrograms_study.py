"""Tests of the study of spectrograms."""

from __future__ import annotations

import pandas as pd
import pytest

from timbrebench.experiments.studies import spectrograms_study


@pytest.fixture(scope="module")
def result(context):
    return spectrograms_study.run(context, spectrograms_study.SpectrogramSettings(max_epochs=1, pieces=2))


def table_of(decibel, log1p, clips=100):
    rows = [
        {"front_end": kind, "scale": scale, "test_clips": clips, "test_accuracy": accuracy}
        for scale, accuracies in (("decibel", decibel), ("log1p", log1p))
        for kind, accuracy in zip(("stft", "mel"), accuracies, strict=True)
    ]
    return pd.DataFrame(rows)


def test_four_front_ends_on_two_scales_are_compared(result):
    assert len(result.table) == 8
    assert result.table.groupby("scale").front_end.nunique().tolist() == [4, 4]
    assert (result.table.test_clips == result.table.test_clips[0]).all()


@pytest.mark.parametrize(
    ("decibel", "log1p", "verdict"),
    [
        ((0.95, 0.70), (0.60, 0.65), "held"),
        ((0.60, 0.90), (0.50, 0.55), "did not hold"),
        ((0.80, 0.75), (0.50, 0.55), "not decided"),
        ((0.80, 0.85), (0.50, 0.55), "not decided"),
    ],
)
def test_the_reports_choice_is_judged_by_more_than_chance(decibel, log1p, verdict):
    (finding,) = spectrograms_study.findings(table_of(decibel, log1p))
    assert finding.verdict == verdict
    assert f"stft (decibel) {decibel[0]:.3f}" in finding.figures
    assert "differ by 0.139" in finding.figures
