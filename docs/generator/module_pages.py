"""Pages about what a registry holds: an overview, and a page for each module."""

from __future__ import annotations

import html
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

from markup import code, table

T = TypeVar("T")


def own(items: Iterable[T]) -> list[T]:
    """Return the methods or metrics that are of this project, and not of other distributions."""
    return [item for item in items if item.__module__.startswith("timbrebench.")]


def overview(header: Sequence[str], rows: Iterable[tuple[str, str, *tuple[str, ...]]]) -> str:
    """Return a table that leads to the pages: rows of a module, a name, and further cells that are text."""
    return table(
        header,
        [
            (f'<a href="{_page_name(module)}.html#{name}">{code(name)}</a>', *map(html.escape, cells))
            for module, name, *cells in sorted(rows, key=lambda row: row[1])
        ],
    )


def module_pages(
    folder: str, items: Iterable[T], page: Callable[[str, list[T]], str]
) -> Iterator[tuple[str, str]]:
    """Yield the path of the page of each module, and the Markdown that `page` writes of it and its items."""
    modules: dict[str, list[T]] = {}
    for item in items:
        modules.setdefault(item.__module__, []).append(item)
    for module, group in modules.items():
        yield f"{folder}/{_page_name(module)}.md", page(module, group)


def _page_name(module: str) -> str:
    return module.rsplit(".", 1)[-1].replace("_", "-")
