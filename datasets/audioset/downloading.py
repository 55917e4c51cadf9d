"""Fetch the audio tracks of videos with yt-dlp, politely: one after the other, with pauses and limits."""

from __future__ import annotations

import io
import re
import time
from pathlib import Path
from typing import Any

from timbrebench.core.errors import ConfigurationError, DatasetError, MissingResourceError
from timbrebench.core.files import read_text
from timbrebench.datasets.audioset.audioset_configuration import DownloadSource

#: Seconds without a byte after which a connection counts as lost.
_SOCKET_TIMEOUT_S = 30.0

#: Maximum bytes of a file of cookies: browsers keep some thousand of at most 4,096 bytes.
_COOKIES_BYTES = 16 << 20


class VideoError(DatasetError):
    """A video that is unavailable: removed, private, blocked here, or out of reach after all retries."""


class Downloader:
    """Fetches videos' audio into a source's folder.

    Raises ConfigurationError if the file of cookies cannot be read, MissingResourceError if yt-dlp is not
    installed.
    """

    def __init__(self, source: DownloadSource) -> None:
        try:
            import yt_dlp  # noqa: PLC0415 - an extra
        except ImportError as error:
            raise MissingResourceError(
                "fetching videos needs yt-dlp: install it with `pip install 'timbrebench[audioset]'`"
            ) from error
        self._library, self._source = yt_dlp, source
        self._cookies = _read_cookies(source.cookies)
        self._last: float | None = None

    def fetch(self, ytid: str) -> str:
        """Fetch the best audio track of a video, or what is missing of it.

        Parameters
        ----------
        ytid : str
            The video's identifier.

        Returns
        -------
        str
            The file's name inside the folder, ``ID.ext``.

        Raises
        ------
        VideoError
            If it is unavailable, with yt-dlp's reason. What was downloaded is kept and continued next time.
        """
        self._wait()
        try:
            with self._library.YoutubeDL(self._options(ytid)) as client:
                video = client.extract_info(self._source.url.format(id=ytid))
                path = Path(video["requested_downloads"][0]["filepath"])
        except (self._library.utils.YoutubeDLError, KeyError, IndexError, TypeError) as error:
            raise VideoError(_reason(error)) from error
        finally:
            self._last = time.monotonic()
        return path.name

    def _wait(self) -> None:
        """Keep the interval between the end of a video and the beginning of the next."""
        if self._last is not None:
            time.sleep(max(0.0, self._last + self._source.interval_s - time.monotonic()))

    def _options(self, ytid: str) -> dict[str, Any]:
        source = self._source
        return {
            "format": "bestaudio/best",
            "paths": {"home": str(Path(source.path).resolve())},
            "outtmpl": {"default": f"{ytid}.%(ext)s"},
            "ratelimit": source.rate_limit_bytes,
            "retries": source.retries,
            "extractor_retries": source.retries,
            "fragment_retries": source.retries,
            "socket_timeout": _SOCKET_TIMEOUT_S,
            # A stream, not the file itself: yt-dlp writes back what it has been sent.
            "cookiefile": io.StringIO(self._cookies) if self._cookies else None,
            "noplaylist": True,
            "noprogress": True,
            "quiet": True,
            "logger": _Silence(),
            "cachedir": False,
            # Repairs of containers want an ffmpeg command, which decoding here does without.
            "fixup": "never",
        }


def _read_cookies(path: str | None) -> str:
    return read_text(Path(path), _COOKIES_BYTES, ConfigurationError) if path else ""


def _reason(error: Exception) -> str:
    """Return yt-dlp's message without colours, advice to report it, and names of objects in memory."""
    text = re.sub(r"\x1b\[[0-9;]*m", "", str(error)).removeprefix("ERROR: ")
    text = re.split(r"; please report|\(caused by|\. Use --|\n", text)[0]
    return f"not to be had: {text.strip().rstrip('.') or type(error).__name__}"


class _Silence:
    """Takes yt-dlp's messages; errors come as exceptions."""

    def debug(self, message: str) -> None: ...

    def info(self, message: str) -> None: ...

    def warning(self, message: str) -> None: ...

    def error(self, message: str) -> None: ...
