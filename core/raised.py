"""What code of others raises: anything at all, of which a record or a message needs one text."""

from __future__ import annotations

import errno

from timbrebench.core.errors import MissingResourceError, StorageError, TimbrebenchError


def describe_error(error: BaseException) -> str:
    """Say in one text what code of others raised, whatever that is.

    Parameters
    ----------
    error : BaseException
        What it raised.

    Returns
    -------
    str
        The message, with the kind of error before it unless it is one of this project's.
    """
    kind = type(error).__name__
    try:
        text = str(error).strip()
    except BaseException:  # its message may be made by code of others, too
        return f"{kind}, whose message cannot be told"
    if not text:
        return kind
    return text if isinstance(error, TimbrebenchError) else f"{kind}: {text}"


def may_pass(error: BaseException) -> bool:
    """Tell whether what an error is about may be gone the next time, with the same code and the same input.

    Parameters
    ----------
    error : BaseException
        What was raised.

    Returns
    -------
    bool
        True where something has to be installed first, a file could not be written, or space was short.
    """
    short = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
    return short or isinstance(error, MissingResourceError | StorageError)
