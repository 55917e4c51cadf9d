"""Find the audio of segments in what is at hand: files by their names, rows of Parquet shards."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from timbrebench.core.errors import DatasetError, MissingResourceError, shown
from timbrebench.core.files import why_no_folder
from timbrebench.core.folders import files_below, is_visible
from timbrebench.core.progress import log
from timbrebench.datasets.audioset.audioset_configuration import AudioSource, DownloadSource, ParquetSource

#: ``ID``, ``YID``, each with a start and an end or without.
_STEM = re.compile(
    r"Y?(?P<ytid>[A-Za-z0-9_-]{11})(?:_(?P<start>\d+(?:\.\d+)?)(?:_\d+(?:\.\d+)?)?)?", re.ASCII
)

#: A title and the identifier: the default names of yt-dlp (``TITLE [ID]``) and youtube-dl (``TITLE-ID``).
#: Where yt-dlp fetches several formats of a video, it adds which one it is.
_TITLED = re.compile(
    r".*(?:\[(?P<ytid>[A-Za-z0-9_-]{11})\](?:\.f\d+)?|-(?P<last>[A-Za-z0-9_-]{11}))", re.ASCII | re.DOTALL
)

#: What lies beside audio in folders that downloaders have filled.
_NOT_AUDIO = frozenset(
    (".csv", ".description", ".jpg", ".json", ".part", ".png", ".srt", ".txt", ".vtt", ".webp", ".ytdl")
)


@dataclass(frozen=True, slots=True)
class Location:
    """Where the audio of a segment is.

    `source` is the index of the source in the configuration, `path` that of the file relative to the source:
    empty where the source is one file, None where it is yet to be fetched. The segment begins `offset_s`
    seconds into it. `row_group` and `row` are those of a Parquet shard, -1 for other files.
    """

    source: int
    path: str | None
    offset_s: float
    row_group: int = -1
    row: int = -1


class _Index(Protocol):
    def find(self, ytid: str, start_ms: int) -> Location | None: ...

    def nameless(self) -> str: ...


class _FolderIndex:
    """Files by the identifiers and times in their names.

    Of several for one segment it is the first by name, one without a title before those with one.
    """

    def __init__(self, number: int, root: Path, *, clips: bool) -> None:
        self._number, self._root, self._clips = number, root, clips
        self._whole: dict[str, str] = {}
        self._parts: dict[tuple[str, float], str] = {}
        titled: dict[str, str] = {}
        self._nameless, self._example = 0, ""
        for path in sorted(_files(root)):
            stem, suffix = os.path.splitext(os.path.basename(path))  # noqa: PTH119, PTH122 - millions of them
            if suffix.lower() in _NOT_AUDIO:
                continue
            if (match := _STEM.fullmatch(stem)) is None:
                if (match := _TITLED.fullmatch(stem)) is None:
                    self._nameless, self._example = self._nameless + 1, self._example or path
                else:
                    titled.setdefault(match["ytid"] or match["last"], path)
            elif match["start"] is None:
                self._whole.setdefault(match["ytid"], path)
            else:
                self._parts.setdefault((match["ytid"], float(match["start"])), path)
        self._whole = titled | self._whole

    def nameless(self) -> str:
        if not self._nameless:
            return ""
        return (
            f"in {self._root}, {self._nameless} files, such as {shown(self._example)}, have no video's "
            "identifier in their names: name them ID.ext, ID_START.ext or TITLE [ID].ext"
        )

    def find(self, ytid: str, start_ms: int) -> Location | None:
        part = self._parts.get((ytid, start_ms / 1000)) or self._parts.get((ytid, float(start_ms)))
        if part is not None:
            return Location(self._number, part, 0.0)
        whole = self._whole.get(ytid)
        if whole is None:
            return None
        return Location(self._number, whole, 0.0 if self._clips else start_ms / 1000)


class _DownloadIndex:
    """Every video, since only a request shows whether it is still there."""

    def __init__(self, number: int, root: Path) -> None:
        self._number, self._fetched = number, _FolderIndex(number, root, clips=False)

    def find(self, ytid: str, start_ms: int) -> Location:
        return self._fetched.find(ytid, start_ms) or Location(self._number, None, start_ms / 1000)

    def nameless(self) -> str:
        return self._fetched.nameless()


class _ParquetIndex:
    """Rows of Parquet shards by their identifiers."""

    def __init__(self, number: int, source: ParquetSource) -> None:
        self._number, self._has_starts = number, source.start_column is not None
        self._rows: dict[tuple[str, int], tuple[str, int, int]] = {}
        root = Path(source.path)
        shards = [""] if root.is_file() else sorted(p for p in _files(root) if p.endswith(".parquet"))
        if not shards:
            raise DatasetError(f"{root}: holds no *.parquet")
        for shard in shards:
            for key, row_group, row in _keys(root / shard, source):
                self._rows.setdefault(key, (shard, row_group, row))

    def find(self, ytid: str, start_ms: int) -> Location | None:
        place = self._rows.get((ytid, start_ms if self._has_starts else 0))
        if place is None:
            return None
        path, row_group, row = place
        return Location(self._number, path, 0.0, row_group, row)

    def nameless(self) -> str:
        return ""


class Library:
    """All sources of a configuration, in the order in which they are asked.

    Raises DatasetError if a folder or file is missing, or holds no such columns, and MissingResourceError if
    a source needs an extra that is not installed.
    """

    def __init__(self, sources: Sequence[AudioSource]) -> None:
        self._indices = [_open(number, source) for number, source in enumerate(sources)]

    def find(self, ytid: str, start_ms: int) -> Location | None:
        """Return where the first source that has a segment has it.

        Parameters
        ----------
        ytid : str
            Identifier of its video.
        start_ms : int
            Its start in milliseconds.

        Returns
        -------
        Location or None
            None if no source has it.
        """
        for index in self._indices:
            location = index.find(ytid, start_ms)
            if location is not None:
                return location
        return None

    def nameless(self) -> str:
        """Say which files have no video's identifier in their names; empty without such files."""
        return "; ".join(filter(None, (index.nameless() for index in self._indices)))


