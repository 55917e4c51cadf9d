"""Embed the outputs and the real clips of a run by each embedding of its configuration, each clip once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from timbrebench.audio.clips import read_audio
from timbrebench.classifier.embeddings.embedding import SilentClipError, load_embedding
from timbrebench.classifier.fitting import one_thread
from timbrebench.core.errors import RunError
from timbrebench.core.files import fingerprint
from timbrebench.core.progress import Tracker
from timbrebench.core.workers.calls import Call, Failure, Limits
from timbrebench.core.workers.executors import Executor
from timbrebench.datasets import Clip, Dataset
from timbrebench.experiments.run.record_types import DependencyRecord, EmbeddingRecord
from timbrebench.experiments.run.records import Records, RecordsFile
from timbrebench.experiments.run.run_configuration import EmbeddingEntry
from timbrebench.experiments.run.tasks import Task

#: Clips that are embedded in one call, and what it may take, which only what hangs exceeds: networks of
#: several gigabytes fit in.
_BATCH = 16
_LIMITS = Limits(timeout_s=1_800.0, memory_mib=16_384.0)

#: The kind of the processes that do it, which hold the networks.
_KIND = "embedding"


class _ClipFile(NamedTuple):
    """Where a clip lies, and the key of its record."""

    path: Path
    key: str


def embedding_key(sha256: str, embedding: str) -> str:
    """Return the key of a clip's embedding, by the file's SHA-256 and the embedding's fingerprint."""
    return fingerprint(["embedding", sha256, embedding])


def entry_key(entry: EmbeddingEntry) -> str:
    """Return the key under which a run's records hold the fingerprint of an embedding as configured."""
    return fingerprint(["embedding", entry.name, entry.weights])


def current_dependencies(entries: Iterable[EmbeddingEntry]) -> list[DependencyRecord]:
    """Return the fingerprints of embeddings with their weights as they are now.

    Raises MissingResourceError if weights or a package are missing.
    """
    return [
        DependencyRecord(
            key=entry_key(entry), fingerprint=load_embedding(entry.name, Path(entry.weights)).fingerprint
        )
        for entry in entries
    ]


def recorded_fingerprints(entries: Iterable[EmbeddingEntry], records: Records) -> dict[str, str]:
    """Return the fingerprints that embeddings had when a run was made, by name, as far as it came to them.

    So that the run can be read where their weights are not.
    """
    known = {entry.name: records.dependencies.get(entry_key(entry)) for entry in entries}
    return {name: record.fingerprint for name, record in known.items() if record is not None}


def run_embeddings(
    entries: Sequence[EmbeddingEntry],
    tasks: Iterable[Task],
    clips: Iterable[Clip],
    *,
    dataset: Dataset,
    root: Path,
    store: RecordsFile,
    executor: Executor,
) -> None:
    """Embed the outputs of `tasks` and the real `clips`, and record each as it comes.

    `dataset` holds the clips, and `root` is the run's folder. What has a record is left out. Raises RunError
    if an embedding cannot be computed at all: its weights are damaged, or it took too much time or memory.
    """
    transfers = [store.records.transfers.get(task.key) for task in tasks]
    files = {item.output_sha256: root.resolve() / item.output for item in transfers if item and item.output}
    files |= {clip.sha256: dataset.audio_path(clip).resolve() for clip in clips}
    fingerprints = recorded_fingerprints(entries, store.records)
    for entry in entries:
        keyed = [
            _ClipFile(path, embedding_key(sha256, fingerprints[entry.name])) for sha256, path in files.items()
        ]
        missing = [clip for clip in keyed if clip.key not in store.records.embeddings]
        weights = Path(entry.weights).resolve()
        with (
            Tracker(f"embedding by {entry.name}", len(missing), "clips") as tracker,
            executor.batch() as batch,
        ):
            for start in range(0, len(missing), _BATCH):
                part = missing[start : start + _BATCH]
                batch.submit(Call(_embed, (part, entry.name, weights), _KIND, _LIMITS))
            for _, records in batch.results():
                if isinstance(records, Failure):
                    raise RunError(f"clips could not be embedded by {entry.name}: {records.reason}")
                store.add(*records)
                tracker.advance(len(records))


def _embed(clips: list[_ClipFile], name: str, weights: Path) -> list[EmbeddingRecord]:
    """Embed clips; a silent one has a record with the reason."""
    embedding = load_embedding(name, weights)
    records = []
    with one_thread():
        for clip in clips:
            try:
                vector = embedding.embed(*read_audio(clip.path))
            except SilentClipError as error:
                records.append(EmbeddingRecord(key=clip.key, reason=str(error)))
            else:
                # Six digits are what single precision holds.
                rounded = tuple(float(f"{value:.6g}") for value in vector)
                records.append(EmbeddingRecord(key=clip.key, embedding=rounded))
    return records
