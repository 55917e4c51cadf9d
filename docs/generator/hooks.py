"""What MkDocs calls while it builds the site: generated pages, parts of the README, formulas."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from configuration_pages import command_page, configuration_page
from data_page import data_page
from latex2mathml.converter import convert
from method_pages import method_pages
from metric_pages import metric_pages
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

_ROOT = Path(__file__).resolve().parents[2]
_PACKAGES = ("audio", "classifier", "core", "datasets", "experiments", "metrics", "transfer")

#: ``<!-- README: heading -->`` stands for the section of the README under that heading.
_EXCERPT = re.compile(r"<!-- README: (.+?) -->")
#: Where what the README links to is on the site.
_MOVED = {"docs/": "", "CONTRIBUTING.md": "contributing.md", "CHANGELOG.md": "changes.md"}

_FORMULA = re.compile(r'<(span|div) class="arithmatex">\\([(\[])(.*?)\\[)\]]</\1>', re.DOTALL)


def on_startup(command: str, dirty: bool) -> None:  # noqa: ARG001 - MkDocs' signature
    """Link the packages under the name by which they are imported: mkdocstrings reads their files."""
    namespace = _ROOT / ".types" / "timbrebench"
    namespace.mkdir(parents=True, exist_ok=True)
    for name in _PACKAGES:
        with contextlib.suppress(FileExistsError):  # of an earlier build, or of one beside this
            (namespace / name).symlink_to(Path("..", "..", name))


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are made from the code, and the pages of folders that the navigation names."""
    try:
        for path, text in _generated():
            files.append(File.generated(config, path, content=text))
    except ValueError as error:
        raise PluginError(f"the reference cannot be made from the code: {error}") from error
    config.nav = _opened(config.nav, sorted(files.src_uris))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:  # noqa: ARG001
    """Put sections of the README in their places."""
    return _EXCERPT.sub(lambda excerpt: _section(excerpt[1], page), markdown)


def on_page_content(content: str, page: Page, config: MkDocsConfig, files: Files) -> str:  # noqa: ARG001
    """Turn formulas into MathML, which browsers draw without a script."""
    return _FORMULA.sub(
        lambda formula: _mathml(formula[3], "inline" if formula[2] == "(" else "block"), content
    )


def _generated() -> Iterator[tuple[str, str]]:
    yield from method_pages()
    yield from metric_pages()
    yield "reference/configuration.md", configuration_page()
    yield "reference/command-line.md", command_page()
    yield "reference/data.md", data_page()


def _opened(nav: Any, paths: list[str]) -> Any:  # noqa: ANN401 - lists, tables and names, as YAML has them
    """Return the navigation with every folder in it replaced by its pages, the overview first."""
    if isinstance(nav, list):
        return [_opened(item, paths) for item in nav]
    if isinstance(nav, dict):
        return {name: _opened(item, paths) for name, item in nav.items()}
    if isinstance(nav, str) and nav.endswith("/"):
        pages = [path for path in paths if path.startswith(nav) and path.endswith(".md")]
        return sorted(pages, key=lambda path: (not path.endswith(("/index.md", "/README.md")), path))
    return nav


def _section(heading: str, page: Page) -> str:
    text = (_ROOT / "README.md").read_text(encoding="utf-8")
    section = re.search(rf"^## {re.escape(heading)}\n(.*?)(?=^## |\Z)", text, re.DOTALL | re.MULTILINE)
    if not section:
        raise PluginError(f"{page.file.src_uri}: the README has no section {heading!r}")
    up = "../" * page.file.src_uri.count("/")
    text = section[1].strip()
    for there, here in _MOVED.items():
        text = text.replace(f"]({there}", f"]({up}{here}")
    return text


def _mathml(formula: str, display: str) -> str:
    plain = formula.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    return str(convert(plain, display=display))
