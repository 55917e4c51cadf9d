"""One family of exceptions: each message says what was wrong, where, and what to do.

Catch :class:`TimbrebenchError` for everything that the project raises on purpose. Nothing here ends the
process: only the command line turns an exception into an exit status.
"""

from __future__ import annotations

import difflib
import errno
from collections.abc import Iterable

from pydantic import ValidationError


class TimbrebenchError(Exception):
    """Base of every error that the project raises on purpose."""


class AudioError(TimbrebenchError):
    """Audio that cannot be read, written or processed."""


class StorageError(TimbrebenchError):
    """A file that cannot be written: no space, no permission, no such device."""


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
    lines = []
    names = list(known)
    # A misspelt key comes before the one that is missing because of it.
    for problem in sorted(error.errors(), key=lambda entry: entry["type"] != "extra_forbidden"):
        key = ".".join(str(part) for part in problem["loc"])
        if problem["type"] == "extra_forbidden":
            lines.append(f"unknown key {key!r}{suggestion(str(problem['loc'][-1]), names)}")
        elif problem["type"] == "missing":
            lines.append(f"the key {key!r} is missing: it has no default")
        else:
            lines.append(f"{key or '(root)'}: {problem['msg']}, got {problem['input']!r}")
    return ConfigurationError(f"{where}: " + "; ".join(lines))


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
