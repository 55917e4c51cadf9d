"""What the public leaderboard shows of a suite, worked out once for its pages and its tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd
from markupsafe import Markup

from timbrebench.experiments.ranking.headline import HEADLINE
from timbrebench.experiments.ranking.leaderboard import Leaderboard
from timbrebench.experiments.report.contents import Contents
from timbrebench.experiments.report.drawing import PAGE, page_svg
from timbrebench.experiments.report.interval_figure import RankedInterval, draw_intervals
from timbrebench.experiments.report.leaderboard_tables import as_records, leaderboard_groups
from timbrebench.experiments.report.matrices import TransferMatrix
from timbrebench.experiments.report.report_figures import plane_figure
from timbrebench.experiments.submissions.entry import Entry, read_given
from timbrebench.experiments.submissions.entry_excerpts import GIVEN, excerpt_name, excerpt_pairs
from timbrebench.experiments.submissions.entry_verification import SuiteEntries
from timbrebench.experiments.suites.frozen_suite import load_frozen
from timbrebench.experiments.suites.recipes import Recipe
from timbrebench.experiments.suites.suite import Pair
from timbrebench.experiments.suites.tracks import RULES, track_of


@dataclass(frozen=True)
class Player:
    """Something to listen to: a heading, what stands beside it, and the address of an audio file."""

    title: str
    subtitle: str
    address: str


@dataclass(frozen=True, eq=False)
class EntryRow:
    """An entry with its row of the leaderboard.

    Attributes
    ----------
    entry : Entry
        Card, records and excerpts.
    row : dict
        As :func:`~timbrebench.experiments.report.leaderboard_tables.leaderboard_groups` has it.
    verified : str
        What was verified of its figures.
    matrix : TransferMatrix or None
        Style by content; None without style accuracy.
    """

    entry: Entry
    row: dict[str, Any]
    verified: str
    matrix: TransferMatrix | None

    @property
    def name(self) -> str:
        """The method's label, which is the name of its page."""
        return self.entry.card.method

    @property
    def submitter(self) -> str:
        """Who handed it in."""
        return self.entry.submission.about.submitter


class SuiteContents:
    """What the pages of a suite show.

    Parameters
    ----------
    ranked : SuiteEntries
        Its entries, in one leaderboard.
    root : Path
        The folder of all results, where what was given of audible pairs lies.

    Attributes
    ----------
    name : str
        Name and version, which is the name of its page.
    contents : Contents
        Figures, columns and plane of all entries together.
    given : dict of str to bytes
        Excerpts of content, style and reference, by the names of their files.
    """

    def __init__(self, ranked: SuiteEntries, root: Path) -> None:
        self.name = ranked.suite
        self.entries, self.merged = ranked.entries, ranked.merged
        results = ranked.merged.results
        self.contents = Contents.of(results, Leaderboard(ranked.merged.table, ()))
        self.given = read_given(root / ranked.suite, results.suite)
        recipe = load_frozen(ranked.suite).recipe
        assert recipe is not None  # noqa: S101 - suites of the project have one
        self.recipe: Recipe = recipe

    @property
    def pairs(self) -> Sequence[Pair]:
        """The suite's pairs."""
        return self.merged.results.suite.pairs

    @property
    def pieces(self) -> int:
        """How many pieces the contents are of."""
        return len({pair.piece for pair in self.pairs})

    @property
    def judges(self) -> list[str]:
        """The style judges, by name where they are published."""
        return list(self.entries[0].submission.about.judge_names)

    @property
    def question(self) -> str:
        """What the track asks whose suite it is; empty for a suite without a track."""
        track = track_of(self.name)
        return track.question if track else ""

    @property
    def rule(self) -> str:
        """What methods may have learned from."""
        return RULES[self.entries[0].submission.about.setting]

    @property
    def is_ranking(self) -> bool:
        """Whether its methods are ranked."""
        return self.merged.results.is_ranking

    @cached_property
    def groups(self) -> list[dict[str, Any]]:
        """The leaderboard's rows, methods and controls apart."""
        return leaderboard_groups(self.merged.results, self.contents.leaderboard.table, self.contents.columns)

    @cached_property
    def rows(self) -> list[EntryRow]:
        """The entries in the order of the leaderboard."""
        by_name = {entry.card.method: entry for entry in self.entries}
        verified = dict(zip(self.merged.table.method, self.merged.table.verified, strict=True))
        matrices: Mapping[str, TransferMatrix] = {matrix.method: matrix for matrix in self.contents.matrices}
        return [
            EntryRow(by_name[row["label"]], row, verified[row["label"]], matrices.get(row["label"]))
            for row in self.groups[0]["rows"]
        ]

    @property
    def controls(self) -> list[dict[str, Any]]:
        """The rows of the controls."""
        rows: list[dict[str, Any]] = self.groups[1]["rows"]
        return rows

    def headline_of(self, row: dict[str, Any]) -> dict[str, Any] | None:
        """Return the cell of a row that has its headline; None where nothing has one."""
        names = [column.name for column in self.contents.columns]
        cell: dict[str, Any] | None = row["cells"][names.index(HEADLINE)] if HEADLINE in names else None
        return cell

    @property
    def best(self) -> list[EntryRow]:
        """The entries of the first rank."""
        return [row for row in self.rows if row.row["rank"] == 1]

    def interval_figure(self) -> Markup | None:
        """Draw headlines with intervals and ties, in the page's colours; None where nothing is ranked."""
        ranked = [
            RankedInterval(
                row["method"],
                row[HEADLINE],
                row[f"{HEADLINE}_low"],
                row[f"{HEADLINE}_high"],
                int(row["rank"]),
            )
            for row in as_records(self.merged.table)
            if "rank" in row and not pd.isna(row["rank"])
        ]
        return page_svg(draw_intervals(ranked, PAGE), "intervals") if ranked else None

    def plane(self) -> Markup | None:
        """Draw the style-content plane in the colours of the page; None where it was not measured."""
        if not any(point.is_measured for point in self.contents.points):
            return None
        return page_svg(plane_figure(self.contents, PAGE), "plane")

    def examples(self, row: EntryRow) -> list[tuple[Pair, list[Player]]]:
        """List the pairs of an entry that can be heard, with addresses as seen from its page."""
        examples = []
        for pair in excerpt_pairs(self.pairs):
            if pair.pair_id not in row.entry.excerpts:
                continue
            labels = {"content": pair.content.label, "style": pair.style.label}
            labels["reference"] = f"the content on {pair.style.label}"
            players = [
                Player(what.capitalize(), labels[what], f"clips/{excerpt_name(pair, what)}")
                for what in GIVEN
                if excerpt_name(pair, what) in self.given
            ]
            players.append(Player(row.name, "the method", f"{row.name}/{excerpt_name(pair)}"))
            examples.append((pair, players))
        return examples
