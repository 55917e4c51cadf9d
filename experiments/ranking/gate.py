"""The quality gate: find methods that have become worse.

A run is compared with a baseline on the same pairs. A method is worse in a metric when both hold:

- *relevant*: the mean gets worse by at least the metric's margin, by default the smallest change that
  matters to a user, which each metric declares (``relevant_change``);
- *significant*: a one-sided paired permutation test over content pieces, corrected by Holm's method for all
  methods and metrics, finds a loss of more than a tenth of the margin. The tenth is there because another
  machine rounds differently everywhere, which is not evidence.

What is significant but too small to matter passes, and so does what may be chance. What could not have
failed, because it was not measured or only on too few pieces, does not pass.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from timbrebench.core.errors import ConfigurationError, RunError, UnknownNameError
from timbrebench.core.statistics.bootstrap import interval, resample_groups, resampled_means
from timbrebench.core.statistics.effect_sizes import min_groups
from timbrebench.core.statistics.multiple_testing import SIGNIFICANCE, holm
from timbrebench.core.statistics.paired import average_seeds, group_sums
from timbrebench.core.statistics.permutation import sign_flip_p_greater, sign_flips
from timbrebench.experiments.ranking.baseline import KEYS, Baseline, directional_metrics
from timbrebench.experiments.ranking.results import Results
from timbrebench.metrics.registry import get

Floats = NDArray[np.float64]

#: Share of a metric's margin that counts as no change at all.
_ROUNDING = 0.1

_RESAMPLES = 10_000


@dataclass(frozen=True)
class MetricChange:
    """A method in a metric, before and now.

    Attributes
    ----------
    label, metric : str
        Which method, in what.
    before, now : float
        Means over the pairs that have a value both times.
    low, high : float
        95 % interval of the mean difference, now less before.
    p_corrected : float
        Of the one-sided test for a loss, corrected for all methods and metrics.
    pieces : int
        Content pieces with a value both times.
    margin : float
        The loss that matters.
    is_worse : bool
        Whether the loss is both relevant and significant.
    """

    label: str
    metric: str
    before: float
    now: float
    low: float
    high: float
    p_corrected: float
    pieces: int
    margin: float
    is_worse: bool

    @property
    def loss(self) -> float:
        """By how much the mean got worse; negative where it got better."""
        return _sense(self.metric) * (self.now - self.before)

    def __str__(self) -> str:
        return (
            f"{self.label}: {self.metric} went from {self.before:.3f} to {self.now:.3f} "
            f"(difference {self.now - self.before:+.3f}, 95 % interval {self.low:+.3f} to {self.high:+.3f}, "
            f"corrected p {self.p_corrected:.2g})"
        )


@dataclass(frozen=True)
class Outcome:
    """The result of the gate.

    Attributes
    ----------
    findings : tuple of MetricChange
        Each method in each directional metric.
    problems : tuple of str
        Why something could not be measured; empty where everything was.
    notes : tuple of str
        What to know before believing it: what the baseline does not hold, and another style judge.
    """

    findings: tuple[MetricChange, ...] = ()
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def regressions(self) -> list[MetricChange]:
        """What has become worse."""
        return [finding for finding in self.findings if finding.is_worse]

    @property
    def exit_status(self) -> int:
        """1 where a method is worse, else 2 where something could not be measured, else 0."""
        if self.regressions:
            return 1
        return 2 if self.problems else 0


def check_run(
    results: Results, baseline: Baseline, margins: Mapping[str, float] | None = None, *, judge: str = ""
) -> Outcome:
    """Compare a run with a baseline of the same suite.

    `margins` are the losses that matter, by metric, in the metric's unit, where they are not what the metric
    declares. `judge` is the fingerprint of the run's style judge, to note where that of the baseline differs.

    The outcome has a problem for each method that lacks outputs or values of the baseline, or of which
    nothing could be compared, and for what has values on too few pieces to show anything. Raises RunError if
    nothing can be compared: another suite, setting or content judge, or other metrics; ConfigurationError if
    a margin is not positive, or not for a directional metric of the baseline.
    """
    metrics = _directional_metrics(results, baseline)
    allowed = _margins(metrics, margins or {})
    if results.suite.version != baseline.suite:
        raise RunError(
            f"the run has suite {results.suite.version} and the baseline suite {baseline.suite}: their pairs "
            "differ, write a baseline of this suite first"
        )
    setting = results.configuration.suite.setting
    if baseline.setting not in {"", setting}:
        raise RunError(
            f"the run has the setting {setting} and the baseline {baseline.setting}: methods that learn have "
            "learned from other material, write a baseline of this setting first"
        )
    content_judge = results.configuration.content_judge.name
    if baseline.content_judge != content_judge:
        raise RunError(
            f"the run was transcribed by {content_judge} and the baseline by {baseline.content_judge}: their "
            "scores are not compared, write a baseline of this content judge first"
        )
    problems, tables = [], {}
    for label, rows in _merge(results, baseline).groupby("label", sort=False):
        absent = int((rows.status != "ok").sum())
        if absent:
            problems.append(f"{label}: {absent} of {len(rows)} outputs of the baseline are not in the run")
            continue
        tables[str(label)], lost = _values_of_both(rows, metrics)
        problems += [
            f"{label}: {name} can no longer be computed on {number} of {len(rows)} outputs"
            for name, number in lost.items()
        ]
    findings = _judge(tables, metrics, allowed) if tables else []
    problems += _unseen(list(tables), findings)
    return Outcome(tuple(findings), tuple(problems), tuple(_notes(results, baseline, judge)))


def _directional_metrics(results: Results, baseline: Baseline) -> list[str]:
    """Return the directional metrics of the baseline; refuse missing ones and those of other versions."""
    missing = [name for name in baseline.versions if name not in results.scores]
    if missing:
        raise RunError(f"the run lacks the metrics {', '.join(missing)} of the baseline")
    versions = baseline.versions
    changed = [name for name in versions if get(name).specification.version != versions[name]]
    if changed:
        raise RunError(
            f"{', '.join(changed)}: another version of the metric than in the baseline: write a new baseline"
        )
    return directional_metrics(versions)


def _margins(metrics: list[str], given: Mapping[str, float]) -> dict[str, float]:
    for name, margin in given.items():
        if name not in metrics:
            raise UnknownNameError("directional metric of the baseline", name, metrics)
        if not 0 < margin < np.inf:
            raise ConfigurationError(f"margin of {name}: must be a positive number, got {margin}")
    return {name: given.get(name, get(name).specification.relevant_change) for name in metrics}


def _merge(results: Results, baseline: Baseline) -> pd.DataFrame:
    """Put each output's values before and now into one row."""
    now = pd.concat([results.transfers[[*KEYS, "status"]], results.scores], axis=1)
    keys = list(KEYS)
    values = list(baseline.versions)
    return baseline.table[[*keys, *values]].merge(
        now[[*keys, "status", *values]], on=keys, how="left", suffixes=("_before", "_now")
    )


