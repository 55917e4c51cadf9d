"""Find soundfonts on this machine or fetch them, group relatives into families, and open them.

A name that profiles, frozen suites and published judges use stands for the bytes that they were made with:
distributions ship others under the same name. Files with other bytes are passed over, and said to be. Any
file can be given by its path.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

from timbrebench.core.errors import MissingResourceError
from timbrebench.core.files import file_sha256, fingerprint, why_no_file
from timbrebench.core.folders import expand_home, files_below
from timbrebench.core.progress import log
from timbrebench.datasets.soundfonts.recorded_notes import RecordedNotes
from timbrebench.datasets.soundfonts.recorded_takes import (
    HALVES,
    MANIFEST,
    join_reference,
    list_takes,
    split_reference,
)
from timbrebench.datasets.soundfonts.soundfont_downloads import (
    INSTALLED,
    KNOWN,
    PinnedSoundfont,
    fetch_soundfont,
)
from timbrebench.datasets.soundfonts.synthesis import Synthesizer

#: Environment variable with further folders to look in, separated as in PATH.
FOLDERS_VARIABLE = "TIMBREBENCH_SOUNDFONTS"

_SUFFIXES = (".sf2", ".sf3")

#: Families of soundfonts, by the start of the file's name in lower case. Members share samples: what was
#: learned on one is not evidence on another. GeneralUser's electric grand is FluidR3's; Csound's bank and
#: Merlin play whole presets with TimGM6mb's samples, A320U its organs: the attacks of their notes correlate
#: to 0.95 and more, where those of different samples reach 0.85. A soundfont in no family is its own.
_FAMILIES = {
    "fluidr3": "FluidR3",
    "fluid_r3": "FluidR3",
    "musescore_general": "FluidR3",
    "generaluser": "FluidR3",
    "timgm6mb": "TimGM6mb",
    "sf_gmbank": "TimGM6mb",
    "merlin": "TimGM6mb",
    "a320u": "TimGM6mb",
}

_INSTALL_HINTS = {
    "FluidR3_GM": "sudo apt-get install fluid-soundfont-gm",
    "TimGM6mb": "pip install pretty_midi",
    "GeneralUser-v1.47": "sudo apt-get install --no-install-recommends minuet-data",
}


@dataclass(frozen=True)
class Soundfont:
    """A soundfont file, or a folder of recorded notes in its place.

    Attributes
    ----------
    name : str
        The file's name without suffix, as datasets record it, or the folder's.
    path : pathlib.Path
        Where it lies.
    half : {"", "even", "odd"}
        Which takes of a folder are played; its name ends in it.
    """

    name: str
    path: Path
    half: str = ""

    @property
    def reference(self) -> str:
        """What a configuration calls it: its path, and which half of a folder."""
        return join_reference(self.path, self.half)

    @property
    def family(self) -> str:
        """Name of the family whose samples it shares."""
        return family_of(self.name)

    def player(self) -> Synthesizer | RecordedNotes:
        """Open it.

        Raises
        ------
        DatasetError
            If it is neither a soundfont nor a folder of recorded notes.
        MissingResourceError
            If libfluidsynth is not installed.
        """
        return _recorded_notes(self.path, self.half) if self.path.is_dir() else _synthesizer(self.path)

    def source(self) -> dict[str, str]:
        """Return what ``dataset.json`` says of it: name, family, SHA-256, and which takes of a folder."""
        takes = {"takes": self.half or "all"} if self.path.is_dir() else {}
        return {"name": self.name, "family": self.family, "sha256": self.sha256(), **takes}

    def take_digests(self) -> frozenset[str]:
        """Return the SHA-256 of each recorded note that may be played; a soundfont file has none."""
        if not self.path.is_dir():
            return frozenset()
        takes = list_takes(self.path, self.half).values()
        return frozenset(file_sha256(take.path) for played in takes for take in played)

    def sha256(self) -> str:
        """Return the SHA-256 of the file, or a fingerprint of all files of the folder."""
        if not self.path.is_dir():
            return file_sha256(self.path)
        below = (self.path / name for name in files_below(self.path, lambda _: True))
        files = sorted(path for path in below if path.is_file())
        return fingerprint([[path.relative_to(self.path).as_posix(), file_sha256(path)] for path in files])


@lru_cache(maxsize=16)
def _synthesizer(path: Path) -> Synthesizer:
    """Return this process's synthesizer of a file, which was found to be a soundfont once."""
    return Synthesizer(path)


