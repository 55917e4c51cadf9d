"""Read a dataset."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from timbrebench.audio.clips import LONGEST_S, Samples, fit_length, read_start
from timbrebench.audio.spectra import Spectrogram
from timbrebench.core.documents import read_json
from timbrebench.core.errors import AudioError, DatasetError, PathError, UnknownNameError, shown
from timbrebench.core.files import why_no_folder
from timbrebench.core.identifiers import is_below, path_within
from timbrebench.core.tables import read_csv
from timbrebench.datasets.dataset_checks import (
    MANIFEST_BYTES,
    NAMES,
    checked_description,
    checked_manifest,
)
from timbrebench.datasets.notes import read_notes, window
from timbrebench.datasets.stored_spectrograms import Variant, load_spectrogram, spectrogram_path

#: Version of the layout on disk; readers refuse others.
SCHEMA = 2

DESCRIPTION = "dataset.json"
MANIFEST = "manifest.csv"
FAILURES = "failures.csv"


@dataclass(frozen=True)
class Clip:
    """One row of a manifest.

    Attributes
    ----------
    clip_id : str
        Unique in the dataset.
    path : str
        Relative to the dataset's folder.
    label : str
        What a judge is asked for: here the instrument.
    piece, instrument, soundfont, soundfont_family, split : str
        What is played, by what, and on which side of the split.
    program : int
        General MIDI program.
    start_s, duration_s : float
        The clip's window of the piece, in seconds.
    sample_rate : int
        Rate in hertz.
    sha256 : str
        Of the file.
    """

    clip_id: str
    path: str
    label: str
    piece: str
    instrument: str
    program: int
    soundfont: str
    soundfont_family: str
    start_s: float
    duration_s: float
    sample_rate: int
    split: str
    sha256: str


@dataclass(frozen=True)
class Dataset:
    """A dataset on disk, or a selection of its clips.

    Attributes
    ----------
    root : pathlib.Path
        The folder.
    description : mapping
        The content of ``dataset.json``.
    manifest : pandas.DataFrame
        One row for each clip.
    """

    root: Path
    description: Mapping[str, Any]
    manifest: pd.DataFrame

    @classmethod
    def open(cls, root: Path | str) -> Dataset:
        """Open a finished dataset.

        Parameters
        ----------
        root : path-like
            Its folder.

        Raises
        ------
        DatasetError
            If the folder holds no finished dataset, one of another layout, one whose files hold what no
            dataset can, or one whose manifest lists what lies outside of the folder.
        """
        dataset = read_tables(root)
        manifest = dataset.manifest
        for column, folder in (("path", ""), ("piece", "notes/")):
            for row, name in manifest[column].items():
                if not isinstance(name, str) or not is_below(folder + name):
                    raise dataset._row_error(row, f"the {column} {name!r} leads out of the folder")
        return dataset

    def __len__(self) -> int:
        return len(self.manifest)

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels of the selected clips, sorted."""
        return tuple(sorted(self.manifest.label.dropna().unique()))

    @property
    def sample_rate(self) -> int:
        """Rate in hertz that all clips share."""
        rates = self.manifest.sample_rate.unique()
        if len(rates) != 1:
            raise DatasetError(f"{self.root}: clips have {len(rates)} different sample rates, expected one")
        return int(rates[0])

    def select(self, **wanted: str | float | Iterable[str]) -> Dataset:
        """Select clips by the manifest's columns.

        Parameters
        ----------
        **wanted
            Column and value, or values of which one must fit: ``select(split="train",
            soundfont=["FluidR3_GM"])``.

        Returns
        -------
        Dataset
            The clips for which all fit, in the manifest's order. It may be empty.

        Raises
        ------
        UnknownNameError
            If there is no such column.
        """
        rows = pd.Series(data=True, index=self.manifest.index)
        for column, value in wanted.items():
            if column not in self.manifest:
                raise UnknownNameError("column of the manifest", column, self.manifest.columns)
            values = [value] if isinstance(value, str | int | float) else list(value)
            rows &= self.manifest[column].isin(values)
        return replace(self, manifest=self.manifest[rows])

    def clips(self) -> Iterator[Clip]:
        """Go through the selected clips in the manifest's order."""
        names = Clip.__dataclass_fields__
        for row in self.manifest[list(names)].itertuples(index=False):
            yield Clip(*row)

    def samples(self, clip: Clip) -> Samples:
        """Read a clip's audio as mono samples, the mean of its channels: see :func:`read_clip`."""
        return read_clip(self.audio_path(clip), clip.duration_s, clip.sample_rate)

    def audio_path(self, clip: Clip) -> Path:
        """Return the file of a clip's audio; raise DatasetError where it lies outside of the folder."""
        return self._path(clip.path, clip)

    def spectrogram(self, clip: Clip, variant: Variant) -> Spectrogram:
        """Read a clip's stored spectrogram: shape (bands, frames), float32.

        Raises
        ------
        DatasetError
            If the dataset does not store it, or the file is damaged or lies outside of the folder.
        """
        self._path(spectrogram_path(clip.path, variant), clip)
        return load_spectrogram(self.root, clip.path, variant)

    def notes_path(self, piece: str) -> Path:
        """Return where the notes of a piece lie, which need not exist.

        Raises
        ------
        PathError
            If the piece's name leads out of the dataset's folder of notes.
        """
        return path_within(self.root / "notes", f"{piece}.csv")

    def notes(self, clip: Clip) -> pd.DataFrame:
        """Return the notes that sound in a clip, with times from its start (negative: began before it).

        Strokes of drums, where a dataset keeps them, are not among them
        (:func:`timbrebench.datasets.notes.read_drums`).
        """
        piece = read_notes(self._path(f"notes/{clip.piece}.csv", clip))
        return window(piece, clip.start_s, clip.duration_s)

    def with_notes(self) -> Dataset:
        """Select the clips whose notes are known: of a dataset of recordings these may be a part, or none."""
        tables = "notes/" + self.manifest.piece + ".csv"
        return replace(self, manifest=self.manifest[tables.isin(list(self.description.get("files", {})))])

    def _path(self, name: str, clip: Clip) -> Path:
        """Return the path of a clip's file, which no link may lead out of the folder."""
        try:
            return path_within(self.root, name)
        except PathError as error:
            rows = self.manifest.index[self.manifest.clip_id == clip.clip_id]
            raise self._row_error(rows[0] if len(rows) else clip.clip_id, str(error)) from error

    def _row_error(self, row: Hashable, problem: str) -> DatasetError:
        """Return an error that names a row of the manifest by its place in the file, under the heading."""
        number = row + 2 if isinstance(row, int) else row
        return DatasetError(
            f"{self.root / MANIFEST}, row {number}: {problem}: a dataset holds what it lists, and nothing "
            "else is read: get it again or build it again"
        )


