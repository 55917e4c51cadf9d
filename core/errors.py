"""One family of exceptions: each message says what was wrong, where, and what to do.

Catch :class:`TimbrebenchError` for everything that the project raises on purpose. Nothing here ends the
process: only the command line turns an exception into an exit status.
"""

from __future__ import annotations

import difflib
import errno
import reprlib
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from pydantic import ValidationError

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

#: Maximum problems of one file that a message lists.
_MAX_PROBLEMS = 10

_SHORT = reprlib.Repr()
_SHORT.maxlevel, _SHORT.maxlist, _SHORT.maxtuple, _SHORT.maxset, _SHORT.maxdict = 4, 20, 20, 20, 20
_SHORT.maxstring = _SHORT.maxother = 200


#: Maximum characters of a message, and how many of its beginning and its end are left of a longer one.
_LONGEST, _HEAD, _TAIL = 4000, 3000, 900


class TimbrebenchError(Exception):
    """Base of every error that the project raises on purpose.

    A message quotes what it is about, which others have written: of one that is longer than a page the middle
    is left out.
    """

    def __str__(self) -> str:
        text = super().__str__()
        return text if len(text) <= _LONGEST else f"{text[:_HEAD]} […] {text[-_TAIL:]}"


class AudioError(TimbrebenchError):
    """Audio that cannot be read, written or processed."""


class StorageError(TimbrebenchError):
    """A file that cannot be written: no space, no permission, no such device."""


class PathError(TimbrebenchError):
    """A path that leaves the folder that it belongs to."""


class ConfigurationError(TimbrebenchError):
    """A setting that does not exist, has the wrong type or lies outside its range."""


class UnknownNameError(ConfigurationError):
    """A name that is not among the known ones.

    Parameters
    ----------
    kind : str
        What was named: "method", "metric", "instrument".
    name : str
        What was asked for.
    known : iterable of str
        The known names; the nearest one is suggested.
    """

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        self.kind, self.name, self.known = kind, name, sorted(known)
        super().__init__(f"unknown {kind} {name!r}{suggestion(name, self.known)}")

    def __reduce__(self) -> tuple[type[UnknownNameError], tuple[str, str, list[str]]]:
        return type(self), (self.kind, self.name, self.known)


class MissingResourceError(TimbrebenchError):
    """Something outside the project that has to be installed or fetched first."""


class CorpusError(TimbrebenchError):
    """A score or a corpus that cannot be turned into notes."""


class DatasetError(TimbrebenchError):
    """A dataset that is missing, incomplete, or not what its manifest says."""


class JudgeError(TimbrebenchError):
    """A judge that cannot be trained or loaded, or cannot predict."""


class MethodError(TimbrebenchError):
    """A method that cannot run on its input, or whose output is not valid audio."""


class MethodTimeoutError(MethodError):
    """A method that was stopped because it exceeded its time limit."""


class RunError(TimbrebenchError):
    """A run folder that cannot be used as asked."""


def suggestion(name: str, known: Iterable[str]) -> str:
    """End a message about an unknown name: the nearest known one, or all of them.

    Parameters
    ----------
    name : str
        What was asked for.
    known : iterable of str
        The names there are.

    Returns
    -------
    str
        ``": did you mean 'piano'?"``, or the list of names where none is near.

    Examples
    --------
    >>> suggestion("clarinette", ["clarinet", "piano"])
    ": did you mean 'clarinet'?"
    """
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    if near:
        return f": did you mean {near[0]!r}?"
    return f": choose from {', '.join(names)}" if names else ""


def describe_validation(error: ValidationError, where: str, known: Iterable[str]) -> ConfigurationError:
    """Turn pydantic's report on a configuration into one readable error.

    Parameters
    ----------
    error : pydantic.ValidationError
        The report.
    where : str
        What was being read: a file, a method's parameters.
    known : iterable of str
        The keys that exist there, for suggestions.

    Returns
    -------
    ConfigurationError
        One line for each problem, with the key's path.
    """
    names = list(known)
    # A misspelt key comes before the one that is missing because of it.
    problems = sorted(error.errors(), key=lambda entry: entry["type"] != "extra_forbidden")
    lines = [_line(problem, names) for problem in problems[:_MAX_PROBLEMS]]
    if len(problems) > _MAX_PROBLEMS:
        lines.append(f"and {len(problems) - _MAX_PROBLEMS} more")
    return ConfigurationError(f"{where}: " + "; ".join(lines))


def _line(problem: ErrorDetails, names: Sequence[str]) -> str:
    key = shown(".".join(str(part) for part in problem["loc"]))
    if problem["type"] == "extra_forbidden":
        return f"unknown key {key}{suggestion(str(problem['loc'][-1])[: _SHORT.maxstring], names)}"
    if problem["type"] == "missing":
        return f"the key {key} is missing: it has no default"
    return f"{key[1:-1] or '(root)'}: {problem['msg']}, got {shown(problem['input'])}"


def shown(value: object) -> str:
    """Return the ``repr`` of a value for a message: on one line, in printable characters, and of some length.

    What strangers hand in may be of any length and depth, and hold what a terminal would obey.
    """
    text = _SHORT.repr(value)
    return text if text.isprintable() else text.encode("ascii", "backslashreplace").decode()


def describe_error(error: BaseException) -> str:
    """Say in one text what third-party code raised, which may be anything.

    Parameters
    ----------
    error : BaseException
        What it raised.

    Returns
    -------
    str
        The message, preceded by the error's type unless it is one of this project's.
    """
    kind = type(error).__name__
    try:
        text = str(error).strip()
    except BaseException:  # __str__ may be third-party code, too
        return f"{kind}, whose message cannot be read"
    if not text:
        return kind
    return text if isinstance(error, TimbrebenchError) else f"{kind}: {text}"


def is_transient(error: BaseException) -> bool:
    """Whether a retry with the same code and input may succeed.

    Parameters
    ----------
    error : BaseException
        What was raised.

    Returns
    -------
    bool
        True where something has to be installed first, a file could not be written, or the disk was full.
    """
    disk_is_full = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
    return disk_is_full or isinstance(error, MissingResourceError | StorageError)
