"""Two methods beside each other, metric by metric: how far apart, how surely, and whether it matters.

Both are compared on the pairs that have a value on both sides. Each metric is a family of comparisons of its
own: of one run, p-values are corrected over all pairs of methods that could be compared in it, as for the
ranks of the leaderboard; of two runs, over the methods.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from timbrebench.classifier import Judge
from timbrebench.core.errors import RunError, UnknownNameError
from timbrebench.core.statistics.bootstrap import interval, resample_groups, resampled_means
from timbrebench.core.statistics.effect_sizes import cohens_dz, groups_needed, min_groups, superiority
from timbrebench.core.statistics.multiple_testing import SIGNIFICANCE, holm
from timbrebench.core.statistics.paired import average_seeds, group_sums, seed_deviation
from timbrebench.core.statistics.permutation import sign_flip_p_values, sign_flips
from timbrebench.experiments.ranking.headline import HEADLINE, RELEVANT_CHANGE, Headline, HeadlineScale
from timbrebench.experiments.ranking.results import NOT_SCORED, Results
from timbrebench.experiments.run.layout import JUDGE_FILE
from timbrebench.metrics.registry import get

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Side:
    """A method of a run, by its label: one side of a comparison, in which it is called `name`."""

    results: Results
    label: str
    name: str

    def pairs(self, metrics: Sequence[str]) -> pd.DataFrame:
        """Return the method's values, one row for each pair, seeds averaged."""
        return average_seeds(self.rows(), metrics)

    def rows(self) -> pd.DataFrame:
        """Return the method's values, one row for each pair and seed."""
        return self.results.of(self.label)


def compare_methods(results: Results, first: str, second: str) -> pd.DataFrame:
    """Compare two methods or controls of one run as :func:`compare_sides` does.

    P-values are corrected over all pairs of complete methods. Raises UnknownNameError if the run has no such
    method, and RunError if one of the two has missing outputs or scores, or both are the same.
    """
    if first == second:
        raise RunError(f"{first} cannot be compared with itself: name two methods")
    for label in (first, second):
        check_finished(results, label)
    others = [entry.name for entry in results.configuration.methods]
    ranked = [label for label in others if results.is_complete(label) and label not in results.violations]
    family = list(dict.fromkeys([first, second, *ranked]))
    sides = [Side(results, label, label) for label in family]
    return compare_sides(list(combinations(sides, 2)), results.configuration.metrics, shown=1)


def compare_runs(first: Results, second: Results, names: tuple[str, str], labels: list[str]) -> pd.DataFrame:
    """Compare methods of one run with the same methods of another run of the suite.

    As :func:`compare_sides` does; p-values are corrected over the methods. Of `labels` repeated ones count
    once; empty stands for all methods that both runs have, controls apart. `names` are what the runs are
    called. Raises UnknownNameError if a run has no such method, and RunError if suites, content judges or
    headlines differ, or the runs have no method or no metric in common, or one has missing outputs.
    """
    versions = first.suite.version, second.suite.version
    if versions[0] != versions[1]:
        raise RunError(
            f"{names[0]} has suite {first.suite.title} and {names[1]} suite {second.suite.title}: only runs "
            "on the same pairs can be compared, run one of them again with the other's dataset and suite"
        )
    judges = first.configuration.content_judge.name, second.configuration.content_judge.name
    if judges[0] != judges[1]:
        raise RunError(
            f"{names[0]} was transcribed by {judges[0]} and {names[1]} by {judges[1]}: scores of "
            "different content judges are not compared, run one again with the other's [content_judge]"
        )
    ranking = [results.headline for results in (first, second) if results.is_ranking]
    if len(set(ranking)) > 1:
        raise RunError(
            f"{names[0]} has {ranking[0]} and {names[1]} has {ranking[1]}: they are not compared, run one of "
            "them again with the other's judges and metrics"
        )
    shared = [entry.name for entry in first.configuration.methods if entry.name in second.labels]
    both = list(dict.fromkeys(labels or shared))
    if not both:
        raise RunError(f"{names[0]} and {names[1]} have no method in common, controls apart")
    metrics = [name for name in first.configuration.metrics if name in second.configuration.metrics]
    if not metrics:
        raise RunError(f"{names[0]} and {names[1]} have no metric in common")
    for label in both:
        check_finished(first, label)
        check_finished(second, label)
    matches = [(Side(first, label, names[0]), Side(second, label, names[1])) for label in both]
    return compare_sides(matches, metrics, shown=len(matches))


