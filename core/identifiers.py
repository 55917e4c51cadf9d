"""Names that can become names of files, and paths that stay in their folder.

Suites, submissions and configurations come from strangers, and what they name becomes part of a path. A name
is checked where it is read (:data:`Identifier`), and a path once more where it is made (:func:`path_within`).
"""

from __future__ import annotations

import os
import re
from pathlib import Path, PurePosixPath
from typing import Annotated

from pydantic import AfterValidator

from timbrebench.core.errors import PathError

#: Maximum length of an identifier. File systems take 255 bytes, of which folders and endings need some; the
#: longest name in a suite of the project has 52.
MAX_LENGTH = 100

#: Maximum bytes of each part of a path, as on Linux and macOS.
_LONGEST_PART = 255

#: The plus sign is for transpositions (``star-spangled-banner.+2``); no name begins with it, since
#: spreadsheets would read a formula, or with a dot, which hides a file.
_IDENTIFIER = re.compile(rf"[A-Za-z0-9_-][A-Za-z0-9._+-]{{0,{MAX_LENGTH - 1}}}")


def is_identifier(name: str) -> bool:
    """Whether a name can become the name of a file.

    It has letters and digits of ASCII, ``.``, ``_``, ``-`` and, not at its beginning, ``+``, no leading dot,
    and at most :data:`MAX_LENGTH` characters.

    >>> is_identifier("006-piano-trumpet-+2"), is_identifier("../../etc/passwd")
    (True, False)
    """
    return _IDENTIFIER.fullmatch(name) is not None


def check_identifier(name: str) -> str:
    """Return a name that can become the name of a file; raise ValueError for others."""
    if not is_identifier(name):
        raise ValueError(
            "a name here may have letters, digits and . _ - (and +, not first), no dot at its beginning, and "
            f"at most {MAX_LENGTH} characters"
        )
    return name


def check_relative(path: str) -> str:
    """Return a path that leads below the folder it starts from; raise ValueError for others."""
    if path and not is_below(path):
        raise ValueError("a path here starts from the folder that it is listed in, and stays inside")
    return path


#: A field of a model that is a path below the folder of the file that holds it; empty where there is no file.
RelativePath = Annotated[str, AfterValidator(check_relative)]

#: A field of a model that can become the name of a file.
Identifier = Annotated[str, AfterValidator(check_identifier)]


#: What leads out of a folder without any link: a root, a part ``..``, and a NUL, which ends a name in C.
_OUTSIDE = re.compile(r"^/|(?:^|/)\.\.(?:/|$)|\0")


def is_below(name: str) -> bool:
    """Whether a path with ``/`` between its parts stays in its folder, as far as its text tells.

    >>> is_below("audio/..a.flac"), is_below("audio/../../a.flac"), is_below("/a.flac"), is_below("")
    (True, False, False, False)
    """
    return bool(name) and _OUTSIDE.search(name) is None


def path_within(folder: Path, name: str | PurePosixPath) -> Path:
    """Join a relative path to a folder, and refuse one that leaves it.

    Parameters
    ----------
    folder : pathlib.Path
        The folder, which may itself be a link.
    name : str or pathlib.PurePosixPath
        The path below it, with ``/`` between its parts.

    Returns
    -------
    pathlib.Path
        The path, which need not exist.

    Raises
    ------
    PathError
        If it is absolute, has a part ``..``, a NUL or a part of more than 255 bytes, is the folder itself, or
        leads out of it by a link below the folder.
    """
    path = PurePosixPath(name)
    is_long = any(len(os.fsencode(part)) > _LONGEST_PART for part in path.parts)
    if not path.parts or not is_below(str(path)) or is_long:
        raise PathError(f"{str(name)[:200]!r} is not the path of a file inside {folder}")
    joined = folder / path
    try:
        is_inside = joined.resolve().is_relative_to(folder.resolve())
    except (OSError, RuntimeError) as error:  # links in a circle
        raise PathError(f"{str(name)[:200]!r} cannot be a path inside {folder} ({error})") from error
    if not is_inside:
        raise PathError(f"{str(name)[:200]!r} leads out of {folder} by a link")
    return joined
