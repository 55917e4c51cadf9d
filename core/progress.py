"""Progress of long work: a bar on a terminal, plain lines elsewhere, nothing inside workers."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator
from types import TracebackType

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from timbrebench.core.plain_text import without_controls

#: Seconds between two plain lines where the output is not a terminal.
LINE_INTERVAL_S = 5.0

_muted = False
_plain = False


@contextlib.contextmanager
def muted() -> Iterator[None]:
    """Show no progress inside the block: for worker processes, whose parent shows it."""
    global _muted  # noqa: PLW0603 - one switch for the process, as the terminal is one
    before, _muted = _muted, True
    try:
        yield
    finally:
        _muted = before


@contextlib.contextmanager
def plain_lines() -> Iterator[None]:
    """Show progress by lines inside the block, on a terminal too: for work beside that which has the bar."""
    global _plain  # noqa: PLW0603 - one switch for the process, as the terminal is one
    before, _plain = _plain, True
    try:
        yield
    finally:
        _plain = before


class Tracker:
    """Shows how many of `total` steps are done, at what rate, and how long the rest will take.

    Use it as a context manager and call :meth:`advance` after each step. `unit` is what one step is: "clips".
    """

    def __init__(self, description: str, total: int, unit: str = "steps") -> None:
        self._description, self._total, self._unit = description, total, unit
        self._done = 0
        self._started = self._last_line = time.monotonic()
        self._bar: Progress | None = None
        self._task = TaskID(0)

    def __enter__(self) -> Tracker:
        self._started = self._last_line = time.monotonic()
        if not _muted and not _plain and sys.stderr.isatty():
            self._bar = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("{task.fields[rate]}"),
                TimeElapsedColumn(),
                TimeRemainingColumn(),
                console=Console(stderr=True),
            )
            self._task = self._bar.add_task(self._description, total=self._total, rate="")
            self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.stop()
        elif kind is None and not _muted and time.monotonic() - self._started > 2:
            self._line()

    def advance(self, steps: int = 1) -> None:
        """Count `steps` more as done."""
        self._done += steps
        if self._bar is not None:
            self._bar.update(self._task, advance=steps, rate=self._rate())
        elif (
            not _muted and time.monotonic() - self._last_line >= LINE_INTERVAL_S and self._done < self._total
        ):
            self._line()  # the end of the block says that all is done

    def _rate(self) -> str:
        seconds = max(time.monotonic() - self._started, 1e-9)
        return f"{self._done / seconds:.3g} {self._unit}/s"

    def _line(self) -> None:
        self._last_line = now = time.monotonic()
        left = (now - self._started) / max(self._done, 1) * (self._total - self._done)
        message = f"{self._description}: {self._done}/{self._total} {self._unit}, {self._rate()}"
        if self._done < self._total:
            message += f", {left:.0f} s left"
        log(message)


def log(message: str) -> None:
    """Print one line about the work in hand to standard error, except inside workers."""
    if not _muted:
        sys.stderr.write(without_controls(message) + "\n")
        sys.stderr.flush()