def style_judge(root: Path) -> str:
    """Return the fingerprint of the style judge in a run's folder.

    Raises JudgeError if it is missing or cannot be read.
    """
    return Judge.load(root / JUDGE_FILE).fingerprint


def check_finished(results: Results, label: str) -> None:
    """Refuse a method that a run does not have, or has not all outputs and scores of.

    Raises UnknownNameError if the run has no such method, and RunError if outputs or scores are missing: what
    is missing may be what is hard.
    """
    if label not in results.labels:
        raise UnknownNameError("method of the run", label, results.labels)
    rows = results.transfers.label == label
    missing = int((results.transfers.status[rows] != "ok").sum())
    if missing:
        raise RunError(f"{label} has no output on {missing} of {int(rows.sum())} pairs and seeds of the run")
    unscored = (results.reasons[rows] == NOT_SCORED).any(axis=1)
    if unscored.any():
        raise RunError(
            f"{label} has outputs without scores, {int(unscored.sum())} in all: run the same command again"
        )


def compare_sides(
    matches: Sequence[tuple[Side, Side]], metrics: Sequence[str], *, shown: int
) -> pd.DataFrame:
    """Compare each two sides in each metric and in the headline.

    Parameters
    ----------
    matches : sequence of (Side, Side)
        All comparisons that p-values are corrected over.
    metrics : sequence of str
        Metrics of all runs.
    shown : int
        How many of the matches, from the first on, are in the table.

    Returns
    -------
    pandas.DataFrame
        One row for each match and metric: ``first, second`` (names), ``method`` (label of the first),
        ``metric``, ``unit``, ``first_mean, second_mean``, ``difference`` (first less second), ``low, high``
        (its 95 % interval), ``p``, ``p_corrected``, ``d_z``, ``superiority`` (probability that the first is
        better on a piece; higher, where neither is better), ``pairs, pieces`` (that both have a value for; in
        the headline, of style accuracy or of note F1, each averaged over the pairs where both have it),
        ``pieces_needed, pairs_needed`` (to show a difference), ``first_seed_sd, second_seed_sd`` (NaN for one
        seed), ``verdict``.
    """
    # That of the first run; on the same pairs the second's is the same.
    of_first = matches[0][0].results
    headline, scale = of_first.headline, of_first.headline_scale()
    comparers = [_Match(first, second, metrics, headline, scale) for first, second in matches]
    corrected = holm_by_column(np.array([comparer.p_values() for comparer in comparers]))
    rows = [
        {**row, "p_corrected": p, "verdict": _verdict(row, p)}
        for comparer, p_values in zip(comparers[:shown], corrected[:shown], strict=True)
        for row, p in zip(comparer.rows(), p_values, strict=True)
    ]
    return pd.DataFrame(rows)[list(COLUMNS)]


COLUMNS = (
    *("method", "first", "second", "metric", "unit"),
    *("first_mean", "second_mean", "difference", "low", "high"),
    *("p", "p_corrected", "d_z", "superiority", "pairs", "pieces", "pieces_needed", "pairs_needed"),
    *("first_seed_sd", "second_seed_sd", "verdict"),
)


def holm_by_column(p_values: Floats) -> Floats:
    """Correct each column of p-values by itself."""
    return np.stack([holm(column) for column in p_values.T], axis=1)


