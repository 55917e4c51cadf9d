"""What ratings say: means with intervals, comparisons, agreement, listeners needed, and how metrics go along.

Intervals and tests are over listeners and pieces at once: what they say is to hold for other listeners and
for other music (:mod:`timbrebench.core.statistics.crossed`). Pairs of one piece are averaged. All
comparisons of a test, over all questions, are one family for Holm's correction.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import combinations

import krippendorff
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import rankdata

from timbrebench.core.statistics.bootstrap import interval, resample_groups
from timbrebench.core.statistics.crossed import Components, crossed_resampled_means
from timbrebench.core.statistics.multiple_testing import holm
from timbrebench.experiments.listening.listening_kinds import QUESTIONS, Question
from timbrebench.experiments.listening.listening_test import Key
from timbrebench.experiments.ranking.results import Results
from timbrebench.metrics.registry import get

Floats = NDArray[np.float64]

#: Resamples behind the intervals, and the seed of their draws.
_RESAMPLES, _SEED = 2000, 0

#: The difference that a test is to find, as a share of the scale: 10 points of 100.
DIFFERENCE = 0.1

#: Minimum number of outputs for a correlation.
_MIN_OUTPUTS = 5


@dataclass(frozen=True)
class Findings:
    """What ratings say.

    Attributes
    ----------
    means : pandas.DataFrame
        ``question, condition, listeners, pieces, outputs, mean, low, high``: of ``abx`` the share of
        comparisons won, in percent.
    comparisons : pandas.DataFrame
        ``question, first, second, difference, low, high, p, p_holm`` of each two methods.
    agreement : pandas.DataFrame
        ``question, alpha``: Krippendorff's, of what was rated of methods.
    needed : pandas.DataFrame
        ``question, difference, sd_listeners, sd_pieces, sd_rest, pieces, listeners_needed``: standard
        deviations of the difference of two methods, on average over them.
    """

    means: pd.DataFrame
    comparisons: pd.DataFrame
    agreement: pd.DataFrame
    needed: pd.DataFrame


def analyse(table: pd.DataFrame, key: Key) -> Findings:
    """Analyse the ratings of the listeners that count.

    Parameters
    ----------
    table : pandas.DataFrame
        Ratings, as :class:`~timbrebench.experiments.listening.ratings_reading.Ratings` has them.
    key : Key
        The test's.

    Returns
    -------
    Findings
        Figures are NaN where one listener or one piece says nothing about others.
    """
    compared = _compared(table, key)
    differences = {
        (question, pair): _difference(rows, key, *pair)
        for question, rows in _by_question(compared)
        for pair in combinations(key.methods, 2)
    }
    return Findings(
        means=pd.DataFrame(_mean_rows(compared, key)),
        comparisons=_comparisons(differences),
        agreement=pd.DataFrame(
            [(question, _alpha(rows, key)) for question, rows in _by_question(compared)],
            columns=["question", "alpha"],
        ),
        needed=_needed(differences, key),
    )


def _compared(table: pd.DataFrame, key: Key) -> pd.DataFrame:
    """Leave out pages that only check the listener."""
    if not key.test_kind.is_of_methods:
        return table
    return table[table.condition.isin(key.methods)]


def _by_question(table: pd.DataFrame) -> Iterable[tuple[Question, pd.DataFrame]]:
    for question in QUESTIONS:
        yield question, table[table.question == question]


def _cells(rows: pd.DataFrame, values: pd.Series[float]) -> Floats:
    """Average values over the pairs of each piece: shape (listeners, pieces)."""
    # Not by pivot_table, which takes most of the time of a test that is read.
    (listeners, listener_of), (pieces, piece_of) = (
        np.unique(rows[name].to_numpy(dtype=str), return_inverse=True) for name in ("listener", "piece")
    )
    shape = len(listeners), len(pieces)
    sums, numbers = np.zeros((2, *shape))
    np.add.at(sums, (listener_of, piece_of), values.to_numpy(dtype=np.float64))
    np.add.at(numbers, (listener_of, piece_of), 1.0)
    cells: Floats = np.divide(sums, numbers, out=np.full(shape, np.nan), where=numbers > 0)
    return cells


def _mean_rows(table: pd.DataFrame, key: Key) -> Iterable[dict[str, object]]:
    for question, rows in _by_question(table):
        for condition in (*key.methods, *key.conditions.anchors):
            of_condition = rows[rows.condition == condition]
            if of_condition.empty:  # only there to check the listener
                continue
            cells = _cells(of_condition, of_condition.score)
            low, high = interval(crossed_resampled_means(cells, _RESAMPLES, _SEED))
            yield {
                "question": question,
                "condition": condition,
                "listeners": cells.shape[0],
                "pieces": cells.shape[1],
                "outputs": of_condition.pair_id.nunique(),
                "mean": float(np.nanmean(cells)),
                "low": low,
                "high": high,
            }


def _difference(rows: pd.DataFrame, key: Key, first: str, second: str) -> Floats:
    """Return by how much one method was rated higher than another: shape (listeners, pieces)."""
    both = rows[rows.condition.isin((first, second))]
    if key.test_kind.is_of_methods:
        both = both[both.groupby(["listener", "page"]).page.transform("size") == 2]
    signed = both.score.where(both.condition == first, -both.score)
    return 2 * _cells(both, signed)


def _comparisons(differences: dict[tuple[Question, tuple[str, str]], Floats]) -> pd.DataFrame:
    rows = []
    for (question, (first, second)), cells in differences.items():
        low, high = interval(crossed_resampled_means(cells, _RESAMPLES, _SEED))
        row = (question, first, second, float(np.nanmean(cells)), low, high, Components.of(cells).p_value)
        rows.append(row)
    table = pd.DataFrame(rows, columns=["question", "first", "second", "difference", "low", "high", "p"])
    return table.assign(p_holm=holm(table.p.to_numpy(dtype=np.float64)))


def _alpha(rows: pd.DataFrame, key: Key) -> float:
    """Return Krippendorff's alpha of what was rated of methods; NaN where there is nothing to agree on."""
    units = rows[rows.condition.isin(key.methods)]
    if key.test_kind.is_of_methods:  # which of the two was chosen is one answer
        units = units.sort_values("stimulus").drop_duplicates(["listener", "page"])
    answers = units.pivot_table(index="listener", columns=["page", "stimulus"], values="score")
    values = answers.to_numpy(dtype=np.float64)
    if len(values) < 2 or len(np.unique(values)) < 2:
        return float("nan")
    return float(krippendorff.alpha(values, level_of_measurement=key.test_kind.level))


