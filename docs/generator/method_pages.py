"""Pages of the methods: what each declares, its parameters, and its module's description."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from markup import facts, to_html
from model_fields import field_table, nested_models
from module_pages import module_pages, overview, own

from timbrebench.transfer import Control, Method, method_class, method_names

_METHODS = own(map(method_class, method_names()))


def method_overview() -> str:
    """Return the table of all methods, as HTML."""
    rows = [(method.__module__, method.name, method.summary, method.source) for method in _METHODS]
    return overview(("name", "what it does", "source"), rows)


def method_pages() -> Iterator[tuple[str, str]]:
    """Yield the path and the Markdown of each page."""
    return module_pages("reference/methods", _METHODS, _method_page)


def _method_page(module: str, group: list[type[Method]]) -> str:
    if len(group) == 1:
        parts = [f"# {group[0].name} {{#{group[0].name}}}\n", *_declared(group[0])]
    else:
        controls = all(issubclass(method, Control) for method in group)
        parts = [f"# {'Controls' if controls else ', '.join(method.name for method in group)}\n"]
        for method in group:
            parts += [f"## `{method.name}` {{#{method.name}}}\n", *_declared(method)]
    text = to_html(sys.modules[module].__doc__ or "", module, 3)
    # The empty link is the place that references to the module lead to.
    parts += [f"[](){{#{module}}}\n", "## Description\n", f'<div class="docstring">\n{text}\n</div>\n']
    return "\n".join(parts)


def _declared(method: type[Method]) -> Iterator[str]:
    yield facts(
        {
            "what it does": method.summary,
            "source": method.source,
            "version": str(method.version),
            "learns": "yes, from the training pieces" if method.prepare is not Method.prepare else "no",
        }
    )
    if not method.Parameters.model_fields:
        yield "No parameters.\n"
        return

    def anchor(name: str) -> str:
        return f"{method.name}-{name.lower()}"

    for path, model in nested_models(method.Parameters, set()):
        if path:
            yield f"### {model.__name__} {{#{anchor(model.__name__)}}}\n"
        yield field_table(model, anchor)
