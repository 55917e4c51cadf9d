"""The methods that are installed, by name.

A distribution adds a method by an entry point in the group ``timbrebench.methods``, from the method's name
to its class::

    [project.entry-points."timbrebench.methods"]
    my-method = "my_package.my_module:MyMethod"

Nothing is imported before a method is asked for, so one that is broken does no harm to the others.
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
    """Return the names of all installed methods, sorted. Nothing is imported for it."""
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
    found = load_entry_point(GROUP, name, "method")
    problem = _contract_problem(found, name)
    if problem:
        raise ConfigurationError(f"the entry point {name!r} breaks the contract of methods: {problem}")
    method: type[Method] = found
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
    """Return the defaults of a method's parameters, which are its published settings.

    Parameters
    ----------
    name : str
        One of :func:`method_names`.

    Returns
    -------
    dict
        Values as JSON holds them. What has no default, and so has to be given, is not among them.

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
    """Say what keeps an imported object from being the method `name`, if anything does."""
    if not (isinstance(loaded, type) and issubclass(loaded, Method)):
        return f"{loaded!r} is no subclass of timbrebench.transfer.Method"
    absent = [attribute for attribute in _REQUIRED if not hasattr(loaded, attribute)]
    if absent:
        return f"the class does not set {', '.join(absent)}"
    if loaded.__abstractmethods__:
        return f"the class does not define {', '.join(sorted(loaded.__abstractmethods__))}"
    if not issubclass(loaded.Parameters, Parameters):
        return "its Parameters is no subclass of timbrebench.transfer.Parameters"
    if loaded.name != name:
        return f"the class calls itself {loaded.name!r}, so results would go under that name"
    return None
