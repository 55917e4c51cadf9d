"""Plugins: what installed distributions add to the project by entry points.

Nothing is imported before it is loaded by name, so that a broken distribution does not affect the others.
"""

from __future__ import annotations

import sys
from functools import cache, lru_cache
from importlib.metadata import EntryPoint, EntryPoints, entry_points
from typing import Any

from timbrebench.core.errors import ConfigurationError, UnknownNameError


def entry_point_names(group: str) -> list[str]:
    """List the names in a group of entry points, sorted, each once. Nothing is imported for it."""
    return sorted(_entry_points(group, tuple(sys.path)).names)


def entry_points_of(group: str) -> list[EntryPoint]:
    """List the entry points of a group by their names, one of each. Nothing is imported for it."""
    points = _entry_points(group, tuple(sys.path))
    return [next(iter(points.select(name=name))) for name in sorted(points.names)]


def names_of_others(group: str) -> set[str]:
    """Return the names in a group that other distributions declare. Nothing is imported for it."""
    points = _entry_points(group, tuple(sys.path))
    return {point.name for point in points if not point.value.startswith("timbrebench.")}


def load_entry_point(group: str, name: str, kind: str) -> Any:  # noqa: ANN401 - whatever was declared
    """Import what an entry point of a group names; the caller checks its type.

    `kind` is what the group holds, for messages: ``"metric"``. Raises UnknownNameError if the group has no
    such name, and suggests the nearest one; ConfigurationError if several distributions declare that name for
    different objects, or if the object cannot be imported.
    """
    return _load(group, name, kind, tuple(sys.path))


# Entry points depend on sys.path, which is therefore part of the caches' keys. Finding them without a cache
# would read the metadata of every installed distribution.


@cache
def _load(group: str, name: str, kind: str, path: tuple[str, ...]) -> Any:  # noqa: ANN401 - as above
    # A distribution that is installed twice, or a renamed copy of it, declares the same object: no conflict.
    points = {point.value: point for point in _entry_points(group, path) if point.name == name}
    if not points:
        raise UnknownNameError(kind, name, entry_point_names(group))
    if len(points) > 1:
        origins = " and ".join(sorted(_origin(point) for point in points.values()))
        raise ConfigurationError(
            f"there are {len(points)} {kind}s named {name!r}, of {origins}: uninstall all but one"
        )
    point = next(iter(points.values()))
    try:
        return point.load()
    except (Exception, SystemExit) as error:  # third-party code may raise anything, or exit
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
