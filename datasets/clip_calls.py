"""Call a function with each clip of a dataset."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

from timbrebench.core.progress import Tracker
from timbrebench.core.workers.executors import Executor
from timbrebench.datasets.dataset import Clip, Dataset

#: Clips of one call, which would else be as short as sending it.
_BATCH = 16


def map_clips(
    function: Callable[[Dataset, Clip], Any], dataset: Dataset, executor: Executor, tracker: Tracker
) -> Iterator[Any]:
    """Call a function with each clip of a dataset.

    Parameters
    ----------
    function : callable
        A function of a dataset and one of its clips, which can be pickled. The dataset is a part of `dataset`
        without its description.
    dataset : Dataset
        Its clips are taken in the manifest's order.
    executor : Executor
        Where the function is called.
    tracker : Tracker
        Advances by one for each clip.

    Yields
    ------
    object
        Return values, in the manifest's order.
    """
    bare = replace(dataset, root=dataset.root.resolve(), description={})  # which lists every file
    parts = [
        replace(bare, manifest=dataset.manifest.iloc[first : first + _BATCH])
        for first in range(0, len(dataset), _BATCH)
    ]
    for results in executor.map(partial(_call, function), parts, "clips"):
        for result in results:
            yield result
            tracker.advance()


def _call(function: Callable[[Dataset, Clip], Any], part: Dataset) -> list[Any]:
    return [function(part, clip) for clip in part.clips()]
