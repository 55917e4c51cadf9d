"""Build a dataset of one's own recordings.

Each recording is decoded in a process of its own kind, which may hang or crash without harm to the others.
What is finished is listed in the journal, one file for each recording; a build that was stopped goes on with
the others. ``dataset.json`` is written last.
"""

from __future__ import annotations

import contextlib
import shutil
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from timbrebench.core.errors import DatasetError
from timbrebench.core.files import exclusive, fingerprint, write_text
from timbrebench.core.progress import Tracker, log
from timbrebench.core.workers.executors import Executor, LocalExecutor
from timbrebench.core.workers.processes import Call, Ended, Limits
from timbrebench.datasets.building import JOURNAL, begin, is_finished, tally
from timbrebench.datasets.dataset import FAILURES, MANIFEST, MANIFEST_COLUMNS, SCHEMA, Dataset
from timbrebench.datasets.dataset_card import software, write_description
from timbrebench.datasets.excerpts import RECORDED
from timbrebench.datasets.importing.import_configuration import ImportConfiguration, MirdataSource
from timbrebench.datasets.importing.imported_clips import Job
from timbrebench.datasets.importing.recording_sources import Listing, gather, list_folder

#: The table of the recordings that clips come from.
SOURCES = "sources.csv"

#: What one recording may take before it counts as one that no decoder can make out: an hour of video is
#: decoded in half a minute, and few windows are in memory at a time.
_LIMITS = Limits(timeout_s=900, memory_mib=3_000)

_COLUMNS = [*MANIFEST_COLUMNS, "soundfont_family", "source", "missing_s"]


def import_dataset(
    configuration: ImportConfiguration, root: Path | str, *, executor: Executor | None = None
) -> Dataset:
    """Build a dataset of recordings, or what is missing of it.

    Each row of the manifest has the label also as ``instrument``, -1 as ``program``, and besides ``source``,
    the recording that it was cut out of, and ``missing_s``, how many seconds at its end are zeros because the
    recording ended early. The SHA-256 of each recording is in ``sources.csv``. Of recordings that are the
    same to the byte the first by name is used, as copies could lie on both sides of a split.

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
        If the folder holds something else, the source is missing or not what it should be, or no clip could
        be made.
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
    begin(configuration, root)
    with exclusive(root / JOURNAL / "lock"), contextlib.ExitStack() as stack:
        work = executor or stack.enter_context(LocalExecutor([__name__]))
        rate, duration = configuration.sample_rate, configuration.clip_duration_s
        jobs = [Job(root.resolve(), one, rate, duration) for one in recordings]
        log(f"building {root}: {len(jobs)} recordings")
        outcomes = _cut_all(jobs, work)
        _finish(configuration, root, listing, outcomes)
    shutil.rmtree(root / JOURNAL)
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


def _cut_all(jobs: Sequence[Job], executor: Executor) -> dict[str, dict[str, Any]]:
    """Run the jobs that the journal does not list yet; return what became of each recording."""
    outcomes = {job.recording.source: job.outcome() for job in jobs}
    missing = [job for job in jobs if outcomes[job.recording.source] is None]
    calls = [Call(Job.run, (job,), "import", _LIMITS) for job in missing]
    with Tracker("importing", len(calls), "recordings") as tracker:
        for index, result in executor.run(calls):
            job = missing[index]
            ended = isinstance(result, Ended)
            outcomes[job.recording.source] = job.enter(_unfinished(result)) if ended else result
            tracker.advance()
    return {source: outcome for source, outcome in sorted(outcomes.items()) if outcome is not None}


def _unfinished(ended: Ended) -> dict[str, Any]:
    if ended.broke.timeout_s is not None:
        reason = f"decoding it took longer than {ended.broke.timeout_s:g} s"
    elif ended.broke.memory_mib is not None:
        reason = f"decoding it took more than {ended.broke.memory_mib:g} MiB of memory"
    else:
        reason = f"decoding it ended the process: {ended.reason}"
    return {"clips": [], "failures": [reason], "sha256": "", "state": []}


def _finish(
    configuration: ImportConfiguration, root: Path, listing: Listing, outcomes: dict[str, dict[str, Any]]
) -> None:
    """Write the tables and, last, the description; remove files that no clip of the dataset is in."""
    failures = list(listing.failures.items())
    rows, used, seen = [], [], dict[str, str]()
    for source, outcome in outcomes.items():
        failures += [(source, reason) for reason in outcome["failures"]]
        if not outcome["clips"]:
            continue
        if (first := seen.setdefault(outcome["sha256"], source)) != source:
            failures.append((source, f"the same file as {first}"))
            continue
        used.append((source, outcome["sha256"], len(outcome["clips"])))
        rows += [_row(configuration, source, clip) for clip in outcome["clips"]]
    if not rows:
        raise DatasetError(f"{root}: no clip could be made: {_commonest(failures)}")
    manifest = pd.DataFrame(rows, columns=_COLUMNS).sort_values("clip_id", ignore_index=True)
    _remove_others(root, set(manifest.path))
    tables = {
        MANIFEST: manifest,
        FAILURES: pd.DataFrame(sorted(failures), columns=["source", "reason"]),
        SOURCES: pd.DataFrame(used, columns=["source", "sha256", "clips"]),
    }
    for name, table in tables.items():
        write_text(root / name, table.to_csv(index=False, lineterminator="\n"))
    recordings = {"name": "recordings", "files": len(used), "sha256": fingerprint([one[:2] for one in used])}
    if configuration.licence is not None:
        recordings["licence"] = configuration.licence
    is_mirdata = isinstance(configuration.source, MirdataSource)
    write_description(
        root,
        {
            "schema": SCHEMA,
            "builder": "mirdata-import" if is_mirdata else "folder-import",
            "configuration": configuration.model_dump(mode="json"),
            "sources": [recordings, *listing.sources],
            "software": software("numpy", "soxr", "av", *(("mirdata",) if is_mirdata else ())),
            "counts": _counts(manifest, len(failures)),
        },
        [root / name for name in tables],
    )


def _commonest(failures: list[tuple[str, str]]) -> str:
    counts = Counter(reason for _, reason in failures).most_common(3)
    return "; ".join(f"{reason} ({count} times)" for reason, count in counts) or "nothing was found"


def _row(configuration: ImportConfiguration, source: str, clip: dict[str, Any]) -> dict[str, Any]:
    """Return a clip's row of the manifest."""
    return {
        **clip,
        "instrument": clip["label"],
        "program": -1,
        "soundfont": RECORDED,
        "soundfont_family": RECORDED,
        "duration_s": configuration.clip_duration_s,
        "sample_rate": configuration.sample_rate,
        "source": source,
    }


def _remove_others(root: Path, used: set[str]) -> None:
    """Remove what a build that was stopped has left, and clips of copies."""
    for path in (root / "audio").rglob("*"):
        if path.is_file() and path.relative_to(root).as_posix() not in used:
            path.unlink()
    for path in (root / "audio").iterdir():
        if not any(path.iterdir()):
            path.rmdir()


def _counts(manifest: pd.DataFrame, failures: int) -> dict[str, Any]:
    return {
        "clips": len(manifest),
        "hours": round(float(manifest.duration_s.sum()) / 3600, 4),
        "pieces": int(manifest.piece.nunique()),
        "failures": failures,
        "label": tally(manifest.label.str.split("|").explode()),
        "split": tally(manifest.split),
    }
