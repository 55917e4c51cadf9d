import numpy as np
import pytest

from timbrebench.core.statistics.bootstrap import (
    interval,
    resample_pieces,
    resampled_means,
)


def test_every_resample_draws_as_many_pieces_as_there_are():
    counts = resample_pieces(7, 500, seed=0)
    assert counts.shape == (500, 7)
    assert (counts.sum(axis=1) == 7).all()
    assert np.array_equal(counts, resample_pieces(7, 500, seed=0))


def test_means_equal_those_of_a_loop(generator):
    values = generator.normal(size=20)
    values[3] = np.nan
    piece_of = generator.integers(5, size=20)
    counts = resample_pieces(5, 50, seed=1)
    for row, mean in zip(counts, resampled_means(values, piece_of, counts), strict=True):
        drawn = [
            values[index]
            for piece in range(5)
            for _ in range(int(row[piece]))
            for index in np.flatnonzero(piece_of == piece)
        ]
        assert mean == pytest.approx(np.nanmean(drawn))


def test_no_value_no_mean():
    counts = resample_pieces(2, 100, seed=0)
    means = resampled_means(np.array([np.nan, np.nan]), np.array([0, 1]), counts)
    assert np.isnan(means).all()
    assert np.isnan(interval(means)).all()


def test_intervals_hold_the_true_mean_about_as_often_as_they_say(generator):
    """Clips of a piece share most of their deviation: resampling clips would give narrow intervals."""
    counts = resample_pieces(30, 400, seed=0)
    piece_of = np.repeat(np.arange(30), 4)
    hits = 0
    for _ in range(200):
        values = generator.normal(size=30)[piece_of] + 0.1 * generator.normal(size=120)
        low, high = interval(resampled_means(values, piece_of, counts))
        hits += low <= 0 <= high
    assert 0.88 <= hits / 200 <= 0.99
