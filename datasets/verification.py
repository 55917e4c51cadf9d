"""Check that a dataset is what it says."""

from __future__ import annotations

from pathlib import Path

from joblib import Parallel, cpu_count, delayed

from timbrebench.audio.progress import Tracker
from timbrebench.audio.storage import file_sha256
from timbrebench.datasets.dataset import DESCRIPTION, Dataset


def verify_dataset(root: Path | str) -> list[str]:
    """Compare every file of a dataset with what its manifest and description say.

    Parameters
    ----------
    root : path-like
        The dataset's folder.

    Returns
    -------
    list of str
        One line for each file that is missing, changed or not listed, and for each clip whose split is not
        its piece's; empty where all is well.

    Raises
    ------
    DatasetError
        If there is no dataset to check.
    """
    dataset = Dataset.open(root)
    expected = dict(dataset.description["files"])
    expected.update(zip(dataset.manifest.path, dataset.manifest.sha256, strict=True))
    problems = []
    names = sorted(expected)
    with (
        Tracker("verifying", len(names), "files") as tracker,
        Parallel(n_jobs=cpu_count(), prefer="threads", return_as="generator") as parallel,
    ):
        digests = parallel(delayed(_digest)(dataset.root / name) for name in names)
        for name, digest in zip(names, digests, strict=True):
            if digest is None:
                problems.append(f"missing: {name}")
            elif digest != expected[name]:
                problems.append(f"changed: {name}")
            tracker.advance()
    problems += _not_listed(dataset.root, set(expected))
    return problems + _split_problems(dataset)


def _digest(path: Path) -> str | None:
    return file_sha256(path) if path.is_file() else None


def _not_listed(root: Path, expected: set[str]) -> list[str]:
    present = {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}
    return [f"not listed: {name}" for name in sorted(present - expected - {DESCRIPTION})]


def _split_problems(dataset: Dataset) -> list[str]:
    splits = dataset.manifest.groupby("piece").split.nunique()
    torn = [f"in more than one split: {piece}" for piece in splits.index[splits > 1]]
    repeated = dataset.manifest.clip_id[dataset.manifest.clip_id.duplicated()]
    return torn + [f"listed twice: {clip_id}" for clip_id in repeated]
