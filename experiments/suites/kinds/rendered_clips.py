"""What the kinds of suites share whose clips are rendered from scores.

They are rendered into a small dataset of their own, so that a suite is the same whatever dataset the judge
and the methods of a run learn from.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from timbrebench.core.errors import ConfigurationError, DatasetError
from timbrebench.core.workers.executors import Executor
from timbrebench.datasets.dataset import Dataset
from timbrebench.datasets.rendering.dataset_configuration import DatasetConfiguration
from timbrebench.datasets.rendering.piece_planning import PlannedPiece, plan_named
from timbrebench.datasets.rendering.rendered_dataset import Played, build_pieces
from timbrebench.experiments.suites.frozen_pairs import FrozenPairs, freeze_pairs
from timbrebench.experiments.suites.kinds.suite_kind import ClipWork, SuiteKind
from timbrebench.experiments.suites.suite import OpenedSuite

#: Pieces, and the MIDI pitches that they were folded into.
Planned = tuple[list[PlannedPiece], tuple[int, int]]


class RenderedClips(SuiteKind):
    """A kind of suite whose clips are rendered: it says which pieces, on what, and how clips are paired."""

    @property
    @abstractmethod
    def clips_configuration(self) -> DatasetConfiguration:
        """How the suite's own clips are rendered: its soundfonts, and first programs."""

    @abstractmethod
    def choose_pieces(self, executor: Executor, learned: Collection[str]) -> Planned:
        """Choose the pieces of a suite that is to be frozen, and find their range of pitches."""

    @abstractmethod
    def pair_clips(self, dataset: Dataset, pieces: Sequence[str], learned: Collection[str]) -> OpenedSuite:
        """Pair the clips of the suite's own dataset, of pieces in the order in which they were chosen."""

    def plan_frozen(
        self, frozen: FrozenPairs, pitch_range: tuple[int, int], executor: Executor
    ) -> list[PlannedPiece]:
        """Plan the pieces of a frozen suite again."""
        names = sorted({clip.piece for clip in frozen.clips})
        return plan_named(names, self.clips_configuration, pitch_range, executor)

    def write_extra_clips(self, pieces: Sequence[str], root: Path) -> list[dict[str, Any]]:
        """Write clips that are not rendered, for the pieces of these names; return rows of the manifest."""
        del pieces, root
        return []

    def played_at_freezing(self, pieces: Sequence[str]) -> Played | None:
        """Return what plays each of the pieces that the pairs are drawn from; None for all that can."""
        del pieces
        return None

    def played_in(self, frozen: FrozenPairs) -> Played | None:
        """Return what plays each piece in a frozen suite; None for all that can."""
        del frozen
        return None

    def freeze(self, work: ClipWork, source: Path | None, learned: Collection[str]) -> FrozenPairs:
        """Render the clips of the chosen pieces, pair them and freeze them."""
        if source is not None:
            raise ConfigurationError(f"the clips of {work.title} are rendered: leave out --source")
        pieces, pitch_range = self.choose_pieces(work.executor, learned)
        names = [piece.name for piece in pieces]
        dataset = self._build(work, pieces, pitch_range, self.played_at_freezing(names))
        return freeze_pairs(self.pair_clips(dataset, names, learned))

    def open_clips(self, title: str, root: Path, audio: str) -> Dataset:
        """Open the dataset that the clips were rendered into."""
        self._refuse_audio(title, audio)
        return Dataset.open(root)

    def make_clips(self, work: ClipWork, frozen: FrozenPairs, audio: str) -> Dataset:
        """Render the clips of a frozen suite, or what is missing of them."""
        self._refuse_audio(work.title, audio)
        if len(frozen.pitch_range) != 2:
            raise DatasetError(
                f"the suite {work.title} has no range of pitches: its clips cannot be rendered"
            )
        pitch_range = (frozen.pitch_range[0], frozen.pitch_range[1])
        pieces = self.plan_frozen(frozen, pitch_range, work.executor)
        return self._build(work, pieces, pitch_range, self.played_in(frozen))

    @staticmethod
    def _refuse_audio(title: str, audio: str) -> None:
        if audio:
            raise ConfigurationError(f"the suite {title} renders its clips: leave out audio in [suite]")

    def _build(
        self,
        work: ClipWork,
        pieces: list[PlannedPiece],
        pitch_range: tuple[int, int],
        played: Played | None,
    ) -> Dataset:
        return build_pieces(
            work.about,
            self.clips_configuration,
            pieces,
            work.root,
            pitch_range=pitch_range,
            executor=work.executor,
            more=lambda root: self.write_extra_clips([piece.name for piece in pieces], root),
            played=played,
        )
