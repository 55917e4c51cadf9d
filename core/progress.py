"""Progress of long work: a bar on a terminal, plain lines elsewhere, nothing inside workers.

Lines go to the logger ``timbrebench`` of the standard library's :mod:`logging`, which writes those of level
INFO and above to standard error. Programs that import the packages silence or redirect them as usual::

    logging.getLogger("timbrebench").setLevel(logging.WARNING)
"""

from __future__ import annotations

import contextlib
import logging
import math
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from timbrebench.core.plain_text import without_controls

#: Seconds between two plain lines where the output is not a terminal.
LINE_INTERVAL_S = 5.0

#: Seconds after which work that has not finished a step yet says that it is at work, and the maximum between
#: two such lines, which come more and more seldom.
_FIRST_LINE_S, _MAX_INTERVAL_S = 1.0, 60.0

_muted = False
_plain = False

#: The program's logger.
LOGGER = logging.getLogger("timbrebench")


class _StandardError(logging.Handler):
    """Writes to what standard error is at the time, which programs and tests may change."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line, without what a terminal would obey."""
        sys.stderr.write(without_controls(self.format(record)) + "\n")
        sys.stderr.flush()


LOGGER.addHandler(_StandardError())
LOGGER.setLevel(logging.INFO)
LOGGER.propagate = False  # or a program with handlers of its own would show every line twice


def set_verbosity(level: int) -> None:
    """Show more or less than usual: from which level of :mod:`logging` on.

    With DEBUG, lines have the time and the module that they are from; above INFO there is no progress either.
    """
    LOGGER.setLevel(level)
    details = "%(asctime)s %(module)s: %(message)s" if level <= logging.DEBUG else "%(message)s"
    for handler in LOGGER.handlers:
        handler.setFormatter(logging.Formatter(details))


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


class StageProgress:
    """Which stage of a longer work is under way: all progress shows it, and how long the whole has taken.

    Use it as a context manager and call :meth:`begin` as each of the `total` stages begins.
    """

    def __init__(self, total: int) -> None:
        self._total, self._number = total, 0
        self._started = time.monotonic()

    def __enter__(self) -> StageProgress:
        global _stages  # noqa: PLW0603 - one work for the process
        _stages = self
        return self

    def __exit__(self, *_: object) -> None:
        global _stages  # noqa: PLW0603 - one work for the process
        _stages = None

    def begin(self, name: str) -> None:
        """Begin the next stage, called `name`, and say so in a line."""
        self._number += 1
        so_far = f", {_duration(self.seconds)} so far" if self._number > 1 else ""
        log(f"{self.prefix}{name}{so_far}")

    @property
    def prefix(self) -> str:
        """What lines about the stage begin with: ``"3 of 6: "``."""
        return f"{self._number} of {self._total}: " if self._number else ""

    @property
    def seconds(self) -> float:
        """How long the whole has taken, in seconds."""
        return time.monotonic() - self._started


_stages: StageProgress | None = None


class AtWork:
    """Says that work goes on which shows no progress itself: after a second, and then more and more seldom.

    Use it as a context manager; `description` is what is at work. As long as lines or a bar are shown by what
    runs inside the block, it adds nothing.
    """

    def __init__(self, description: str) -> None:
        self._description = description
        self._started = time.monotonic()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> AtWork:
        self._started = time.monotonic()
        if _is_shown():
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        if self._thread.ident is not None:
            self._thread.join()

    def _run(self) -> None:
        for interval in _intervals():
            if self._ended.wait(interval):
                return
            if not _screen.bars and time.monotonic() - _screen.last_line >= interval:
                log(f"{self._description}: at work, {_duration(time.monotonic() - self._started)} so far")


@dataclass
class _Screen:
    """What standard error shows: how many bars, and since when the last line."""

    bars: int = 0
    last_line: float = -math.inf


_screen = _Screen()


def _intervals() -> Iterator[float]:
    """Yield the seconds to wait before each line about work that finishes nothing."""
    yield _FIRST_LINE_S
    interval = LINE_INTERVAL_S
    while True:
        yield interval
        interval = min(2 * interval, _MAX_INTERVAL_S)


