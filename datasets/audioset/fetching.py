"""Fetch what a round of a build needs and no folder holds yet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from timbrebench.core.errors import DatasetError
from timbrebench.core.progress import Tracker
from timbrebench.datasets.audioset.audioset_configuration import DownloadSource
from timbrebench.datasets.audioset.clip_planning import Plan
from timbrebench.datasets.audioset.downloading import Downloader, VideoError
from timbrebench.datasets.audioset.journal import Journal
from timbrebench.datasets.audioset.slicing import Slice

#: Unavailable videos in a row before a build stops. Of AudioSet's videos some 30 % are gone; that
#: this many in a row are is less likely than 1 in 10 billion, so the connection or the site is at fault.
_PATIENCE = 20


def fetch_missing(plan: Plan, rows: Sequence[int], journal: Journal) -> list[Slice]:
    """Find the audio of some rows of the plan's selection, fetch what is not there, return what is there now.

    The clips of unavailable videos are entered in the journal as failed. Raises DatasetError if too many
    videos in a row are unavailable; none of these is entered.
    """
    slices = [Slice(plan.selection.clip_id(row), plan.locate(row)) for row in rows]
    videos: dict[tuple[int, str], list[int]] = {}
    for index, (row, clip) in enumerate(zip(rows, slices, strict=True)):
        if clip.location.path is None:
            key = (clip.location.source, str(plan.selection.table.ytid.iat[row]))
            videos.setdefault(key, []).append(index)
    downloaders: dict[int, Downloader] = {}
    lost: list[dict[str, Any]] = []
    in_a_row = 0
    with Tracker("fetching", len(videos), "videos") as tracker:
        for (number, ytid), own in videos.items():
            if number not in downloaders:
                downloaders[number] = _downloader(plan, number)
            try:
                path = downloaders[number].fetch(ytid)
            except VideoError as error:
                lost += [{"clip_id": slices[index].clip_id, "reason": str(error)} for index in own]
                in_a_row += 1
                if in_a_row == _PATIENCE:
                    raise DatasetError(
                        f"the last {_PATIENCE} videos are {error}: look after the connection, or give "
                        "cookies, and run again; what is finished is kept"
                    ) from error
            else:
                journal.enter(lost)
                lost, in_a_row = [], 0
                for index in own:
                    slices[index] = replace(
                        slices[index], location=replace(slices[index].location, path=path)
                    )
            tracker.advance()
    journal.enter(lost)
    return [clip for clip in slices if clip.location.path is not None]


def _downloader(plan: Plan, number: int) -> Downloader:
    source = plan.configuration.sources[number]
    if not isinstance(source, DownloadSource):
        raise TypeError(f"source {number} does not download")
    return Downloader(source)
