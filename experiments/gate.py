"""The quality gate: find methods that have become worse.

A baseline is a table with the value of each metric on each pair. A run is compared with it on the same
pairs: a method is worse in a metric when the mean difference goes the wrong way by at least the metric's
relevant change, and its 95 % interval over content pieces excludes zero, with a tenth of the relevant change
around it: another machine rounds differently everywhere, and that is no evidence. Both are asked for: what
is significant but too small to matter passes, and so does what may be chance.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from timbrebench.audio.errors import RunError
from timbrebench.audio.storage import write_text
from timbrebench.experiments.results import Results
from timbrebench.experiments.statistics import interval, resample_pieces, resampled_means
from timbrebench.metrics.registry import get

_KEYS = ["label", "pair_id", "piece", "seed"]

#: Share of a metric's relevant change that counts as no change at all.
_ROUNDING = 0.1


@dataclass(frozen=True)
class Regression:
    """A metric in which a method has become worse.

    Attributes
    ----------
    label, metric : str
        Which method, in what.
    before, now : float
        Means over the pairs that both have.
    low, high : float
        95 % interval of the mean difference.
    """

    label: str
    metric: str
    before: float
    now: float
    low: float
    high: float

    def __str__(self) -> str:
        return (
            f"{self.label}: {self.metric} went from {self.before:.3f} to {self.now:.3f} "
            f"(difference {self.now - self.before:+.3f}, 95 % interval {self.low:+.3f} to {self.high:+.3f})"
        )


def write_baseline(results: Results, path: Path) -> None:
    """Write the values of a run as the baseline of later ones.

    Parameters
    ----------
    results : Results
        A run in which every method but the controls has all outputs.
    path : pathlib.Path
        A CSV file; it is replaced.

    Raises
    ------
    RunError
        If a method has missing outputs: a gap would let a regression pass unseen.
    """
    methods = [entry.name for entry in results.configuration.methods]
    for label in methods:
        if not results.is_complete(label):
            raise RunError(f"{label} has missing outputs: a baseline needs all of them, run it again first")
    rows = results.transfers.label.isin(methods)
    table = pd.concat([results.transfers.loc[rows, _KEYS], results.scores[rows]], axis=1)
    write_text(path, table.to_csv(index=False, float_format="%.6g", lineterminator="\n"))


def read_baseline(path: Path) -> pd.DataFrame:
    """Read what :func:`write_baseline` wrote.

    Raises
    ------
    RunError
        If the file is missing or no baseline.
    """
    try:
        baseline = pd.read_csv(path, dtype={"label": str, "pair_id": str, "piece": str})
    except (OSError, ValueError) as error:
        raise RunError(f"{path}: cannot be read as a baseline ({error}): write one on purpose") from error
    if not set(_KEYS) <= set(baseline.columns):
        raise RunError(f"{path}: no baseline, the columns {', '.join(_KEYS)} are missing")
    return baseline


def find_regressions(results: Results, baseline: pd.DataFrame) -> list[Regression]:
    """Compare a run with a baseline.

    Parameters
    ----------
    results : Results
        The run.
    baseline : pandas.DataFrame
        Of :func:`read_baseline`.

    Returns
    -------
    list of Regression
        Empty where no method has become worse.

    Raises
    ------
    RunError
        If the run lacks a method, a pair or a metric of the baseline, so that nothing could be said.
    """
    metrics = [name for name in baseline.columns if name not in _KEYS]
    missing = [name for name in metrics if name not in results.scores]
    if missing:
        raise RunError(f"the run lacks the metrics {', '.join(missing)} of the baseline")
    now = pd.concat([results.transfers[[*_KEYS, "status"]], results.scores], axis=1)
    merged = baseline.merge(now, on=_KEYS, how="left", suffixes=("_before", "_now"))
    absent = merged[merged.status != "ok"]
    if len(absent):
        first = absent.iloc[0]
        raise RunError(
            f"{len(absent)} outputs of the baseline are not in the run, the first is {first.label} on "
            f"{first.pair_id}: it needs the same suite, methods and seeds, all finished"
        )
    return [
        regression
        for label, rows in merged.groupby("label", sort=False)
        for metric in metrics
        if (regression := _compare(str(label), metric, rows)) is not None
    ]


def _compare(label: str, metric: str, rows: pd.DataFrame) -> Regression | None:
    specification = get(metric).specification
    if specification.direction == "none":
        return None
    before = rows[f"{metric}_before"].to_numpy(dtype=np.float64)
    now = rows[f"{metric}_now"].to_numpy(dtype=np.float64)
    lost = np.isfinite(before) & ~np.isfinite(now)
    if lost.any():
        raise RunError(f"{label}: {metric} can no longer be computed on {int(lost.sum())} outputs")
    both = np.isfinite(before) & np.isfinite(now)
    if not both.any():
        return None
    pieces, piece_of = np.unique(rows.piece.to_numpy(dtype=str)[both], return_inverse=True)
    difference = (now - before)[both]
    counts = resample_pieces(len(pieces), 10_000, seed=0)
    low, high = interval(resampled_means(difference, piece_of, counts))
    higher_is_better = specification.direction == "higher"
    loss = float(-difference.mean() if higher_is_better else difference.mean())
    least_loss = -high if higher_is_better else low
    if loss < specification.relevant_change or least_loss < _ROUNDING * specification.relevant_change:
        return None
    return Regression(label, metric, float(before[both].mean()), float(now[both].mean()), low, high)
