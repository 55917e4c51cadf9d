"""Lines of JSON that show when something has changed them: each ends with a digest of itself.

Files that grow by a line at a time have no digest of the whole, and one flipped bit makes another figure of a
figure. It guards against damage, not against people: whoever edits a line can write its digest too.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from timbrebench.core.documents import parse_object
from timbrebench.core.errors import TimbrebenchError
from timbrebench.core.files import fingerprint

_KEY = "line_sha256"

#: Digits of the digest: 64 bits, so that damage passes once in 10^19 times.
_DIGITS = 16

#: The end of a sealed line, damaged or not: the key, too, or the end of the line may be another one.
_SEAL = re.compile(rf',".{{{len(_KEY)}}}":".{{{_DIGITS}}}".{{1,2}}$')


class DamagedLineError(TimbrebenchError):
    """A line that is not what was written."""


def seal(text: str) -> str:
    """Return a JSON object, which is not empty and stands on one line, and last a digest of its value.

    >>> seal('{"value":0.5}')
    '{"value":0.5,"line_sha256":"68da71bdd6fb631e"}'
    """
    return f'{text[:-1]},"{_KEY}":"{_digest(json.loads(text))}"}}'


def unseal(line: str) -> dict[str, Any]:
    """Return the object that a line holds, without its digest; lines of earlier versions have none.

    Raises
    ------
    DamagedLineError
        If it does not match its digest, or has none and is complete but not JSON.
    TimbrebenchError
        If the line was cut off while it was written.
    """
    is_sealed = _SEAL.search(line) is not None
    is_complete = is_sealed or line.endswith("}")
    value = parse_object(line, "the line", DamagedLineError if is_complete else TimbrebenchError)
    if (is_sealed or _KEY in value) and value.pop(_KEY, None) != _digest(value):
        raise DamagedLineError("the line does not match its digest")
    return value


def _digest(value: Mapping[str, Any]) -> str:
    """Return digits of the value's fingerprint, which does not depend on the order of keys or on spaces."""
    try:
        return fingerprint(value)[:_DIGITS]
    except ValueError:  # NaN, which is never written
        return ""
