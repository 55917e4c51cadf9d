"""Verdicts on shares: of so many outputs, so many are what is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from scipy.stats import binomtest

from timbrebench.core.statistics.bootstrap import COVERAGE
from timbrebench.experiments.studies.verdicts import Verdict, contrary

#: Successes, and trials that are independent of each other.
Count = tuple[int, int]


@lru_cache(maxsize=1024)  # its ends are searched for, and few counts are asked about often
def share_interval(successes: int, trials: int, coverage: float = COVERAGE) -> tuple[float, float]:
    """Return the exact confidence interval of a share (Clopper & Pearson), from 0 to 1.

    (0, 1) without any trial.

    Examples
    --------
    >>> low, high = share_interval(0, 6)
    >>> round(low, 2), round(high, 2)
    (0.0, 0.46)
    """
    if not trials:
        return 0.0, 1.0
    low, high = binomtest(successes, trials).proportion_ci(coverage, method="exact")
    return float(low), float(high)


def most_verdict(successes: int, trials: int) -> Verdict:
    """Return the verdict on "most of them are" by the interval of the share.

    Examples
    --------
    >>> most_verdict(6, 6), most_verdict(3, 6), most_verdict(0, 6)
    ('held', 'not decided', 'did not hold')
    """
    low, high = share_interval(successes, trials)
    if low > 0.5:
        return "held"
    return "did not hold" if high < 0.5 else "not decided"


def nothing_verdict(counts: Sequence[Count], chance: float) -> Verdict:
    """Return the verdict on "nothing succeeds in any of these settings".

    Parameters
    ----------
    counts : sequence of (int, int)
        Successes and trials of each setting.
    chance : float
        Share of successes of which nobody would speak, such as a guess's.

    Returns
    -------
    Verdict
        "held" where nothing has succeeded, and each setting was tried often enough to exclude that it
        succeeds in half of the trials. "did not hold" where the interval of one setting lies above `chance`,
        its coverage raised to what keeps the family-wise error rate (Bonferroni). "not decided" otherwise,
        also without any setting.

    Examples
    --------
    >>> nothing_verdict([(0, 6), (0, 8)], 0.2), nothing_verdict([(0, 6), (1, 6)], 0.2)
    ('held', 'not decided')
    >>> nothing_verdict([(0, 6), (6, 6)], 0.2), nothing_verdict([(0, 3)], 0.2)
    ('did not hold', 'not decided')
    """
    if counts and all(not successes for successes, _ in counts):
        enough = all(share_interval(*count)[1] < 0.5 for count in counts)
        return "held" if enough else "not decided"
    wider = 1 - (1 - COVERAGE) / max(len(counts), 1)
    exceeded = any(share_interval(*count, wider)[0] > chance for count in counts)
    return "did not hold" if exceeded else "not decided"


def something_verdict(counts: Sequence[Count], chance: float) -> Verdict:
    """Return the verdict on "something succeeds in one of these settings", the contrary of the above.

    Examples
    --------
    >>> something_verdict([(0, 6), (6, 6)], 0.2)
    'held'
    """
    return contrary(nothing_verdict(counts, chance))
