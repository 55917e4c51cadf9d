"""What a dataset of one's own recordings is made of."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import Field, field_validator

from timbrebench.core.frozen_model import FrozenModel
from timbrebench.datasets.rendering.dataset_configuration import Shares


class SubfolderSource(FrozenModel):
    """A folder with one folder for each label.

    Attributes
    ----------
    kind : "subfolders"
        Which source this is.
    path : str
        The folder. A file's label is the first part of its path below it: ``piano/live/take-1.wav`` is a
        piano. Each file is a piece of its own.
    """

    kind: Literal["subfolders"] = "subfolders"
    path: str


class TableSource(FrozenModel):
    """A folder of audio, and a table that says what is in it.

    Attributes
    ----------
    kind : "csv"
        Which source this is.
    path : str
        The folder.
    table : str
        A CSV file with the columns ``path``, relative to the folder, and ``label``; several labels are
        separated by ``|``. It may have ``piece`` or ``group``: what has the same stays in one split;
        ``start_s``: only the clip is cut that begins there; and ``split``: where the piece goes. Empty fields
        count as missing. Files that are not in it are left out. It may have ``notes``: the path of the file
        with the notes of the whole recording, relative to the folder as well: a table with the columns of
        this project's or other usual names (``start``, ``end`` or ``duration``, ``midi`` or ``frequency_hz``;
        a velocity if there is one), a MIDI file, or JAMS. Recordings of the same notes are one piece.
    """

    kind: Literal["csv"] = "csv"
    path: str
    table: str


class PatternSource(FrozenModel):
    r"""A folder of audio whose paths say what is in it.

    Attributes
    ----------
    kind : "pattern"
        Which source this is.
    path : str
        The folder.
    pattern : str
        A regular expression that is searched for in each file's path below the folder, with ``/`` between its
        parts. Its group ``label`` is the label, its group ``piece``, if it has one, the piece:
        ``(?P<piece>[^/]+)_(?P<label>[a-z]+)\.wav$``.
    """

    kind: Literal["pattern"] = "pattern"
    path: str
    pattern: str

    @field_validator("pattern")
    @classmethod
    def _names_a_label(cls, pattern: str) -> str:
        try:
            groups = set(re.compile(pattern).groupindex)
        except re.error as error:
            raise ValueError(f"is not a regular expression: {error}") from error
        if "label" not in groups:
            raise ValueError("has no group (?P<label>...)")
        if groups - {"label", "piece"}:
            raise ValueError(
                f"has the groups {', '.join(sorted(groups))}: only label and piece mean something"
            )
        return pattern


class MirdataSource(FrozenModel):
    """A dataset that mirdata has a loader for.

    Attributes
    ----------
    kind : "mirdata"
        Which source this is.
    loader : str
        Name of the loader: ``tinysol``, ``medley_solos_db``.
    data_home : str
        Folder of the dataset, in the layout that the loader wants.
    label : str
        Which attribute of a track is its label: ``instrument_full``, ``genre``. Lists become several labels,
        separated by ``|``.
    piece : str or None
        Which attribute names what stays in one split, such as a song that several tracks are cut out of; by
        default each track is a piece.
    audio : str
        Which attribute is the path of a track's audio.
    notes : str or None
        Which attribute is a track's notes, mirdata's ``NoteData``; by default, of loaders that have one, that
        which people have made or checked (:data:`timbrebench.datasets.importing.mirdata_notes.NOTES`). A
        track whose notes cannot be used is imported without them; ``failures.csv`` has the reason.
    version : str
        Version of the loader's index.
    """

    kind: Literal["mirdata"] = "mirdata"
    loader: str
    data_home: str
    label: str
    piece: str | None = None
    audio: str = "audio_path"
    notes: str | None = None
    version: str = "default"


RecordingSource = Annotated[
    SubfolderSource | TableSource | PatternSource | MirdataSource, Field(discriminator="kind")
]


class ImportConfiguration(FrozenModel):
    """A dataset of clips cut out of recordings.

    Attributes
    ----------
    source : RecordingSource
        Where audio and labels come from.
    sample_rate : int
        Rate of the clips in hertz; what has another is resampled. Clips are mono.
    clip_duration_s : float
        Length of a clip in seconds. A recording is cut into one after the other; what is left at its end, and
        what is silent, does not become a clip.
    splits : Shares
        Shares of the pieces in each split. Which one a piece is in follows from its name and them.
    licence : str or None
        The recordings' licence, for the dataset's card.
    """

    source: RecordingSource
    sample_rate: int = Field(default=22_050, ge=8_000, le=192_000)
    clip_duration_s: float = Field(default=5.0, ge=0.1, le=60.0)
    splits: Shares = Shares()
    licence: str | None = None
