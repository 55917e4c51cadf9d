"""Whether all outputs of a method together sound like real recordings of each style."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import pandas as pd

from timbrebench.experiments.run.records import PredictionRecord, Records
from timbrebench.experiments.run.scores import prediction_key
from timbrebench.experiments.run.tasks import Task
from timbrebench.experiments.suites.suite import Suite
from timbrebench.metrics.set_scores import set_scores

#: Resamples behind each interval: distances of sets cost more than means.
_RESAMPLES = 500


@dataclass
class _Heard:
    """Clips that the judge had an answer for, one entry of each list for each."""

    labels: list[str] = field(default_factory=list)
    pieces: list[str] = field(default_factory=list)
    embeddings: list[tuple[float, ...]] = field(default_factory=list)
    probabilities: list[tuple[float, ...]] = field(default_factory=list)

    def add(self, label: str, piece: str, record: PredictionRecord | None) -> None:
        if record is not None and record.embedding:
            self.labels.append(label)
            self.pieces.append(piece)
            self.embeddings.append(record.embedding)
            self.probabilities.append(record.probabilities)


def compare_sets(tasks: Sequence[Task], suite: Suite, judge: str, records: Records) -> pd.DataFrame:
    """Compare each method's outputs with all real clips of the suite, by what the judge makes of both.

    Parameters
    ----------
    tasks : sequence of Task
        What belongs to the run.
    suite : Suite
        With the real clips that its pairs were drawn from.
    judge : str
        The judge's fingerprint.
    records : Records
        With what the judge made of outputs and of real clips.

    Returns
    -------
    pandas.DataFrame
        ``method`` and the columns of :func:`~timbrebench.metrics.set_scores.set_scores`: one row for each
        method and style, and one for all styles. Empty where the judge was not asked about real clips.
    """
    real = _Heard()
    for clip in suite.clips:
        real.add(clip.label, clip.piece, records.predictions.get(prediction_key(clip.sha256, judge)))
    outputs: dict[str, _Heard] = {}
    for task in tasks:
        transfer = records.transfers.get(task.key)
        if transfer is not None and transfer.status == "ok":
            heard = records.predictions.get(prediction_key(transfer.output_sha256, judge))
            of_method = outputs.setdefault(task.entry.name, _Heard())
            of_method.add(task.pair.style.label, task.pair.content.piece, heard)
    tables = []
    for method, made in outputs.items():
        if made.labels and real.labels:
            table = _scores(made, real)
            table.insert(0, "method", method)
            tables.append(table)
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()


def _scores(made: _Heard, real: _Heard) -> pd.DataFrame:
    return set_scores(
        made.embeddings,
        made.probabilities,
        made.labels,
        real.embeddings,
        real.labels,
        resamples=_RESAMPLES,
        seed=0,
        pieces=made.pieces,
    )
