"""The kind ``audioset``: pairs of AudioSet's segments. The audio is with those who hold it.

AudioSet's tables of segments are by Google, under CC BY 4.0, so lists of their rows may be passed on with
that said.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import Field

from timbrebench.core.errors import ConfigurationError, DatasetError
from timbrebench.core.files import file_sha256
from timbrebench.datasets.audioset.ontology import Ontology
from timbrebench.datasets.audioset.segments import read_segments
from timbrebench.datasets.dataset import Dataset
from timbrebench.datasets.excerpts import RECORDED
from timbrebench.datasets.rendering.dataset_configuration import DatasetConfiguration
from timbrebench.experiments.suites.frozen_pairs import FrozenClip, FrozenPair, FrozenPairs
from timbrebench.experiments.suites.kinds.suite_kind import ClipWork, SuiteKind

#: Length of AudioSet's segments in seconds.
_DURATION_S = 10.0

#: Rate in hertz at which AudioSet's audio is usually kept; that of a user's clips may be another.
_SAMPLE_RATE = 44_100

_ONTOLOGY, _LABELS = "ontology.json", "class_labels_indices.csv"


class AudioSetKind(SuiteKind):
    """Pairs of AudioSet's segments, whose audio is with its users.

    A segment qualifies if it lasts 10 s and carries exactly one of the wanted classes. Nobody knows what one
    genre sounds like as another: there is no reference, and there are no notes.

    Attributes
    ----------
    kind : "audioset"
        Which kind this is.
    segments : str
        Name of the table of segments. That of the evaluation set has the videos that AudioSet itself sets
        apart for tests.
    classes : str
        A subtree of the ontology.
    pairs : int
        How many pairs are drawn. Each class is as often content and style as any other, as far as it goes,
        and no video is in two pairs.
    seed : int
        Seed of the draw.
    dataset : DatasetConfiguration
        What judges and methods of a run learn from, unless it has another one.
    """

    kind: Literal["audioset"]
    segments: str = "eval_segments.csv"
    classes: Literal["genres", "moods"]
    pairs: int = Field(default=60, ge=1, le=100_000)
    seed: int = Field(default=0, ge=0)
    dataset: DatasetConfiguration = DatasetConfiguration()

    def freeze(self, work: ClipWork, source: Path | None, learned: Collection[str]) -> FrozenPairs:
        """Draw pairs out of AudioSet's tables, which judges have not learned from.

        The folder of tables holds that of segments, ``ontology.json`` and ``class_labels_indices.csv``. Clips
        have no hashes.
        """
        del learned
        if source is None:
            raise ConfigurationError(
                f"{work.title} is drawn from AudioSet's tables: name their folder with --source"
            )
        ontology = Ontology.read(source / _ONTOLOGY, source / _LABELS)
        candidates = self._candidates(ontology, source / self.segments)
        drawn = _draw(candidates, self.pairs, self.seed)
        clips = sorted({clip for pair in drawn for clip in pair})
        place = {clip: number for number, clip in enumerate(clips)}
        return FrozenPairs(
            soundfont=RECORDED,
            sample_rate=_SAMPLE_RATE,
            duration_s=_DURATION_S,
            sources=tuple(
                {"name": name, "sha256": file_sha256(source / name)}
                for name in (self.segments, _ONTOLOGY, _LABELS)
            ),
            identifiers={ontology.names[identifier]: identifier for identifier in sorted(candidates)},
            notes=(),
            clips=tuple(clips),
            pairs=tuple(
                FrozenPair(f"{number:03d}-{content.piece}-{style.piece}", place[content], place[style], None)
                for number, (content, style) in enumerate(drawn)
            ),
        ).with_fingerprint()

    def _candidates(self, ontology: Ontology, table: Path) -> dict[str, list[FrozenClip]]:
        """Return the segments that qualify, by their class."""
        segments = read_segments([table])
        wanted = set(ontology.select([self.classes], descendants=True))
        carried = [[label for label in labels if label in wanted] for labels in segments.label_sets]
        candidates: dict[str, list[FrozenClip]] = {}
        columns = (segments.table[name].tolist() for name in ("ytid", "start_ms", "end_ms", "labels"))
        for ytid, start_ms, end_ms, labels in zip(*columns, strict=True):
            only = carried[labels]
            if len(only) == 1 and end_ms - start_ms == round(1000 * _DURATION_S):
                clip = FrozenClip(ytid, ontology.names[only[0]], start_ms / 1000, "")
                candidates.setdefault(only[0], []).append(clip)
        return candidates

    def open_clips(self, title: str, root: Path, audio: str) -> Dataset:
        """Open the dataset that the user has built of the segments."""
        del root
        if not audio:
            raise ConfigurationError(
                f"the suite {title} lists clips of AudioSet, without audio: name a dataset of them with "
                'audio = "FOLDER" in [suite] (see `timbrebench suite segments`)'
            )
        return Dataset.open(audio)

    def make_clips(self, work: ClipWork, frozen: FrozenPairs, audio: str) -> Dataset:
        """Open the dataset that the user has built of the segments."""
        del frozen
        return self.open_clips(work.title, work.root, audio)


def _draw(
    candidates: Mapping[str, list[FrozenClip]], pairs: int, seed: int
) -> list[tuple[FrozenClip, FrozenClip]]:
    """Draw pairs of two classes in rounds, in each of which every class is content once and style once."""
    generator = np.random.default_rng(seed)
    waiting: dict[str, list[FrozenClip]] = {
        name: [clips[index] for index in generator.permutation(len(clips))]
        for name, clips in sorted(candidates.items())
    }
    used: set[str] = set()

    def take(name: str) -> FrozenClip:
        while waiting[name]:
            clip = waiting[name].pop()
            if clip.piece not in used:
                used.add(clip.piece)
                return clip
        raise DatasetError(f"there are too few segments of {name!r} alone for {pairs} pairs: draw fewer")

    rounds = _rounds(sorted(waiting), generator)
    return [(take(content), take(style)) for (content, style), _ in zip(rounds, range(pairs), strict=False)]


def _rounds(names: Sequence[str], generator: np.random.Generator) -> Iterator[tuple[str, str]]:
    """Go on pairing names: in each round they stand in a drawn circle, and each looks equally far ahead."""
    while True:
        order = generator.permutation(len(names))
        ahead = int(generator.integers(1, len(names)))
        for index in range(len(names)):
            yield names[order[index]], names[order[(index + ahead) % len(names)]]


def segments_table(frozen: FrozenPairs) -> str:
    """Return the segments of a suite over AudioSet as a table that an AudioSet dataset can be built of.

    A `DatasetError` is raised if its clips are not AudioSet's.
    """
    if not frozen.identifiers:
        raise DatasetError("the suite is not over AudioSet: its clips are rendered")
    rows = [
        f"{clip.piece},{clip.start_s:.3f},{clip.start_s + frozen.duration_s:.3f},"
        f'"{frozen.identifiers[clip.label]}"'
        for clip in frozen.clips
    ]
    return "\n".join(["YTID,start_seconds,end_seconds,positive_labels", *rows]) + "\n"