def _values_of_both(rows: pd.DataFrame, metrics: list[str]) -> tuple[pd.DataFrame, dict[str, int]]:
    """Return a method's values on each pair, and how many were lost in each metric that lost any.

    Seeds are averaged over the outputs that have a value both times: otherwise a value lost with one seed
    would hide behind that of another, and means of other seeds would be compared.
    """
    comparable, lost = rows.copy(), {}
    for name in metrics:
        columns = [f"{name}_before", f"{name}_now"]
        before, now = (rows[column].notna() for column in columns)
        comparable.loc[~(before & now), columns] = np.nan
        if (gone := before & ~now).any():
            lost[name] = int(gone.sum())
    columns = [f"{name}_{when}" for name in metrics for when in ("before", "now")]
    return average_seeds(comparable, columns), lost


def _judge(
    tables: dict[str, pd.DataFrame], metrics: list[str], margins: dict[str, float]
) -> list[MetricChange]:
    """Test every method in every metric, and correct for their number."""
    first = next(iter(tables.values()))
    # All methods have the same pairs, those of the suite, and none is missing.
    names, piece_of = np.unique(first.piece.to_numpy(dtype=str), return_inverse=True)
    signs, pieces = sign_flips(len(names), seed=0), len(names)
    counts = resample_groups(pieces, _RESAMPLES, seed=0)
    limits = np.array([margins[name] for name in metrics])
    senses = np.array([_sense(name) for name in metrics])
    values, p_values = [], []
    for table in tables.values():
        ordered = table.reindex(first.index)
        before, now = (
            ordered[[f"{name}_{when}" for name in metrics]].to_numpy(dtype=np.float64)
            for when in ("before", "now")
        )
        sums, numbers = group_sums(senses * (now - before), piece_of, pieces)
        tested = sign_flip_p_greater(sums - _ROUNDING * limits * numbers, signs)
        p_values.append(np.where(numbers.any(axis=0), tested, np.nan))
        values.append((before, now, np.count_nonzero(numbers, axis=0)))
    corrected = holm(np.array(p_values))
    return [
        _metric_change(
            label,
            name,
            (before[:, column], now[:, column]),
            interval(resampled_means((now - before)[:, column], piece_of, counts)),
            p_corrected=row[column],
            pieces=int(with_values[column]),
            margin=margins[name],
        )
        for label, (before, now, with_values), row in zip(tables, values, corrected, strict=True)
        for column, name in enumerate(metrics)
        if np.isfinite(row[column])
    ]


