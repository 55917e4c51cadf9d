"""Turn segments that lie in one file into clips: what a worker does at a time."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from timbrebench.audio.loudness import cancellation, is_silent
from timbrebench.audio.windows import cut_windows
from timbrebench.core.errors import StorageError, TimbrebenchError
from timbrebench.core.files import file_sha256
from timbrebench.datasets.audioset.audio_sources import Location, encoded_rows
from timbrebench.datasets.audioset.audioset_configuration import AudioSetConfiguration, ParquetSource
from timbrebench.datasets.excerpts import SLACK_S, with_channels, write_pcm


@dataclass(frozen=True)
class Slice:
    """A clip and where its audio is."""

    clip_id: str
    location: Location

    @property
    def path(self) -> str:
        """The clip's file, relative to the dataset's folder; 256 folders share what could be millions."""
        return f"audio/{zlib.crc32(self.clip_id.encode()) % 256:02x}/{self.clip_id}.flac"


@dataclass(frozen=True)
class SliceJob:
    """Clips whose audio is in one file or one row group, and the dataset's folder that they go into."""

    configuration: AudioSetConfiguration
    root: Path
    slices: tuple[Slice, ...]

    def parts(self) -> list[SliceJob]:
        """Return one job for each clip."""
        return [replace(self, slices=(clip,)) for clip in self.slices]

    def run(self) -> list[dict[str, Any]]:
        """Write the clips.

        Returns for each ``clip_id`` and either ``path``, ``sha256``, ``source``, the file that it was cut out
        of, and ``missing_s``, the seconds filled with zeros at its end, or the ``reason`` why there is none.
        Raises StorageError if a clip cannot be written.
        """
        outcomes: dict[str, dict[str, Any]] = {}
        for slices, source in self._encoded():
            outcomes |= {outcome["clip_id"]: outcome for outcome in self._cut(slices, source)}
        return [
            outcomes.get(clip.clip_id, {"clip_id": clip.clip_id, "reason": "the shard has lost its row"})
            for clip in self.slices
        ]

    def _encoded(self) -> Iterator[tuple[Sequence[Slice], Path | bytes]]:
        """Go through the encoded audio, with the clips that are cut out of it."""
        location = self.slices[0].location
        source = self.configuration.sources[location.source]
        path = Path(source.path) / (location.path or "")
        if not isinstance(source, ParquetSource):
            yield self.slices, path
            return
        by_row: dict[int, list[Slice]] = {}
        for clip in self.slices:
            by_row.setdefault(clip.location.row, []).append(clip)
        for row, content in encoded_rows(path, source, location.row_group, set(by_row)):
            yield by_row[row], content

    def _cut(self, slices: Sequence[Slice], source: Path | bytes) -> list[dict[str, Any]]:
        rate = self.configuration.sample_rate
        length = round(self.configuration.clip_duration_s * rate)
        starts = [clip.location.offset_s for clip in slices]
        try:
            windows = cut_windows(source, starts, length, rate)
        except StorageError:
            raise
        except (TimbrebenchError, OSError) as error:
            return [{"clip_id": clip.clip_id, "reason": str(error)} for clip in slices]
        return [self._write(clip, window, length) for clip, window in zip(slices, windows, strict=True)]

    def _write(self, clip: Slice, window: NDArray[np.float32], length: int) -> dict[str, Any]:
        rate = self.configuration.sample_rate
        missing = length - window.shape[1]
        if missing > SLACK_S * rate:
            reason = f"the audio ends {window.shape[1] / rate:.3f} s into the segment: too short for a clip"
            return {"clip_id": clip.clip_id, "reason": reason}
        samples = with_channels(np.pad(window, ((0, 0), (0, missing))), self.configuration.channels)
        if is_silent(samples.mean(axis=0)):  # which is what reading a clip gives, however many it keeps
            return {"clip_id": clip.clip_id, "reason": f"the segment is silent{cancellation(window)}"}
        write_pcm(self.root / clip.path, samples, rate)
        return {
            "clip_id": clip.clip_id,
            "path": clip.path,
            "source": clip.location.path or Path(self.configuration.sources[clip.location.source].path).name,
            "sha256": file_sha256(self.root / clip.path),
            "missing_s": round(missing / rate, 6),
        }
