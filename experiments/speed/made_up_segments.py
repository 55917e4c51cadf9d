"""A table of segments as long as AudioSet's largest, for timing: its videos do not exist."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from timbrebench.core.files import atomic_path
from timbrebench.datasets.audioset.segments import read_segments

_LETTERS = np.frombuffer(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", dtype="S1")

#: Rows that are written at a time.
_CHUNK = 100_000


def write_segments(path: Path, like: str, rows: int) -> None:
    """Write a CSV table of so many segments in the form of AudioSet's, each of a video of its own.

    Labels are drawn from the rows of `like`, a table of segments, so that they are as many and as rare. A
    `StorageError` is raised if the file cannot be written.
    """
    rng = np.random.default_rng(0)
    segments = read_segments([like])
    labels = [",".join(segments.label_sets[index]) for index in segments.table["labels"]]
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8") as file:
        file.write("# Segments csv\n# made up\n# YTID, start_seconds, end_seconds, positive_labels\n")
        for first in range(0, rows, _CHUNK):
            count = min(_CHUNK, rows - first)
            names = _LETTERS[rng.integers(0, len(_LETTERS), (count, 11))].view("S11").ravel().astype("U11")
            starts = 10 * rng.integers(0, 30, count)
            chosen = rng.integers(0, len(labels), count)
            file.writelines(
                f'{name}, {start}.000, {start + 10}.000, "{labels[index]}"\n'
                for name, start, index in zip(names, starts, chosen, strict=True)
            )
