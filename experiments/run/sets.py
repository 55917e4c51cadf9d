"""Whether all outputs of a method together sound like real recordings of each style."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import pandas as pd

from timbrebench.core.errors import RunError
from timbrebench.experiments.run.records import PredictionRecord, Records
from timbrebench.experiments.run.scores import prediction_key
from timbrebench.experiments.run.tasks import Task
from timbrebench.experiments.suites.suite import Suite
from timbrebench.metrics.set_scores import set_scores

#: Resamples behind each interval: distances of sets cost more than means.
_RESAMPLES = 500


class JudgedClip(NamedTuple):
    """A clip with the style judge's prediction.

    `label` is the one that it should have, `piece` that whose content it has.
    """

    label: str
    piece: str
    record: PredictionRecord


@dataclass(frozen=True)
class JudgedSets:
    """All clips of a run that the style judge has a prediction for.

    They are real clips of the suite, and outputs by the method's label.
    """

    real: Sequence[JudgedClip] = ()
    outputs: Mapping[str, Sequence[JudgedClip]] = field(default_factory=dict)


def collect_sets(tasks: Sequence[Task], suite: Suite, judge: str, records: Records) -> JudgedSets:
    """Collect a judge's predictions for the outputs of `tasks` and for the real clips of the suite.

    Raises RunError if they have different lengths.
    """
    real = [(clip.label, clip.piece, clip.sha256) for clip in suite.clips]
    outputs: dict[str, list[tuple[str, str, str]]] = {}
    for task in tasks:
        transfer = records.transfers.get(task.key)
        if transfer is not None and transfer.status == "ok":
            clip = task.pair.style.label, task.pair.piece, transfer.output_sha256
            outputs.setdefault(task.entry.name, []).append(clip)

    def judged(clips: Iterable[tuple[str, str, str]]) -> list[JudgedClip]:
        keyed = [(label, piece, prediction_key(sha256, judge)) for label, piece, sha256 in clips]
        known = records.predictions
        return [
            JudgedClip(label, piece, known[key])
            for label, piece, key in keyed
            if key in known and known[key].embedding
        ]

    sets = JudgedSets(judged(real), {label: judged(clips) for label, clips in outputs.items()})
    lengths = {
        (len(clip.record.probabilities), len(clip.record.embedding))
        for clips in (sets.real, *sets.outputs.values())
        for clip in clips
    }
    if len(lengths) > 1:
        raise RunError("predictions of one judge have different lengths: the records were changed")
    return sets


def compare_sets(sets: JudgedSets) -> pd.DataFrame:
    """Compare each method's outputs with all real clips of the suite, by the judge's predictions for both.

    Returns ``method`` and the columns of :func:`~timbrebench.metrics.set_scores.set_scores`: one row for each
    method and style, and one for all styles. Empty without predictions for real clips.
    """
    tables = []
    for method, outputs in sets.outputs.items():
        if outputs and sets.real:
            table = set_scores(
                [clip.record.embedding for clip in outputs],
                [clip.record.probabilities for clip in outputs],
                [clip.label for clip in outputs],
                [clip.record.embedding for clip in sets.real],
                [clip.label for clip in sets.real],
                resamples=_RESAMPLES,
                seed=0,
                pieces=[clip.piece for clip in outputs],
            )
            table.insert(0, "method", method)
            tables.append(table)
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()
