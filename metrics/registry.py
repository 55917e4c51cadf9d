"""The metrics that are installed, by name.

A distribution adds a metric by an entry point in the group ``timbrebench.metrics``, from the metric's name
to what the decorator :func:`~timbrebench.metrics.contract.metric` made::

    [project.entry-points."timbrebench.metrics"]
    my_metric = "my_package.my_module:my_metric"
"""

from __future__ import annotations

from timbrebench.core.errors import ConfigurationError
from timbrebench.core.plugins import entry_point_names, load_entry_point
from timbrebench.metrics.contract import Metric

GROUP = "timbrebench.metrics"


def metric_names() -> list[str]:
    """Return the names of all installed metrics, sorted. Nothing is imported for it."""
    return entry_point_names(GROUP)


def get(name: str) -> Metric:
    """Import a metric.

    Parameters
    ----------
    name : str
        One of :func:`metric_names`.

    Returns
    -------
    Metric
        Ready to be called on a :class:`~timbrebench.metrics.contract.Trial`.

    Raises
    ------
    UnknownNameError
        If no metric has that name; the nearest one is suggested.
    ConfigurationError
        If several distributions declare that name, or if the one that does cannot be imported or does not
        declare a metric of that name.
    """
    found = load_entry_point(GROUP, name, "metric")
    if not isinstance(found, Metric):
        raise ConfigurationError(
            f"the entry point {name!r} leads to {found!r}, which is no metric: make it one with the "
            "decorator timbrebench.metrics.metric"
        )
    if found.specification.name != name:
        raise ConfigurationError(
            f"the entry point {name!r} leads to the metric {found.specification.name!r}: give both one name"
        )
    return found
