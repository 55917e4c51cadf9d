"""Write the public leaderboard: static pages, tables and audio, the same bytes for the same entries.

Addresses stay: ``<suite>/`` is a leaderboard, ``<suite>/<method>.html`` a method on it, each with the same
as ``.csv`` and ``.json``. Everything that strangers have written is escaped, and the pages forbid whatever
they do not need: scripts other than the one whose SHA-256 they state, and whatever comes from elsewhere.
"""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

from markupsafe import Markup

from timbrebench.core.files import write_bytes, write_text
from timbrebench.experiments.ranking.headline import CONTENT_KEPT, HEADLINE, MEAN_STYLE, STYLE
from timbrebench.experiments.report.templating import asset, render
from timbrebench.experiments.site.site_contents import EntryRow, SuiteContents
from timbrebench.experiments.site.site_tables import (
    entry_csv,
    entry_json,
    leaderboard_csv,
    leaderboard_json,
    results_json,
)
from timbrebench.experiments.submissions.entry import GIVEN_CLIPS
from timbrebench.experiments.submissions.entry_excerpts import excerpt_name
from timbrebench.experiments.submissions.entry_verification import read_results
from timbrebench.experiments.submissions.method_card import LEARNED_FROM

#: Columns of a leaderboard's page where methods are ranked; the others are on the pages of the methods.
_SHOWN = (
    HEADLINE,
    MEAN_STYLE,
    STYLE,
    CONTENT_KEPT,
    "sound_quality",
    "onset_f1",
    "log_spectral_distance",
    "seconds",
)

#: Those with their intervals beside them.
_WITH_INTERVAL = (HEADLINE, MEAN_STYLE, STYLE, CONTENT_KEPT)


def build_site(results: Path, out: Path) -> list[SuiteContents]:
    """Verify all entries of a folder, and write the leaderboards.

    Parameters
    ----------
    results : Path
        ``<suite>/<method>/`` are entries.
    out : Path
        A folder, which gets the pages. What else is in it stays.

    Returns
    -------
    list of SuiteContents
        What was written.

    Raises
    ------
    RunError
        If there are no entries, or one of them does not hold.
    StorageError
        If a file cannot be written.
    """
    suites = [SuiteContents(ranked, results) for ranked in read_results(results)]
    pages = _Pages(out)
    pages.write("index.html", "site_index.html.jinja", suites=suites)
    write_text(out / "results.json", results_json(suites))
    for suite in suites:
        _write_suite(suite, suites, pages)
    return suites


class _Pages:
    """The folder that gets the pages, and what all of them have."""

    def __init__(self, out: Path) -> None:
        self.out = out
        self._css = asset("report.css") + asset("site.css")
        self._script = asset("tables.js") + asset("site.js")
        digest = base64.b64encode(hashlib.sha256(self._script.encode()).digest()).decode()
        self._hash = f"'sha256-{digest}'"

    def write(self, address: str, template: str, **context: object) -> None:
        """Write a page."""
        shared: dict[str, Markup | str] = {
            "css": self._css,
            "script": self._script,
            "script_hash": self._hash,
        }
        write_text(self.out / address, render(template, **shared, **context))


def _write_suite(suite: SuiteContents, suites: list[SuiteContents], pages: _Pages) -> None:
    names = [column.name for column in suite.contents.columns]
    places = [place for place, name in enumerate(names) if name in _SHOWN or not suite.is_ranking]
    pages.write(
        f"{suite.name}/index.html",
        "site_suite.html.jinja",
        suite=suite,
        names=[each.name for each in suites],
        learned_from=LEARNED_FROM,
        columns=[suite.contents.columns[place] for place in places],
        places=places,
        with_interval=_WITH_INTERVAL,
        about_after=2 if suite.is_ranking else 1,
        intervals=suite.interval_figure(),
        plane=suite.plane(),
    )
    folder = pages.out / suite.name
    write_text(folder / "leaderboard.csv", leaderboard_csv(suite))
    write_text(folder / "leaderboard.json", leaderboard_json(suite))
    for name, content in suite.given.items():
        write_bytes(folder / GIVEN_CLIPS / name, content)
    for row in suite.rows:
        _write_method(row, suite, suites, pages)


def _write_method(row: EntryRow, suite: SuiteContents, suites: list[SuiteContents], pages: _Pages) -> None:
    others = [
        (other, its) for other in suites for its in other.rows if other is not suite and its.name == row.name
    ]
    pages.write(
        f"{suite.name}/{row.name}.html",
        "site_method.html.jinja",
        suite=suite,
        row=row,
        others=others,
        ranked=sum(1 for each in suite.rows if each.row["rank"]),
        examples=suite.examples(row),
    )
    folder = pages.out / suite.name
    write_text(folder / f"{row.name}.csv", entry_csv(suite, row))
    write_text(folder / f"{row.name}.json", entry_json(suite, row))
    for pair in suite.pairs:
        if pair.pair_id in row.entry.excerpts:
            write_bytes(folder / row.name / excerpt_name(pair), row.entry.excerpts[pair.pair_id])
