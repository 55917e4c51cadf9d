"""Verdicts on claims: held, did not hold, or not decided.

One figure beside another, without the spread of either, decides nothing: what differs may differ by chance.
A verdict therefore comes from repeated measurements (seeds, pairs, pieces) whose intervals lie on one side
of zero, or from what has no spread because it is counted in full. Intervals of means are Student's, since
studies repeat what they measure a few times only, where a bootstrap is too narrow.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import t

from timbrebench.core.statistics.bootstrap import COVERAGE

Floats = NDArray[np.float64]

#: What a study says of a claim.
Verdict = Literal["held", "did not hold", "not decided"]


def decided(holds: bool) -> Verdict:
    """Return the verdict on what has no spread: a count of all there is, or an exact computation."""
    return "held" if holds else "did not hold"


def contrary(verdict: Verdict) -> Verdict:
    """Return the verdict on the contrary of a claim.

    Examples
    --------
    >>> contrary("held"), contrary("not decided")
    ('did not hold', 'not decided')
    """
    opposite: dict[Verdict, Verdict] = {"held": "did not hold", "did not hold": "held"}
    return opposite.get(verdict, verdict)


def interval_verdict(low: float, high: float) -> Verdict:
    """Return the verdict on "it is above 0" by an interval of what is measured.

    Parameters
    ----------
    low, high : float
        Ends of the interval; NaN where there is no interval.

    Returns
    -------
    Verdict
        "held" where all of the interval lies above 0, "did not hold" where all of it lies below, "not
        decided" where it holds 0 or is missing.

    Examples
    --------
    >>> interval_verdict(0.1, 0.3), interval_verdict(-0.1, 0.3), interval_verdict(-0.3, -0.1)
    ('held', 'not decided', 'did not hold')
    """
    if low > 0:
        return "held"
    return "did not hold" if high < 0 else "not decided"


def mean_interval(values: ArrayLike, coverage: float = COVERAGE) -> tuple[float, float]:
    """Return Student's confidence interval of a mean.

    Parameters
    ----------
    values : array_like, shape (n,)
        Independent measurements, such as differences of two conditions that share seed and clips.
    coverage : float
        Of the interval, between 0 and 1.

    Returns
    -------
    low, high : float
        (nan, nan) for fewer than two values, or where one of them is not finite.

    Examples
    --------
    >>> low, high = mean_interval([1.0, 2.0, 3.0])
    >>> round(low, 2), round(high, 2)
    (-0.48, 4.48)
    """
    sample = np.asarray(values, dtype=np.float64)
    if len(sample) < 2 or not np.isfinite(sample).all():
        return math.nan, math.nan
    half = t.ppf((1 + coverage) / 2, len(sample) - 1) * sample.std(ddof=1) / math.sqrt(len(sample))
    return float(sample.mean() - half), float(sample.mean() + half)


def pooled_intervals(groups: Floats, coverage: float) -> tuple[Floats, Floats]:
    """Return Student's confidence intervals of the means of groups that share one standard deviation.

    Parameters
    ----------
    groups : numpy.ndarray, shape (groups, n)
        Independent measurements of each group, at least two, that scatter equally in all groups: then a few
        are enough, since their deviation is estimated from all groups together.
    coverage : float
        Of each interval, between 0 and 1.

    Returns
    -------
    low, high : numpy.ndarray, shape (groups,)
        NaN where there are fewer than two measurements, or one of all is not finite.
    """
    count, n = groups.shape
    if n < 2 or not np.isfinite(groups).all():
        return np.full(count, math.nan), np.full(count, math.nan)
    deviation = math.sqrt(groups.var(axis=1, ddof=1).mean())
    half = t.ppf((1 + coverage) / 2, count * (n - 1)) * deviation / math.sqrt(n)
    return groups.mean(axis=1) - half, groups.mean(axis=1) + half


def all_positive(groups: Sequence[ArrayLike]) -> Verdict:
    """Return the verdict on "the mean of each group is above 0" by intervals of the means.

    Parameters
    ----------
    groups : sequence of array_like, each of shape (n,)
        Independent measurements of each thing that the claim is about; one group for a claim about one.

    Returns
    -------
    Verdict
        "held" where every interval lies above 0. "did not hold" where one lies below: since any of them
        would do, their coverage is raised to what keeps the family-wise error rate (Bonferroni). "not
        decided" otherwise, also without any group.

    Examples
    --------
    >>> all_positive([[0.2, 0.3, 0.25], [0.1, 0.12, 0.11]])
    'held'
    >>> all_positive([[0.2, 0.3, 0.25], [-0.1, 0.12, 0.11]])
    'not decided'
    >>> all_positive([[0.2, 0.3, 0.25], [-0.1, -0.12, -0.11]])
    'did not hold'
    """
    if len(groups) and all(mean_interval(group)[0] > 0 for group in groups):
        return "held"
    wider = 1 - (1 - COVERAGE) / max(len(groups), 1)
    return "did not hold" if any(mean_interval(group, wider)[1] < 0 for group in groups) else "not decided"
