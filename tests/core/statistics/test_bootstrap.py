import numpy as np
import pytest

from timbrebench.core.statistics.bootstrap import (
    interval,
    resample_groups,
    resampled_means,
)


def test_every_resample_draws_as_many_groups_as_there_are():
    counts = resample_groups(7, 500, seed=0)
    assert counts.shape == (500, 7)
    assert (counts.sum(axis=1) == 7).all()
    assert np.array_equal(counts, resample_groups(7, 500, seed=0))


def test_means_equal_those_of_a_loop(generator):
    values = generator.normal(size=20)
    values[3] = np.nan
    group_of = generator.integers(5, size=20)
    counts = resample_groups(5, 50, seed=1)
    for row, mean in zip(counts, resampled_means(values, group_of, counts), strict=True):
        drawn = [
            values[index]
            for group in range(5)
            for _ in range(int(row[group]))
            for index in np.flatnonzero(group_of == group)
        ]
        assert mean == pytest.approx(np.nanmean(drawn))


def test_no_value_no_mean():
    counts = resample_groups(2, 100, seed=0)
    means = resampled_means(np.array([np.nan, np.nan]), np.array([0, 1]), counts)
    assert np.isnan(means).all()
    assert np.isnan(interval(means)).all()


def test_the_coverage_of_intervals_is_about_the_nominal_one(generator):
    """Values of a group share most of their deviation: resampling values would give narrow intervals."""
    counts = resample_groups(30, 400, seed=0)
    group_of = np.repeat(np.arange(30), 4)
    hits = 0
    for _ in range(200):
        values = generator.normal(size=30)[group_of] + 0.1 * generator.normal(size=120)
        low, high = interval(resampled_means(values, group_of, counts))
        hits += low <= 0 <= high
    assert 0.88 <= hits / 200 <= 0.99