@lru_cache(maxsize=4)
def _recorded_notes(path: Path, half: str) -> RecordedNotes:
    """Return this process's recordings of a folder, read and decoded once."""
    return RecordedNotes(path, half)


def family_of(name: str) -> str:
    """Return the family of a soundfont by its name, whether or not it is on this machine.

    Both halves of a folder of recorded notes, ``notes-even`` and ``notes-odd``, are of the family ``notes``.
    """
    lowered = name.lower()
    for start, family in _FAMILIES.items():
        if lowered.startswith(start):
            return family
    stem, _, half = name.rpartition("-")
    return stem if stem and half in HALVES else name


def recorded_name(reference: str) -> str:
    """Return the name by which datasets record what a configuration calls `reference`.

    Of a file it is the name without suffix, of a folder of recorded notes the folder's, with its half. The
    file or folder need not be there, unless the folder is named without a slash.

    >>> recorded_name("FluidR3_GM"), recorded_name("banks/own.sf2"), recorded_name("recorded/notes#odd")
    ('FluidR3_GM', 'own', 'notes-odd')
    """
    direct = expand_home(reference)
    if direct.suffix in _SUFFIXES:
        return direct.stem
    folder, half = (direct, "") if direct.exists() else split_reference(str(direct))
    if len(direct.parts) == 1 and not (Path(folder) / MANIFEST).is_file():
        return reference
    return _folder_name(Path(folder), half)


def _folder_name(folder: Path, half: str) -> str:
    name = folder.resolve().name
    return f"{name}-{half}" if half else name


def soundfont_folders() -> list[Path]:
    """Return the folders in which soundfonts are looked for, in this order."""
    extra = [Path(part) for part in os.environ.get(FOLDERS_VARIABLE, "").split(os.pathsep) if part]
    return [
        *extra,
        expand_home("~/.local/share/soundfonts"),
        Path("/usr/share/sounds/sf2"),
        Path("/usr/share/sounds/sf3"),
        Path("/usr/share/soundfonts"),
        Path("/usr/local/share/soundfonts"),
        Path("/opt/homebrew/share/soundfonts"),
        Path(str(distribution("pretty_midi").locate_file("pretty_midi"))),
        Path("/usr/share/minuet/soundfonts"),
        Path(__file__).parent / "sonivox",
    ]


def find_soundfont(wanted: str | PinnedSoundfont | Mapping[str, Any]) -> Soundfont:
    """Find a soundfont on this machine, or fetch it.

    Parameters
    ----------
    wanted : str, PinnedSoundfont or mapping
        A file's name with or without ``.sf2`` or ``.sf3``, the path of a file, or that of a folder of
        recorded notes (:mod:`timbrebench.datasets.soundfonts.recorded_notes`), with ``#even`` or ``#odd``
        behind it for half of its takes. A name that is known to
        :mod:`timbrebench.datasets.soundfonts.soundfont_downloads` stands for a checksum; where no file has
        it, it is downloaded into the user's cache if there is an address. A pinned soundfont is one with its
        own checksum, wherever it lies; ``dataset.json`` holds it as a mapping.

    Returns
    -------
    Soundfont
        The first that fits. Files of the name with another checksum are passed over, each with a line on
        standard error.

    Raises
    ------
    MissingResourceError
        If it is not found: the message names the folders searched, the files passed over, and how to get it.

    Notes
    -----
    A file whose checksum counts is read once in a process: FluidR3's 142 MiB take 0.4 s.
    """
    if isinstance(wanted, Mapping):
        wanted = PinnedSoundfont.model_validate(wanted)
    if isinstance(wanted, PinnedSoundfont):
        present = _on_this_machine(wanted.name, (wanted.suffix,), {wanted.sha256})
        return Soundfont(wanted.name, present or fetch_soundfont(wanted))
    direct = expand_home(wanted)
    if direct.suffix in _SUFFIXES and direct.is_file():
        return Soundfont(direct.stem, direct)
    folder, half = (direct, "") if direct.exists() else split_reference(str(direct))
    if (Path(folder) / MANIFEST).is_file():
        return Soundfont(_folder_name(Path(folder), half), Path(folder), half)
    if os.path.lexists(direct) and (direct.suffix in _SUFFIXES or len(direct.parts) > 1):
        problem = f"it holds no {MANIFEST}" if direct.is_dir() else why_no_file(direct)
        raise MissingResourceError(
            f"{direct}: not a soundfont, {problem}: name a file that ends in {' or '.join(_SUFFIXES)}, or a "
            f"folder of recorded notes with {MANIFEST}"
        )
    stem, suffixes = _parts(direct.name)
    digests = {known.sha256 for known in KNOWN if known.name == stem}
    digests |= {digest for name, digest in INSTALLED.items() if name == stem}
    present = _on_this_machine(stem, suffixes, digests)
    if present is not None:
        return Soundfont(stem, present)
    for known in KNOWN:
        if wanted == direct.name and known.name == stem and known.suffix in suffixes:
            return Soundfont(stem, _fetch(known, suffixes))
    raise MissingResourceError(_advice(wanted, stem, suffixes))


