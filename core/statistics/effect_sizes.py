"""Effect sizes of paired differences, and the sample size that a paired test needs to detect them.

All of them take one difference for each independent group.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from timbrebench.core.statistics.multiple_testing import SIGNIFICANCE

Floats = NDArray[np.float64]

#: Statistical power that :func:`groups_needed` aims at.
POWER = 0.8


def cohens_dz(differences: Floats) -> float:
    """Return the mean difference in units of its standard deviation over groups.

    Cohen's d for paired data (Cohen, Statistical Power Analysis for the Behavioral Sciences, 1988, section
    2.3.5).

    Parameters
    ----------
    differences : numpy.ndarray, shape (n_groups,)
        Finite.

    Returns
    -------
    float
        With the sign of the mean; 0 where all are 0, infinite where all are equal otherwise, NaN for fewer
        than two.
    """
    if len(differences) < 2:
        return float("nan")
    mean = float(differences.mean())
    spread = float(differences.std(ddof=1))
    if spread <= 1e-12 * abs(mean) or spread == 0:
        return math.copysign(math.inf, mean) if mean else 0.0
    return mean / spread


def superiority(differences: Floats) -> float:
    """Return the probability of superiority: the share of positive differences, ties counted half.

    The common-language effect size of paired data (McGraw & Wong, A common language effect size statistic,
    1992), counted, without the assumption of a normal distribution.

    Parameters
    ----------
    differences : numpy.ndarray, shape (n_groups,)
        Finite.

    Returns
    -------
    float
        0 to 1; NaN without differences.
    """
    if not len(differences):
        return float("nan")
    return float((np.sign(differences).mean() + 1) / 2)


def min_groups(level: float = SIGNIFICANCE, *, two_sided: bool = True) -> int:
    """Return the minimum number of groups with which the permutation test can reach a significance level.

    Of the 2**n sign flips of n groups one, in a two-sided test two, give the largest difference.
    """
    return math.ceil(math.log2((2 if two_sided else 1) / level) - 1e-9)


def groups_needed(d_z: float, *, level: float = SIGNIFICANCE, power: float = POWER) -> float:
    """Return the sample size with which a two-sided paired test detects an effect.

    The normal approximation with Guenther's correction for the unknown spread,
    n = ((z(1 - level / 2) + z(power)) / d_z)**2 + z(1 - level / 2)**2 / 2
    (Guenther, Sample size formulas for normal theory t tests, 1981), and at least :func:`min_groups`.

    Parameters
    ----------
    d_z : float
        Effect size of :func:`cohens_dz`.
    level : float, default 0.05
        Significance level of the test, for one comparison.
    power : float, default 0.8
        Statistical power: the probability of detecting the effect.

    Returns
    -------
    float
        A whole number of groups; infinite for no effect, NaN for an unknown one.
    """
    if math.isnan(d_z):
        return float("nan")
    if d_z == 0:
        return float("inf")
    tail = float(norm.isf(level / 2))
    needed = ((tail + float(norm.ppf(power))) / d_z) ** 2 + tail**2 / 2
    return float(max(math.ceil(needed), min_groups(level)))
