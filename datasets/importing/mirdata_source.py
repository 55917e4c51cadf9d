"""List the tracks of datasets that mirdata has loaders for.

mirdata (Bittner et al., "mirdata: Software for Reproducible Usage of Datasets", ISMIR 2019) knows where some
sixty published datasets keep their audio and what they say about it. Any of its loaders will do whose tracks
have the path of an audio file and an attribute that can be a label. Tracks bring their notes along
(:mod:`~timbrebench.datasets.importing.mirdata_notes`).
"""

from __future__ import annotations

import importlib
import inspect
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from timbrebench.core.errors import (
    ConfigurationError,
    DatasetError,
    MissingResourceError,
    UnknownNameError,
)
from timbrebench.core.files import file_sha256, why_no_folder
from timbrebench.core.progress import Tracker
from timbrebench.datasets.importing.import_configuration import MirdataSource
from timbrebench.datasets.importing.mirdata_notes import NOTES, TrackNotes, track_notes
from timbrebench.datasets.importing.recording_sources import Listing, RecordingEntry


def list_tracks(source: MirdataSource) -> Listing:
    """List the tracks of a dataset, by their identifiers, with their labels and notes; no audio is read.

    Raises ConfigurationError if there is no such loader, version or attribute, or its values cannot be
    labels or notes; DatasetError if there is no such folder; MissingResourceError if mirdata is not
    installed, or the loader lacks its index or metadata.
    """
    home = Path(source.data_home)
    if not home.is_dir():
        raise DatasetError(f"{home}: {why_no_folder(home)}: name that of the dataset {source.loader}")
    dataset = _open(source)
    entries: list[RecordingEntry] = []
    failures: dict[str, str] = {}
    try:
        names = sorted(dataset.track_ids)
        with Tracker(f"listing {source.loader}", len(names), "tracks") as tracker:
            for name in names:
                entry = _entry(dataset.track(name), source)
                if entry is None:
                    failures[name] = "has no audio"
                else:
                    entries.append(entry)
                tracker.advance()
    except FileNotFoundError as error:
        raise MissingResourceError(
            f"{source.data_home}: {error} Fetch it with `mirdata.initialize({source.loader!r}, "
            f"data_home={source.data_home!r}).download()`, or put {Path(dataset.index_path).name} there"
        ) from error
    return Listing(entries, failures, [_provenance(dataset, source)])


def _open(source: MirdataSource) -> Any:  # noqa: ANN401 - mirdata has no types
    try:
        import mirdata  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise MissingResourceError(
            "mirdata is not installed: install it with `pip install 'timbrebench[mirdata]'`"
        ) from error
    if source.loader not in mirdata.list_datasets():
        raise UnknownNameError("loader of mirdata", source.loader, mirdata.list_datasets())
    try:
        dataset = mirdata.initialize(source.loader, data_home=source.data_home, version=source.version)
    except ImportError as error:
        raise MissingResourceError(f"mirdata's loader {source.loader} needs more: {error}") from error
    except ValueError as error:
        raise ConfigurationError(f"mirdata's loader {source.loader}: {error}") from error
    # mirdata keeps indexes in its own package, which may be out of reach; a copy beside the audio will do.
    beside = Path(source.data_home) / Path(dataset.index_path).name
    if beside.is_file() and not Path(dataset.index_path).is_file():
        dataset.index_path = str(beside)
    return dataset


def _entry(track: Any, source: MirdataSource) -> RecordingEntry | None:  # noqa: ANN401 - mirdata has no types
    path = _attribute(track, source.audio, source)
    if path is None:
        return None
    if not isinstance(path, str | os.PathLike):
        raise ConfigurationError(
            f"the attribute {source.audio!r} of {source.loader} is a {type(path).__name__}, not a path"
        )
    label = _text(_attribute(track, source.label, source), source.label, source)
    piece = (
        "" if source.piece is None else _text(_attribute(track, source.piece, source), source.piece, source)
    )
    return RecordingEntry(
        track.track_id, Path(path), label, piece or track.track_id, notes=_notes(track, source)
    )


def _notes(track: Any, source: MirdataSource) -> TrackNotes | None:  # noqa: ANN401 - mirdata has no types
    name = source.notes or NOTES.get(source.loader)
    if name is None:
        return None
    try:
        value = _attribute(track, name, source)
    except ConfigurationError:
        raise
    except Exception as error:  # loaders raise anything on a damaged file, which must not end the import
        problem = f"{track.track_id}: mirdata cannot read its {name}: {type(error).__name__}: {error}"
        return TrackNotes(track.track_id, pd.DataFrame(), problem)
    return track_notes(track.track_id, name, value)


def _attribute(track: Any, name: str, source: MirdataSource) -> Any:  # noqa: ANN401 - whatever it holds
    known = {member for member in dir(track) if not member.startswith("_") and member != "track_id"}
    if name not in known and name != "track_id":
        methods = {member for member, _ in inspect.getmembers(type(track), inspect.isroutine)}
        raise UnknownNameError(f"attribute of {source.loader}'s tracks", name, known - methods)
    try:
        return getattr(track, name)
    except AttributeError:  # the loader's metadata lack this track
        return None


def _text(value: Any, name: str, source: MirdataSource) -> str:  # noqa: ANN401 - whatever it holds
    """Return a value as a label; several are sorted and separated by ``|``."""
    if value is None:
        return ""
    if isinstance(value, str | int | np.integer):
        return str(value).strip()
    if isinstance(value, Iterable):
        parts = list(value)
        if all(isinstance(part, str | int | np.integer) for part in parts):
            return "|".join(sorted({str(part).strip() for part in parts}))
    raise ConfigurationError(
        f"the attribute {name!r} of {source.loader} is a {type(value).__name__}, not a label: choose "
        "one that is a text or a number"
    )


def _provenance(dataset: Any, source: MirdataSource) -> dict[str, Any]:  # noqa: ANN401 - mirdata has no types
    module = importlib.import_module(f"mirdata.datasets.{source.loader}")
    facts = {
        "name": source.loader,
        "version": str(dataset.version),
        "sha256": file_sha256(Path(dataset.index_path)),
        "licence": " ".join(str(getattr(module, "LICENSE_INFO", None) or "").split()),
        "bibtex": str(dataset.bibtex or "").strip(),
    }
    return {key: value for key, value in facts.items() if value}