def read_tables(root: Path | str) -> Dataset:
    """Read a dataset as :meth:`Dataset.open` does, wherever its manifest leads.

    Raises DatasetError if the folder holds no finished dataset, one of another layout, or one whose files
    hold what no dataset can.
    """
    root = Path(root)
    path = root / DESCRIPTION
    if not path.exists():
        problem = f"{DESCRIPTION} is missing" if root.is_dir() else why_no_folder(root)
        raise DatasetError(
            f"{root}: no finished dataset here ({problem}): "
            "build it, or build on, with `timbrebench dataset build`"
        )
    description = read_json(path, DatasetError)
    schema = description.get("schema")
    if schema != SCHEMA:
        raise DatasetError(
            f"{path}: layout {shown(schema)}, this version reads {SCHEMA}: build the dataset again"
        )
    # Labels such as 7 or NA are names.
    manifest = read_csv(root / MANIFEST, DatasetError, dict.fromkeys(NAMES, "str"), MANIFEST_BYTES)
    return Dataset(root, checked_description(description, path), checked_manifest(manifest, root / MANIFEST))


def read_clip(path: Path, duration_s: float, sample_rate: int) -> Samples:
    """Read the audio of a clip, whatever it is stored as.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    duration_s : float
        The clip's length in seconds, as the manifest states it.
    sample_rate : int
        Its rate in hertz, likewise.

    Returns
    -------
    numpy.ndarray, shape (round(duration_s * sample_rate),), float32
        The mean of the channels, in [-1, 1]: Ogg Vorbis and MP3 can decode to peaks beyond full scale, which
        are cut off there.

    Raises
    ------
    AudioError
        If the file is missing or cannot be decoded, or the clip is stated to last longer than what is read
        whole (:data:`timbrebench.audio.clips.LONGEST_S`).
    """
    if duration_s > LONGEST_S:
        raise AudioError(f"{path}: is to last {duration_s:g} s, and {LONGEST_S:g} s are read at most")
    length = round(duration_s * sample_rate)
    return fit_length(np.clip(read_start(path, length), -1, 1), length)


def source_pieces(manifest: pd.DataFrame) -> pd.Series[str]:
    """Return for each row of a manifest the piece that it is, or is a copy of.

    What is held out of a training has to be held out with all its copies, so folds are made of these.
    """
    return manifest["source_piece"] if "source_piece" in manifest else manifest["piece"]
