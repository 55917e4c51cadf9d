"""What MkDocs calls while it builds the site: generated pages, parts of the README, formulas."""

from __future__ import annotations

import contextlib
import html
import re
from pathlib import Path
from typing import Any

from configuration_pages import command_reference, configuration_keys
from data_page import profile_table, suite_table
from latex2mathml.converter import convert
from leaderboard_files import leaderboard_files, leaderboard_table
from method_pages import method_overview, method_pages
from metric_pages import metric_overview, metric_pages
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from timbrebench.experiments.run.configuration_text import profile_names

_ROOT = Path(__file__).resolve().parents[2]
_PACKAGES = ("audio", "classifier", "core", "datasets", "experiments", "metrics", "transfer")

#: ``<!-- README: heading -->`` stands for the section of the README under that heading.
_EXCERPT = re.compile(r"<!-- README: (.+?) -->")
#: ``<!-- GENERATED: name -->`` stands for what a function returns.
_MADE = re.compile(r"<!-- GENERATED: (.+?) -->")
_PARTS = {
    "commands": command_reference,
    "keys": configuration_keys,
    "leaderboards": lambda: leaderboard_table(_ROOT / "results"),
    "methods": method_overview,
    "metrics": metric_overview,
    "profile names": lambda: ", ".join(f"`{name}`" for name in profile_names()),
    "profiles": profile_table,
    "suites": suite_table,
}
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
    """Add the pages of methods and metrics, the leaderboards, and the pages of folders in the navigation."""
    for path, text in (*method_pages(), *metric_pages()):
        files.append(File.generated(config, path, content=text))
    for path, content in leaderboard_files(_ROOT / "results"):
        files.append(File.generated(config, path, content=content))
    config.nav = _opened(config.nav, sorted(files.src_uris))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:  # noqa: ARG001
    """Put sections of the README, and what is made from the code, in their places."""
    markdown = _EXCERPT.sub(lambda excerpt: _section(excerpt[1], page), markdown)
    return _MADE.sub(lambda place: _PARTS[place[1]](), markdown)


def on_page_content(content: str, page: Page, config: MkDocsConfig, files: Files) -> str:  # noqa: ARG001
    """Turn formulas into MathML, which browsers draw without a script."""
    return _FORMULA.sub(
        lambda formula: convert(
            html.unescape(formula[3]), display="inline" if formula[2] == "(" else "block"
        ),
        content,
    )


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
