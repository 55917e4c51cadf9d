"""Rows and columns that are both drawn from many: components, tests and intervals hold for others of both."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf
from scipy.stats import ttest_1samp

from timbrebench.core.statistics.bootstrap import interval
from timbrebench.core.statistics.crossed import Components, crossed_resampled_means


def drawn(generator, *, shape=(8, 6), rows=3.0, columns=2.0, residual=4.0, mean=1.0):
    return (
        mean
        + rows * generator.normal(size=(shape[0], 1))
        + columns * generator.normal(size=(1, shape[1]))
        + residual * generator.normal(size=shape)
    )


def test_components_are_those_of_a_mixed_model(generator):
    values = drawn(generator)
    components = Components.of(values)
    assert min(components.rows, components.columns) > 0
    long = pd.DataFrame(
        [(x, str(row), str(column), 1) for (row, column), x in np.ndenumerate(values)],
        columns=["x", "row", "column", "all"],
    )
    parts = {"row": "0 + C(row)", "column": "0 + C(column)"}
    model = smf.mixedlm("x ~ 1", long, groups="all", vc_formula=parts, re_formula="0")
    fitted = model.fit(reml=True)
    expected = dict(zip(sorted(parts), fitted.vcomp, strict=True))
    assert components.rows == pytest.approx(expected["row"], rel=0.02)
    assert components.columns == pytest.approx(expected["column"], rel=0.02)
    assert components.residual == pytest.approx(fitted.scale, rel=0.02)
    assert components.mean == pytest.approx(fitted.fe_params["Intercept"])


def test_where_columns_make_no_difference_it_is_a_t_test_of_rows(generator):
    """Columns that have the same mean leave the means of rows as they are."""
    values = drawn(generator, rows=5.0, columns=0.0, residual=1.0)
    values -= values.mean(axis=0) - values.mean()
    assert Components.of(values).p_value == pytest.approx(ttest_1samp(values.mean(axis=1), 0).pvalue)


def test_rejections_of_a_true_null_hypothesis_are_as_many_as_the_level(generator):
    p_values = [Components.of(drawn(generator, mean=0.0)).p_value for _ in range(800)]
    assert 0.02 < np.mean(np.array(p_values) < 0.05) < 0.08


def test_intervals_hold_for_other_rows_and_columns(generator):
    hits = 0
    for _ in range(200):
        values = drawn(generator, shape=(12, 12), columns=3.0)
        low, high = interval(crossed_resampled_means(values, 200, seed=0))
        hits += low <= 1 <= high
    assert 0.88 <= hits / 200 <= 0.99


def test_so_many_rows_find_the_difference(generator):
    components = Components(0.0, rows=36.0, columns=4.0, residual=100.0, shape=(10, 8))
    needed = int(components.rows_needed(10.0))
    rejected = [
        Components.of(
            drawn(generator, shape=(needed, 8), rows=6.0, columns=2.0, residual=10.0, mean=10.0)
        ).p_value
        < 0.05
        for _ in range(300)
    ]
    assert 0.72 < np.mean(rejected) < 0.95


def test_columns_that_differ_too_much_are_not_made_up_for_by_rows():
    assert np.isinf(Components(0.0, 1.0, 400.0, 1.0, (10, 8)).rows_needed(10.0))


@pytest.mark.parametrize("shape", [(1, 5), (5, 1)])
def test_one_row_or_column_says_nothing_about_others(shape):
    values = np.arange(5.0).reshape(shape)
    assert np.isnan(Components.of(values).p_value)
    assert np.isnan(Components.of(values).rows_needed(1.0))
    assert np.isnan(crossed_resampled_means(values, 10, seed=0)).all()


def test_values_without_variance_are_certain():
    assert Components.of(np.full((3, 3), 2.0)).p_value == 0
    assert Components.of(np.zeros((3, 3))).p_value == 1
