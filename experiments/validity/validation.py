"""Whether metrics do what they declare: scores of controls and of references at several degradations.

A reference is the right answer to a pair, so any corruption makes it worse, by a known grade. A metric that
`responds` to a corruption must be monotonic in its grade on average over pairs: Spearman's rank correlation
of grade and mean is at least 0.9, with the declared sign. One that is `invariant_to` a change must move by at
most a tenth of its `relevant_change` on average. Metrics that need content and style to be one tune get the
reference for style, and its notes in another key for content.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
import pandas as pd
import scipy.stats
from numpy.typing import NDArray

from timbrebench.classifier import Judge, load_content_judge
from timbrebench.classifier.fitting import one_thread
from timbrebench.core.errors import ConfigurationError, DatasetError, UnknownNameError
from timbrebench.core.progress import Tracker, muted
from timbrebench.core.workers.executors import executor_for
from timbrebench.datasets import Dataset
from timbrebench.datasets.rendering.rendered_dataset import soundfonts_of
from timbrebench.datasets.soundfonts.soundfont_finding import Soundfont
from timbrebench.experiments.suites.suite import Pair, Suite
from timbrebench.experiments.validity.conditions import OTHER_KEY, REFERENCE, Degrader, Treatment
from timbrebench.metrics.contract import Metric, Score, Specification, evaluate
from timbrebench.metrics.registry import get, metric_names
from timbrebench.metrics.sound import Sound
from timbrebench.metrics.trial import Trial

#: How near to 1 the magnitude of the rank correlation must come.
LEAST_CORRELATION = 0.9

#: What share of `relevant_change` a metric may move where it declares not to.
MOST_MOVED = 0.1

#: The share of the pairs with a score for the reference that need one at every grade, for a mean.
LEAST_SCORED = 0.5

#: Seconds that a metric takes for all conditions of a pair.
_METRIC_S = 0.3

#: Scores of a pair: of each condition, by metric.
Scores = Mapping[Treatment, Mapping[str, Score]]


@dataclass(frozen=True)
class ValidityStudy:
    """Means and verdicts of a validation.

    Attributes
    ----------
    specifications : tuple of Specification
        Of the metrics, in the order of the tables.
    means : pandas.DataFrame
        One row for each metric and condition: ``metric, kind, change, grade, mean, n, unscorable``. The
        means of a change are over the `n` pairs with a score for all of its grades and the reference, so that
        grades can be compared; `unscorable` is the number of pairs without a score here.
    verdicts : pandas.DataFrame
        One row for each metric and change: ``metric, kind, change, promised`` ("rises", "falls", "stays" or
        empty), ``found`` (rank correlation, or by how much the mean moved), ``limit`` (what `found` is held
        against), ``moved`` (mean at the last grade less that of the reference), ``n, holds`` ("yes", "no",
        "not measured"; empty where nothing is promised) and ``reason``, why something was not measured.
    """

    specifications: tuple[Specification, ...]
    means: pd.DataFrame
    verdicts: pd.DataFrame

    def with_verdict(self, holds: str) -> pd.DataFrame:
        """Return the verdicts on promises that hold: "yes", "no" or "not measured"."""
        return self.verdicts[self.verdicts.holds == holds]


def validate_metrics(
    dataset: Dataset,
    suite: Suite,
    *,
    judge_path: Path | None = None,
    pairs: int | None = None,
    metrics: Iterable[str] | None = None,
) -> ValidityStudy:
    """Score controls and degraded references by metrics, and hold them to what they declare.

    References are rendered again with other notes, so the soundfonts of the dataset have to be on this
    machine. The seed of the suite is that of all corruptions. Without a saved style judge (`judge_path`),
    metrics that need it have no scores. `pairs` says how many are taken, spread evenly over the suite, by
    default all; `metrics` are names, by default all that are installed. The same arguments give the same
    result.

    Raises
    ------
    ConfigurationError
        If fewer than one pair is asked for.
    DatasetError
        If the dataset was not rendered from notes, or keeps drums.
    MissingResourceError
        If the suite's soundfont is not on this machine.
    UnknownNameError
        If there is no such metric.
    """
    names = list(metric_names() if metrics is None else metrics)
    specifications = [get(name).specification for name in names]
    soundfonts = _soundfonts(dataset)
    if pairs is not None and pairs < 1:
        raise ConfigurationError(f"a study needs at least one pair, got {pairs}")
    chosen = suite.spread_pairs(len(suite.pairs) if pairs is None else pairs)
    for name in sorted({pair.target.soundfont for pair in chosen} - set(soundfonts)):
        raise UnknownNameError("soundfont of the dataset", name, soundfonts)
    score = partial(
        _score,
        names=names,
        dataset=dataset,
        soundfonts=soundfonts,
        judge_path=judge_path,
        seed=suite.configuration.seed,
    )
    scores = []
    with (
        Tracker("validating metrics", len(chosen), "pairs") as tracker,
        executor_for(
            _METRIC_S * len(names) * len(chosen), ["timbrebench.audio.librosa_modules", __name__]
        ) as executor,
    ):
        for scores_of_pair in executor.map(score, chosen, "validating metrics"):
            scores.append(scores_of_pair)
            tracker.advance()
    return assess(scores, specifications)


def _soundfonts(dataset: Dataset) -> dict[str, Soundfont]:
    """Return the soundfonts of a dataset by their names; DatasetError if its notes cannot be played anew."""
    if dataset.description.get("builder") != "rendered-midi":
        raise DatasetError(
            f"{dataset.root}: was not rendered from notes, so references cannot be played with wrong ones: "
            "build one with `timbrebench dataset build`"
        )
    if dataset.description["configuration"].get("keep_drums"):
        raise DatasetError(
            f"{dataset.root}: keeps drums, which sound on whatever notes are made wrong: build one without"
        )
    # Datasets name soundfonts by their files; the configuration knows where they lie.
    return {font.name: font for font in soundfonts_of(dataset)}


@lru_cache(maxsize=1)
def _judge(path: Path) -> Judge:
    """Return this process's copy of a judge, loaded once."""
    return Judge.load(path)


