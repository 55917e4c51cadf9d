"""Values that two kinds of things have in common, such as listeners and pieces, both drawn from many.

Each value belongs to one row (a listener) and one column (a piece), and what is concluded is to hold for
other rows *and* other columns. The model is x = mean + row + column + residual, with rows, columns and
residuals that are random and independent; of a full table its components follow from three mean squares
(Searle, Casella & McCulloch, Variance Components, 1992, chapter 4), and the mean is tested as Clark (The
language-as-fixed-effect fallacy, 1973) and Satterthwaite (An approximate distribution of estimates of
variance components, 1946) do. A component that comes out negative counts as 0.

Intervals are from a bootstrap that draws rows and columns with replacement, each for itself (Owen, The
pigeonhole bootstrap, 2007). It counts residuals more than once, and percentiles of few draws are narrow: of
nominal 95 %, simulated tables were covered in 96 to 99 % where residuals dominate, and in 88 to 94 % where
they are small (4 x 4 to 20 x 8 values). The test rejects a true null hypothesis in 1 to 7 % of them at 5 %.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm, t

from timbrebench.core.statistics.bootstrap import resample_groups
from timbrebench.core.statistics.effect_sizes import POWER, groups_needed
from timbrebench.core.statistics.multiple_testing import SIGNIFICANCE

Floats = NDArray[np.float64]


def crossed_resampled_means(values: Floats, resamples: int, seed: int) -> Floats:
    """Return the mean of a table in each resample of its rows and columns.

    Parameters
    ----------
    values : numpy.ndarray, shape (rows, columns)
        NaN for missing ones, which are left out.
    resamples : int
        Number of resamples.
    seed : int
        Seed of the draws: tables of one shape are drawn from alike.

    Returns
    -------
    numpy.ndarray, shape (resamples,)
        NaN where no value was drawn, and throughout for fewer than two rows or columns, which say nothing
        about others.
    """
    rows, columns = values.shape
    if min(rows, columns) < 2:
        return np.full(resamples, np.nan)
    of_rows = resample_groups(rows, resamples, seed=seed)
    of_columns = resample_groups(columns, resamples, seed=seed + 1)
    present = np.isfinite(values)
    sums = np.einsum("br,rc,bc->b", of_rows, np.where(present, values, 0.0), of_columns)
    numbers = np.einsum("br,rc,bc->b", of_rows, present.astype(np.float64), of_columns)
    means: Floats = np.divide(sums, numbers, out=np.full(resamples, np.nan), where=numbers > 0)
    return means


@dataclass(frozen=True)
class Components:
    """What a full table's values consist of.

    Attributes
    ----------
    mean : float
        Mean of all values.
    rows, columns, residual : float
        Variances: of rows, of columns, of what is left.
    shape : tuple of int
        Number of rows and of columns.
    """

    mean: float
    rows: float
    columns: float
    residual: float
    shape: tuple[int, int]

    @classmethod
    def of(cls, values: Floats) -> Components:
        """Return the components of a table of shape (rows, columns).

        They are NaN where it lacks a value, or has no second row or column.
        """
        rows, columns = values.shape
        if min(rows, columns) < 2 or not np.isfinite(values).all():
            return cls(math.nan, math.nan, math.nan, math.nan, (rows, columns))
        mean = values.mean()
        of_rows, of_columns = values.mean(axis=1), values.mean(axis=0)
        left = values - of_rows[:, None] - of_columns[None, :] + mean
        residual = float((left**2).sum() / ((rows - 1) * (columns - 1)))
        row_square, column_square = columns * of_rows.var(ddof=1), rows * of_columns.var(ddof=1)
        return cls(
            float(mean),
            max(0.0, float(row_square - residual) / columns),
            max(0.0, float(column_square - residual) / rows),
            residual,
            (rows, columns),
        )

    @property
    def p_value(self) -> float:
        """Two-sided p-value of the null hypothesis that the mean is 0, for other rows and columns as well.

        NaN where the components are; 1 or 0 where values do not vary.
        """
        rows, columns = self.shape
        row_square = self.residual + columns * self.rows
        column_square = self.residual + rows * self.columns
        variance = (row_square + column_square - self.residual) / (rows * columns)
        if math.isnan(variance):
            return math.nan
        if variance == 0:
            return float(self.mean == 0)
        # What a component of 0 would add and take away again has no degrees of freedom of its own.
        terms = [(row_square, rows - 1)] if self.rows else []
        terms += [(column_square, columns - 1)] if self.columns else []
        if len(terms) != 1:
            terms.append((self.residual, (rows - 1) * (columns - 1)))
        freedom = (variance * rows * columns) ** 2 / sum(square**2 / number for square, number in terms)
        return float(2 * t.sf(abs(self.mean) / math.sqrt(variance), freedom))

    def rows_needed(self, difference: float, *, level: float = SIGNIFICANCE, power: float = POWER) -> float:
        """Return how many rows find a mean as large as `difference`, over as many columns as there are.

        By :func:`~timbrebench.core.statistics.effect_sizes.groups_needed`, once the variance of the columns,
        which further rows do not make smaller, has been taken off what there is to be found.

        Returns
        -------
        float
            Infinite where no number of rows suffices; NaN where the components are.
        """
        columns = self.shape[1]
        quantiles = float(norm.isf(level / 2) + norm.ppf(power))
        left = difference**2 - quantiles**2 * self.columns / columns
        spread = self.rows + self.residual / columns
        if math.isnan(left) or left <= 0:
            return math.nan if math.isnan(left) else math.inf
        return groups_needed(math.sqrt(left / spread) if spread else math.inf, level=level, power=power)
