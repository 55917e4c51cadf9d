"""The public leaderboard within the documentation: its files, and a table that leads to them."""

from __future__ import annotations

import html
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from markup import code, table

from timbrebench.experiments.site.site_building import build_site
from timbrebench.experiments.site.site_contents import SuiteContents

#: Where it is on the site.
_FOLDER = "leaderboard"


def leaderboard_files(results: Path) -> Iterator[tuple[str, bytes]]:
    """Yield the path and the content of each file of the leaderboards."""
    yield from _built(results)[1].items()


def leaderboard_table(results: Path) -> str:
    """Return the table of the leaderboards, as HTML."""
    rows = [
        (
            f'<a href="{_FOLDER}/{suite.name}/index.html">{code(suite.name)}</a>',
            html.escape(suite.recipe.summary),
            str(len(suite.pairs)),
            str(len(suite.rows)),
            ", ".join(code(row.name) for row in suite.best),
        )
        for suite in _built(results)[0]
    ]
    link = f'<p><a class="md-button md-button--primary" href="{_FOLDER}/index.html">All leaderboards</a></p>'
    return table(("suite", "what it is", "pairs", "methods", "first"), rows) + link


@cache
def _built(results: Path) -> tuple[list[SuiteContents], dict[str, bytes]]:
    """Build the site once: MkDocs asks for its files, and later for the table."""
    with tempfile.TemporaryDirectory() as folder:
        suites = build_site(results, Path(folder))
        paths = sorted(path for path in Path(folder).rglob("*") if path.is_file())
        files = {f"{_FOLDER}/{path.relative_to(folder).as_posix()}": path.read_bytes() for path in paths}
    return suites, files
