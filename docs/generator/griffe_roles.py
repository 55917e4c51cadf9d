"""The roles in docstrings become links where mkdocstrings renders them as Markdown."""

from __future__ import annotations

from typing import Any

import griffe
from markup import link_roles


class Roles(griffe.Extension):
    """Replace roles, and literal blocks by fenced ones, before docstrings are parsed."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:  # noqa: ANN401 - griffe's signature
        """Rewrite an object's docstring."""
        if obj.docstring:
            obj.docstring.value = link_roles(obj.docstring.value).replace("::\n\n", ":\n\n")
