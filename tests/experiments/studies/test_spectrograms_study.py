"""Tests of the study of spectrograms."""

from __future__ import annotations

import pandas as pd
import pytest

from timbrebench.experiments.studies import spectrograms_study


@pytest.fixture(scope="module")
def result(context):
    return spectrograms_study.run(context, spectrograms_study.SpectrogramSettings(1, 2, (0,)))


def trainings_of(decibel, log1p, seeds=3):
    """Trainings of the four that the report looks at; seeds differ by 0.01, and scales in their order."""
    return pd.DataFrame(
        {
            "seed": seed,
            "front_end": kind,
            "scale": scale,
            "bands": 8,
            "test_clips": 100,
            "test_accuracy": accuracy + 0.01 * (seed if scale == "decibel" else -seed),
            "seconds_per_clip": 0.01,
        }
        for seed in range(seeds)
        for scale, accuracies in (("decibel", decibel), ("log1p", log1p))
        for kind, accuracy in zip(("stft", "mel"), accuracies, strict=True)
    )


def test_four_front_ends_on_two_scales_are_compared(result):
    assert len(result.table) == 8
    assert result.table.groupby("scale").front_end.nunique().tolist() == [4, 4]
    assert (result.table.test_clips == result.table.test_clips[0]).all()


@pytest.mark.parametrize(
    ("decibel", "log1p", "seeds", "verdict"),
    [
        ((0.95, 0.70), (0.60, 0.65), 3, "held"),
        ((0.60, 0.90), (0.50, 0.55), 3, "did not hold"),
        ((0.60, 0.55), (0.50, 0.62), 3, "not decided"),
        ((0.95, 0.70), (0.60, 0.65), 1, "not decided"),
    ],
)
def test_the_reports_choice_is_judged_over_trainings(decibel, log1p, seeds, verdict):
    trainings = trainings_of(decibel, log1p, seeds)
    (finding,) = spectrograms_study.findings(trainings)
    assert finding.verdict == verdict
    assert f"{seeds} training{'s' * (seeds > 1)} of each" in finding.figures
    assert f"stft (decibel) {decibel[0] + 0.005 * (seeds - 1):.3f}" in spectrograms_study._text(trainings)


def test_seeds_draw_the_pieces(context):
    first, same, other = (spectrograms_study._drawn_pieces(context.judged, 1, seed) for seed in (0, 0, 1))
    assert set(first.manifest.piece) == set(same.manifest.piece)
    assert first.manifest.groupby("split").piece.nunique().eq(1).all()
    assert set(first.manifest.piece) != set(other.manifest.piece)