def _unseen(labels: list[str], findings: list[MetricChange]) -> list[str]:
    """Say where a loss could not have been seen: nothing was compared, or on too few pieces."""
    compared = {finding.label for finding in findings}
    unseen = [
        f"{label}: no directional metric has a value both times, so that nothing was compared"
        for label in labels
        if label not in compared
    ]
    if not findings:
        return unseen
    needed = min_groups(SIGNIFICANCE / len(findings), two_sided=False)
    few = [finding for finding in findings if finding.pieces < needed]
    end = f"content pieces cannot show any loss among {len(findings)} comparisons: it takes {needed}"
    if len(few) == len(findings):
        return [*unseen, f"{max(finding.pieces for finding in few)} {end}"]
    return unseen + [
        f"{finding.label}: {finding.metric} has values on {finding.pieces}, and so few {end}"
        for finding in few
    ]


def _notes(results: Results, baseline: Baseline, judge: str) -> list[str]:
    """Say what of the run the baseline lacks, and whether another judge has scored it."""
    held = set(baseline.table.label)
    methods = [entry.name for entry in results.configuration.methods if entry.name not in held]
    with_values = results.scores.dropna(axis="columns", how="all")
    metrics = [str(name) for name in with_values if name not in baseline.versions]
    notes = [
        f"the baseline lacks the {kind} {', '.join(names)}: nothing was compared there, write a new baseline "
        "to hold them as well"
        for kind, names in (("methods", methods), ("metrics", metrics))
        if names
    ]
    if results.suite.sample_of:
        notes.append(f"run and baseline are on a sample: {results.suite.size} of {results.suite.name}")
    judges = (baseline.judge, judge), (baseline.second_judge, results.second_judge)
    if any(before and now and before != now for before, now in judges):
        notes.append(
            "the style judges of the run and the baseline differ, and so may their predictions for one "
            "output: a method may seem to have changed"
        )
    return notes


def _sense(metric: str) -> float:
    """Return 1 where a rise is a loss, -1 where a fall is."""
    return -1.0 if get(metric).specification.direction == "higher" else 1.0


def _metric_change(
    label: str,
    metric: str,
    values: tuple[Floats, Floats],
    bounds: tuple[float, float],
    *,
    p_corrected: float,
    pieces: int,
    margin: float,
) -> MetricChange:
    """Judge one comparison by its values before and now."""
    before, now = values
    both = np.isfinite(before) & np.isfinite(now)
    means = float(before[both].mean()), float(now[both].mean())
    is_relevant = _sense(metric) * (means[1] - means[0]) >= margin
    is_worse = bool(is_relevant and p_corrected < SIGNIFICANCE)
    return MetricChange(label, metric, *means, *bounds, float(p_corrected), pieces, margin, is_worse)
