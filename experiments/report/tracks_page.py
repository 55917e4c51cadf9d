"""The page of a benchmark on several tracks: what each method reaches on each, side by side.

Every track is a run in a folder of its own, with its own ranks: figures of two tracks are answers to two
questions, and never stand in one ranking.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from timbrebench.core.documents import read_json
from timbrebench.core.errors import RunError
from timbrebench.core.files import write_text
from timbrebench.core.tables import SIX_DIGITS, write_csv
from timbrebench.experiments.report.templating import asset, render
from timbrebench.experiments.report.terminal import read_leaderboard
from timbrebench.experiments.run.layout import CONFIGURATION, LEADERBOARD, REPORT, VALIDITY
from timbrebench.experiments.suites.frozen_suite import load_configured
from timbrebench.experiments.suites.suite import SuiteConfiguration
from timbrebench.experiments.suites.tracks import RULES, find_track


class TrackRun(NamedTuple):
    """A finished run on a track, as its page and the terminal show it.

    Attributes
    ----------
    name, question, rule : str
        Of the track.
    size : str
        How many pairs, and of how many.
    address : str
        Of the run's report, relative to the page.
    problems : list of str
        Why the run is not valid; empty for a valid one.
    rows : dict of str to dict
        Rows of its leaderboard by method.
    """

    name: str
    question: str
    rule: str
    size: str
    address: str
    problems: list[str]
    rows: dict[str, dict[str, Any]]


def read_track(name: str, root: Path) -> TrackRun:
    """Read what a finished run on a track has come to; raises RunError if it is not finished."""
    suite = SuiteConfiguration.model_validate(read_json(root / CONFIGURATION, RunError)["suite"])
    track, frozen = find_track(name), load_configured(suite)
    return TrackRun(
        name,
        track.question,
        RULES[suite.setting],
        frozen.size,
        f"{root.name}/{REPORT}",
        read_json(root / VALIDITY, RunError)["problems"],
        {row["method"]: row for row in read_leaderboard(root)},
    )


def write_tracks(name: str, tracks_of: Sequence[str], out: Path) -> None:
    """Write ``leaderboard.csv`` with the rows of all tracks, and ``report.html`` with them side by side.

    `name` is that of the benchmark; the folder `out` has a finished run for each of the tracks `tracks_of`.
    """
    tracks = [read_track(track, out / track) for track in tracks_of]
    table = pd.concat(
        [pd.DataFrame(track.rows.values()).assign(track=track.name) for track in tracks], ignore_index=True
    )
    table.insert(0, "track", table.pop("track"))
    table["rank"] = table["rank"].astype("Int64")
    write_csv(out / LEADERBOARD, table, SIX_DIGITS)
    labels = list(dict.fromkeys(label for track in tracks for label in track.rows))
    kinds = {label: row["kind"] for track in tracks for label, row in track.rows.items()}
    page = render(
        "tracks.html.jinja",
        css=asset("report.css"),
        scripts=[asset("tables.js")],
        title=name,
        tracks=tracks,
        groups={kind: [label for label in labels if kinds[label] == kind] for kind in ("method", "control")},
    )
    write_text(out / REPORT, page)
