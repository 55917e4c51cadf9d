"""Methods that a submission names: what is known of them here, and what of their settings is handed in.

A submission states which methods it is of, and that is compared with nothing outside of it: no file is
opened, and no code of others imported, because a submission says so. What a method is can be computed again
only where it follows from its settings alone: for methods of this project that depend on no files. Of the
settings of all others nobody can verify anything, so only their numbers and switches are handed in and shown,
since commands, paths and keys are texts.
"""

from __future__ import annotations

from typing import Any

from timbrebench.core.errors import TimbrebenchError
from timbrebench.core.plugins import names_of_others
from timbrebench.experiments.run.run_configuration import MethodEntry
from timbrebench.transfer.contract import Method
from timbrebench.transfer.registry import GROUP, create, method_class, method_names


def verifiable_method(entry: MethodEntry) -> Method | None:
    """Return a method whose identity follows from its settings here, else None.

    It comes with this project, depends on no files, and takes the settings. A method that other distributions
    add is not imported, and none is asked for its :meth:`~timbrebench.transfer.contract.Method.fingerprint`.
    """
    if entry.method not in method_names() or entry.method in names_of_others(GROUP):
        return None
    if method_class(entry.method).fingerprint is not Method.fingerprint:
        return None
    try:
        return create(entry.method, entry.parameters)
    except TimbrebenchError:  # settings of another version of it
        return None


def public_parameters(entry: MethodEntry) -> dict[str, Any]:
    """Return the parameters that are handed in, and shown: all that can be verified, else numbers alone."""
    return entry.parameters if verifiable_method(entry) else _numbers(entry.parameters)


def _numbers(parameters: dict[str, Any]) -> dict[str, Any]:
    """Return the numbers and switches of a table of settings, and of the tables in it."""
    numbers = {
        name: _numbers(value) if isinstance(value, dict) else value
        for name, value in parameters.items()
        if isinstance(value, dict | bool | int | float)
    }
    return {name: value for name, value in numbers.items() if value != {}}