def _score(
    pair: Pair,
    *,
    names: list[str],
    dataset: Dataset,
    soundfonts: Mapping[str, Soundfont],
    judge_path: Path | None,
    seed: int,
) -> Scores:
    """Score all conditions of a pair, in a worker."""
    judge = None if judge_path is None else _judge(judge_path)
    untouched = Trial.of_clips(
        dataset,
        content=pair.content,
        style=pair.style,
        reference=pair.target,
        judge=judge,
        second_judge=judge,  # what is promised of any judge is measured with the one that there is
        content_judge=load_content_judge(),
    )
    degrader = Degrader(pair, dataset, soundfonts[pair.target.soundfont], seed)
    rate = pair.content.sample_rate
    notes = dataset.notes(pair.target)
    one_tune = replace(
        untouched,
        content=Sound(degrader.in_another_key(), rate, name="content"),
        style=Sound(dataset.samples(pair.target), rate, name="style"),
        notes=notes.assign(pitch=notes.pitch + OTHER_KEY),
        style_notes=notes,
        content_label=pair.target.label,
    )
    metrics = [get(name) for name in names]
    with muted(), one_thread():
        return {
            treatment: _evaluate(untouched.with_output(samples, rate), one_tune, metrics)
            for treatment, samples in degrader.outputs().items()
        }


def _evaluate(trial: Trial, one_tune: Trial, metrics: Sequence[Metric]) -> dict[str, Score]:
    """Score an output, by those metrics that need it on content and style of one tune."""
    on_one_tune = [metric for metric in metrics if "one_tune" in metric.specification.needs]
    others = [metric for metric in metrics if metric not in on_one_tune]
    return evaluate(trial, others) | evaluate(replace(one_tune, output=trial.output), on_one_tune)


