"""Download a file, with progress and errors that say what to do instead."""

from __future__ import annotations

import contextlib
import errno
from pathlib import Path

import lazy_loader as lazy

from timbrebench.core.errors import MissingResourceError
from timbrebench.core.progress import Tracker

pooch = lazy.load("pooch")  # it imports an SSH client, which takes most of a second

_MEBIBYTE = 1 << 20

#: Bytes that are read from the network at a time.
_CHUNK = 1 << 16

#: Errors of a full disk.
_NO_SPACE = (errno.ENOSPC, errno.EDQUOT)


def download(url: str, target: Path, what: str) -> None:
    """Download a file over http or https; whoever calls compares its checksum.

    `what` is named in progress and messages, such as "the soundfont FluidR3_GM". An interrupted download
    leaves a part of `target`. Raises MissingResourceError if it cannot be downloaded, with the advice to give
    a path instead, and OSError if there is no room for it.
    """
    with contextlib.closing(_Bar(f"downloading {what}")) as bar:
        fetch = pooch.HTTPDownloader(progressbar=bar, chunk_size=_CHUNK)
        try:
            fetch(url, str(target), None)
        except OSError as error:  # the base class of network errors
            if error.errno in _NO_SPACE:
                raise
            raise MissingResourceError(
                f"{what} cannot be downloaded from {url} ({error}): "
                "fetch it elsewhere and give its path instead"
            ) from error


class _Bar:
    """A progress bar for pooch, in mebibytes."""

    def __init__(self, description: str) -> None:
        self._description = description
        self._tracker: Tracker | None = None
        self._done = 0
        self.total = 0

    def update(self, size: int) -> None:
        """Count bytes; pooch sets `total` before the first call, and passes it again in the last."""
        if self._tracker is None:
            self._tracker = Tracker(self._description, -(-self.total // _MEBIBYTE), "MiB").__enter__()
        before, self._done = self._done, min(self._done + size, self.total)
        self._tracker.advance(self._done // _MEBIBYTE - before // _MEBIBYTE)

    def reset(self) -> None:
        """Do nothing: what is counted stays counted."""

    def close(self) -> None:
        """End the display."""
        if self._tracker is not None:
            self._tracker.__exit__(None, None, None)
            self._tracker = None
