"""Build a dataset of AudioSet's segments.

A build goes in rounds: what is chosen is fetched and cut; where clips fail and the number for each class is
bounded, others take their places in the next round, until nothing that is chosen fails. Each clip that is
written or has failed is a line of the journal; a build that was stopped goes through the same rounds again
and does only what has no line yet.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from timbrebench.core.errors import ConfigurationError, DatasetError
from timbrebench.core.files import file_sha256
from timbrebench.core.progress import Tracker, log
from timbrebench.core.workers.calls import Call, Failure
from timbrebench.core.workers.executors import Executor, LocalExecutor
from timbrebench.datasets.audioset.audioset_configuration import AudioSetConfiguration
from timbrebench.datasets.audioset.clip_planning import Plan, plan_clips
from timbrebench.datasets.audioset.fetching import fetch_missing
from timbrebench.datasets.audioset.journal import Journal
from timbrebench.datasets.audioset.slicing import Slice, SliceJob
from timbrebench.datasets.building import Builder, build_folder, commonest, finish_dataset, is_finished
from timbrebench.datasets.dataset import Dataset
from timbrebench.datasets.dataset_card import software
from timbrebench.datasets.excerpts import recorded_manifest
from timbrebench.datasets.rendering.dataset_configuration import SPLITS

AUDIOSET = Builder(
    "audioset",
    AudioSetConfiguration,
    "Segments of AudioSet",
    "Windows of recordings, with the labels that people gave them in AudioSet (Gemmeke et al., ICASSP 2017). "
    "Several labels of a clip are parted by `|`. The audio is its uploaders'.",
)


def build_audioset(
    configuration: AudioSetConfiguration, root: Path | str, *, executor: Executor | None = None
) -> Dataset:
    """Build a dataset of AudioSet's segments, or what is missing of it.

    Each row of the manifest has the video as its ``piece``, the names of its classes, joined with ``|``, as
    ``label`` and ``instrument``, -1 as ``program``, and besides ``source``, the file or shard that it was cut
    out of, and ``missing_s``, how many seconds at its end are zeros because the audio ended early.

    Parameters
    ----------
    configuration : AudioSetConfiguration
        What it is made of.
    root : path-like
        Its folder.
    executor : Executor, optional
        Where audio is cut; by default on all cores of this machine. The result is the same everywhere.

    Returns
    -------
    Dataset
        The finished dataset. What could not be used is in its ``failures.csv``.

    Raises
    ------
    ConfigurationError
        If there is no source of audio, or a class does not exist.
    DatasetError
        If the folder holds something else, a table or source is not what it should be, no clip could be made,
        or so many videos in a row are unavailable that the connection must be at fault.
    MissingResourceError
        If an extra is missing.
    StorageError
        If a file cannot be written, or another process is building there; what is finished is kept.
    """
    root = Path(root)
    if is_finished(configuration, root):
        return Dataset.open(root)
    if not configuration.sources:
        raise ConfigurationError(
            'there is no source of audio: add [[sources]] with kind = "folder", "parquet" or "yt-dlp"'
        )
    plan = plan_clips(configuration)
    with build_folder(configuration, root), contextlib.ExitStack() as stack:
        work = executor or stack.enter_context(LocalExecutor([__name__]))
        journal = stack.enter_context(Journal(root))
        chosen, failures = _build_rounds(plan, root, journal, work)
        _finish(plan, root, chosen, failures, journal)
    return Dataset.open(root)


def _build_rounds(
    plan: Plan, root: Path, journal: Journal, executor: Executor
) -> tuple[list[int], dict[int, str]]:
    """Build what is chosen until nothing of it fails; return its rows and the reasons of what has failed."""
    failures = plan.failures()
    failed: dict[int, str] = {}
    while True:
        chosen = [int(row) for row in np.flatnonzero(plan.choose(failed))]
        if not chosen:
            journal.clear()  # nothing would be left to try next time
            raise DatasetError(f"{root}: no clip could be made: {commonest((failures | failed).values())}")
        names = {plan.selection.clip_id(row): row for row in chosen}
        missing = [row for name, row in names.items() if name not in journal]
        if missing:
            log(f"building {root}: {len(missing)} clips of {len(chosen)} to be made")
            _make(plan, root, missing, journal, executor)
        # Only failures of this round, in the journal's words: so a build that was stopped repeats it.
        new = {row: reason for name, row in names.items() if (reason := journal.reason(name)) is not None}
        if not new:
            return chosen, failures | failed
        failed |= new


def _make(plan: Plan, root: Path, rows: list[int], journal: Journal, executor: Executor) -> None:
    """Fetch and cut some clips, and enter each into the journal."""
    slices = fetch_missing(plan, rows, journal)
    with Tracker("cutting", len(slices), "clips") as tracker, executor.batch() as batch:
        for group in _jobs(plan.configuration, root, slices):
            batch.submit(Call(SliceJob.run, (group,), "audioset"), group)
        for job, result in batch.results():
            if not isinstance(result, Failure):
                journal.enter(result)
                tracker.advance(len(result))
            elif len(job.slices) > 1:
                # The process died of one of them; each for itself shows of which.
                for part in job.parts():
                    batch.submit(Call(SliceJob.run, (part,), "audioset"), part)
            else:
                reason = f"decoding it ended the process: {result.reason}"
                journal.enter([{"clip_id": job.slices[0].clip_id, "reason": reason}])
                tracker.advance()


def _jobs(configuration: AudioSetConfiguration, root: Path, slices: Iterable[Slice]) -> Iterator[SliceJob]:
    """Put clips together that lie in one file or row group, so that it is opened once."""
    together: dict[tuple[int, str | None, int], list[Slice]] = {}
    for item in slices:
        key = (item.location.source, item.location.path, item.location.row_group)
        together.setdefault(key, []).append(item)
    for group in together.values():
        yield SliceJob(configuration, root.resolve(), tuple(group))


def _finish(plan: Plan, root: Path, chosen: list[int], failures: dict[int, str], journal: Journal) -> None:
    configuration = plan.configuration
    tables = (*configuration.segments, configuration.ontology, configuration.class_labels)
    finish_dataset(
        root,
        AUDIOSET,
        configuration,
        manifest=recorded_manifest(
            (_row(plan, row, journal) for row in chosen),
            duration_s=configuration.clip_duration_s,
            sample_rate=configuration.sample_rate,
        ),
        failures=sorted((plan.selection.clip_id(row), reason) for row, reason in failures.items()),
        sources=[{"name": Path(path).name, "sha256": file_sha256(Path(path))} for path in tables],
        software=software("numpy", "soxr", "av", "pyarrow", "yt-dlp"),
    )


def _row(plan: Plan, row: int, journal: Journal) -> dict[str, Any]:
    """Return a clip's row of the manifest."""
    selection = plan.selection
    return {
        **journal.entry(selection.clip_id(row)),
        "label": selection.label(row),
        "piece": selection.table.ytid.iloc[row],
        "start_s": selection.table.start_ms.iloc[row] / 1000,
        "split": SPLITS[selection.splits[row]],
    }
