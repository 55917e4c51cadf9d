"""What methods and metrics say of themselves, read from their sources: importing them takes seconds.

A method's summary is an attribute of its class, and what a metric declares is given to the decorator, so both
stand in the file that the entry point names. What cannot be read there, because it is computed, is imported.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from functools import cache
from importlib.machinery import ModuleSpec
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import NamedTuple

from timbrebench.core.plugins import entry_points_of

METHODS, METRICS = "timbrebench.methods", "timbrebench.metrics"


class ListedMetric(NamedTuple):
    """What is listed of a metric."""

    name: str
    question: str
    summary: str
    unit: str
    direction: str


def method_summaries() -> Iterator[tuple[str, str]]:
    """Yield name and summary of every method that is installed."""
    for point in entry_points_of(METHODS):
        summary = _assigned(_definition(point), "summary")
        if summary is None:
            from timbrebench.transfer.registry import method_class

            summary = method_class(point.name).summary
        yield point.name, summary


def listed_metrics() -> Iterator[ListedMetric]:
    """Yield what is listed of every metric that is installed."""
    for point in entry_points_of(METRICS):
        declared = {"unit": "1", **_declared(point)}
        texts = [declared.get(name) for name in ("summary", "unit", "direction")]
        question = (ast.get_docstring(_module(point.module) or ast.Module([], [])) or "").partition("\n")[0]
        if question and None not in texts:
            yield ListedMetric(point.name, question, *map(str, texts))
            continue
        from timbrebench.metrics.registry import get

        metric = get(point.name)
        about = metric.specification
        yield ListedMetric(about.name, metric.question, about.summary, about.unit, about.direction)


def _definition(point: EntryPoint) -> ast.stmt | None:
    """Return the class or function that an entry point names, as it stands in its file."""
    module = _module(point.module)
    for statement in module.body if module else ():
        if isinstance(statement, ast.ClassDef | ast.FunctionDef) and statement.name == point.attr:
            return statement
    return None


def _assigned(definition: ast.stmt | None, name: str) -> str | None:
    """Return the text that a class assigns to an attribute, alone or among others."""
    for statement in definition.body if isinstance(definition, ast.ClassDef) else ():
        if isinstance(statement, ast.Assign):
            for target in statement.targets:
                for place, value in _pairs(target, statement.value):
                    if isinstance(place, ast.Name) and place.id == name:
                        return _text(value)
    return None


def _pairs(target: ast.expr, value: ast.expr) -> Iterator[tuple[ast.expr, ast.expr]]:
    if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
        yield from zip(target.elts, value.elts, strict=False)
    else:
        yield target, value


def _declared(point: EntryPoint) -> dict[str, str | None]:
    """Return what a metric's decorator is given, by keyword; None stands for what is computed."""
    definition, decorators = _definition(point), _decorators(_module(point.module))
    for call in definition.decorator_list if isinstance(definition, ast.FunctionDef) else ():
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in decorators:
            return {**decorators[call.func.id], **_keywords(call)}
    return {}


def _decorators(module: ast.Module | None) -> dict[str, dict[str, str | None]]:
    """Return a module's decorators of metrics, and what each is given already: ``partial(metric, ...)``."""
    decorators: dict[str, dict[str, str | None]] = {"metric": {}}
    for statement in module.body if module else ():
        match statement:
            case ast.Assign(
                targets=[ast.Name(id=name)],
                value=ast.Call(func=ast.Name(id="partial"), args=[ast.Name(id="metric")]) as call,
            ):
                decorators[name] = _keywords(call)
    return decorators


def _keywords(call: ast.Call) -> dict[str, str | None]:
    return {str(keyword.arg): _text(keyword.value) for keyword in call.keywords}


def _text(value: ast.expr) -> str | None:
    return value.value if isinstance(value, ast.Constant) and isinstance(value.value, str) else None


@cache
def _module(name: str) -> ast.Module | None:
    """Parse the source of a module that need not be imported; None if there is no source."""
    specification = _specification(name)
    if specification is None or not (specification.origin or "").endswith(".py"):
        return None
    try:
        return ast.parse(Path(str(specification.origin)).read_bytes())
    except (OSError, SyntaxError, ValueError):
        return None


def _specification(name: str) -> ModuleSpec | None:
    """Find a module as an import would, without importing the packages that it is in."""
    path, specification = None, None
    parts = name.split(".")
    for length in range(1, len(parts) + 1):
        specifications = (finder.find_spec(".".join(parts[:length]), path) for finder in sys.meta_path)
        specification = next((each for each in specifications if each is not None), None)
        if specification is None:
            return None
        path = specification.submodule_search_locations
    return specification