def _open(number: int, source: AudioSource) -> _Index:
    if isinstance(source, DownloadSource):
        return _DownloadIndex(number, Path(source.path))
    root = Path(source.path)
    if not root.is_dir() and not (isinstance(source, ParquetSource) and root.is_file()):
        raise DatasetError(f"{root}: {why_no_folder(root)}: name the source of audio")
    log(f"looking through {root}")
    if isinstance(source, ParquetSource):
        return _ParquetIndex(number, source)
    return _FolderIndex(number, root, clips=source.holds == "clips")


def _files(root: Path) -> list[str]:
    """List the files below a folder, as paths relative to it."""
    return [path for path in files_below(root, is_visible) if is_visible(path.rpartition("/")[2])]


def _keys(path: Path, source: ParquetSource) -> Iterator[tuple[tuple[str, int], int, int]]:
    """Go through a shard's rows: identifier and start in milliseconds, row group, row."""
    columns = [source.id_column, *([source.start_column] if source.start_column else [])]
    with open_shard(path, [*columns, source.audio_column]) as shard:
        for row_group in range(shard.num_row_groups):
            content = shard.read_row_group(row_group, columns=columns)
            identifiers = content.column(source.id_column).to_pylist()
            starts = content.column(source.start_column).to_pylist() if source.start_column else []
            for row, identifier in enumerate(identifiers):
                start = round(float(starts[row]) * 1000) if starts else 0
                yield (str(identifier), start), row_group, row


def open_shard(path: Path, columns: Sequence[str]) -> Any:  # noqa: ANN401 - an extra's types
    """Open a Parquet file that holds some columns, as a ``pyarrow.parquet.ParquetFile``.

    Raises DatasetError if it is not Parquet or lacks a column, MissingResourceError if pyarrow is not
    installed.
    """
    try:
        import pyarrow as pa  # noqa: PLC0415 - an extra
        import pyarrow.parquet as pq  # noqa: PLC0415
    except ImportError as error:
        raise MissingResourceError(
            f"{path}: needs pyarrow: install it with `pip install 'timbrebench[audioset]'`"
        ) from error
    try:
        shard = pq.ParquetFile(path)
    except (OSError, pa.ArrowException) as error:
        raise DatasetError(f"{path}: cannot be read as Parquet ({error})") from error
    missing = [name for name in columns if name not in shard.schema_arrow.names]
    if missing:
        raise DatasetError(
            f"{path}: has no column {missing[0]!r} but {', '.join(shard.schema_arrow.names)}: "
            "name them in the source"
        )
    return shard


def encoded_rows(
    path: Path, source: ParquetSource, row_group: int, rows: set[int]
) -> Iterator[tuple[int, bytes]]:
    """Go through some rows of a shard's row group, a few in memory at a time.

    Yields each row's number and its encoded audio, which is empty where the row holds none.
    """
    with open_shard(path, [source.audio_column]) as shard:
        row = 0
        for batch in shard.iter_batches(
            batch_size=16, row_groups=[row_group], columns=[source.audio_column], use_threads=False
        ):
            column = batch.column(0)
            for value in column:
                if row in rows:
                    content = value.as_py()
                    yield row, (content.get("bytes") if isinstance(content, dict) else content) or b""
                row += 1
