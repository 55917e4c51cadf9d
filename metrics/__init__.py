"""Metrics: one module for each question that is asked of an output.

Conventions
-----------
A metric takes a :class:`Trial` and returns a :class:`Score`. Times are seconds from the start of a clip,
frequencies hertz, samples one-dimensional ``float32`` arrays in [-1, 1]. How loud an output is does not
count, as long as it is not silent.
"""

from timbrebench.metrics.contract import (
    Judge,
    Metric,
    Score,
    Specification,
    Trial,
    Unscorable,
    evaluate,
    metric,
)
from timbrebench.metrics.registry import get, metric_names

__all__ = [
    "Judge",
    "Metric",
    "Score",
    "Specification",
    "Trial",
    "Unscorable",
    "evaluate",
    "get",
    "metric",
    "metric_names",
]
