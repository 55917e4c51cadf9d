"""The metrics that are installed, by name.

A distribution adds a metric by an entry point in the group ``timbrebench.metrics``, from the metric's name
to what the decorator :func:`~timbrebench.metrics.contract.metric` made::

    [project.entry-points."timbrebench.metrics"]
    my_metric = "my_package.my_module:my_metric"

Files of before hold names that metrics no longer have: :func:`current_names` reads them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from timbrebench.core.errors import ConfigurationError
from timbrebench.core.plugins import entry_point_names, load_entry_point
from timbrebench.metrics.contract import Metric

GROUP = "timbrebench.metrics"

#: Metrics that were renamed: the name of before, today's name, and the last version that had the name of
#: before. A later version under that name is a metric of its own.
_RENAMED = (
    ("key_invariance_mse", "log_stft_mse", 2),
    ("read_note_f1", "transcribed_note_f1", 1),
)

#: A metric of today whose name another one had before.
_TAKEN_OVER = "key_invariance_mse"


def metric_names() -> list[str]:
    """Return the names of all installed metrics, sorted. Nothing is imported for it."""
    return entry_point_names(GROUP)


def current_name(name: str) -> str:
    """Return the name that a metric has today, given it or one that the metric had before.

    Where a metric of today has taken over another's former name, that metric is meant.
    """
    return name if name in metric_names() else _successor(name)


def unversioned_names(names: Sequence[str], *, one_tune: bool) -> tuple[str, ...]:
    """Return today's names of the metrics that a file lists without their versions.

    The file may be of before the name ``key_invariance_mse`` was taken over. The metric of today is meant if
    the one that had the name is listed too, under its own, or if `one_tune`: content and style are one tune,
    without which the metric of today has no value.
    """
    is_of_before = not one_tune and _successor(_TAKEN_OVER) not in names
    return tuple(
        _successor(name) if is_of_before and name == _TAKEN_OVER else current_name(name) for name in names
    )


def _successor(name: str) -> str:
    """Return today's name of the metric that had a name before, or the name itself."""
    return next((current for former, current, _ in _RENAMED if former == name), name)


def current_names(versions: Mapping[str, int]) -> dict[str, str]:
    """Return today's names of a file's metrics by the file's names, given their versions by the same."""
    renamed = {former: (current, last) for former, current, last in _RENAMED}
    names = {}
    for name, version in versions.items():
        current, last = renamed.get(name, (name, 0))
        names[name] = current if version <= last else name
    return names


def recorded_name(name: str, version: int) -> str:
    """Return the name by which records of a metric's version are found, which renaming leaves as it was."""
    for former, current, last in _RENAMED:
        if name == current and version <= last:
            return former
    return name


def get(name: str) -> Metric:
    """Import a metric.

    Parameters
    ----------
    name : str
        One of :func:`metric_names`, or a name that such a metric had before.

    Returns
    -------
    Metric
        Ready to be called on a :class:`~timbrebench.metrics.trial.Trial`.

    Raises
    ------
    UnknownNameError
        If no metric has that name; the nearest one is suggested.
    ConfigurationError
        If several distributions declare that name, or if the one that does cannot be imported or does not
        declare a metric of that name.
    """
    name = current_name(name)
    loaded = load_entry_point(GROUP, name, "metric")
    if not isinstance(loaded, Metric):
        raise ConfigurationError(
            f"the entry point {name!r} leads to {loaded!r}, which is not a metric: make it one with the "
            "decorator timbrebench.metrics.metric"
        )
    if loaded.specification.name != name:
        raise ConfigurationError(
            f"the entry point {name!r} leads to the metric {loaded.specification.name!r}: give both one name"
        )
    return loaded
