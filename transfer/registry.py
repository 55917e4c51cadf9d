"""The methods that are installed, by name.

A distribution adds a method by an entry point in the group ``timbrebench.methods``, from the method's name
to its class::

    [project.entry-points."timbrebench.methods"]
    my-method = "my_package.my_module:MyMethod"

Methods are imported on demand, so a broken one does not affect the others.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from timbrebench.core.errors import ConfigurationError
from timbrebench.core.plugins import entry_point_names, load_entry_point
from timbrebench.transfer.contract import Method, Parameters

GROUP = "timbrebench.methods"

_REQUIRED = ("name", "version", "summary", "source")


def method_names() -> list[str]:
    """Return the names of all installed methods, sorted, without importing any."""
    return entry_point_names(GROUP)


def method_class(name: str) -> type[Method]:
    """Import a method.

    Parameters
    ----------
    name : str
        One of :func:`method_names`.

    Returns
    -------
    type of Method
        Its class.

    Raises
    ------
    UnknownNameError
        If no method has that name; the nearest one is suggested.
    ConfigurationError
        If several distributions give a method that name, or if the one that does cannot be imported or does
        not keep to the contract.
    """
    loaded = load_entry_point(GROUP, name, "method")
    problem = _contract_problem(loaded, name)
    if problem:
        raise ConfigurationError(f"the entry point {name!r} breaks the contract of methods: {problem}")
    method: type[Method] = loaded
    return method


def create(name: str, parameters: Mapping[str, object]) -> Method:
    """Make a method with the given parameters.

    Parameters
    ----------
    name : str
        One of :func:`method_names`.
    parameters : mapping of str to object
        Values for some of its parameters; the others keep their defaults. Text that reads as the right
        type will do: "512" for an integer.

    Returns
    -------
    Method
        Ready to :meth:`~timbrebench.transfer.contract.Method.prepare`.

    Raises
    ------
    UnknownNameError
        As :func:`method_class`.
    ConfigurationError
        As :func:`method_class`, or if a parameter does not exist, has the wrong type or lies out of its
        range.
    """
    return method_class(name)(**parameters)


def default_parameters(name: str) -> dict[str, Any]:
    """Return the defaults of a method's parameters: its source's settings, as far as that states any.

    Parameters
    ----------
    name : str
        One of :func:`method_names`.

    Returns
    -------
    dict
        Values as JSON holds them. Parameters without a default are left out.

    Raises
    ------
    UnknownNameError
        As :func:`method_class`.
    ConfigurationError
        As :func:`method_class`.
    """
    # Without validation, which would ask for what has no default.
    return method_class(name).Parameters.model_construct().model_dump(mode="json")


def _contract_problem(loaded: object, name: str) -> str | None:
    """Return why an imported object is not the method `name`, or None if it is."""
    if not (isinstance(loaded, type) and issubclass(loaded, Method)):
        return f"{loaded!r} is not a subclass of timbrebench.transfer.Method"
    absent = [attribute for attribute in _REQUIRED if not hasattr(loaded, attribute)]
    if absent:
        return f"the class does not set {', '.join(absent)}"
    if loaded.__abstractmethods__:
        return f"the class does not define {', '.join(sorted(loaded.__abstractmethods__))}"
    if not issubclass(loaded.Parameters, Parameters):
        return "its Parameters is not a subclass of timbrebench.transfer.Parameters"
    if loaded.name != name:
        return f"the class calls itself {loaded.name!r}, so results would go under that name"
    return None
