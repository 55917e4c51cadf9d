"""The fields of pydantic models, with their defaults, ranges and documentation, as tables."""

from __future__ import annotations

import html
import inspect
import json
import logging
import typing
from collections.abc import Callable, Iterator
from typing import Any

import griffe
from markup import cell, code, table
from pydantic import BaseModel
from pydantic.fields import FieldInfo

# It asks for the types of attributes that a base class has declared already.
logging.getLogger("griffe").setLevel(logging.ERROR)

_NAMES = {
    "boolean": "true or false",
    "integer": "integer",
    "null": "none",
    "number": "number",
    "object": "table",
    "path": "path",
    "string": "text",
}
_BOUNDS = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}


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


def nested_models(root: type[BaseModel], seen: set[type[BaseModel]]) -> Iterator[tuple[str, type[BaseModel]]]:
    """Yield a model and those that its fields are made of, each once, with the dotted name of its field.

    Those that are in `seen` already are left out, and the others get into it.
    """
    waiting = [("", root)]
    while waiting:
        path, model = waiting.pop(0)
        if model not in seen:
            seen.add(model)
            yield path, model
            for name, field in model.model_fields.items():
                waiting += [(f"{path}.{name}".lstrip("."), part) for part in _models_in(field.annotation)]


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:  # noqa: ANN401 - any annotation
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in typing.get_args(annotation):
        yield from _models_in(part)


def field_table(model: type[BaseModel], anchor: Callable[[str], str] = str) -> str:
    """Return the table of a model's fields as HTML.

    `anchor` returns the place on the page of a model that a field is made of, for its name. Raises
    :class:`ValueError` if a field is documented nowhere.
    """
    descriptions = documentation(model)
    rows = []
    for (name, field), schema in zip(
        model.model_fields.items(), model.model_json_schema()["properties"].values(), strict=True
    ):
        description = descriptions.get(name) or ("const" in schema and "Says which of these tables it is.")
        if not description:
            raise ValueError(
                f"{model.__module__}.{model.__qualname__}: the field {name} has no documentation"
            )
        values = ", ".join([_values(schema, anchor), *map(html.escape, _bounds(schema))])
        rows.append((code(name), _default(field), values, cell(description, f"{model.__qualname__}.{name}")))
    return table(("name", "default", "values", "meaning"), rows)


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    if field.default_factory is not None:
        return "as said"
    value = _toml(field.default)
    return "its defaults" if value == "{}" and isinstance(field.default, BaseModel) else code(value)


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


def _values(schema: dict[str, Any], anchor: Callable[[str], str]) -> str:
    """Say what a part of a JSON schema allows."""
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[-1]
        return f'<a href="#{anchor(name)}">{name}</a>'
    if parts := schema.get("anyOf") or schema.get("oneOf"):
        return " or ".join(_values(part, anchor) for part in parts)
    if choices := schema.get("enum") or [schema[key] for key in ("const",) if key in schema]:
        return ", ".join(code(_toml(choice)) for choice in choices)
    if schema["type"] == "array":
        items = schema.get("prefixItems") or [schema["items"]]
        return f"list of {', '.join(_values(item, anchor) for item in items)}"
    return _NAMES[schema.get("format", schema["type"])]


def _bounds(schema: dict[str, Any]) -> list[str]:
    """Say what bounds the numbers and lengths in a part of a JSON schema have."""
    bounds = [f"{sign} {schema[key]:_}" for key, sign in _BOUNDS.items() if key in schema]
    length = schema.get("minItems") or schema.get("minLength")
    if length and "prefixItems" not in schema:
        bounds.append("not empty" if schema["type"] == "string" else f"{length} or more")
    for part in (
        *schema.get("anyOf", ()),
        *schema.get("oneOf", ()),
        *(schema[key] for key in ("items",) if key in schema),
    ):
        bounds += _bounds(part)
    return bounds
