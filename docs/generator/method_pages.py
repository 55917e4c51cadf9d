"""Pages of the methods: what each declares, its parameters, and its module's description."""

from __future__ import annotations

import html
import sys
from collections.abc import Iterator

from markup import facts, table, to_html
from model_fields import field_table, models_in
from pydantic import BaseModel

from timbrebench.transfer import Control, Method, method_class, method_names

FOLDER = "reference/methods"

_INTRODUCTION = """# Methods

Each page has what a method declares, its parameters, whose defaults are the published settings, and where
it was published, what the source leaves open, and how that was settled. `timbrebench methods --json` has
the same for programs; [how another system takes part](../../methods.md) says how to add one.

"""


def method_pages() -> Iterator[tuple[str, str]]:
    """Yield the path and the Markdown of each page, the overview first."""
    modules: dict[str, list[type[Method]]] = {}
    for name in method_names():
        method = method_class(name)
        if method.__module__.startswith("timbrebench."):
            modules.setdefault(method.__module__, []).append(method)
    rows = [
        (
            f'<a href="{_page(module)}.html#{method.name}"><code>{method.name}</code></a>',
            html.escape(method.summary),
            html.escape(method.source),
        )
        for method, module in sorted(
            ((method, module) for module, group in modules.items() for method in group),
            key=lambda item: item[0].name,
        )
    ]
    yield f"{FOLDER}/index.md", _INTRODUCTION + table(("name", "what it does", "source"), rows)
    for module, group in sorted(modules.items(), key=lambda item: item[1][0].name):
        yield f"{FOLDER}/{_page(module)}.md", _method_page(module, group)


def _page(module: str) -> str:
    return module.rsplit(".", 1)[-1].replace("_", "-")


def _method_page(module: str, group: list[type[Method]]) -> str:
    if len(group) == 1:
        parts = [f"# {group[0].name} {{#{group[0].name}}}\n", _facts(group[0]), _parameters(group[0])]
    else:
        controls = all(issubclass(method, Control) for method in group)
        parts = [f"# {'Controls' if controls else ', '.join(method.name for method in group)}\n"]
        for method in group:
            parts += [f"## `{method.name}` {{#{method.name}}}\n", _facts(method), _parameters(method)]
    text = to_html(sys.modules[module].__doc__ or "", module, 3)
    # The empty link is the place that references to the module lead to.
    parts += [f"[](){{#{module}}}\n", "## Description\n", f'<div class="docstring">\n{text}\n</div>\n']
    return "\n".join(parts)


def _facts(method: type[Method]) -> str:
    return facts(
        [
            ("what it does", html.escape(method.summary)),
            ("source", html.escape(method.source)),
            ("version", str(method.version)),
            ("learns", "yes, from the training pieces" if method.prepare is not Method.prepare else "no"),
        ]
    )


def _parameters(method: type[Method]) -> str:
    if not method.Parameters.model_fields:
        return "No parameters.\n"
    models = list(_nested(method.Parameters))
    anchors = {model: f"{method.name}-{model.__name__.lower()}" for model in models}
    tables = [field_table(method.Parameters, anchors)]
    for model in models:
        tables += [f"### {model.__name__} {{#{anchors[model]}}}\n", field_table(model, anchors)]
    return "\n".join(tables)


def _nested(model: type[BaseModel], seen: frozenset[type] = frozenset()) -> Iterator[type[BaseModel]]:
    models: list[type[BaseModel]] = []
    for field in model.model_fields.values():
        for nested in models_in(field.annotation):
            if nested not in models and nested not in seen:
                models += [nested, *_nested(nested, seen | {*models, nested})]
    yield from dict.fromkeys(models)