class _Match:
    """Two sides on the pairs that both have."""

    def __init__(
        self, first: Side, second: Side, metrics: Sequence[str], headline: Headline, scale: HeadlineScale
    ) -> None:
        self._sides = first, second
        self._headline, self._scale = headline, scale
        self._metrics = list(metrics)
        here = first.pairs(metrics)
        there = second.pairs(metrics).reindex(here.index)
        self._both = here[self._metrics].notna() & there[self._metrics].notna()
        self._pairs = here[self._metrics].where(self._both), there[self._metrics].where(self._both)
        names, self._piece_of = np.unique(here.piece.to_numpy(dtype=str), return_inverse=True)
        self._pieces = len(names)
        values = [table.to_numpy(dtype=np.float64) for table in self._pairs]
        self._differences = values[0] - values[1]
        self._sums, self._numbers = group_sums(self._differences, self._piece_of, self._pieces)
        self._signs = sign_flips(self._pieces, seed=0)
        self._has_headline = headline.is_measured_by(metrics)

    def p_values(self) -> Floats:
        """Return a p-value for each row."""
        plain = sign_flip_p_values(self._sums, self._signs)
        plain[self._numbers.sum(axis=0) == 0] = np.nan
        if not self._has_headline:
            return plain
        p_value = self._scale.p_value(*self._headline_sums(), self._signs)
        return np.concatenate([[p_value], plain])

    def _headline_sums(self) -> tuple[Floats, Floats]:
        first, second = (self._headline.sums(pairs, self._piece_of, self._pieces) for pairs in self._pairs)
        return first, second

    def rows(self) -> list[dict[str, Any]]:
        """Return what there is to say of the headline and of each metric."""
        p_values = list(self.p_values())
        counts = resample_groups(self._pieces, self._sides[0].results.configuration.resamples, seed=0)
        rows = [self._headline_row(counts)] if self._has_headline else []
        rows += [self._metric_row(column, name, counts) for column, name in enumerate(self._metrics)]
        return [{**row, "p": float(p)} for row, p in zip(rows, p_values, strict=True)]

    def _metric_row(self, column: int, name: str, counts: Floats) -> dict[str, Any]:
        differences = self._differences[:, column]
        pairs = int(self._both[name].sum())
        means = [float(table[name].mean()) for table in self._pairs]
        numbers = self._numbers[:, column]
        by_piece = self._sums[numbers > 0, column] / numbers[numbers > 0]
        about = get(name).specification
        return {
            "metric": name,
            "unit": about.unit,
            "direction": about.direction,
            "relevant": about.relevant_change,
            **self._figures(means, resampled_means(differences, self._piece_of, counts), pairs),
            **_effect(by_piece, pairs, about.direction),
            "first_seed_sd": seed_deviation(self._sides[0].rows(), name),
            "second_seed_sd": seed_deviation(self._sides[1].rows(), name),
        }

    def _headline_row(self, counts: Floats) -> dict[str, Any]:
        sums, scale = self._headline_sums(), self._scale
        means = [float(scale.of_sums(side.sum(axis=0, keepdims=True))[0]) for side in sums]
        resampled = scale.of_sums(counts @ sums[0]) - scale.of_sums(counts @ sums[1])
        # The second and the last of a piece's sums are numbers of values, and the same for both sides.
        with_values = sums[0][:, [1, 3]].any(axis=1)
        by_piece = scale.differences(sums[0][with_values], sums[1][with_values])
        by_piece = by_piece[np.isfinite(by_piece)]
        number = int(self._both[self._headline.metrics].any(axis=1).sum()) if len(by_piece) else 0
        return {
            "metric": HEADLINE,
            "unit": "1",
            "direction": "higher",
            "relevant": RELEVANT_CHANGE,
            **self._figures(means, resampled, number),
            **_effect(by_piece, number, "higher"),
            "first_seed_sd": self._headline.seed_deviation(self._sides[0].rows(), scale),
            "second_seed_sd": self._headline.seed_deviation(self._sides[1].rows(), scale),
        }

    def _figures(self, means: list[float], resampled: Floats, pairs: int) -> dict[str, Any]:
        low, high = interval(resampled)
        first, second = self._sides
        return {
            "method": first.label,
            "first": first.name,
            "second": second.name,
            "first_mean": means[0],
            "second_mean": means[1],
            "difference": means[0] - means[1],
            "low": low,
            "high": high,
            "pairs": pairs,
        }


def _effect(by_piece: Floats, pairs: int, direction: str) -> dict[str, Any]:
    """Return effect sizes, and the pairs needed to show them, at the same number of pairs per piece."""
    d_z = cohens_dz(by_piece)
    needed = groups_needed(d_z)
    share = pairs / len(by_piece) if len(by_piece) else math.nan
    return {
        "pieces": len(by_piece),
        "d_z": d_z,
        "superiority": superiority(-by_piece if direction == "lower" else by_piece),
        "pieces_needed": needed,
        "pairs_needed": math.ceil(needed * share - 1e-9) if math.isfinite(needed * share) else needed,
    }


def _verdict(row: dict[str, Any], p_value: float) -> str:
    """Say in words what a row shows."""
    if math.isnan(p_value):
        return "not measured"
    if row["pieces"] < min_groups():
        return "too few pieces to tell"
    if p_value >= SIGNIFICANCE:
        return "no difference shown"
    difference = row["difference"]
    winner = row["first"] if (difference > 0) != (row["direction"] == "lower") else row["second"]
    word = "higher" if row["direction"] == "none" else "better"
    return f"{winner} is {word}" + ("" if abs(difference) >= row["relevant"] else ", by too little to matter")
