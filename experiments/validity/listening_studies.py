"""Published studies in which listeners rated how dissimilar the timbres of sounds are, as files.

A folder in the layout of the public collection (https://github.com/tiianhk/timbremetrics) holds, for each
study, ``sounds/STUDY/*.aiff`` and ``true_dissim/STUDY_dissimilarity_matrix.txt``: a square matrix of which
the upper triangle counts, without the diagonal, in the order of the sorted names of the sounds. No licence is
stated, so nothing of it comes with the package: whoever has it names its folder, and
``pinned_listening.json`` beside this module holds the SHA-256 of each file that the figures of
``docs/human.md`` were made with.
"""

from __future__ import annotations

import importlib.resources
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from timbrebench.core.documents import parse_object
from timbrebench.core.errors import DatasetError
from timbrebench.core.files import file_sha256, read_text, why_no_folder

#: Folders of the collection, and how the files of matrices end.
SOUNDS, MATRICES, ENDING = "sounds", "true_dissim", "_dissimilarity_matrix.txt"

#: The studies of the collection.
PUBLISHED = (
    "Barthet2010",
    "Grey1977",
    "Grey1978",
    "Iverson1993_Onset",
    "Iverson1993_Remainder",
    "Iverson1993_Whole",
    "Lakatos2000_Comb",
    "Lakatos2000_Harm",
    "Lakatos2000_Perc",
    "McAdams1995",
    "Patil2012_A3",
    "Patil2012_DX4",
    "Patil2012_GD4",
    "Saitis2020_e2set1_general",
    "Siedenburg2016_e2set1",
    "Siedenburg2016_e2set2",
    "Siedenburg2016_e2set3",
    "Siedenburg2016_e3",
    "Vahidi2020",
    "Zacharakis2014_english",
    "Zacharakis2014_greek",
)

#: Maximum bytes of a matrix: one of 200 sounds has half a million.
_MATRIX_BYTES = 4 << 20

#: Minimum number of sounds, of which two can be ranked by their dissimilarity to a third, and maximum.
_MIN_SOUNDS, _MAX_SOUNDS = 3, 500

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ListeningStudy:
    """The sounds of a study, and how dissimilar listeners found each two.

    Attributes
    ----------
    name : str
        As in the collection.
    sounds : tuple of pathlib.Path
        Sorted by name.
    dissimilarity : numpy.ndarray, shape (sounds, sounds)
        Symmetric, 0 on the diagonal, 1 for the most dissimilar pair.
    differs : tuple of str
        Which files are not the pinned ones, or all that are not known; empty where every byte is as pinned.
    """

    name: str
    sounds: tuple[Path, ...]
    dissimilarity: Floats
    differs: tuple[str, ...]


def read_studies(folder: Path) -> list[ListeningStudy]:
    """Read the studies that a folder holds, sorted by name.

    Raises
    ------
    DatasetError
        If there is no such folder or no study in it, sounds or matrix of a study are missing, or a matrix
        is not a square of finite numbers with a row for each sound. The message names the file.
    StorageError
        If a file cannot be read.
    """
    if not folder.is_dir():
        raise DatasetError(f"{folder}: {why_no_folder(folder)}")
    matrices = {path.name.removesuffix(ENDING): path for path in (folder / MATRICES).glob(f"*{ENDING}")}
    with_sounds = {path.name for path in (folder / SOUNDS).glob("*") if path.is_dir()}
    if not matrices and not with_sounds:
        raise DatasetError(
            f"{folder}: holds no listening study: expected {SOUNDS}/STUDY/*.aiff and {MATRICES}/STUDY{ENDING}"
        )
    for name in sorted(with_sounds - set(matrices)):
        raise DatasetError(
            f"{folder / MATRICES / (name + ENDING)}: missing, and {SOUNDS}/{name} is there: put the matrix "
            "beside the others, or take the sounds away"
        )
    return [_read_study(folder, name, matrices[name]) for name in sorted(matrices)]


def _read_study(folder: Path, name: str, matrix: Path) -> ListeningStudy:
    sounds = tuple(
        sorted(
            path for path in (folder / SOUNDS / name).glob("*") if path.suffix.lower() in {".aiff", ".aif"}
        )
    )
    if not sounds:
        raise DatasetError(f"{folder / SOUNDS / name}: holds no .aiff files, and {matrix.name} is there")
    dissimilarity = _read_matrix(matrix, len(sounds))
    return ListeningStudy(
        name, sounds, dissimilarity, differing(name, {path.name: path for path in (*sounds, matrix)})
    )


def _read_matrix(path: Path, sounds: int) -> Floats:
    """Return a matrix, made symmetric and divided by its maximum; DatasetError if it is not valid."""
    if not _MIN_SOUNDS <= sounds <= _MAX_SOUNDS:
        raise DatasetError(f"{path}: its study has {sounds} sounds, expected {_MIN_SOUNDS} to {_MAX_SOUNDS}")
    lines = [
        line.split() for line in read_text(path, _MATRIX_BYTES, DatasetError).splitlines() if line.strip()
    ]
    widths = {len(line) for line in lines}
    if len(lines) != sounds or widths != {sounds}:
        size = f"{len(lines)} x {'/'.join(map(str, sorted(widths))) or 0}"
        raise DatasetError(f"{path}: a matrix of {size}, and its study has {sounds} sounds")
    try:
        values = np.array(lines, dtype=np.float64)
    except ValueError as error:
        raise DatasetError(f"{path}: not a matrix of numbers: {error}") from error
    upper = np.triu(values, 1)
    if not np.isfinite(upper).all():
        row, column = np.argwhere(~np.isfinite(upper))[0] + 1
        raise DatasetError(f"{path}: row {row}, column {column} is {values[row - 1, column - 1]}")
    if upper.min() < 0 or upper.max() == 0:
        raise DatasetError(
            f"{path}: dissimilarities are at least 0 and not all 0; they reach from {upper.min():g} to "
            f"{upper.max():g} above the diagonal"
        )
    scaled = upper / upper.max()
    return np.asarray(scaled + scaled.T)


def differing(name: str, files: Mapping[str, Path]) -> tuple[str, ...]:
    """Return which files of a study or test, by the names they are pinned by, do not match or are missing."""
    pinned = pinned_digests().get(name, {})
    others = {known for known, path in files.items() if pinned.get(known) != file_sha256(path)}
    return tuple(sorted(others | (set(pinned) - set(files))))


@cache
def pinned_digests() -> dict[str, dict[str, str]]:
    """Return the SHA-256 of each pinned file by study and file name."""
    resource = importlib.resources.files(__package__) / "pinned_listening.json"
    return parse_object(resource.read_text(encoding="utf-8"), "the pinned digests", DatasetError)
