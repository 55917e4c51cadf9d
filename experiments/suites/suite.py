"""Pairs of content and style for which the true target is known."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
import pandas as pd
from pydantic import Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from timbrebench.core.errors import ConfigurationError, DatasetError, UnknownNameError
from timbrebench.core.files import fingerprint
from timbrebench.core.frozen_model import FrozenModel
from timbrebench.core.tables import write_csv
from timbrebench.datasets.dataset import Clip, Dataset
from timbrebench.datasets.instruments import programs_of
from timbrebench.datasets.soundfonts.soundfont_finding import recorded_name

#: What suites name in place of a soundfont where each instrument is played by its own
#: (:attr:`timbrebench.datasets.DatasetConfiguration.has_own_soundfonts`).
OWN_SOUNDFONTS = "own"

#: What frozen suites name in place of a soundfont where several play, and each clip says which.
SEVERAL_SOUNDFONTS = "several"

#: What methods that learn may learn from beside a suite's pieces, which nothing may learn from.
TimbreSetting = Literal["known-timbre", "new-timbre", "one-shot"]


class SuiteConfiguration(FrozenModel):
    """Which frozen suite a run is on, or how pairs are drawn from the test pieces of its dataset.

    Attributes
    ----------
    name : str
        A frozen suite: ``instruments-6`` for the newest version of it, ``instruments-6-1`` for one of them,
        or the path of a file. Its pairs are in it, so that nothing below but `setting` may be given beside
        it. Empty where pairs are drawn.
    audio : str
        For a frozen suite whose audio is with its users: the folder of a dataset that holds the clips.
    soundfont : str
        The soundfont that plays contents, styles and references, by its name or as the dataset's
        configuration calls it; ``"own"`` in a dataset that gives each instrument a soundfont of its own.
    setting : {"known-timbre", "new-timbre", "one-shot"}
        Whether methods may learn from the suite's soundfonts, on the training pieces. In "new-timbre" they
        learn neither from them nor from a relative of them, in "one-shot" nor from a program that plays a
        style, on whatever soundfont.
    pairs : int or None
        For a frozen suite whose order is stratified: how many of its first pairs; None for all. A sample is
        a suite of its own, and its figures stand beside those of the same sample only.
    directions : tuple of (str, str)
        Labels of content and style that are paired; by default each label with each other.
    pairs_per_direction : int
        Pairs for each ordered pair of labels.
    seed : int
        Seed of the draws.
    """

    name: str = ""
    audio: str = ""
    soundfont: str = "FluidR3_GM"
    setting: TimbreSetting = "known-timbre"
    pairs: int | None = Field(default=None, ge=1)
    directions: tuple[tuple[str, str], ...] = Field(default=(), max_length=10_000)
    pairs_per_direction: int = Field(default=1, ge=1, le=10_000)
    seed: int = Field(default=0, ge=0)

    @model_validator(mode="after")
    def _check_name(self) -> Self:
        if self.audio and not self.name:
            raise ValueError("audio is for a frozen suite: give its name too")
        if self.pairs is not None and not self.name:
            raise ValueError("pairs is for a frozen suite: give its name too, or pairs_per_direction")
        drawn = {"directions": (), "pairs_per_direction": 1, "seed": 0}
        given = [key for key, default in drawn.items() if getattr(self, key) != default]
        if self.name and given:
            raise ValueError(f"the frozen suite {self.name!r} has its pairs: leave out {', '.join(given)}")
        if self.soundfont == OWN_SOUNDFONTS and self.setting != "known-timbre":
            raise ValueError(
                f"in the setting {self.setting!r} methods learn from other soundfonts than the suite's, and "
                "where each instrument has its own there are no others"
            )
        return self

    @model_serializer(mode="wrap")
    def _without_later_fields(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out what suites of before did not have, so that recipes and runs keep their bytes."""
        content: dict[str, Any] = handler(self)
        return {key: value for key, value in content.items() if key != "pairs" or value is not None}

    @property
    def playing_soundfont(self) -> str:
        """The soundfont, where it has to play any instrument.

        A `ConfigurationError` is raised if there are several.
        """
        if self.soundfont in {OWN_SOUNDFONTS, SEVERAL_SOUNDFONTS}:
            raise ConfigurationError(
                "this suite is played by several soundfonts, and what is asked for needs one that plays all "
                "instruments: take a run whose suite names a soundfont"
            )
        return self.soundfont

    def played_clips(self, dataset: Dataset) -> Dataset:
        """Select the clips of a dataset that the soundfont plays; all of them where there are several."""
        if self.soundfont in {OWN_SOUNDFONTS, SEVERAL_SOUNDFONTS}:
            return dataset
        return dataset.select(soundfont=recorded_name(self.soundfont))


