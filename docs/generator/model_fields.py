"""The fields of pydantic models, with their defaults, ranges and documentation, as tables."""

from __future__ import annotations

import html
import inspect
import json
import logging
import types
import typing
from collections.abc import Iterator
from typing import Any, Literal

import griffe
from annotated_types import Ge, Gt, Le, Lt, MinLen
from markup import cell, table
from pydantic import BaseModel
from pydantic.fields import FieldInfo

# It asks for the types of attributes that a base class has declared already.
logging.getLogger("griffe").setLevel(logging.ERROR)

_NAMES = {
    bool: "true or false",
    dict: "table",
    float: "number",
    int: "integer",
    str: "text",
    type(None): "none",
}
_BOUNDS = {Ge: ("≥", "ge"), Gt: (">", "gt"), Le: ("≤", "le"), Lt: ("<", "lt")}


def documentation(model: type) -> dict[str, str]:
    """Return what the docstrings of a class and its bases say of its attributes and parameters."""
    descriptions: dict[str, str] = {}
    for owner in reversed(model.__mro__):
        text = owner.__dict__.get("__doc__")
        if not text or not owner.__module__.startswith("timbrebench."):
            continue
        for section in griffe.Docstring(inspect.cleandoc(text), parser="numpy").parse():
            if section.kind.value in ("attributes", "parameters"):
                descriptions |= {
                    name.strip(): item.description for item in section.value for name in item.name.split(",")
                }
    return descriptions


def models_in(annotation: Any) -> Iterator[type[BaseModel]]:  # noqa: ANN401 - any annotation
    """Yield the models that an annotation is made of."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in typing.get_args(annotation):
        yield from models_in(part)


def field_table(model: type[BaseModel], anchors: dict[type, str] | None = None) -> str:
    """Return the table of a model's fields.

    Parameters
    ----------
    model : type of BaseModel
        The model.
    anchors : dict of type to str, optional
        Where models that fields are made of are described.

    Returns
    -------
    str
        HTML.

    Raises
    ------
    ValueError
        If a field is documented nowhere.
    """
    descriptions = documentation(model)
    rows = []
    for name, field in model.model_fields.items():
        if name not in descriptions and _is_tag(field):
            descriptions[name] = "Says which of these tables it is."
        if not descriptions.get(name):
            raise ValueError(
                f"{model.__module__}.{model.__qualname__}: the field {name} has no documentation"
            )
        rows.append(
            (
                f"<code>{name}</code>",
                _default(field),
                _type(field.annotation, anchors or {}) + _bounds(field),
                cell(descriptions[name], f"{model.__qualname__}.{name}"),
            )
        )
    return table(("name", "default", "values", "meaning"), rows)


def _is_tag(field: FieldInfo) -> bool:
    return typing.get_origin(field.annotation) is Literal and len(typing.get_args(field.annotation)) == 1


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    if field.default_factory is not None:
        return "as said"
    value = field.default
    if isinstance(value, BaseModel):
        changed = value.model_dump(mode="json", exclude_defaults=True)
        return f"<code>{html.escape(_toml(changed))}</code>" if changed else "its defaults"
    return f"<code>{html.escape(_toml(value))}</code>"


def _toml(value: object) -> str:
    """Write a value as a configuration has it."""
    if isinstance(value, BaseModel):
        value = value.model_dump(mode="json", exclude_defaults=True)
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {_toml(item)}" for key, item in value.items()) + "}"
    if isinstance(value, tuple | list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    if isinstance(value, bool | str):
        return json.dumps(value, ensure_ascii=False)
    return "none" if value is None else str(value)


def _type(annotation: Any, anchors: dict[type, str]) -> str:  # noqa: ANN401 - any annotation
    origin = typing.get_origin(annotation)
    if origin is Literal:
        return ", ".join(f"<code>{html.escape(_toml(value))}</code>" for value in typing.get_args(annotation))
    if annotation in anchors:
        return f'<a href="#{anchors[annotation]}">{annotation.__name__}</a>'
    if origin is None:
        return _NAMES.get(annotation) or html.escape(getattr(annotation, "__name__", str(annotation)))
    parts = [_type(part, anchors) for part in typing.get_args(annotation) if part is not Ellipsis]
    if origin in (typing.Union, types.UnionType):
        return " or ".join(parts)
    return {typing.Annotated: parts[0], dict: "table"}.get(origin, f"list of {', '.join(parts)}")


def _bounds(field: FieldInfo) -> str:
    bounds = [
        f"{sign} {getattr(item, attribute):_}"
        for item in field.metadata
        for kind, (sign, attribute) in _BOUNDS.items()
        if isinstance(item, kind)
    ]
    lengths = [item.min_length for item in field.metadata if isinstance(item, MinLen)]
    bounds += ["not empty" if field.annotation is str else f"{length} or more" for length in lengths]
    return "".join(f", {html.escape(bound)}" for bound in bounds)
