"""What a run asks a method beside its outputs. A method is anybody's code, so its answers are checked."""

from __future__ import annotations

from timbrebench.core.errors import MethodError
from timbrebench.core.raised import describe_error
from timbrebench.transfer.contract import Learned, Method


def query_learned(method: Method) -> Learned:
    """Ask a method what it has learned, and check the answer.

    Parameters
    ----------
    method : Method
        The method, prepared where it learns.

    Returns
    -------
    Learned
        What its :meth:`Method.learned` says.

    Raises
    ------
    MethodError
        If that is something else than sets of plain texts.
    Exception
        Whatever the method raises.
    """
    told = method.learned()
    sets = (told.weights, told.clips) if isinstance(told, Learned) else (told,)
    for found in sets:
        if not (isinstance(found, set | frozenset) and all(map(_is_plain, found))):
            raise MethodError(
                f"learned() of method {method.name!r} gave {found!r:.100}: return Learned(weights=..., "
                "clips=...), both sets of SHA-256 as hexadecimal digits"
            )
    return told


def _is_plain(text: object) -> bool:
    return isinstance(text, str) and text.isascii()


def query_fingerprint(method: Method) -> tuple[str, str]:
    """Ask a method, which may be anybody's code, for its fingerprint.

    Parameters
    ----------
    method : Method
        The method.

    Returns
    -------
    fingerprint : str
        What its :meth:`Method.fingerprint` says; empty where it failed.
    problem : str
        How it failed; empty where it did not.
    """
    try:
        told = method.fingerprint()
        if isinstance(told, str):
            told.encode()  # half a surrogate pair, as a file's name may hold, can be kept nowhere
            return told, ""
        problem = f"it returned {told!r:.100}, not a text"
    except KeyboardInterrupt:  # this may be the process that Ctrl-C is meant for
        raise
    except BaseException as error:
        problem = describe_error(error)
    return "", f"its fingerprint() failed: {problem}"
