"""Find soundfonts on this machine, and tell which are relatives."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import pretty_midi

from timbrebench.audio.errors import MissingResourceError

#: Environment variable with further folders to look in, separated as in PATH.
FOLDERS_VARIABLE = "TIMBREBENCH_SOUNDFONTS"

#: Families of soundfonts, by the start of the file's name in lower case. Members share samples: what was
#: learned on one is no evidence on another. A soundfont in no family here is its own.
_FAMILIES = {
    "fluidr3": "FluidR3",
    "musescore_general": "FluidR3",
    "timgm6mb": "TimGM6mb",
}

_INSTALL_HINTS = {
    "FluidR3_GM": "sudo apt-get install fluid-soundfont-gm",
    "TimGM6mb": "pip install pretty_midi",
}


@dataclass(frozen=True)
class Soundfont:
    """A soundfont file.

    Attributes
    ----------
    name : str
        The file's name without suffix, as datasets record it.
    path : pathlib.Path
        Where it lies.
    """

    name: str
    path: Path

    @property
    def family(self) -> str:
        """Name of the family whose samples it shares."""
        lowered = self.name.lower()
        for start, family in _FAMILIES.items():
            if lowered.startswith(start):
                return family
        return self.name


def soundfont_folders() -> list[Path]:
    """Return the folders in which soundfonts are looked for, in this order."""
    extra = [Path(part) for part in os.environ.get(FOLDERS_VARIABLE, "").split(os.pathsep) if part]
    return [
        *extra,
        Path.home() / ".local/share/soundfonts",
        Path("/usr/share/sounds/sf2"),
        Path("/usr/share/sounds/sf3"),
        Path("/usr/share/soundfonts"),
        Path("/usr/local/share/soundfonts"),
        Path("/opt/homebrew/share/soundfonts"),
        Path(pretty_midi.__file__).parent,
    ]


def find_soundfont(name: str) -> Soundfont:
    """Find a soundfont by its name or path.

    Parameters
    ----------
    name : str
        A file's name with or without ``.sf2`` or ``.sf3``, or the path of a file.

    Returns
    -------
    Soundfont
        The first that fits.

    Raises
    ------
    MissingResourceError
        If there is none: the message says where it was looked for and how to get one.
    """
    direct = Path(name).expanduser()
    if direct.suffix in {".sf2", ".sf3"} and direct.is_file():
        return Soundfont(direct.stem, direct)
    stem = direct.name.removesuffix(".sf2").removesuffix(".sf3")
    folders = soundfont_folders()
    for folder in folders:
        for suffix in (".sf2", ".sf3"):
            path = folder / f"{stem}{suffix}"
            if path.is_file():
                return Soundfont(stem, path)
    hint = _INSTALL_HINTS.get(stem)
    advice = f"install it with `{hint}`, or put" if hint else "put"
    raise MissingResourceError(
        f"no soundfont {name!r} (.sf2 or .sf3) in {', '.join(str(folder) for folder in folders)}: "
        f"{advice} the file into one of these folders, or name its folder in {FOLDERS_VARIABLE}"
    )