def assess(scores: Sequence[Scores], specifications: Sequence[Specification]) -> ValidityStudy:
    """Hold the scores of pairs, by condition and metric, to what metrics declare.

    All pairs have the same conditions, of which one is the reference.
    """
    values: list[dict[str, object]] = []
    verdicts: list[dict[str, object]] = []
    changes = dict.fromkeys((item.kind, item.change) for item in scores[0] if item.kind != "control")
    for declared in specifications:
        for control in (item for item in scores[0] if item.kind == "control"):
            values += _rows(_table(scores, declared.name, [control]), declared.name, [control])
        for kind, change in changes:
            conditions = [
                REFERENCE,
                *(item for item in scores[0] if (item.kind, item.change) == (kind, change)),
            ]
            table = _table(scores, declared.name, conditions)
            values += _rows(table, declared.name, conditions)
            verdicts.append(
                {
                    "metric": declared.name,
                    "kind": kind,
                    "change": change,
                    **_verdict(table, declared, conditions),
                    "reason": _reason(scores, declared.name, conditions),
                }
            )
    judged = pd.DataFrame(verdicts)
    judged.loc[judged.holds != "not measured", "reason"] = ""
    return ValidityStudy(tuple(specifications), pd.DataFrame(values), judged)


def _table(scores: Sequence[Scores], metric: str, conditions: Sequence[Treatment]) -> NDArray[np.float64]:
    """Return a metric's values: shape (pairs, conditions), NaN where there is none."""
    return np.array([[pair[condition][metric].value for condition in conditions] for pair in scores])


def _rows(
    table: NDArray[np.float64], metric: str, conditions: Sequence[Treatment]
) -> list[dict[str, object]]:
    means, n = _means(table)
    return [
        {
            "metric": metric,
            **conditions[-1]._asdict(),
            "grade": condition.grade,
            "mean": mean,
            "n": n,
            "unscorable": int(np.isnan(column).sum()),
        }
        for condition, mean, column in zip(conditions, means, table.T, strict=True)
    ]


def _means(table: NDArray[np.float64]) -> tuple[NDArray[np.float64], int]:
    """Return the means over the pairs that have all values, NaN without such a pair, and their number."""
    whole = table[np.isfinite(table).all(axis=1)]
    return (whole.mean(axis=0) if len(whole) else np.full(table.shape[1], math.nan)), len(whole)


def _verdict(
    table: NDArray[np.float64], declared: Specification, conditions: Sequence[Treatment]
) -> dict[str, object]:
    """Return what is promised under a change, what was measured, and whether the promise holds."""
    means, n = _means(table)
    kind, change = conditions[-1].kind, conditions[-1].change
    if kind == "corruption":
        promised = str(declared.responds.get(change, ""))
        measured = _rank_correlation(np.array([item.grade for item in conditions]), means)
        limit = LEAST_CORRELATION
        holds = (-measured if promised == "falls" else measured) >= limit
    else:
        promised = "stays" if change in declared.invariant_to else ""
        measured = float(np.abs(means[1:] - means[0]).max())
        limit = MOST_MOVED * declared.relevant_change
        holds = measured <= limit
    if n == 0 or n < LEAST_SCORED * np.isfinite(table[:, 0]).sum():
        measured, verdict = math.nan, "not measured"
    else:
        verdict = "yes" if holds else "no"
    return {
        "promised": promised,
        "found": measured,
        "limit": limit,
        "moved": means[-1] - means[0],
        "n": n,
        "holds": verdict if promised else "",
    }


def _rank_correlation(grades: NDArray[np.float64], means: NDArray[np.float64]) -> float:
    """Return Spearman's rank correlation; 0 where nothing changes."""
    if np.isnan(means).any():
        return math.nan
    if np.ptp(means) == 0:
        return 0.0
    return float(scipy.stats.spearmanr(grades, means).statistic)


def _reason(scores: Sequence[Scores], metric: str, conditions: Sequence[Treatment]) -> str:
    """Return the most frequent reason why a pair has no value somewhere."""
    every = (pair[condition][metric].reason for pair in scores for condition in conditions)
    reasons = Counter(reason for reason in every if reason)
    return reasons.most_common(1)[0][0] if reasons else ""