@dataclass(frozen=True)
class Pair:
    """A content, a style of another label and piece, and the content as the style's instrument plays it.

    Its name is unique in the suite: number, content's label, style's label. The reference is None where the
    right answer is unknown, as with recordings. Scores hold for its fingerprint alone, which is that of the
    three files and the content's notes.
    """

    pair_id: str
    content: Clip
    style: Clip
    reference: Clip | None
    fingerprint: str

    @property
    def target(self) -> Clip:
        """The reference, where it is needed; a `DatasetError` is raised if the pair has none."""
        if self.reference is None:
            raise DatasetError(f"pair {self.pair_id} has no reference, which is needed here")
        return self.reference

    @property
    def piece(self) -> str:
        """The piece that figures are resampled by: the right answer's, else the content's."""
        return (self.reference or self.content).piece


@dataclass(frozen=True)
class Suite:
    """A list of pairs in the order of their numbers, and how it was drawn.

    `clips` are all real clips that the pairs were drawn from. The name is that of a frozen suite, with its
    version, such as ``instruments-6-1``; empty for a drawn one. `has_notes` says whether the notes of every
    content are known, `sample_of` how many pairs the frozen suite has that these are a sample of, 0 for all.
    """

    configuration: SuiteConfiguration
    pairs: tuple[Pair, ...]
    clips: tuple[Clip, ...] = ()
    name: str = ""
    has_notes: bool = True
    sample_of: int = 0

    @property
    def has_truth(self) -> bool:
        """Whether the right answer to each pair is known."""
        return all(pair.reference is not None for pair in self.pairs)

    @property
    def is_ranking(self) -> bool:
        """Whether methods can be ranked: the contents' notes are known, and no style is right itself.

        Without references, what is kept of the notes is measured against the untouched content.
        """
        return self.has_notes and not self.has_right_styles

    @property
    def has_right_styles(self) -> bool:
        """Whether the styles are the right answers themselves."""
        return bool(self.pairs) and all(pair.reference == pair.style for pair in self.pairs)

    @property
    def every_clip(self) -> list[Clip]:
        """All clips that figures follow from, each once: the real ones, then those of pairs."""
        of_pairs = [clip for pair in self.pairs for _, clip in _roles(pair)]
        return list(dict.fromkeys([*self.clips, *of_pairs]))

    @property
    def title(self) -> str:
        """What to call it: the name of a frozen one, of a sample its size, and the version of any."""
        sample = f", {self.size}" if self.sample_of else ""
        return f"{self.name or 'drawn'}{sample} ({self.version})"

    @property
    def size(self) -> str:
        """How many pairs it has, and of how many: ``"30 pairs"``, ``"30 of 360 pairs"``."""
        return size_of(len(self.pairs), self.sample_of)

    @property
    def version(self) -> str:
        """Twelve hexadecimal digits that change with any pair or any of its files."""
        return fingerprint([[pair.pair_id, pair.fingerprint] for pair in self.pairs])[:12]

    def spread_pairs(self, count: int) -> list[Pair]:
        """Return some pairs, or all there are, in the suite's order, spread evenly over labels and pieces.

        They are chosen one by one: always the pair whose two labels, as content's and style's, have been
        taken least often; among such pairs the first of those whose pieces have.
        """
        if count >= len(self.pairs):
            return list(self.pairs)
        uses: Counter[tuple[str, str]] = Counter()
        left = dict(enumerate(self.pairs))
        chosen: dict[int, Pair] = {}

        def taken(number: int) -> tuple[int, int]:
            labels, pieces = _labels_and_pieces(left[number])
            return sum(uses[label] for label in labels), sum(uses[piece] for piece in pieces)

        for _ in range(count):
            number = min(left, key=taken)
            chosen[number] = left.pop(number)
            uses.update(itertools.chain(*_labels_and_pieces(chosen[number])))
        return [chosen[number] for number in sorted(chosen)]

    def write(self, path: Path) -> None:
        """Write the list as CSV: one row for each pair, with the clips and their SHA-256."""
        rows = [
            {
                "pair_id": pair.pair_id,
                **{
                    f"{role}_{name}": asdict(clip)[name]
                    for role, clip in _roles(pair)
                    for name in ("clip_id", "label", "piece", "sha256")
                },
            }
            for pair in self.pairs
        ]
        write_csv(path, pd.DataFrame(rows))


def size_of(pairs: int, sample_of: int) -> str:
    """Write how many pairs there are, and of how many; `sample_of` is 0 for a whole suite."""
    return f"{pairs} of {sample_of} pairs" if sample_of else f"{pairs} pairs"


def _labels_and_pieces(pair: Pair) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """Return the pair's labels, each in its role, and its pieces, for counting."""
    return (
        [("content", pair.content.label), ("style", pair.style.label)],
        [("piece", pair.content.piece), ("piece", pair.style.piece)],
    )


def _roles(pair: Pair) -> list[tuple[str, Clip]]:
    known = [("content", pair.content), ("style", pair.style)]
    return known if pair.reference is None else [*known, ("reference", pair.reference)]


