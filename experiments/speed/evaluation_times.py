"""What one evaluation of an objective costs, in each of several forms of it."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from typing import TypeVar

import pandas as pd

from timbrebench.classifier.fitting import one_thread
from timbrebench.core.progress import Tracker

_Start = TypeVar("_Start")


def time_evaluations(
    forms: Mapping[str, Callable[[], Callable[[_Start], object]]], start: _Start, rounds: int, title: str
) -> pd.DataFrame:
    """Time each form on one core, one after the other, since each may hold much memory.

    Parameters
    ----------
    forms : mapping of str to callable
        Makes the objective, by its name; the first is what the others are compared with.
    start : anything
        Where each is evaluated.
    rounds : int
        Evaluations of each, after one that is not counted.
    title : str
        Of the progress.

    Returns
    -------
    pandas.DataFrame
        ``form``, ``seconds`` (the minimum, CPU) and ``times_as_fast`` as the first.
    """
    seconds = {}
    with one_thread(), Tracker(title, len(forms) * rounds, "evaluations") as tracker:
        for form, make in forms.items():
            evaluate = make()
            evaluate(start)
            seconds[form] = math.inf
            for _ in range(rounds):
                begun = time.process_time()
                evaluate(start)
                seconds[form] = min(seconds[form], time.process_time() - begun)
                tracker.advance()
            del evaluate
    table = pd.DataFrame({"form": list(seconds), "seconds": list(seconds.values())})
    return table.assign(times_as_fast=table.seconds[0] / table.seconds)
