"""How much of this process's CPU time is spent inside libfluidsynth and libsndfile's encoder."""

from __future__ import annotations

import contextlib
import functools
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import fluidsynth
import soundfile

from timbrebench.audio.executors import Executor
from timbrebench.audio.processes import Call
from timbrebench.datasets.synthesis import fluidsynth_version

SYNTHESIZER, ENCODER = "fluidsynth", "FLAC encoder"

#: What pyfluidsynth calls its functions of the C library, and the one that this project adds.
_PREFIXES = ("fluid_", "new_fluid_", "delete_fluid_", "write_float")

#: What opens, fills and closes a file.
_ENCODING = ("__init__", "write", "close")


class ThisProcess(Executor):
    """Makes calls in this process, so that all of their CPU time is its own."""

    def run(self, calls: Sequence[Call]) -> Iterator[tuple[int, Any]]:
        """Make calls: see :class:`~timbrebench.audio.executors.Executor`."""
        index = 0
        while index < len(calls):
            yield index, calls[index].function(*calls[index].arguments)
            index += 1

    def close(self) -> None:
        """End nothing: there is nothing else."""


@contextlib.contextmanager
def watched() -> Iterator[Counter[str]]:
    """Add up CPU seconds inside the two libraries, on all threads of this process.

    Yields
    ------
    collections.Counter
        Seconds by :data:`SYNTHESIZER` and :data:`ENCODER`, while the block runs.
    """
    fluidsynth_version()  # by which the project adds its own function
    seconds: Counter[str] = Counter()
    with contextlib.ExitStack() as stack:
        for name, function in list(vars(fluidsynth).items()):
            if name.startswith(_PREFIXES) and callable(function):
                _replace(stack, fluidsynth, name, SYNTHESIZER, seconds)
        for name in _ENCODING:
            _replace(stack, soundfile.SoundFile, name, ENCODER, seconds)
        yield seconds


def _replace(stack: contextlib.ExitStack, owner: object, name: str, part: str, seconds: Counter[str]) -> None:
    """Put a function that counts in a function's place until the stack is left."""
    original: Callable[..., Any] = getattr(owner, name)

    @functools.wraps(original, assigned=())
    def counting(*arguments: Any, **options: Any) -> Any:  # noqa: ANN401 - whatever it takes and returns
        begun = time.process_time()
        try:
            return original(*arguments, **options)
        finally:
            seconds[part] += time.process_time() - begun  # type: ignore[assignment]

    setattr(owner, name, counting)
    stack.callback(setattr, owner, name, original)
