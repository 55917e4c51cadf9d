"""What a dataset of AudioSet's segments is made of."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from timbrebench.core.frozen_model import FrozenModel
from timbrebench.datasets.rendering.dataset_configuration import Shares


class FolderSource(FrozenModel):
    """A folder of audio files, searched with all folders below it.

    Attributes
    ----------
    kind : "folder"
        Which source this is.
    path : str
        The folder. A file is found by its name: ``ID.ext`` and ``YID.ext`` hold the audio of the video
        ``ID``, as do ``TITLE [ID].ext`` and ``TITLE-ID.ext``, the default names of yt-dlp and youtube-dl;
        ``ID_start.ext`` and ``ID_start_end.ext`` hold one segment, with times in seconds or milliseconds.
    holds : {"videos", "clips"}
        What files without a time in their name hold: the whole audio of a video, or a segment of it. Nothing
        in a file says which, so there is no default.
    """

    kind: Literal["folder"] = "folder"
    path: str
    holds: Literal["videos", "clips"]


class ParquetSource(FrozenModel):
    """Parquet shards with the bytes of one encoded segment in each row.

    Attributes
    ----------
    kind : "parquet"
        Which source this is.
    path : str
        A folder, searched for ``*.parquet`` with all folders below it, or one file.
    id_column : str
        Column of the videos' identifiers.
    audio_column : str
        Column of the encoded audio: bytes, or a structure with a field ``bytes``.
    start_column : str or None
        Column of the segments' starts in seconds, for shards with several segments of a video.
    """

    kind: Literal["parquet"] = "parquet"
    path: str
    id_column: str = "video_id"
    audio_column: str = "audio"
    start_column: str | None = None


class DownloadSource(FrozenModel):
    """Whole audio tracks fetched with yt-dlp, one after the other, and kept in a folder.

    Attributes
    ----------
    kind : "yt-dlp"
        Which source this is.
    path : str
        Where the tracks are kept, as ``ID.ext``. What is there is not fetched again.
    url : str
        Address of a video; ``{id}`` stands for its identifier.
    rate_limit_bytes : int or None
        Maximum bytes per second.
    interval_s : float
        Seconds to wait between two videos. A second keeps a long build from looking like an attack.
    retries : int
        How often a video is tried again after a failed connection.
    cookies : str or None
        A file of cookies in Netscape's format, for videos that want a login.
    """

    kind: Literal["yt-dlp"] = "yt-dlp"
    path: str
    url: str = Field(default="https://www.youtube.com/watch?v={id}", pattern=r"\{id\}")
    rate_limit_bytes: int | None = Field(default=None, gt=0)
    interval_s: float = Field(default=1.0, ge=0, le=86_400)
    retries: int = Field(default=5, ge=0, le=1_000)
    cookies: str | None = None


AudioSource = Annotated[FolderSource | ParquetSource | DownloadSource, Field(discriminator="kind")]


class AudioSetConfiguration(FrozenModel):
    """A dataset of clips cut out of AudioSet's videos.

    Attributes
    ----------
    segments : tuple of str
        CSV files of segments, such as ``balanced_train_segments.csv``.
    ontology : str
        ``ontology.json``.
    class_labels : str
        ``class_labels_indices.csv``: the classes that segments are labelled with.
    classes : tuple of str
        Which of them are wanted: names or identifiers, or ``instruments``, ``genres`` and ``moods`` for these
        subtrees of the ontology.
    descendants : bool
        Whether the classes below those named are wanted too, each as a label of its own.
    clips_per_class : int or None
        How many clips a class gets at most, as far as that can be: a clip counts for each of its labels. None
        takes all there are.
    sources : tuple of AudioSource
        Where audio comes from; the first that has a segment gives it.
    sample_rate : int
        Rate of the clips in hertz.
    channels : {1, 2}
        Channels of the clips.
    clip_duration_s : float
        Length of a clip in seconds, from the start of its segment. AudioSet's own is 10.
    splits : Shares
        Shares of the videos in each split.
    seed : int
        Seed of the order in which segments are chosen for a class.
    """

    segments: tuple[str, ...] = Field(min_length=1, max_length=1_000)
    ontology: str
    class_labels: str
    classes: tuple[str, ...] = Field(default=("instruments",), min_length=1, max_length=1_000)
    descendants: bool = True
    clips_per_class: int | None = Field(default=None, ge=1)
    sources: tuple[AudioSource, ...] = ()
    sample_rate: int = Field(default=44_100, ge=8_000, le=192_000)
    channels: Literal[1, 2] = 2
    clip_duration_s: float = Field(default=10.0, ge=0.1, le=60.0)
    splits: Shares = Shares()
    seed: int = Field(default=0, ge=0)
