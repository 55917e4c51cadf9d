"""Long clips in blocks of equal length that overlap, for methods whose cost or memory grows too fast."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]


def even_blocks(length: int, max_length: int, overlap: int = 0) -> list[slice]:
    """Divide a length into blocks of equal length, but for rounding, no more of them than are needed.

    No block is longer than `max_length`; two neighbours share `overlap`, which is less than that. The last
    one ends at `length`.
    """
    count = max(1, math.ceil((length - overlap) / max(1, max_length - overlap)))
    size = math.ceil((length + (count - 1) * overlap) / count)
    starts = [number * (size - overlap) for number in range(count)]
    return [slice(start, min(start + size, length)) for start in starts]


def faded_blocks(length: int, max_length: int, overlap: int) -> Iterator[tuple[slice, Array]]:
    """Yield :func:`even_blocks`, each with weights that fade it into its neighbours.

    Parameters
    ----------
    length, max_length, overlap : int
        As for :func:`even_blocks`.

    Yields
    ------
    block : slice
        The block.
    fade : numpy.ndarray, shape (length of the block,), float32
        Weights, 1 where no neighbour overlaps; those of two neighbours sum to 1.
    """
    blocks = even_blocks(length, max_length, overlap)
    ramp = (np.arange(overlap, dtype=np.float32) + 1) / (overlap + 1)
    for number, block in enumerate(blocks):
        fade = np.ones(block.stop - block.start, dtype=np.float32)
        if number > 0:
            fade[:overlap] = ramp
        if number < len(blocks) - 1:
            fade[len(fade) - overlap :] = ramp[::-1]
        yield block, fade


def transform_blocks(
    content: Array, transform: Callable[[Array], Array], *, max_length: int, overlap: int
) -> Array:
    """Transform samples, shape (n,), one block after the other, and fade each into the next.

    `transform` takes a block to an array of its shape; `max_length` and `overlap` are those of
    :func:`even_blocks`, in samples.
    """
    made = np.zeros_like(content)
    for block, fade in faded_blocks(len(content), max_length, overlap):
        made[block] += fade * transform(content[block])
    return made
