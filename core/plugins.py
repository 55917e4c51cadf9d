"""What installed distributions add to the project, found by the entry points they declare.

Nothing is imported before it is asked for by name, so that a distribution that is broken does no harm to the
others.
"""

from __future__ import annotations

import sys
from functools import cache, lru_cache
from importlib.metadata import EntryPoint, EntryPoints, entry_points
from typing import Any

from timbrebench.core.errors import ConfigurationError, UnknownNameError


def entry_point_names(group: str) -> list[str]:
    """List the names in a group of entry points, sorted. Nothing is imported for it.

    Parameters
    ----------
    group : str
        The group: ``"timbrebench.metrics"``.

    Returns
    -------
    list of str
        Each name once.
    """
    return sorted(_entry_points(group, tuple(sys.path)).names)


def load_entry_point(group: str, name: str, kind: str) -> Any:  # noqa: ANN401 - whatever was declared
    """Import what an entry point names.

    Parameters
    ----------
    group : str
        The group.
    name : str
        One of :func:`entry_point_names`.
    kind : str
        What the group holds, for messages: ``"metric"``.

    Returns
    -------
    object
        What was declared; whether it is of the right type is for the caller to check.

    Raises
    ------
    UnknownNameError
        If nothing in the group has that name; the nearest one is suggested.
    ConfigurationError
        If several distributions declare that name for different objects, or if the object cannot be imported.
    """
    return _load(group, name, kind, tuple(sys.path))


# The modules' path takes part in what is found, and so in the keys of what is kept. To find entry points,
# every installed distribution has to be looked at.


@cache
def _load(group: str, name: str, kind: str, path: tuple[str, ...]) -> Any:  # noqa: ANN401 - as above
    # A distribution that is installed twice, or a renamed copy of it, declares the same object: no conflict.
    found = {point.value: point for point in _entry_points(group, path) if point.name == name}
    if not found:
        raise UnknownNameError(kind, name, entry_point_names(group))
    if len(found) > 1:
        origins = " and ".join(sorted(_origin(point) for point in found.values()))
        raise ConfigurationError(
            f"there are {len(found)} {kind}s named {name!r}, of {origins}: uninstall all but one"
        )
    point = next(iter(found.values()))
    try:
        return point.load()
    except (Exception, SystemExit) as error:  # third-party code: it may fail, or leave, in any way
        raise ConfigurationError(
            f"the {kind} {name!r} of {_origin(point)} cannot be imported: {type(error).__name__}: {error}; "
            "repair or uninstall that package"
        ) from error


@lru_cache
def _entry_points(group: str, path: tuple[str, ...]) -> EntryPoints:  # noqa: ARG001 - part of the key
    return entry_points(group=group)


def _origin(point: EntryPoint) -> str:
    package = f"package {point.dist.name!r}" if point.dist else "an unnamed package"
    return f"{package} ({point.value})"
