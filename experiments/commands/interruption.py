"""What is said when Ctrl-C ends a command: that the same command goes on is promised only where it does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_resumes: ContextVar[bool] = ContextVar("resumes", default=False)


@contextmanager
def resumable(is_kept: Callable[[], bool] = lambda: True) -> Iterator[None]:
    """Promise, where Ctrl-C ends the block, that the same command goes on from what is finished.

    `is_kept` is called then, and returns whether anything was kept.
    """
    try:
        yield
    except KeyboardInterrupt:
        _resumes.set(is_kept())
        raise


def interruption_message() -> str:
    """Return what to say of the command that was interrupted."""
    resumes = _resumes.get()
    _resumes.set(False)
    return "interrupted; run the same command to resume" if resumes else "interrupted"
