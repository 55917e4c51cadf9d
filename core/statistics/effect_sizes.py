"""How large a difference is beside its spread, and how much music it takes to show it.

All of these look at one difference for each content piece.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from timbrebench.core.statistics.multiple_testing import SIGNIFICANCE

Floats = NDArray[np.float64]

#: Chance of showing a difference that is there, at which :func:`pieces_needed` aims.
POWER = 0.8


def cohens_dz(differences: Floats) -> float:
    """Return the mean difference in units of its standard deviation over pieces.

    Cohen's d for paired data (Cohen, Statistical Power Analysis for the Behavioral Sciences, 1988, section
    2.3.5).

    Parameters
    ----------
    differences : numpy.ndarray, shape (pieces,)
        One finite difference for each piece.

    Returns
    -------
    float
        With the sign of the mean; 0 where all are 0, infinite where all are alike otherwise, NaN for fewer
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
    """Return the probability that the first is better on a piece: the share of pieces, ties counted half.

    The common-language effect size of paired data (McGraw & Wong, A common language effect size statistic,
    1992), by counting, so that nothing need be normal.

    Parameters
    ----------
    differences : numpy.ndarray, shape (pieces,)
        By how much the first is better on each piece.

    Returns
    -------
    float
        0 to 1; 0.5 for equals, NaN without pieces.
    """
    if not len(differences):
        return float("nan")
    return float((np.sign(differences).mean() + 1) / 2)


def least_pieces(level: float = SIGNIFICANCE, *, two_sided: bool = True) -> int:
    """Return the fewest pieces with which the permutation test can reach a level at all.

    Of the 2**n exchanges of n pieces one, in a two-sided test two, give the largest difference.
    """
    return math.ceil(math.log2((2 if two_sided else 1) / level) - 1e-9)


def pieces_needed(d_z: float, *, level: float = SIGNIFICANCE, power: float = POWER) -> float:
    """Return how many pieces a two-sided paired test needs to show an effect.

    The normal approximation with Guenther's correction for the unknown spread,
    n = ((z(1 - level / 2) + z(power)) / d_z)**2 + z(1 - level / 2)**2 / 2
    (Guenther, Sample size formulas for normal theory t tests, 1981), and at least :func:`least_pieces`.

    Parameters
    ----------
    d_z : float
        Effect size of :func:`cohens_dz`.
    level : float, default 0.05
        Level of the test, for one comparison.
    power : float, default 0.8
        Chance with which it is to be shown.

    Returns
    -------
    float
        A whole number; infinite for no effect, NaN for an unknown one.
    """
    if math.isnan(d_z):
        return float("nan")
    if d_z == 0:
        return float("inf")
    tail = float(norm.isf(level / 2))
    needed = ((tail + float(norm.ppf(power))) / d_z) ** 2 + tail**2 / 2
    return float(max(math.ceil(needed), least_pieces(level)))
