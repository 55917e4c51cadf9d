"""What strangers' files can look like: whole files with one or a few places changed, or damaged bytes.

Every mutation is drawn from a generator, so that a number names a file. Values of trees (JSON, TOML, a saved
judge) and cells of tables are replaced by values that have broken readers: of other types, of no size, too
large, too deep, not finite, names that lead elsewhere.
"""

from __future__ import annotations

import copy
import csv
import io
import json
from collections.abc import Callable
from typing import Any

import numpy as np

Generator = np.random.Generator

#: Nesting that overflows a recursive parser.
_DEEP = 3000


def texts(elsewhere: str) -> list[str]:
    """Return texts that have broken readers; `elsewhere` is a path that nothing may be written to."""
    return [
        "",
        " ",
        ".",
        "..",
        "../../../x/escaped",
        f"{elsewhere}/escaped",
        "..\\..\\escaped",
        "C:\\escaped",
        "a/b",
        "a\0b",
        "\n",
        "\r\n",
        "\x1b[2J\x1b]0;title\x07",
        "\u202egnp.exe",
        "\ufeff",
        "\ud7ff",
        "=cmd|' /C calc'!A0",
        "+1+1",
        "@SUM(A1)",
        "<script>alert(1)</script>",
        "{{ 7 * 7 }}",
        "\\input{/etc/passwd}",
        "/dev/zero",
        "/dev/stdin",
        "/proc/kmsg",
        "/",
        "nan",
        "inf",
        "-1",
        "1e999",
        "0x10",
        "9" * 6000,
        "x" * 70_000,
        "piano",
        "NA",
        "None",
        "true",
        "2026-11-30",
    ]


def values(elsewhere: str) -> list[Any]:
    """Return values of every type that have broken readers."""
    deep: list[Any] = []
    for _ in range(200):
        deep = [deep]
    return [
        None,
        True,
        False,
        0,
        1,
        -1,
        2,
        2**31,
        2**33,
        2**63,
        -(2**63),
        10**9,
        10**30,
        0.0,
        -0.0,
        0.5,
        1e-300,
        1e300,
        float("nan"),
        float("inf"),
        -float("inf"),
        [],
        {},
        [[]],
        [None],
        {"": ""},
        ["x"] * 10_000,
        list(range(200_000)),
        deep,
        *texts(elsewhere),
    ]


def _places(tree: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the paths to all nodes below the root, at most a few thousand."""
    children = (
        tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list | tuple) else ()
    )
    paths = []
    for key, child in children:
        paths.append((*path, key))
        paths += _places(child, (*path, key))
        if len(paths) > 5000:
            break
    return paths


def _without_tuples(tree: Any) -> Any:
    if isinstance(tree, dict):
        return {key: _without_tuples(child) for key, child in tree.items()}
    return [_without_tuples(child) for child in tree] if isinstance(tree, list | tuple) else tree


def change_tree(tree: Any, generator: Generator, elsewhere: str) -> Any:
    """Return a copy of nested dicts and lists with one to three of their nodes replaced, lost or renamed."""
    changed = _without_tuples(copy.copy(tree))
    for _ in range(generator.integers(1, 4)):
        places = _places(changed)
        if not places:
            return changed
        # Nodes near the root are few and decide most.
        depth = generator.choice(sorted({len(place) for place in places}))
        at_depth = [place for place in places if len(place) == depth]
        *above, key = at_depth[generator.integers(len(at_depth))]
        parent = changed
        for step in above:
            parent = parent[step]
        action = generator.random()
        if action < 0.7:
            pool = values(elsewhere)
            parent[key] = pool[generator.integers(len(pool))]
        elif action < 0.8:
            del parent[key]
        elif action < 0.9 and isinstance(parent, dict):
            pool = texts(elsewhere)
            parent[pool[generator.integers(len(pool))]] = parent.pop(key)
        elif isinstance(parent, list):
            parent.extend(parent[key : key + 1] * int(generator.choice([1, 100])))
    return changed


def change_bytes(content: bytes, generator: Generator, elsewhere: str) -> bytes:
    """Return bytes of which some are flipped, cut off, lost, repeated or zero."""
    data = bytearray(content)
    for _ in range(generator.integers(1, 4)):
        size = max(1, len(data))
        start = int(generator.integers(size))
        end = min(len(data), start + int(2 ** generator.uniform(0, 12)))
        action = generator.integers(6)
        if action == 0:
            for place in generator.integers(size, size=generator.integers(1, 20)):
                if place < len(data):
                    data[place] ^= 1 << generator.integers(8)
        elif action == 1:
            del data[start:]
        elif action == 2:
            del data[start:end]
        elif action == 3:
            data[end:end] = data[start:end] * int(generator.choice([1, 2, 50]))
        elif action == 4:
            data[start:end] = generator.choice([b"\0", b"\xff"]) * (end - start)
        else:
            pool = texts(elsewhere)
            data[start:start] = pool[generator.integers(len(pool))].encode()
    return bytes(data)


def change_json(content: bytes, generator: Generator, elsewhere: str) -> bytes:
    """Return JSON with other values, or damaged JSON."""
    action = generator.random()
    if action < 0.1:
        return change_bytes(content, generator, elsewhere)
    if action < 0.13:
        return b"[" * _DEEP + b"]" * _DEEP
    if action < 0.16:
        return content.replace(b":", b': {"a":' * _DEEP, 1)
    if action < 0.19:
        return b"\xef\xbb\xbf" + content
    if action < 0.22:
        return content.decode().encode("utf-16")
    return json.dumps(change_tree(json.loads(content), generator, elsewhere)).encode()


def change_lines(content: bytes, generator: Generator, elsewhere: str) -> bytes:
    """Return lines of JSON, of which one or a few are changed, lost, repeated or cut."""
    lines = content.split(b"\n")
    for _ in range(generator.integers(1, 4)):
        place = int(generator.integers(len(lines)))
        action = generator.random()
        if action < 0.7 and lines[place].startswith(b"{"):
            lines[place] = change_json(lines[place], generator, elsewhere)
        elif action < 0.8:
            lines[place] = change_bytes(lines[place], generator, elsewhere)
        elif action < 0.9:
            lines[place : place + 1] = lines[place : place + 1] * 2
        else:
            lines[place : place + 1] = [b""] * 10_000
    return b"\n".join(lines)


def change_table(content: bytes, generator: Generator, elsewhere: str) -> bytes:
    """Return a CSV table with other cells, headers, rows or separators, or damaged bytes."""
    action = generator.random()
    if action < 0.1:
        return change_bytes(content, generator, elsewhere)
    if action < 0.15:
        return b"\xef\xbb\xbf" + content
    if action < 0.2:
        return content.replace(b",", generator.choice([b";", b"\t", b"|"]))
    rows = list(csv.reader(io.StringIO(content.decode())))
    for _ in range(generator.integers(1, 4)):
        row = int(generator.integers(len(rows))) if generator.random() < 0.8 else 0
        column = int(generator.integers(max(1, len(rows[row]))))
        step = generator.random()
        if step < 0.7:
            pool = texts(elsewhere)
            rows[row][column : column + 1] = [pool[generator.integers(len(pool))]]
        elif step < 0.8:
            rows = [cells[:column] + cells[column + 1 :] for cells in rows]
        elif step < 0.9:
            rows.insert(row, list(rows[row]))
        else:
            rows = rows[: row + 1]
    written = io.StringIO()
    csv.writer(written, lineterminator="\n").writerows(rows)
    return written.getvalue().encode("utf-8", errors="replace")


Change = Callable[[bytes, Generator, str], bytes]