@dataclass(frozen=True)
class OpenedSuite(Suite):
    """A list of pairs with the dataset that holds their clips.

    Suites are compared by their pairs, wherever the clips lie.
    """

    dataset: Dataset = field(kw_only=True, compare=False)


def make_suite(
    dataset: Dataset, configuration: SuiteConfiguration, *, learned: Collection[str] = ()
) -> OpenedSuite:
    """Draw the pairs of a suite from a dataset in which every piece is played by every instrument.

    Contents take turns among the test pieces, so that their numbers of pairs differ by one at most; the style
    is drawn among the clips of the other test pieces. Pieces that a judge has `learned` from are left out.
    With the default shares of a dataset's splits, the content judge that comes with the package has not
    learned from any of the test pieces. The same dataset and configuration give the same suite.

    Raises
    ------
    DatasetError
        If, on that soundfont, there are fewer than two labels or two test pieces that no judge has learned
        from.
    UnknownNameError
        If a direction names a label that the dataset does not have.
    """
    unusable = frozenset(learned)
    on_soundfont = configuration.played_clips(dataset.select(split="test"))
    clips = [clip for clip in on_soundfont.clips() if clip.program == programs_of(clip.instrument)[0]]
    clips = [clip for clip in clips if clip.piece not in unusable]
    by_place = {(clip.label, clip.piece, clip.start_s): clip for clip in clips}
    labels = sorted({clip.label for clip in clips})
    places = sorted({(clip.piece, clip.start_s) for clip in clips})
    blocks = _blocks(places)
    if len(labels) < 2 or len(blocks) < 2:
        raise DatasetError(
            f"{dataset.root}: the test split has {len(labels)} labels and {len(blocks)} pieces that no judge "
            f"has learned from on {configuration.soundfont}; pairs need two of each: use more pieces"
        )
    generator = np.random.default_rng(configuration.seed)
    contents = _round_robin(places, blocks, generator)
    for name in (name for direction in configuration.directions for name in direction):
        if name not in labels:
            raise UnknownNameError("label of the dataset", name, labels)
    wanted = configuration.directions or tuple(itertools.permutations(labels, 2))
    directions = [pair for pair in wanted for _ in range(configuration.pairs_per_direction)]
    pairs = []
    for number, (content_label, style_label) in enumerate(directions):
        piece, start = contents[number % len(contents)]
        style_piece, style_start = _draw_other(places, blocks[piece], generator)
        content = by_place[content_label, piece, start]
        style = by_place[style_label, style_piece, style_start]
        reference = by_place[style_label, piece, start]
        pair_id = f"{number:03d}-{content_label}-{style_label}"
        notes = notes_sha256(dataset, content)
        pairs.append(
            Pair(pair_id, content, style, reference, pair_fingerprint(content, style, reference, notes))
        )
    return OpenedSuite(configuration, tuple(pairs), tuple(clips), dataset=dataset)


#: A clip's piece, and where in it the clip starts, in seconds.
_Place = tuple[str, float]


def _blocks(places: Sequence[_Place]) -> dict[str, range]:
    """Return where each piece's places lie in the sorted list, in which they are neighbours."""
    ends = {piece: end for end, (piece, _) in enumerate(places, start=1)}
    starts = [0, *ends.values()][:-1]
    return {piece: range(start, end) for (piece, end), start in zip(ends.items(), starts, strict=True)}


def _draw_other(places: Sequence[_Place], block: range, generator: np.random.Generator) -> _Place:
    """Draw a place of any other piece than the one that lies in `block`, which is left out of the count."""
    index = int(generator.integers(len(places) - len(block)))
    return places[index if index < block.start else index + len(block)]


def _round_robin(
    places: Sequence[_Place], blocks: Mapping[str, range], generator: np.random.Generator
) -> list[_Place]:
    """Order places so that pieces take turns, each with its windows in a drawn order."""
    windows = {
        str(piece): generator.permutation([places[index][1] for index in blocks[piece]])
        for piece in generator.permutation(list(blocks))
    }
    rounds = max(len(starts) for starts in windows.values())
    return [
        (piece, float(starts[turn]))
        for turn in range(rounds)
        for piece, starts in windows.items()
        if turn < len(starts)
    ]


def notes_sha256(dataset: Dataset, clip: Clip) -> str:
    """Return the SHA-256 of a clip's notes, or an empty text where they are not known."""
    return str(dataset.description.get("files", {}).get(f"notes/{clip.piece}.csv", ""))


def pair_fingerprint(content: Clip, style: Clip, reference: Clip | None, notes: str) -> str:
    """Return the fingerprint of a pair's files: three clips and, by its SHA-256, the table of notes."""
    target = None if reference is None else reference.sha256
    return fingerprint([content.sha256, style.sha256, target, notes, content.start_s])
