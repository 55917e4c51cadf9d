"""The leaderboard: one row for each method, an interval beside each figure, ranks with ties, a verdict."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

from timbrebench.core.statistics.bootstrap import Floats, interval, resample_groups, resampled_means
from timbrebench.core.statistics.paired import average_seeds, seed_deviation
from timbrebench.experiments.ranking.headline import CONTENT_KEPT, HEADLINE, MEAN_STYLE, HeadlineScale
from timbrebench.experiments.ranking.judge_dependence import judge_dependence
from timbrebench.experiments.ranking.ranks import tie_ranks
from timbrebench.experiments.ranking.results import COSTS, Results
from timbrebench.experiments.run.run_configuration import CONTROLS, MethodEntry
from timbrebench.transfer.registry import create, default_parameters

#: What methods are sorted by, without being ranked, where content and style are one tune: copying the style
#: has no error.
KEY_INVARIANCE = "key_invariance_mse"

#: What is left of that error by the rounding of files, and more.
_NO_ERROR = 1e-3

#: Note F1 by which the reference must exceed the style copy, for the metric to discriminate.
_CLEAR_MARGIN = 0.2


@dataclass(frozen=True)
class Leaderboard:
    """A ranked table.

    Attributes
    ----------
    table : pandas.DataFrame
        One row for each method, best first, controls last. Columns: ``rank`` (empty for controls and for
        methods that are not :meth:`~timbrebench.experiments.ranking.results.Results.is_rankable`),
        ``method``, ``kind``, ``learned_from``, ``settings`` (what differs from the published ones),
        ``outputs``, ``missing``, ``violation`` (what the method shares with a judge that it must not, or has
        learned from against the suite's setting), ``headline``, ``content_kept``
        (its half beside style accuracy), each metric, and what a pair costs (``seconds``,
        ``realtime_factor``, ``peak_memory_mib``). Without both its metrics the headline is missing, and no
        method has a rank. Figures are means over pairs, seeds averaged, with ``_low`` and ``_high`` (95 %
        interval over content pieces) and, for metrics, ``_n``, the number of values behind them. Costs are
        those of the median pair among those with an output; 95 % of these pairs lie between ``_low`` and
        ``_high``. In runs with several seeds ``_seed_sd`` is the standard deviation of a figure between them.
        On a sample of a suite ``sample`` says how large it is, after ``violation``. With two style judges
        there are also ``judge_dependent``: what of a method hangs on one of them
        (:mod:`~timbrebench.experiments.ranking.judge_dependence`); and, after ``headline``,
        ``mean_style_accuracy``. Where listeners were asked there are also ``listeners_style``,
        ``listeners_content`` and ``listeners_quality``, as far as they were asked about them, with ``_low``,
        ``_high`` and ``_n``, the number of outputs that they heard.
    problems : tuple of str
        Why the run is not valid: controls that landed where they must not. Empty for a valid run.
    """

    table: pd.DataFrame
    problems: tuple[str, ...]

    @property
    def is_valid(self) -> bool:
        """Whether all controls landed where they must."""
        return not self.problems


def make_leaderboard(results: Results) -> Leaderboard:
    """Rank the methods of a run.

    Intervals are from a paired bootstrap over content pieces, and ranks from paired permutation tests of the
    headline, corrected over all pairs of ranked methods.
    """
    pieces = sorted(results.transfers.piece.unique())
    counts = resample_groups(len(pieces), results.configuration.resamples, seed=0)
    # The last row stands for the data as they are, so that every figure goes through the same formulas.
    counts = np.vstack([counts, np.ones(len(pieces))])
    means = {label: _means(results, label, pieces, counts) for label in results.labels}
    scale, headline = results.headline_scale(), results.headline
    if headline.is_measured_by(results.configuration.metrics):
        content = headline.content
        resampled = headline.scale({label: means[label][content] for label in CONTROLS})
        for figures in means.values():
            figures[CONTENT_KEPT] = resampled.content_kept(figures[content])
            figures[HEADLINE] = resampled.headline(figures[MEAN_STYLE], figures[content])
    table = pd.DataFrame([_row(results, label, means[label], scale) for label in results.labels])
    if HEADLINE in table:
        table = _ranked(table, results, scale)
    controls = {
        label: {name: float(values[-1]) for name, values in means[label].items()} for label in CONTROLS
    }
    return Leaderboard(table, tuple(_control_problems(results, controls, scale)))


def _means(results: Results, label: str, pieces: list[str], counts: Floats) -> dict[str, Floats]:
    """Return each metric's mean in each resample, and the mean style accuracy; the last is of the data."""
    names = list(results.configuration.metrics)
    rows = average_seeds(results.of(label), names)
    if results.headline.is_measured_by(names):
        rows[MEAN_STYLE] = results.headline.style(rows)
        names.append(MEAN_STYLE)
    piece_of = np.searchsorted(pieces, rows.piece.to_numpy(dtype=str))
    return {name: resampled_means(rows[name].to_numpy(dtype=np.float64), piece_of, counts) for name in names}


def _row(results: Results, label: str, figures: dict[str, Floats], scale: HeadlineScale) -> dict[str, object]:
    entry = next(entry for entry in results.configuration.entries if entry.name == label)
    rows = results.of(label)
    done = rows.status == "ok"
    row: dict[str, object] = {
        "rank": None,
        "method": label,
        "kind": "control" if entry.method in CONTROLS else "method",
        "learned_from": results.learned_from.get(label, "nothing"),
        "settings": json.dumps(_settings(results, entry)),
        "outputs": int(done.sum()),
        "missing": int((~done).sum()),
        "violation": results.violations.get(label, ""),
    }
    if results.suite.sample_of:
        row["sample"] = results.suite.size
    halves = [MEAN_STYLE, CONTENT_KEPT] if len(results.headline.styles) > 1 else [CONTENT_KEPT]
    names = [HEADLINE, *halves, *results.configuration.metrics]
    for name in (name for name in names if name in figures):
        row[name] = float(figures[name][-1])
        row[f"{name}_low"], row[f"{name}_high"] = interval(figures[name][:-1])
        if name in results.scores:
            row[f"{name}_n"] = int(rows[name].notna().sum())
            if len(results.configuration.seeds) > 1:
                row[f"{name}_seed_sd"] = seed_deviation(rows, name)
    for name in COSTS:
        # The median pair and where 95 % lie: the first pair of a process pays for what is loaded once. Only
        # pairs with an output count: to fail soon is not to be fast.
        low, row[name], high = (rows[name][done].quantile(share) for share in (0.025, 0.5, 0.975))
        row[f"{name}_low"], row[f"{name}_high"] = low, high
    row |= _listeners(results, label)
    if HEADLINE in figures and len(results.configuration.seeds) > 1:
        row[f"{HEADLINE}_seed_sd"] = results.headline.seed_deviation(rows, scale)
    return row


def _listeners(results: Results, label: str) -> dict[str, object]:
    """Return what listeners say of a method; empty figures where they were asked about others only."""
    by_method = {(score.method, score.column): score for score in results.listeners}
    row: dict[str, object] = {}
    for column in dict.fromkeys(score.column for score in results.listeners):
        score = by_method.get((label, column))
        values = (score.mean, score.low, score.high, score.outputs) if score else (None, None, None, 0)
        names = (column, f"{column}_low", f"{column}_high", f"{column}_n")
        row |= {name: math.nan if value is None else value for name, value in zip(names, values, strict=True)}
    return row


def _settings(results: Results, entry: MethodEntry) -> dict[str, object]:
    """Return the parameters whose values are not the published ones, or those that a submission states."""
    if entry.name in results.stated_settings:
        return _flat(results.stated_settings[entry.name])
    used = _flat(create(entry.method, entry.parameters).parameters.model_dump(mode="json"))
    published = _flat(default_parameters(entry.method))
    return {name: value for name, value in used.items() if value != published.get(name)}


def _flat(settings: dict[str, object]) -> dict[str, object]:
    """Write groups of settings as ``group.name``."""
    flat: dict[str, object] = {}
    for name, value in settings.items():
        if isinstance(value, dict):
            flat |= {f"{name}.{key}": item for key, item in value.items()}
        else:
            flat[name] = value
    return flat


def _ranked(table: pd.DataFrame, results: Results, scale: HeadlineScale) -> pd.DataFrame:
    """Rank methods by headline, in tie groups; put those that cannot be ranked and the controls below."""
    rankable = (table.kind == "method") & table.headline.notna() & table.method.map(results.is_rankable)
    ranked = [str(label) for label in table.method[rankable]]
    headlines = [float(value) for value in table.headline[rankable]]
    ranks = dict(zip(ranked, tie_ranks(results, ranked, headlines, results.headline, scale), strict=True))
    table["rank"] = table.method.map(ranks).astype("Int64")
    if len(results.headline.styles) > 1:
        reasons = judge_dependence(results, ranks, scale)
        place = list(table.columns).index("violation") + 1
        table.insert(place, "judge_dependent", [reasons.get(label, "") for label in table.method])
    order = pd.DataFrame({"control": table.kind == "control", "unranked": table["rank"].isna()})
    is_sorted_by_error = not results.suite.is_ranking and KEY_INVARIANCE in table
    scores = table[KEY_INVARIANCE] if is_sorted_by_error else -table.headline
    order["score"] = scores.where(table.kind == "method", 0)
    return table.loc[order.sort_values(list(order.columns), kind="stable").index].reset_index(drop=True)


def _control_problems(
    results: Results, controls: dict[str, dict[str, float]], scale: HeadlineScale
) -> list[str]:
    """List the controls that did not land where they must; empty for a valid run.

    By each judge, the reference must have the style (at least 0.95), the content must not (at most 0.05), the
    style copy must (at least 0.95) with far fewer of the content's notes than the reference, noise must not
    pass for the style, and silence must be refused as an output. Without references the untouched content
    takes the reference's place for notes. Where contents have no notes, or the styles themselves are right,
    only outputs are required, and no error of style copies: such a run ranks nothing. Nor does one without
    style accuracy or note F1, of which the other is still looked at.
    """
    has_truth = results.suite.has_truth
    problems = [
        f"control {label} has no output on some pairs"
        for label in ("identity", "style-copy", *(("reference",) if has_truth else ()), "noise")
        if not results.is_complete(label)
    ]
    silent = results.transfers[results.transfers.label == "silence"]
    if (silent.status == "ok").any():
        problems.append("silence was accepted as an output")
    if not results.suite.is_ranking:
        return problems + _error_problems(controls)
    with_style = [label for label in controls if label != "reference" or has_truth]
    for name in results.headline.styles:
        if name in results.configuration.metrics:
            problems += _style_problems(name, {label: controls[label][name] for label in with_style})
    is_measured = results.headline.content in results.configuration.metrics
    if is_measured and not scale.ceiling - scale.chance >= _CLEAR_MARGIN:
        problems.append(
            f"the style copy has note F1 {scale.chance:.3f} and the {_ceiling_of(results)} "
            f"{scale.ceiling:.3f}: they must lie at least {_CLEAR_MARGIN} apart"
        )
    return problems


def _ceiling_of(results: Results) -> str:
    return "reference" if results.headline.version == 1 else "lower of reference and untouched content"


def _error_problems(controls: dict[str, dict[str, float]]) -> list[str]:
    """List the controls that are the style and are far from it; NaN where styles are other tunes."""
    errors = {label: controls[label].get(KEY_INVARIANCE, 0.0) for label in ("style-copy", "reference")}
    return [
        f"control {label} has {KEY_INVARIANCE} {error:.4f}, must have at most {_NO_ERROR}"
        for label, error in errors.items()
        if error > _NO_ERROR
    ]


def _style_problems(metric: str, style: dict[str, float]) -> list[str]:
    """List the controls whose style accuracy, by one judge, is not what it must be."""
    bounds = [
        ("reference", "at least 0.95", style.get("reference", 1.0) >= 0.95),  # not every suite has one
        ("identity", "at most 0.05", style["identity"] <= 0.05),
        ("style-copy", "at least 0.95", style["style-copy"] >= 0.95),
        ("noise", "at most 0.5", not style["noise"] > 0.5),
    ]
    return [
        f"control {label} has {metric.replace('_', ' ')} {style[label]:.3f}, must have {bound}"
        for label, bound, holds in bounds
        if not holds
    ]
