"""The kind ``stratified``: many pairs in an order of which every beginning is a fair sample.

Pairs come in groups as large as there are labels, in which each label is content once and style once. In the
groups that follow one another each label gets all others for a style in turn, and content and style go
through the combinations of soundfonts, every other of which is of two different ones. Contents are of one
piece after the other, the style of another piece of the same group, so that a short sample needs few pieces.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from typing import Literal, NamedTuple, Self

from pydantic import Field, model_validator

from timbrebench.core.errors import DatasetError
from timbrebench.core.workers.executors import Executor
from timbrebench.datasets.dataset import Dataset
from timbrebench.datasets.instruments import instrument_name, programs_of
from timbrebench.datasets.rendering.dataset_configuration import DatasetConfiguration
from timbrebench.datasets.rendering.piece_planning import split_quotas
from timbrebench.datasets.rendering.rendered_dataset import Played, find_pieces
from timbrebench.experiments.suites.frozen_pairs import FrozenPairs
from timbrebench.experiments.suites.kinds.rendered_clips import Planned, RenderedClips
from timbrebench.experiments.suites.suite import (
    OpenedSuite,
    Pair,
    SuiteConfiguration,
    notes_sha256,
    pair_fingerprint,
)


class Rendering(NamedTuple):
    """A piece as a program of a label plays it on a soundfont."""

    piece: str
    label: str
    program: int
    soundfont: str


class StratifiedKind(RenderedClips):
    """Pairs between all labels of a dataset, spread evenly over labels, soundfonts, programs and pieces.

    Attributes
    ----------
    kind : "stratified"
        Which kind this is.
    soundfonts : tuple of str
        What plays contents, styles and references; a reference is played by the style's.
    pieces : int
        Test pieces that contents and styles are of.
    pairs : int
        How many pairs.
    programs : tuple of str
        Names of single programs that play the styles, those of a label in turn; by default the first program
        of each label does. Contents are played by first programs.
    dataset : DatasetConfiguration
        What methods of a run learn from, and its labels. Its corpus, selection, clips, splits and seed are
        those of the suite as well.
    """

    kind: Literal["stratified"]
    soundfonts: tuple[str, ...] = Field(min_length=1, max_length=100)
    pieces: int = Field(ge=2, le=10_000)
    pairs: int = Field(ge=1, le=100_000)
    programs: tuple[str, ...] = Field(default=(), max_length=128)
    dataset: DatasetConfiguration = DatasetConfiguration()

    @model_validator(mode="after")
    def _check_programs(self) -> Self:
        if len(self.style_programs) < 2:
            raise ValueError("styles need programs of two labels of the dataset or more")
        if self.pieces < len(self.style_programs):
            raise ValueError("there are fewer pieces than labels: styles could be of the contents' pieces")
        return self

    @property
    def is_nested(self) -> bool:
        """True: the order of the pairs is made for it."""
        return True

    @property
    def plans_training_alone(self) -> bool:
        """True: the suite's pieces were chosen beside them."""
        return True

    @property
    def style_programs(self) -> dict[str, tuple[int, ...]]:
        """The programs that play styles, by label."""
        if not self.programs:
            return {label: programs_of(label)[:1] for label in self.dataset.instruments}
        named = {programs_of(name)[0] for name in self.programs}
        by_label = {
            label: tuple(program for program in programs_of(label) if program in named)
            for label in self.dataset.instruments
        }
        return {label: programs for label, programs in by_label.items() if programs}

    @property
    def clips_configuration(self) -> DatasetConfiguration:
        """The dataset with every program that plays, on the suite's soundfonts."""
        played = {programs_of(label)[0] for label in self.style_programs}.union(*self.style_programs.values())
        names = tuple(instrument_name(program) for program in sorted(played))
        instruments = names if self.programs else self.dataset.instruments
        update = {"instruments": instruments, "soundfonts": self.soundfonts, "renderings": 1}
        return self.dataset.model_copy(update=update)

    def choose_pieces(self, executor: Executor, learned: Collection[str]) -> Planned:
        """Choose test pieces that are no other editions of those that methods learn from."""
        quotas = {"train": split_quotas(self.dataset)["train"], "test": self.pieces}
        chosen, pitch_range = find_pieces(self.clips_configuration, executor, quotas)
        pieces = [piece for piece in chosen if piece.split == "test"]
        if known := sorted({piece.name for piece in pieces} & set(learned)):
            raise DatasetError(f"a judge has learned from {known[0]}: leave the shares of splits by default")
        return pieces, pitch_range

    def plan_pairs(self, pieces: Sequence[str]) -> list[tuple[Rendering, Rendering, Rendering]]:
        """Return content, style and reference of each pair."""
        labels, combinations = list(self.style_programs), _combinations(self.soundfonts)
        size, planned = len(labels), []
        for number in range(self.pairs):
            group, place = divmod(number, size)
            block, offset = divmod(group, size - 1)
            label = labels[(place + 1 + offset) % size]
            programs = self.style_programs[label]
            program = programs[group % len(programs)]
            fonts = combinations[(number + group) % len(combinations)]
            # Pieces change places with labels from group to group, and once all have been contents.
            turned, shift = place + group, 1 + (group + block) % (size - 1)
            content, style = (
                pieces[(group * size + index % size + number // len(pieces)) % len(pieces)]
                for index in (turned, turned + shift)
            )
            own = labels[place]
            planned.append(
                (
                    Rendering(content, own, programs_of(own)[0], fonts[0]),
                    Rendering(style, label, program, fonts[1]),
                    Rendering(content, label, program, fonts[1]),
                )
            )
        return planned

    def played_at_freezing(self, pieces: Sequence[str]) -> Played:
        """Return what the pairs need and no more."""
        return _played(itertools.chain(*self.plan_pairs(pieces)))

    def played_in(self, frozen: FrozenPairs) -> Played:
        """Return what the clips of a frozen suite, or a sample of it, need and no more."""
        return _played(
            Rendering(
                clip.piece,
                clip.label,
                clip.program if clip.program >= 0 else programs_of(clip.label)[0],
                clip.soundfont or frozen.soundfont,
            )
            for clip in frozen.clips
        )

    def pair_clips(self, dataset: Dataset, pieces: Sequence[str], learned: Collection[str]) -> OpenedSuite:
        """Pair the clips as planned."""
        del learned
        clips = {
            Rendering(clip.piece, clip.label, clip.program, clip.soundfont): clip for clip in dataset.clips()
        }
        pairs = []
        for number, planned in enumerate(self.plan_pairs(pieces)):
            content, style, reference = (clips[rendering] for rendering in planned)
            notes = notes_sha256(dataset, content)
            pair_id = f"{number:03d}-{content.label}-{style.label}"
            fingerprint = pair_fingerprint(content, style, reference, notes)
            pairs.append(Pair(pair_id, content, style, reference, fingerprint))
        return OpenedSuite(SuiteConfiguration(), tuple(pairs), dataset=dataset)


def _combinations(soundfonts: Sequence[str]) -> list[tuple[str, str]]:
    """Return soundfonts of content and style: each two in either order, each after one that plays both."""
    count = len(soundfonts)
    if count == 1:
        return [(soundfonts[0], soundfonts[0])]
    different = [
        (soundfonts[first], soundfonts[(first + apart) % count])
        for apart in range(1, count)
        for first in range(count)
    ]
    same = itertools.cycle((name, name) for name in soundfonts)
    return [pair for other in different for pair in (next(same), other)]


def _played(renderings: Iterable[Rendering]) -> Played:
    """Collect the programs by label of each piece on each soundfont."""
    wanted: dict[tuple[str, str], dict[str, set[int]]] = defaultdict(lambda: defaultdict(set))
    for piece, label, program, soundfont in renderings:
        wanted[piece, soundfont][label].add(program)
    return {
        key: {label: tuple(sorted(programs)) for label, programs in sorted(by_label.items())}
        for key, by_label in wanted.items()
    }