def _needed(differences: dict[tuple[Question, tuple[str, str]], Floats], key: Key) -> pd.DataFrame:
    difference = DIFFERENCE * key.test_kind.span
    rows = []
    for question in QUESTIONS:
        of_pairs = [Components.of(cells) for (asked, _), cells in differences.items() if asked == question]
        if not of_pairs:
            continue
        shape = of_pairs[0].shape
        variances = np.mean([(each.rows, each.columns, each.residual) for each in of_pairs], axis=0)
        of_listeners, of_pieces, residual = map(float, variances)
        pooled = Components(0.0, of_listeners, of_pieces, residual, shape)
        rows.append((question, difference, *np.sqrt(variances), shape[1], pooled.rows_needed(difference)))
    names = ("question", "difference", "sd_listeners", "sd_pieces", "sd_rest", "pieces", "listeners_needed")
    return pd.DataFrame(rows, columns=list(names))


def metric_correlations(
    table: pd.DataFrame, key: Key, results: Results, labels: Iterable[str]
) -> pd.DataFrame:
    """Correlate each metric of the run with the ratings, over outputs.

    Parameters
    ----------
    table : pandas.DataFrame
        Ratings of the listeners that count.
    key : Key
        The test's.
    results : Results
        The run's.
    labels : iterable of str
        Methods whose outputs are still those that were heard.

    Returns
    -------
    pandas.DataFrame
        ``question, metric, direction, outputs, spearman, low, high``, the strongest first within a question.
        A metric of which lower is better has its sign turned, so that a positive correlation says that it
        goes along with listeners. Intervals are over pieces, with ranks as they are over all outputs. Metrics
        with fewer than five values, or one value, are left out.
    """
    scores = results.first_seed[["label", "pair_id"]].join(results.scores)
    scores = scores[scores.label.isin(list(labels))]
    rated = (
        _compared(table, key)
        .groupby(["question", "condition", "pair_id", "piece"], as_index=False)
        .score.mean()
    )
    joined = rated.merge(scores, left_on=["condition", "pair_id"], right_on=["label", "pair_id"])
    correlated = []
    for question in QUESTIONS:
        rows = joined[joined.question == question]
        for metric in results.configuration.metrics:
            valid = rows[rows[metric].notna()]
            if len(valid) < _MIN_OUTPUTS or valid[metric].min() == valid[metric].max():
                continue
            direction = get(metric).specification.direction
            sign = -1 if direction == "lower" else 1
            correlated.append(
                (question, metric, direction, len(valid), *_spearman(sign * valid[metric], valid))
            )
    names = ["question", "metric", "direction", "outputs", "spearman", "low", "high"]
    correlations = pd.DataFrame(correlated, columns=names)
    order = correlations.assign(
        place=correlations.question.map(QUESTIONS.index), strength=-correlations.spearman
    )
    return correlations.loc[order.sort_values(["place", "strength"], kind="stable").index].reset_index(
        drop=True
    )


def _spearman(values: pd.Series[float], rows: pd.DataFrame) -> tuple[float, float, float]:
    """Return the rank correlation of values and ratings, and its interval over pieces."""
    first, second = rankdata(values), rankdata(rows.score)
    pieces, piece_of = np.unique(rows.piece.to_numpy(dtype=str), return_inverse=True)
    counts = np.vstack([resample_groups(len(pieces), _RESAMPLES, _SEED), np.ones(len(pieces))])
    weights = counts[:, piece_of]
    sums = weights @ np.column_stack([first, second, first**2, second**2, first * second])
    total = weights.sum(axis=1, keepdims=True)
    m1, m2, s1, s2, s12 = (sums / total).T
    with np.errstate(divide="ignore", invalid="ignore"):
        drawn = (s12 - m1 * m2) / np.sqrt((s1 - m1**2) * (s2 - m2**2))
    low, high = interval(drawn[:-1])
    return float(drawn[-1]), low, high