def _parts(name: str) -> tuple[str, tuple[str, ...]]:
    """Split a file's name into its stem and the suffixes that it may have."""
    for suffix in _SUFFIXES:
        if name.endswith(suffix):
            return name.removesuffix(suffix), (suffix,)
    return name, _SUFFIXES


def _on_this_machine(stem: str, suffixes: tuple[str, ...], digests: Collection[str]) -> Path | None:
    """Return the first file of a name whose SHA-256 is one of `digests`, if these are known."""
    for path in _candidates(stem, suffixes):
        if not digests:
            return path
        digest = _digest(path)
        if digest in digests:
            return path
        _pass_over(path, digest)
    return None


def _candidates(stem: str, suffixes: tuple[str, ...]) -> list[Path]:
    """Return the files of a name in all folders."""
    paths = [folder / f"{stem}{suffix}" for folder in soundfont_folders() for suffix in suffixes]
    return [path for path in paths if path.is_file()]


def _digest(path: Path) -> str:
    """Return the SHA-256 of a file, empty where it cannot be read."""
    try:
        status = path.stat()
        return _digest_of_state(path, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
    except OSError:
        return ""


@lru_cache(maxsize=64)
def _digest_of_state(path: Path, *_state: int) -> str:
    """Read a file once, as long as its inode, size and times stay: writing changes the last of them."""
    return file_sha256(path)


@lru_cache(maxsize=64)
def _pass_over(path: Path, digest: str) -> None:
    """Say once in a process that a file is not what its name stands for."""
    what = f"its SHA-256 is {digest}" if digest else "it cannot be read"
    log(
        f"{path}: not the soundfont that the name {path.stem} stands for ({what}): passed over; "
        "give its path to use it"
    )


def _fetch(known: PinnedSoundfont, suffixes: tuple[str, ...]) -> Path:
    try:
        return fetch_soundfont(known)
    except MissingResourceError as error:
        advice = _advice(known.name, known.name, suffixes)
        raise MissingResourceError(f"{advice}; nor was it fetched: {error}") from error


def _advice(wanted: str, stem: str, suffixes: tuple[str, ...]) -> str:
    folders = ", ".join(str(folder) for folder in soundfont_folders())
    others = ", ".join(str(path) for path in _candidates(stem, suffixes))
    folders += f", where files of that name hold other soundfonts ({others})" if others else ""
    hint = _INSTALL_HINTS.get(stem)
    advice = f"install it with `{hint}`, or put" if hint else "put"
    return (
        f"no soundfont {wanted!r} (.sf2 or .sf3) in {folders}: "
        f"{advice} the file into one of these folders, or name its folder in {FOLDERS_VARIABLE}"
    )
