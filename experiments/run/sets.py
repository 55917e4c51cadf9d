"""Whether all outputs of a method together sound like real recordings of each style."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

import pandas as pd

from timbrebench.classifier.embeddings.embedding import STYLE_JUDGE
from timbrebench.core.errors import RunError
from timbrebench.experiments.run.embedded_clips import embedding_key
from timbrebench.experiments.run.record_types import EmbeddingRecord, PredictionRecord
from timbrebench.experiments.run.records import Records
from timbrebench.experiments.run.scores import prediction_key
from timbrebench.experiments.run.tasks import Task
from timbrebench.experiments.suites.suite import Suite
from timbrebench.metrics.set_scores import set_scores

#: Resamples behind each interval: distances of sets cost more than means.
_RESAMPLES = 500


class EmbeddedClip(NamedTuple):
    """A clip with its embedding, and the style judge's probabilities where the embedding is the judge's.

    `label` is the one that it should have, `piece` that whose content it has.
    """

    label: str
    piece: str
    record: PredictionRecord | EmbeddingRecord


@dataclass(frozen=True)
class EmbeddedSets:
    """All clips of a run that an embedding has a vector for.

    They are real clips of the suite, and outputs by the method's label.
    """

    real: Sequence[EmbeddedClip] = ()
    outputs: Mapping[str, Sequence[EmbeddedClip]] = field(default_factory=dict)


def collect_sets(
    tasks: Sequence[Task], suite: Suite, judge: str, records: Records, fingerprints: Mapping[str, str]
) -> dict[str, EmbeddedSets]:
    """Collect the embeddings of the outputs of `tasks` and of the real clips of the suite.

    By the embedding's name: ``style-judge`` for the one of fingerprint `judge`, and those of `fingerprints`.
    Raises RunError if vectors of one embedding have different lengths.
    """
    sets = {
        STYLE_JUDGE: _collect(
            tasks, suite, records, records.predictions, partial(prediction_key, judge=judge)
        )
    }
    for name, value in fingerprints.items():
        key = partial(embedding_key, embedding=value)
        sets[name] = _collect(tasks, suite, records, records.embeddings, key)
    return sets


def _collect(
    tasks: Sequence[Task],
    suite: Suite,
    records: Records,
    known: Mapping[str, PredictionRecord] | Mapping[str, EmbeddingRecord],
    key_of: Callable[[str], str],
) -> EmbeddedSets:
    """Collect what is `known` of outputs and real clips, by the key of each file's SHA-256."""
    real = [(clip.label, clip.piece, clip.sha256) for clip in suite.clips]
    outputs: dict[str, list[tuple[str, str, str]]] = {}
    for task in tasks:
        transfer = records.transfers.get(task.key)
        if transfer is not None and transfer.status == "ok":
            clip = task.pair.style.label, task.pair.piece, transfer.output_sha256
            outputs.setdefault(task.entry.name, []).append(clip)

    def embedded(clips: Iterable[tuple[str, str, str]]) -> list[EmbeddedClip]:
        keyed = [(label, piece, known.get(key_of(sha256))) for label, piece, sha256 in clips]
        return [
            EmbeddedClip(label, piece, record)
            for label, piece, record in keyed
            if record and record.embedding
        ]

    sets = EmbeddedSets(embedded(real), {label: embedded(clips) for label, clips in outputs.items()})
    lengths = {
        (len(clip.record.probabilities), len(clip.record.embedding))
        for clips in (sets.real, *sets.outputs.values())
        for clip in clips
    }
    if len(lengths) > 1:
        raise RunError("vectors of one embedding have different lengths: the records were changed")
    return sets


def compare_sets(sets: Mapping[str, EmbeddedSets]) -> pd.DataFrame:
    """Compare each method's outputs with all real clips of the suite, in the space of each embedding.

    Returns ``method`` and the columns of :func:`~timbrebench.metrics.set_scores.set_scores`: for each
    embedding one row for each method and style, and one for all styles. Empty without real clips.
    """
    tables = []
    for embedding, clips_of in sets.items():
        for method, outputs in clips_of.outputs.items():
            if outputs and clips_of.real:
                table = set_scores(
                    [clip.record.embedding for clip in outputs],
                    [clip.record.probabilities for clip in outputs],
                    [clip.label for clip in outputs],
                    [clip.record.embedding for clip in clips_of.real],
                    [clip.label for clip in clips_of.real],
                    embedding=embedding,
                    resamples=_RESAMPLES,
                    seed=0,
                    pieces=[clip.piece for clip in outputs],
                )
                table.insert(0, "method", method)
                tables.append(table)
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()
