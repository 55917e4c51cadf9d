"""How figures and counts are written in what studies say."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from timbrebench.experiments.studies.verdicts import mean_interval

_DASH = "\N{EN DASH}"

#: Decimals beyond those asked for; figures that agree in all of them are as good as equal.
_FURTHER = 6


def format_distinct(*values: float, decimals: int, kind: Literal["f", "%"] = "f") -> list[str]:
    """Write figures with so many decimals that those which differ look different; a dash for NaN.

    A verdict can hang on less than the decimals that suit a page: to `decimals` up to six more are added
    where the figures would look the same. All have as many. The kind "%" writes shares as percentages.

    Examples
    --------
    >>> format_distinct(83.76, 111.58, decimals=0)
    ['84', '112']
    >>> format_distinct(0.078, 0.0775, decimals=0, kind="%")
    ['7.80%', '7.75%']
    """
    different = len({value for value in values if not math.isnan(value)})
    for places in range(decimals, decimals + _FURTHER + 1):
        written = [_DASH if math.isnan(value) else f"{value:z,.{places}{kind}}" for value in values]
        if len({*written} - {_DASH}) == different:
            break
    return written


def with_interval(
    values: ArrayLike, *, decimals: int = 2, kind: Literal["f", "%"] = "f", unit: str = ""
) -> str:
    """Write the mean of independent measurements, and in parentheses its confidence interval.

    The interval is :func:`~timbrebench.experiments.studies.verdicts.mean_interval`, the `unit` follows the
    mean; decimals and kind are those of :func:`format_distinct`.

    >>> with_interval([1.0, 2.0, 3.0], decimals=1, unit=" dB")
    '2.0 dB (-0.5 to 4.5)'
    """
    sample = np.asarray(values, dtype=np.float64)
    middle = float(sample.mean()) if len(sample) else math.nan
    mean, low, high = format_distinct(middle, *mean_interval(sample), decimals=decimals, kind=kind)
    return f"{mean}{unit} ({low} to {high})"


def counted(number: int, noun: str) -> str:
    """Write a number with its noun.

    >>> counted(1, "clip"), counted(3, "clip")
    ('1 clip', '3 clips')
    """
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def listed(names: Sequence[str]) -> str:
    """Write names one after the other, the last after an "and".

    >>> listed(["a", "b", "c"]), listed(["a"])
    ('a, b and c', 'a')
    """
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last
