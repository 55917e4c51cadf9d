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


def test_accuracies_that_chance_could_part_are_no_difference():
    near = spectrograms_study.findings(table_of((0.80, 0.82), (0.81, 0.79)))
    far = spectrograms_study.findings(table_of((0.95, 0.90), (0.50, 0.60)))
    assert [finding.verdict == "held" for finding in near] == [False, True]
    assert [finding.verdict == "held" for finding in far] == [True, True]
