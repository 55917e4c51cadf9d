"""JSON and TOML that may come from anywhere: whatever cannot be read ends in one of the project's errors.

The libraries' readers raise more than syntax errors: RecursionError for deep nesting, ValueError for integers
of thousands of digits. And they accept what later fails elsewhere, in a message or a fingerprint: nesting by
dotted keys, integers that no float can hold.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from timbrebench.core.errors import TimbrebenchError
from timbrebench.core.files import read_text

#: Maximum depth of nested lists and tables. Those of the project have at most a dozen.
MAX_DEPTH = 50

#: Maximum digits of an integer: seeds may have 128 bits, which are 39 digits.
MAX_DIGITS = 40

#: Maximum bytes of a configuration. The longest of the project has two thousand; a list of all of AudioSet's
#: classes has ten.
TOML_BYTES = 1 << 20

#: Maximum bytes of a JSON file. The largest describe datasets: a SHA-256 for each of their files is 150
#: bytes, so that this is one of 400,000 files. Read, a file takes up to twenty times its size of memory.
JSON_BYTES = 64 << 20

#: A key of more than :data:`MAX_DEPTH` parts, for which tomllib takes a time that grows with their square.
_LONG_KEY = re.compile(
    rf"""(?:\.[ \t]*(?:[\w-]+|"(?:[^"\\\n]|\\.)*"|'[^'\n]*')[ \t]*){{{MAX_DEPTH}}}""", re.ASCII
)

#: Half of a character outside of the basic plane, as JSON writes it.
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


def parse_json(text: str, where: str, error: type[TimbrebenchError]) -> Any:  # noqa: ANN401 - any JSON
    """Read JSON.

    Parameters
    ----------
    text : str
        The text.
    where : str
        Where it is from, for messages.
    error : type of TimbrebenchError
        What is raised.

    Returns
    -------
    dict, list, str, int, float, bool or None
        Its value. NaN and infinity are read, since Python's own writer writes them.

    Raises
    ------
    TimbrebenchError
        Of the type `error`: if it is not JSON, is nested deeper than :data:`MAX_DEPTH`, or has an integer of
        more than :data:`MAX_DIGITS` digits, or half a character (an unpaired surrogate), which no file can
        hold.
    """
    try:
        value = json.loads(text, parse_int=_integer)
    except ValueError as problem:
        raise error(f"{where}: not valid JSON ({problem})") from problem
    except RecursionError as problem:
        raise error(f"{where}: {_TOO_DEEP}") from problem
    if text.count("[") + text.count("{") > MAX_DEPTH:
        _check(value, where, error)
    if _SURROGATE.search(text):
        _refuse_surrogates(value, where, error)
    return value


def parse_object(text: str, where: str, error: type[TimbrebenchError]) -> dict[str, Any]:
    """Read a JSON object as :func:`parse_json`; anything else raises `error` as well."""
    value = parse_json(text, where, error)
    if not isinstance(value, dict):
        raise error(f"{where}: holds {_KINDS.get(type(value), 'one value')}, expected an object: {{...}}")
    return value


def read_json(path: Path, error: type[TimbrebenchError], limit: int = JSON_BYTES) -> dict[str, Any]:
    """Read a JSON object from a file of at most `limit` bytes.

    Raises `error` if it cannot be read (:func:`timbrebench.core.files.read_text`), or as
    :func:`parse_object`.
    """
    return parse_object(read_text(path, limit, error), str(path), error)


def parse_toml(text: str, where: str, error: type[TimbrebenchError]) -> dict[str, Any]:
    """Read TOML; arguments and errors are those of :func:`parse_json`."""
    if len(text) > TOML_BYTES:
        raise error(f"{where}: has more than the {TOML_BYTES} characters that a configuration may have")
    if _LONG_KEY.search(text):
        raise error(f"{where}: {_TOO_DEEP}")
    try:
        value = tomllib.loads(text)
    except ValueError as problem:
        raise error(f"{where}: not valid TOML ({problem})") from problem
    except RecursionError as problem:
        raise error(f"{where}: {_TOO_DEEP}") from problem
    _check(value, where, error)
    return value


def read_toml(path: Path, error: type[TimbrebenchError]) -> dict[str, Any]:
    """Read a TOML file of at most :data:`TOML_BYTES`; raises `error` as :func:`parse_toml` does."""
    return parse_toml(read_text(path, TOML_BYTES, error), str(path), error)


_TOO_DEEP = f"lists or tables are nested deeper than {MAX_DEPTH}"

_KINDS = {list: "a list", str: "a text", type(None): "null"}


def _integer(digits: str) -> int:
    if len(digits) > MAX_DIGITS:
        raise ValueError(f"an integer of {len(digits)} digits, at most {MAX_DIGITS} are read")
    return int(digits)


def _check(value: object, where: str, error: type[TimbrebenchError]) -> None:
    """Refuse a value that is nested too deeply or holds too long an integer."""
    level: list[object] = [value]
    for _ in range(MAX_DEPTH):
        if any(isinstance(entry, int) and abs(entry) >= 10**MAX_DIGITS for entry in level):
            raise error(f"{where}: has an integer of more than {MAX_DIGITS} digits")
        level = [inner for entry in level for inner in _entries(entry)]
        if not level:
            return
    raise error(f"{where}: {_TOO_DEEP}")


def _refuse_surrogates(value: object, where: str, error: type[TimbrebenchError]) -> None:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError as problem:
        raise error(f"{where}: has half a character, an unpaired surrogate ({problem.reason})") from problem


def _entries(value: object) -> Iterable[object]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()
