"""A page for each pair, with a player and a spectrogram of each recording.

Pages lie in the run's folder and refer to its audio by relative paths, so that the folder can be moved.
Spectrograms are drawn once: their names follow from the audio.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pandas as pd

from timbrebench.core.errors import AudioError
from timbrebench.core.files import fingerprint, write_text
from timbrebench.core.partial_files import is_part, remove_abandoned_parts
from timbrebench.core.progress import Tracker
from timbrebench.core.workers.executors import Executor, executor_for
from timbrebench.experiments.ranking.results import Results
from timbrebench.experiments.report.contents import Contents
from timbrebench.experiments.report.leaderboard_tables import Column, metrics_by_question
from timbrebench.experiments.report.pair_cards import Card
from timbrebench.experiments.report.recordings import Recording, Recordings, rows_by_pair
from timbrebench.experiments.report.spectrogram_images import image_name, write_image
from timbrebench.experiments.report.templating import asset, render
from timbrebench.experiments.run.layout import PAIR_PAGES
from timbrebench.experiments.suites.suite import Pair

_SPECTROGRAMS = "spectrograms"

#: Seconds that a spectrogram takes, and pages of one call.
_IMAGE_S, _BATCH = 0.1, 8


def page_name(pair: Pair) -> str:
    """Return the file name of a pair's page: the pair's name, without characters that file names lack."""
    plain = re.sub(r"[^\w.-]+", "_", pair.pair_id).lstrip(".")
    if plain != pair.pair_id:
        plain += f"-{fingerprint(pair.pair_id)[:8]}"
    return f"{plain}.html"


def page_address(pair: Pair) -> str:
    """Return the address of a pair's page as seen from the run's folder."""
    return f"{PAIR_PAGES}/{quote(page_name(pair))}"


def list_pairs(results: Results, table: pd.DataFrame) -> tuple[list[Column], list[dict[str, Any]]]:
    """Return columns of figures, the metrics of the headline where measured, and a row for each pair.

    A row has ``pair``, ``address``, the means of the figures over all methods without controls in ``means``,
    and ``missing``, the number of outputs that they lack. `table` is the leaderboard's.
    """
    methods = table.method[table.kind == "method"]
    rows = pd.concat([results.transfers, results.scores], axis=1)
    rows = rows[rows.label.isin(methods)]
    names = [name for name in results.headline.metrics if name in results.scores]
    columns = [Column(name, "1", "higher", "") for name in names]
    groups = rows.groupby("pair_id")
    means = groups[[column.name for column in columns]].mean()
    missing = rows.status.ne("ok").groupby(rows.pair_id).sum()
    return columns, [
        {
            "pair": pair,
            "address": page_address(pair),
            "means": [float(means[column.name].get(pair.pair_id, math.nan)) for column in columns],
            "missing": int(missing.get(pair.pair_id, 0)),
        }
        for pair in results.suite.pairs
    ]


def write_pair_pages(contents: Contents, root: Path, executor: Executor | None = None) -> None:
    """Write the page of each pair and the spectrograms that are missing, and remove those of other pairs.

    The run's folder gets ``pairs/<pair>.html`` and ``pairs/spectrograms/``. If audio of the run is missing,
    all spectrograms stay. They are written by `executor`, by default on all cores of this machine; few are
    written in this process. Raises :class:`StorageError` if a file cannot be written.
    """
    results, table = contents.results, contents.leaderboard.table
    recordings = Recordings(results, table, contents.columns, root.absolute())
    scores = _Scores(results, metrics_by_question(results.configuration.metrics, table))
    pairs = results.suite.pairs
    batches = [range(len(pairs))[first : first + _BATCH] for first in range(0, len(pairs), _BATCH)]
    write = partial(_write_pages, results=results, recordings=recordings, scores=scores)
    folder = root / PAIR_PAGES
    n_missing = len(results.transfers) - sum(1 for _ in folder.glob(f"{_SPECTROGRAMS}/*.png"))
    images: set[str] = set()
    is_whole = True
    with (
        Tracker("writing pages of pairs", len(pairs), "pairs") as tracker,
        executor_for(_IMAGE_S * n_missing, ["timbrebench.audio.librosa_modules", __name__], executor) as work,
    ):
        for pages in work.map(write, batches, "pages of pairs"):
            for used, page_is_whole in pages:
                images |= used
                is_whole &= page_is_whole
                tracker.advance()
    remove_abandoned_parts(folder)
    _keep_only({page_name(pair) for pair in pairs}, folder, "*.html")
    # An image is known by its audio. Of audio that is gone, or out of reach, it could not be drawn again.
    if is_whole:
        _keep_only(images, folder / _SPECTROGRAMS, "*.png")


def _keep_only(names: set[str], folder: Path, pattern: str) -> None:
    """Remove files of an earlier report."""
    for path in folder.glob(pattern):
        if path.name not in names and not is_part(path):
            path.unlink(missing_ok=True)


def _write_pages(
    numbers: Sequence[int], *, results: Results, recordings: Recordings, scores: _Scores
) -> list[tuple[set[str], bool]]:
    return [_write_page(results, number, recordings, scores) for number in numbers]


def _write_page(
    results: Results, number: int, recordings: Recordings, scores: _Scores
) -> tuple[set[str], bool]:
    """Write the page of the pair with this number.

    Returns the names of its images, and whether all audio is there.
    """
    pairs = results.suite.pairs
    pair = pairs[number]
    shown = recordings.of(pair)
    cards = [_card(recording, recordings) for recording in shown]
    page = render(
        "pair.html.jinja",
        css=asset("report.css"),
        script=asset("player.js"),
        run_name=results.configuration.name,
        pair=pair,
        direction=f"{pair.content.label} → {pair.style.label}",
        before=quote(page_name(pairs[number - 1])) if number else "",
        after=quote(page_name(pairs[number + 1])) if number + 1 < len(pairs) else "",
        number=number + 1,
        total=len(pairs),
        cards=cards,
        outputs=[recording for recording in shown if recording.role != "given"],
        groups=scores.of(pair, shown),
    )
    write_text(recordings.root / PAIR_PAGES / page_name(pair), page)
    # An output that was never made is not missing.
    due = [card for card in cards if card.recording.role == "given" or card.recording.path]
    return {Path(card.image).name for card in due if card.image}, all(card.image for card in due)


def _card(recording: Recording, recordings: Recordings) -> Card:
    """Return a card that refers to the audio and to its spectrogram, drawn where it is missing."""
    reason, image = recording.reason, ""
    if not reason:
        image = f"{_SPECTROGRAMS}/{image_name(recording.sha256)}"
        try:
            write_image(recordings.root / recording.path, recordings.root / PAIR_PAGES / image)
        except AudioError as error:
            reason, image = recordings.describe(recording, error), ""
    return Card(
        recording,
        audio="" if reason else f"../{quote(recording.path)}",
        image=image,
        reason=reason,
        outputs=[(recording.title, recording.scores)] if recording.scores else [],
    )


class _Scores:
    """Every score of every output, by pair."""

    def __init__(self, results: Results, metrics: Mapping[str, Sequence[Column]]) -> None:
        self._metrics = metrics
        keys = results.transfers[["pair_id", "label", "seed"]]
        self._values = rows_by_pair(pd.concat([keys, results.scores], axis=1))
        self._reasons = rows_by_pair(pd.concat([keys, results.reasons], axis=1))

    def of(self, pair: Pair, recordings: Sequence[Recording]) -> list[dict[str, Any]]:
        """Return the metrics by question, each with a cell for each output: text, and why there is none."""
        keys = [(each.title, each.seed) for each in recordings if each.seed is not None]
        values = [self._values[pair.pair_id][key] for key in keys]
        reasons = [self._reasons[pair.pair_id][key] for key in keys]
        return [
            {
                "question": question,
                "rows": [
                    {
                        "column": column,
                        "cells": [
                            {"text": column.text(value[column.name]), "reason": reason[column.name]}
                            for value, reason in zip(values, reasons, strict=True)
                        ],
                    }
                    for column in columns
                ],
            }
            for question, columns in self._metrics.items()
        ]