class Tracker:
    """Shows how many of `total` steps are done, at what rate, and how long the rest will take.

    Use it as a context manager and call :meth:`advance` after each step. `unit` is what one step is: "clips".
    The rate counts from the first step that was finished: before it, libraries are loaded and processes
    started.
    """

    def __init__(self, description: str, total: int, unit: str = "steps") -> None:
        self._description, self._total, self._unit = description, total, unit
        self._done = 0
        self._started = self._last_line = time.monotonic()
        self._first: tuple[float, int] | None = None  # when a step was finished first, and how many then
        self._bar: Progress | None = None
        self._task = TaskID(0)
        self._waiting: threading.Thread | None = None
        self._ended = threading.Event()

    def __enter__(self) -> Tracker:
        self._started = self._last_line = time.monotonic()
        if not _is_shown() or not self._total:
            return self
        if _plain or not sys.stderr.isatty():
            self._waiting = threading.Thread(target=self._wait, daemon=True)
            self._waiting.start()
            return self
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rest]}"),
            TimeElapsedColumn(),
            console=Console(stderr=True),
        )
        self._task = self._bar.add_task(self._title(), total=self._total, rest="")
        self._bar.start()
        _screen.bars += 1
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ended.set()
        if self._waiting is not None:
            self._waiting.join()
        if self._bar is not None:
            self._bar.stop()
            _screen.bars -= 1
        elif kind is None and _is_shown() and time.monotonic() - self._started > 2:
            self._line()

    def advance(self, steps: int = 1) -> None:
        """Count `steps` more as done."""
        self._done += steps
        if self._first is None:
            self._first = time.monotonic(), self._done
        if self._bar is not None:
            self._bar.update(self._task, advance=steps, rest=", ".join(self._rest()))
        elif (
            _is_shown()
            and time.monotonic() - self._last_line >= LINE_INTERVAL_S
            and self._done < self._total  # the end of the block says that all is done
        ):
            self._line()

    def _wait(self) -> None:
        """Say that the work goes on, as long as no step is finished."""
        for interval in _intervals():
            if self._ended.wait(interval):
                return
            if time.monotonic() - self._last_line >= interval and self._done < self._total:
                self._line()

    def _rate(self) -> float:
        """Return steps per second since the first one was finished, or 0 where nobody can know yet."""
        if self._first is None:
            return 0.0
        start, before = self._first
        if self._done == self._total and before == self._total:  # all in one step
            start, before = self._started, 0
        return (self._done - before) / max(time.monotonic() - start, 1e-9)

    def _rest(self) -> list[str]:
        """List the rate and the time that is left, as far as they are known."""
        rate = self._rate()
        if not rate:
            return []
        shown = f"{rate:.3g} {self._unit}/s" if rate >= 0.1 else f"{_duration(1 / rate)} each"
        if self._done >= self._total:
            return [shown]
        return [shown, f"{_duration((self._total - self._done) / rate)} left"]

    def _title(self) -> str:
        return (_stages.prefix if _stages else "") + self._description

    def _line(self) -> None:
        self._last_line = now = time.monotonic()
        is_over, rest = self._done >= self._total, self._rest()
        share = "" if is_over else f" ({self._done / self._total:.0%})"
        message = f"{self._title()}: {self._done}/{self._total} {self._unit}{share}"
        spent = _duration(now - self._started)
        if is_over:
            rest.append(f"in {spent}")
        elif not rest:
            rest.append(f"{spent} so far")
        whole = f" (whole: {_duration(_stages.seconds)} so far)" if _stages else ""
        log(", ".join([message, *rest]) + whole)


def _is_shown() -> bool:
    return not _muted and LOGGER.isEnabledFor(logging.INFO)


def _duration(seconds: float) -> str:
    """Return a time as people say it.

    >>> _duration(0.4), _duration(59.6), _duration(125), _duration(7380)
    ('1 s', '1 min 0 s', '2 min 5 s', '2 h 3 min')
    """
    whole = max(round(seconds), 1)
    hours, rest = divmod(whole, 3600)
    minutes, rest = divmod(rest, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def log(message: str) -> None:
    """Print one line about the work in hand to standard error, except inside workers."""
    if not _muted:
        _screen.last_line = time.monotonic()
        LOGGER.info(message, stacklevel=2)
