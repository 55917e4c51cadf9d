"""The kind ``aligned``: recordings of the same music by several instruments, so the true target is known."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Literal, NamedTuple, Self

from pydantic import Field, model_validator

from timbrebench.core.errors import ConfigurationError
from timbrebench.core.identifiers import Identifier, RelativePath
from timbrebench.datasets.building import Builder, build_folder, finish_dataset, is_finished
from timbrebench.datasets.dataset import Dataset
from timbrebench.datasets.dataset_card import software
from timbrebench.datasets.excerpts import RECORDED, recorded_manifest
from timbrebench.datasets.importing.import_configuration import ImportConfiguration
from timbrebench.datasets.rendering.dataset_configuration import DatasetConfiguration
from timbrebench.experiments.suites.frozen_pairs import FrozenPairs, freeze_pairs
from timbrebench.experiments.suites.held_recordings import (
    cut_clip,
    hash_files,
    refuse_other_files,
    refuse_unnamed,
    require_folder,
    require_source,
)
from timbrebench.experiments.suites.kinds.suite_kind import ClipWork, SuiteKind
from timbrebench.experiments.suites.suite import OpenedSuite, Pair, SuiteConfiguration

_BUILDER = Builder(
    "suite-recordings",
    ImportConfiguration,
    "Clips of aligned recordings",
    "Clips of a suite, cut out of recordings of the same music by several instruments.",
)


class AlignedTrack(NamedTuple):
    """A recording: what is played, by whom, and its path below the users' folder."""

    piece: Identifier
    label: Identifier
    path: RelativePath


class AlignedKind(SuiteKind):
    """Recordings of the same music by several instruments, sample by sample at the same time.

    Content is one of a piece, reference another of the same piece, and style one of the next piece by the
    reference's instrument. Without notes, nothing is ranked: what is compared are the distances to the
    reference.

    Attributes
    ----------
    kind : "aligned"
        Which kind this is.
    tracks : tuple of AlignedTrack
        The recordings: rows of piece, label and path.
    directions : tuple of (str, str)
        Labels of content and style.
    sample_rate : int
        Rate of the clips in hertz; the recordings' own adds and loses nothing.
    clip_duration_s : float
        Their length in seconds, from the beginning of the recordings.
    dataset : DatasetConfiguration
        What judges and methods of a run learn from, unless it has another one; it should have the labels of
        the tracks.
    """

    kind: Literal["aligned"]
    tracks: tuple[AlignedTrack, ...] = Field(min_length=2, max_length=100_000)
    directions: tuple[tuple[str, str], ...] = Field(min_length=1, max_length=1_000)
    sample_rate: int = Field(default=22_050, ge=8_000, le=96_000)
    clip_duration_s: float = Field(default=5.0, ge=1.0, le=60.0)
    dataset: DatasetConfiguration = DatasetConfiguration()

    @model_validator(mode="after")
    def _check_tracks(self) -> Self:
        places = {(track.piece, track.label) for track in self.tracks}
        if len(places) < len(self.tracks):
            raise ValueError("two tracks are the same piece by the same label")
        for content, style in self.directions:
            if content == style:
                raise ValueError(f"content and style of a direction are both {content}")
            both = [piece for piece, label in places if label == content and (piece, style) in places]
            if len(both) < 2:
                raise ValueError(
                    f"{len(both)} pieces are played by both {content} and {style}: it takes "
                    "two, as the style is of another piece"
                )
        return self

    def freeze(self, work: ClipWork, source: Path | None, learned: Collection[str]) -> FrozenPairs:
        """Cut the clips and pair them."""
        del learned
        held = require_source(work.title, source)
        files = hash_files(held, [track.path for track in self.tracks])
        frozen = freeze_pairs(self._pair(self._cut(work, held)))
        return frozen.model_copy(update={"files": files})

    def open_clips(self, title: str, root: Path, audio: str) -> Dataset:
        """Open the dataset that the clips were written into."""
        refuse_unnamed(title, audio)
        return Dataset.open(root)

    def make_clips(self, work: ClipWork, frozen: FrozenPairs, audio: str) -> Dataset:
        """Cut the clips of a frozen suite, or open them where they are."""
        held = require_folder(work.title, audio)
        refuse_other_files(work.title, held, frozen.files)
        return self._cut(work, held)

    def _cut(self, work: ClipWork, held: Path) -> Dataset:
        """Cut the beginning of each recording into the suite's own dataset."""
        if is_finished(work.about, work.root):
            return Dataset.open(work.root)
        if work.root.resolve().is_relative_to(held.resolve()):
            raise ConfigurationError(f"{work.root} lies inside {held}, which is read: choose another folder")
        with build_folder(work.about, work.root):
            rows = [
                cut_clip(
                    held / track.path,
                    work.root,
                    label=track.label,
                    piece=track.piece,
                    start_s=0.0,
                    duration_s=self.clip_duration_s,
                    sample_rate=self.sample_rate,
                )
                | {"source": track.path, "missing_s": 0.0}
                for track in self.tracks
            ]
            finish_dataset(
                work.root,
                _BUILDER,
                work.about,
                manifest=recorded_manifest(
                    rows, duration_s=self.clip_duration_s, sample_rate=self.sample_rate
                ),
                failures=[],
                sources=[],
                software=software("numpy", "soxr"),
            )
        return Dataset.open(work.root)

    def _pair(self, dataset: Dataset) -> OpenedSuite:
        clips = {(clip.piece, clip.label): clip for clip in dataset.clips()}
        pairs: list[Pair] = []
        for content, style in self.directions:
            pieces = sorted(piece for piece, label in clips if label == content and (piece, style) in clips)
            for piece, following in zip(pieces, [*pieces[1:], pieces[0]], strict=True):
                pairs.append(
                    Pair(
                        f"{len(pairs):03d}-{content}-{style}",
                        clips[piece, content],
                        clips[following, style],
                        clips[piece, style],
                        "",
                    )
                )
        configuration = SuiteConfiguration(soundfont=RECORDED)
        return OpenedSuite(configuration, tuple(pairs), tuple(clips.values()), dataset=dataset)
