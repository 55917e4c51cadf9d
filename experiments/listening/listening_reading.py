"""Reading a listening test: from files of ratings to what they say of a run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from timbrebench.core.errors import RunError
from timbrebench.experiments.listening.listener_statistics import Findings, analyse, metric_correlations
from timbrebench.experiments.listening.listening_kinds import LOW_PASS
from timbrebench.experiments.listening.listening_test import Key
from timbrebench.experiments.listening.ratings_reading import LeftOut, read_ratings
from timbrebench.experiments.listening.screening import screen
from timbrebench.experiments.ranking.listener_scores import (
    ListenerScore,
    digests_now,
    joined,
    outputs_fingerprint,
)
from timbrebench.experiments.ranking.results import Results


@dataclass(frozen=True)
class ReadTest:
    """A listening test that was read.

    Attributes
    ----------
    key : Key
        The test's.
    ratings : pandas.DataFrame
        Ratings of the listeners that count, with the columns of
        :class:`~timbrebench.experiments.listening.ratings_reading.Ratings`.
    left_out : tuple of LeftOut
        Files that do not count.
    listeners : pandas.DataFrame
        Every listener whose file counts, and the screening
        (:func:`~timbrebench.experiments.listening.screening.screen`).
    findings : Findings
        What the ratings say.
    """

    key: Key
    ratings: pd.DataFrame
    left_out: tuple[LeftOut, ...]
    listeners: pd.DataFrame
    findings: Findings

    @property
    def excluded(self) -> pd.DataFrame:
        """The listeners who were screened out."""
        return self.listeners[self.listeners.reason != ""]


def read_listening_test(key: Key, paths: Sequence[Path]) -> ReadTest:
    """Read, screen and analyse the ratings of a test.

    Raises
    ------
    RunError
        If no file counts, or no listener is left after screening.
    """
    ratings = read_ratings(key, paths)
    listeners = screen(ratings.table, key)
    counting = set(listeners.listener[listeners.reason == ""])
    if not counting:
        reasons = "; ".join(f"{row.listener} {row.reason}" for row in listeners.itertuples())
        raise RunError(f"no listener is left after screening: {reasons}")
    table = ratings.table[ratings.table.listener.isin(counting)].reset_index(drop=True)
    return ReadTest(key, table, ratings.left_out, listeners, analyse(table, key))


def unchanged_labels(key: Key, results: Results, root: Path) -> list[str]:
    """Return the labels of a run whose outputs are those that were heard; an empty list for another run."""
    return [
        label
        for label, digests in key.outputs.items()
        if digests_now(root, results.first_seed, label, list(digests)) == digests
    ]


def correlations(test: ReadTest, results: Results, root: Path) -> pd.DataFrame:
    """Correlate a run's metrics with the ratings of methods whose outputs were heard as they are now."""
    methods = [label for label in unchanged_labels(test.key, results, root) if label in test.key.methods]
    return metric_correlations(test.ratings, test.key, results, methods)


def listener_scores(test: ReadTest, labels: Sequence[str]) -> list[ListenerScore]:
    """Return what listeners say of labels of the run, for its leaderboard."""
    kind, outputs = test.key.test_kind, test.key.outputs
    rows = test.findings.means
    return [
        ListenerScore(
            question=row["question"],
            method=row["condition"],
            kind=kind.name,
            lowest=kind.low,
            highest=kind.high,
            listeners=row["listeners"],
            outputs=row["outputs"],
            mean=row["mean"],
            low=None if pd.isna(row["low"]) else row["low"],
            high=None if pd.isna(row["high"]) else row["high"],
            pairs=joined(list(outputs[row["condition"]])),
            heard=outputs_fingerprint(outputs[row["condition"]]),
        )
        for row in rows[(rows.condition != LOW_PASS) & rows.condition.isin(labels)].to_dict("records")
    ]
