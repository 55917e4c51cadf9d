"""Lines of JSON that show when something has changed them: each ends with a digest of itself.

Files that grow by a line at a time have no digest of the whole, and one flipped bit makes another figure of a
figure. It guards against damage, not against people: whoever edits a line can write its digest too.
"""

from __future__ import annotations

import hashlib
import re
from typing import Any

from timbrebench.core.documents import parse_object
from timbrebench.core.errors import TimbrebenchError

_KEY = "line_sha256"

#: Digits of the digest: 64 bits, so that damage passes once in 10^19 times.
_DIGITS = 16

#: The end of a sealed line, damaged or not; what ended the line may have become part of it.
_SEAL = re.compile(rf',"(.{{{len(_KEY)}}})":"(.{{{_DIGITS}}})"(.{{1,2}})$')


class DamagedLineError(TimbrebenchError):
    """A line that is not what was written."""


def seal(text: str) -> str:
    """Return a JSON object, which is not empty and stands on one line, with a digest of itself as last key.

    >>> seal('{"value":0.5}')
    '{"value":0.5,"line_sha256":"68da71bdd6fb631e"}'
    """
    return f'{text[:-1]},"{_KEY}":"{_digest(text)}"}}'


def unseal(line: str) -> dict[str, Any]:
    """Return the object that a line holds, without its digest; lines of earlier versions have none.

    Raises
    ------
    DamagedLineError
        If it does not match its digest, or has none and is complete but not JSON.
    TimbrebenchError
        If the line was cut off while it was written.
    """
    end = _SEAL.search(line)
    if end is None:
        return parse_object(line, "the line", DamagedLineError if line.endswith("}") else TimbrebenchError)
    text = line[: end.start()] + "}"
    if end.groups() != (_KEY, _digest(text), "}"):
        raise DamagedLineError("the line does not match its digest")
    return parse_object(text, "the line", DamagedLineError)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGITS]
