"""Build a dataset of one's own recordings.

Each recording is decoded in a process of its own kind, which may hang or crash without harm to the others.
What is finished is listed in the journal, one file for each recording; a build that was stopped goes on with
the others. ``dataset.json`` is written last.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from timbrebench.core.errors import DatasetError
from timbrebench.core.progress import Tracker, log
from timbrebench.core.workers.calls import Call, Failure, Limits
from timbrebench.core.workers.executors import Executor, LocalExecutor
from timbrebench.datasets.building import Builder, build_folder, finish_dataset, is_finished
from timbrebench.datasets.dataset import Dataset
from timbrebench.datasets.dataset_card import software
from timbrebench.datasets.importing.import_configuration import ImportConfiguration, MirdataSource
from timbrebench.datasets.importing.imported_clips import RecordingJob
from timbrebench.datasets.importing.imported_tables import ImportedTables, remove_unlisted_notes
from timbrebench.datasets.importing.recording_sources import ListedRecording, Listing, gather, list_folder

#: How many files of notes that cannot be used are named.
_SHOWN = 10

#: What one recording may take before it counts as one that no decoder can make out: an hour of video is
#: decoded in half a minute, and few windows are in memory at a time.
_LIMITS = Limits(timeout_s=900, memory_mib=3_000)

FOLDER_IMPORT = Builder(
    "folder-import",
    ImportConfiguration,
    "Clips of recordings",
    "Recordings cut into clips one after the other, or where a table says so. Several labels of a clip are "
    "parted by `|`. `sources.csv` has the SHA-256 of each recording.",
)

MIRDATA_IMPORT = Builder(
    "mirdata-import",
    ImportConfiguration,
    "Clips of recordings, by mirdata",
    "Recordings of a published dataset, read with mirdata (Bittner et al., ISMIR 2019) and cut into clips "
    "one after the other. `sources.csv` has the SHA-256 of each recording.",
)


def import_dataset(
    configuration: ImportConfiguration, root: Path | str, *, executor: Executor | None = None
) -> Dataset:
    """Build a dataset of recordings, or what is missing of it.

    Each row of the manifest has the label also as ``instrument``, -1 as ``program``, and besides ``source``,
    the recording that it was cut out of, and ``missing_s``, how many seconds at its end are zeros because the
    recording ended early. The SHA-256 of each recording is in ``sources.csv``. Of recordings that are the
    same to the byte the first by name is used, as copies could lie on both sides of a split.

    Where recordings come with notes, these are in ``notes/`` as those of renderings are. A clip's notes are
    those of its ``piece`` from its ``start_s`` on, so each file of notes is a piece: that of the recordings
    that are listed with it, which therefore play the same notes at the same time. What was listed as the
    piece, and has to stay in one split, is then ``source_piece``. A window in which no note begins does not
    become a clip. ``sources.csv`` also says which notes a recording has, how many, and by how many cents
    they lie off the semitones that the table holds: the median, and the most; ``repairs.csv`` says what of
    them was left out or changed.

    Parameters
    ----------
    configuration : ImportConfiguration
        What it is made of.
    root : path-like
        Its folder.
    executor : Executor, optional
        Where recordings are cut; by default on all cores of this machine. The result is the same everywhere.

    Returns
    -------
    Dataset
        The finished dataset. What could not be used is in its ``failures.csv``.

    Raises
    ------
    ConfigurationError
        If a loader, an attribute or a split does not exist.
    DatasetError
        If the folder holds something else, the source is missing or not what it should be, notes that a
        table lists cannot be used, or no clip could be made.
    MissingResourceError
        If mirdata or what its loader needs is missing.
    StorageError
        If a file cannot be written, or another process is building there; what is finished is kept.
    """
    root = Path(root)
    if is_finished(configuration, root):
        return Dataset.open(root)
    _refuse_inside(configuration, root)
    listing = _list(configuration)
    recordings = gather(listing, configuration.splits)
    with build_folder(configuration, root), contextlib.ExitStack() as stack:
        work = executor or stack.enter_context(LocalExecutor([__name__]))
        rate, duration = configuration.sample_rate, configuration.clip_duration_s
        jobs = [RecordingJob(root.resolve(), recording, rate, duration) for recording in recordings]
        log(f"building {root}: {len(jobs)} recordings")
        outcomes = _cut_all(jobs, work)
        _refuse_notes(recordings, outcomes)
        _finish(configuration, root, listing, outcomes)
    return Dataset.open(root)


def _list(configuration: ImportConfiguration) -> Listing:
    source = configuration.source
    if not isinstance(source, MirdataSource):
        return list_folder(source)
    from timbrebench.datasets.importing.mirdata_source import list_tracks  # noqa: PLC0415 - an extra

    return list_tracks(source)


def _refuse_inside(configuration: ImportConfiguration, root: Path) -> None:
    """Refuse to write into the folder that is read: clips would be taken for recordings."""
    source = configuration.source
    folder = Path(source.data_home if isinstance(source, MirdataSource) else source.path)
    if root.resolve().is_relative_to(folder.resolve()):
        raise DatasetError(f"{root} lies inside {folder}, which is read: choose another folder")


def _cut_all(jobs: Sequence[RecordingJob], executor: Executor) -> dict[str, dict[str, Any]]:
    """Run the jobs that the journal does not list yet; return what became of each recording."""
    outcomes = {job.recording.source: job.outcome() for job in jobs}
    missing = [job for job in jobs if outcomes[job.recording.source] is None]
    with Tracker("importing", len(missing), "recordings") as tracker, executor.batch() as batch:
        for unfinished in missing:
            batch.submit(Call(RecordingJob.run, (unfinished,), "import", _LIMITS), unfinished)
        for job, result in batch.results():
            has_failed = isinstance(result, Failure)
            outcomes[job.recording.source] = job.enter(_failed_outcome(result)) if has_failed else result
            tracker.advance()
    return {source: outcome for source, outcome in sorted(outcomes.items()) if outcome is not None}


def _refuse_notes(recordings: Iterable[ListedRecording], outcomes: Mapping[str, Mapping[str, Any]]) -> None:
    """Refuse notes that are meant to be used and cannot be: all at once, so that all can be put right."""
    problems = [
        f"the notes of {recording.source}: {outcomes[recording.source]['notes_problem']}"
        for recording in recordings
        if recording.notes is not None
        and recording.notes.is_required
        and "notes_problem" in outcomes[recording.source]
    ]
    if problems:
        more = f"\nand {len(problems) - _SHOWN} more" if len(problems) > _SHOWN else ""
        raise DatasetError("\n".join(problems[:_SHOWN]) + more)


def _failed_outcome(failure: Failure) -> dict[str, Any]:
    if failure.status == "timeout":
        reason = f"decoding it took longer than {failure.seconds:g} s"
    elif "memory_mib" in failure.exceeded:
        reason = f"decoding it took more than {failure.exceeded['memory_mib']:g} MiB of memory"
    else:
        reason = f"decoding it ended the process: {failure.reason}"
    return {"clips": [], "failures": [reason], "sha256": "", "state": []}


def _finish(
    configuration: ImportConfiguration, root: Path, listing: Listing, outcomes: dict[str, dict[str, Any]]
) -> None:
    try:
        tables = ImportedTables.of(outcomes, listing.failures)
    except DatasetError as error:
        raise DatasetError(f"{root}: {error}") from error
    remove_unlisted_notes(root, tables)
    is_mirdata = isinstance(configuration.source, MirdataSource)
    finish_dataset(
        root,
        MIRDATA_IMPORT if is_mirdata else FOLDER_IMPORT,
        configuration,
        manifest=tables.manifest(
            duration_s=configuration.clip_duration_s, sample_rate=configuration.sample_rate
        ),
        failures=sorted(tables.failures),
        tables=tables.further(),
        sources=[*tables.sources(configuration.licence), *listing.sources],
        counts=tables.counts(),
        software=software("numpy", "soxr", "av", *(("mirdata",) if is_mirdata else ())),
    )
