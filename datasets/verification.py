"""Check that a dataset is what it says."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from timbrebench.audio.clips import LONGEST_S
from timbrebench.audio.decoding import TooLongError, measure
from timbrebench.core.errors import AudioError, DatasetError, PathError
from timbrebench.core.files import file_sha256
from timbrebench.core.identifiers import is_below, path_within
from timbrebench.core.partial_files import is_part
from timbrebench.core.progress import Tracker
from timbrebench.core.tables import read_text_csv
from timbrebench.core.workers.executors import executor_for
from timbrebench.datasets.building import count_clips
from timbrebench.datasets.dataset import DESCRIPTION, FAILURES, MANIFEST, Dataset, read_tables, source_pieces
from timbrebench.datasets.stored_spectrograms import listed_spectrograms

#: Seconds by which a file may be longer or shorter than its row says: what times are rounded to in tables.
_TOLERANCE_S = 1e-3

#: Seconds that a file takes, and files of one call.
_FILE_S, _BATCH = 0.002, 64

#: The sample rate in hertz and the duration in seconds that a clip's row states.
_Claim = tuple[int, float]


def verify_dataset(root: Path | str) -> list[str]:
    """Compare every file of a dataset with what its manifest and description say, and these with each other.

    Parameters
    ----------
    root : path-like
        The dataset's folder.

    Returns
    -------
    list of str
        One line for each file that is missing, changed or not listed; for each clip whose file is not as long
        or has not the rate that its row says; for each clip or file that is listed twice, and each piece in
        several splits; and for each count of the description that is not the manifest's. Empty where all is
        well.

    Raises
    ------
    DatasetError
        If there is no dataset to check, or its description lists no files.
    """
    dataset = read_tables(root)
    listed = dataset.description.get("files")
    if not isinstance(listed, dict):
        raise DatasetError(f"{dataset.root / DESCRIPTION}: lists no files: build the dataset again")
    manifest = dataset.manifest
    listed = listed | listed_spectrograms(dataset.root)
    outside = sorted({str(name) for name in [*listed, *manifest.path] if not _is_below(name)})
    expected = {name: digest for name, digest in listed.items() if _is_below(name)}
    rows = manifest[manifest.path.map(_is_below).astype(bool)]  # without clips, the map has no type
    claims = dict(zip(rows.path, zip(rows.sample_rate, rows.duration_s, strict=True), strict=True))
    expected.update(zip(rows.path, rows.sha256, strict=True))
    return [
        *(f"outside the folder: {name}" for name in outside),
        *_file_problems(dataset.root, expected, claims),
        *_not_listed(dataset.root, set(expected)),
        *_row_problems(manifest),
        *_count_problems(dataset),
    ]


def _is_below(name: object) -> bool:
    return isinstance(name, str) and is_below(name)


def _file_problems(root: Path, expected: Mapping[str, Any], claims: Mapping[str, _Claim]) -> list[str]:
    files = [(name, expected[name], claims.get(name)) for name in sorted(expected)]
    batches = [files[first : first + _BATCH] for first in range(0, len(files), _BATCH)]
    problems: list[str] = []
    with (
        Tracker("verifying", len(files), "files") as tracker,
        executor_for(_FILE_S * len(files), [__name__]) as executor,
    ):
        for batch, found in zip(
            batches, executor.map(partial(_check_files, root.resolve()), batches, "files"), strict=True
        ):
            problems += found
            tracker.advance(len(batch))
    return problems


def _check_files(root: Path, files: Sequence[tuple[str, object, _Claim | None]]) -> list[str]:
    return [problem for name, digest, claim in files for problem in _problems(root, name, digest, claim)]


def _problems(root: Path, name: str, digest: object, claim: _Claim | None) -> list[str]:
    """Compare a file with its digest and, if it is a clip, with its row of the manifest."""
    try:
        path = path_within(root, name)
    except PathError:
        return [f"outside the folder: {name}"]
    if not path.is_file():
        return [f"missing: {name}"]
    if file_sha256(path) != digest:
        return [f"changed: {name}"]
    return [] if claim is None else _clip_problems(path, name, claim)


def _clip_problems(path: Path, name: str, claim: _Claim) -> list[str]:
    sample_rate, duration_s = claim
    try:
        length, rate, is_lossy = measure(path, LONGEST_S)
    except TooLongError as error:
        return [f"{error}, the manifest says {duration_s:g}: {name}"]
    except AudioError:
        return [f"not audio: {name}"]
    problems = []
    if rate != sample_rate:
        problems.append(f"has {rate} Hz, the manifest says {sample_rate}: {name}")
    # Encoders of lossy formats add up to a few thousand samples; the formats without loss add none.
    slack = 0.2 if is_lossy else _TOLERANCE_S
    if abs(length / rate - duration_s) > slack:
        problems.append(f"lasts {length / rate:g} s, the manifest says {duration_s:g}: {name}")
    return problems


def _not_listed(root: Path, expected: set[str]) -> list[str]:
    """List files that no table lists; temporary parts are left to who writes there next."""
    present = {
        path.relative_to(root).as_posix()
        for path in root.rglob("*")
        if (path.is_file() or path.is_symlink()) and not is_part(path.relative_to(root))
    }
    return [f"not listed: {name}" for name in sorted(present - expected - {DESCRIPTION})]


def _row_problems(manifest: pd.DataFrame) -> list[str]:
    splits = manifest.groupby(source_pieces(manifest)).split.nunique()  # a copy is where its original is
    torn = [f"in more than one split: {piece}" for piece in splits.index[splits > 1]]
    repeated: Iterable[str] = (
        str(value)
        for column in ("clip_id", "path")
        for value in manifest[column][manifest[column].duplicated()].unique()
    )
    return torn + [f"listed twice: {value}" for value in repeated]


def _count_problems(dataset: Dataset) -> list[str]:
    """Count anew what the description has counted, as far as the tables can tell."""
    stated = dataset.description.get("counts", {})
    counts = count_clips(dataset.manifest, ("label", "split", "soundfont"))
    if (dataset.root / FAILURES).is_file():
        counts["failures"] = len(read_text_csv(dataset.root / FAILURES, DatasetError))
    return [
        f"{DESCRIPTION} counts other {name} than there are: {_difference(name, stated[name], counts[name])}"
        for name in sorted(set(stated) & set(counts))
        if stated[name] != counts[name]
    ]


def _difference(name: str, stated: Any, counted: Any) -> str:  # noqa: ANN401 - a number, or one for each value
    if not isinstance(stated, dict):
        return f"{stated}, {MANIFEST if name != 'failures' else FAILURES} has {counted}"
    keys = sorted(key for key in {*stated, *counted} if stated.get(key) != counted.get(key))
    return ", ".join(f"{stated.get(key, 0)} of {key}, {MANIFEST} has {counted.get(key, 0)}" for key in keys)
