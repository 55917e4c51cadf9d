"""Recordings that users hold, of which the clips of a suite are made: which they are, and cutting them.

Audio of others cannot be passed on. A frozen suite has the path and the SHA-256 of each file, below a folder
that its users name; where one is missing, another one or one too many, the suite is not opened.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from timbrebench.audio.loudness import is_silent, scale_to_rms
from timbrebench.audio.windows import cut_windows
from timbrebench.core.errors import AudioError, ConfigurationError, DatasetError
from timbrebench.core.files import file_sha256, why_no_folder
from timbrebench.datasets.excerpts import RECORDED, SLACK_S, write_pcm
from timbrebench.experiments.suites.frozen_pairs import FrozenFile

#: Root mean square that clips are scaled to, as renderings are.
_LEVEL = 0.1


def refuse_unnamed(title: str, folder: str) -> None:
    """Raise ConfigurationError if a configuration names no folder of audio."""
    if not folder:
        raise ConfigurationError(
            f"the suite {title} is made of recordings that its users hold: name their folder, with "
            'audio = "FOLDER" in [suite] or with --audio'
        )


def require_folder(title: str, folder: str) -> Path:
    """Return the folder of audio that a configuration names.

    Raises ConfigurationError if it names none, and DatasetError if there is no such folder.
    """
    refuse_unnamed(title, folder)
    return _existing(Path(folder))


def require_source(title: str, source: Path | None) -> Path:
    """Return the folder that a suite is frozen from.

    Raises ConfigurationError if none is given, and DatasetError if there is no such folder.
    """
    if source is None:
        raise ConfigurationError(f"{title} is made of recordings: name their folder with --source")
    return _existing(source)


def _existing(folder: Path) -> Path:
    if not folder.is_dir():
        raise DatasetError(f"{folder}: {why_no_folder(folder)}: name the folder of the recordings")
    return folder


def hash_files(folder: Path, names: Iterable[str]) -> tuple[FrozenFile, ...]:
    """Return files below a folder with their SHA-256, by name; raise DatasetError where one is missing."""
    listed = sorted(set(names))
    if missing := [name for name in listed if not (folder / name).is_file()]:
        raise DatasetError(
            f"{folder}: {len(missing)} of {len(listed)} files are missing, such as {missing[0]}"
        )
    return tuple(FrozenFile(name, file_sha256(folder / name)) for name in listed)


def refuse_other_files(
    title: str, folder: Path, files: Sequence[FrozenFile], present: Collection[str] | None = None
) -> None:
    """Refuse a folder whose files are not those that a suite was frozen with.

    Parameters
    ----------
    title : str
        Name and version of the suite, for messages.
    folder : pathlib.Path
        The users' folder.
    files : sequence of FrozenFile
        Those of the suite.
    present : collection of str, optional
        The files below the folder that are listed for use there; by default those of the suite.

    Raises
    ------
    DatasetError
        If a file is missing, has changed, or is not the suite's; the message says how many, and names one.
    """
    listed = {file.path for file in files} if present is None else set(present)
    missing = [file.path for file in files if file.path not in listed or not (folder / file.path).is_file()]
    changed = [
        file.path
        for file in files
        if file.path not in missing and file_sha256(folder / file.path) != file.sha256
    ]
    extra = sorted(listed - {file.path for file in files})
    problems = [
        f"{len(names)} files {what}, such as {names[0]}"
        for names, what in (
            (missing, f"of {len(files)} are missing"),
            (changed, f"of {len(files)} have another content than those that the suite was made of"),
            (extra, "are not the suite's"),
        )
        if names
    ]
    if problems:
        raise DatasetError(f"{folder}: not the recordings of the suite {title}: {'; '.join(problems)}")


def cut_clip(
    source: Path, root: Path, *, label: str, piece: str, start_s: float, duration_s: float, sample_rate: int
) -> dict[str, Any]:
    """Cut a clip out of a recording, as loud as renderings are, and return its row of the manifest.

    Parameters
    ----------
    source : pathlib.Path
        The recording.
    root : pathlib.Path
        The folder of the suite's own dataset.
    label, piece : str
        Who plays what.
    start_s, duration_s : float
        From where, and how much, in seconds.
    sample_rate : int
        Rate of the clip in hertz.

    Raises
    ------
    DatasetError
        If the recording cannot be decoded, is silent there, or ends before.
    """
    length = round(duration_s * sample_rate)
    try:
        (window,) = cut_windows(source, [start_s], length, sample_rate)
    except AudioError as error:
        raise DatasetError(f"{source}: {error}") from error
    samples = window.mean(axis=0)
    if length - len(samples) > SLACK_S * sample_rate or is_silent(samples):
        what = "is silent" if len(samples) else "has ended"
        raise DatasetError(
            f"{source}: {what} from {start_s:g} s on, or ends before {start_s + duration_s:g} s: the suite "
            "needs all of it"
        )
    samples = np.pad(samples, (0, length - len(samples)))
    path = Path("audio") / label / f"{piece}--{round(1000 * start_s):07d}.flac"
    write_pcm(root / path, scale_to_rms(samples, _LEVEL)[None], sample_rate)
    return {
        "clip_id": f"{piece}--{label}--{round(1000 * start_s):07d}",
        "path": path.as_posix(),
        "label": label,
        "piece": piece,
        "instrument": label,
        "program": -1,
        "soundfont": RECORDED,
        "soundfont_family": RECORDED,
        "start_s": start_s,
        "duration_s": duration_s,
        "sample_rate": sample_rate,
        "split": "test",
        "sha256": file_sha256(root / path),
    }
