"""How much of this process's CPU time is spent inside libfluidsynth and libsndfile's encoder."""

from __future__ import annotations

import contextlib
import functools
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import fluidsynth
import soundfile

from timbrebench.datasets.soundfonts.synthesis import fluidsynth_version

SYNTHESIZER, ENCODER = "fluidsynth", "FLAC encoder"

#: What pyfluidsynth calls its functions of the C library, and the one that this project adds.
_PREFIXES = ("fluid_", "new_fluid_", "delete_fluid_", "write_float")

#: What opens, fills and closes a file.
_ENCODING = ("__init__", "write", "close")


@dataclass
class Watch:
    """CPU seconds inside the two libraries, by :data:`SYNTHESIZER` and :data:`ENCODER`, and timed calls."""

    seconds: Counter[str] = field(default_factory=Counter)
    calls: int = 0

    def counting(self, function: Callable[..., Any], part: str) -> Callable[..., Any]:
        """Return a function that does the same and adds what that takes to a part."""

        @functools.wraps(function, assigned=())
        def counted(*arguments: Any, **options: Any) -> Any:  # noqa: ANN401 - any arguments and result
            begun = time.process_time()
            try:
                return function(*arguments, **options)
            finally:
                self.calls += 1
                self.seconds[part] += time.process_time() - begun  # type: ignore[assignment]

        return counted

    def own_seconds(self) -> float:
        """Return the CPU seconds that timing the calls has cost beside what it has counted."""
        trial, count = Watch(), 20_000
        counted = trial.counting(lambda: None, "")
        begun = time.process_time()
        for _ in range(count):
            counted()
        return (time.process_time() - begun - trial.seconds[""]) / count * self.calls


@contextlib.contextmanager
def watched() -> Iterator[Watch]:
    """Add up CPU seconds inside the two libraries, on all threads of this process, while the block runs."""
    fluidsynth_version()  # by which the project adds its own function
    watch = Watch()
    functions = [name for name, value in vars(fluidsynth).items() if callable(value)]
    places: list[tuple[Any, str, str]] = [
        *((fluidsynth, name, SYNTHESIZER) for name in functions if name.startswith(_PREFIXES)),
        *((soundfile.SoundFile, name, ENCODER) for name in _ENCODING),
    ]
    with contextlib.ExitStack() as stack:
        for owner, name, part in places:
            original = getattr(owner, name)
            setattr(owner, name, watch.counting(original, part))
            stack.callback(setattr, owner, name, original)
        yield watch
