"""Fetch what a round of a build needs and no folder holds yet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from timbrebench.audio.errors import DatasetError
from timbrebench.audio.progress import Tracker
from timbrebench.datasets.audioset.configuration import DownloadSource
from timbrebench.datasets.audioset.downloading import Downloader, VideoError
from timbrebench.datasets.audioset.journal import Journal
from timbrebench.datasets.audioset.planning import Plan
from timbrebench.datasets.audioset.slicing import Slice

#: Videos in a row that are not to be had before a build stops. Of AudioSet's videos some 30 % are gone; that
#: this many in a row are is less likely than 1 in 10 billion, so the connection or the site is at fault.
_PATIENCE = 20


def fetch_missing(plan: Plan, rows: Sequence[int], journal: Journal) -> list[Slice]:
    """Find the audio of segments, and fetch what is not there.

    Parameters
    ----------
    plan : Plan
        Where audio is.
    rows : sequence of int
        Rows of the plan's selection.
    journal : Journal
        Gets the clips of videos that are not to be had.

    Returns
    -------
    list of Slice
        The clips whose audio is there now.

    Raises
    ------
    DatasetError
        If too many videos in a row are not to be had; none of these is entered as failed.
    """
    found = [Slice(plan.selection.clip_id(row), plan.locate(row)) for row in rows]
    absent: dict[tuple[int, str], list[int]] = {}
    for index, one in enumerate(found):
        if not one.location.path and one.location.row_group < 0:
            ytid = str(plan.selection.table.ytid.iat[rows[index]])
            absent.setdefault((one.location.source, ytid), []).append(index)
    lost: set[int] = set()
    for key, path, reasons in _fetch_all(plan, list(absent), journal):
        pass
    return [one for index, one in enumerate(found) if index not in lost]
