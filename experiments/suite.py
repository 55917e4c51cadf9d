"""Pairs of content and style for which the true target is known."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from itertools import permutations
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

from timbrebench.audio.errors import DatasetError
from timbrebench.audio.storage import fingerprint, write_text
from timbrebench.datasets.dataset import Clip, Dataset
from timbrebench.datasets.instruments import programs_of


class SuiteConfiguration(BaseModel):
    """How pairs are drawn from the test pieces of a dataset.

    Attributes
    ----------
    soundfont : str
        The soundfont that plays contents, styles and references.
    setting : {"known-timbre", "new-timbre"}
        Whether methods that learn may hear the suite's soundfont, on the training pieces. In "new-timbre"
        neither it nor a relative of it is among what they learn from.
    pairs_per_direction : int
        Pairs for each ordered pair of labels.
    seed : int
        Seed of the draws.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    soundfont: str = "FluidR3_GM"
    setting: Literal["known-timbre", "new-timbre"] = "known-timbre"
    pairs_per_direction: int = Field(default=1, ge=1)
    seed: int = Field(default=0, ge=0)


@dataclass(frozen=True)
class Pair:
    """A content, a style of another label and piece, and the content as the style's instrument plays it.

    Attributes
    ----------
    pair_id : str
        Unique in the suite: number, content's label, style's label.
    content, style, reference : Clip
        Clips of the dataset.
    fingerprint : str
        Of the three files and the content's notes: scores hold for these alone.
    """

    pair_id: str
    content: Clip
    style: Clip
    reference: Clip
    fingerprint: str


@dataclass(frozen=True)
class Suite:
    """A list of pairs.

    Attributes
    ----------
    configuration : SuiteConfiguration
        How it was drawn.
    pairs : tuple of Pair
        In the order of their numbers.
    clips : tuple of Clip
        All real clips that the pairs were drawn from.
    """

    configuration: SuiteConfiguration
    pairs: tuple[Pair, ...]
    clips: tuple[Clip, ...] = ()

    @property
    def version(self) -> str:
        """Twelve hexadecimal digits that change with any pair or any of its files."""
        return fingerprint([[pair.pair_id, pair.fingerprint] for pair in self.pairs])[:12]

    def write(self, path: Path) -> None:
        """Write the list as CSV: one row for each pair, with the clips and their SHA-256."""
        rows = [
            {
                "pair_id": pair.pair_id,
                **{
                    f"{role}_{field}": asdict(clip)[field]
                    for role, clip in _roles(pair)
                    for field in ("clip_id", "label", "piece", "sha256")
                },
            }
            for pair in self.pairs
        ]
        write_text(path, pd.DataFrame(rows).to_csv(index=False, lineterminator="\n"))


def _roles(pair: Pair) -> list[tuple[str, Clip]]:
    return [("content", pair.content), ("style", pair.style), ("reference", pair.reference)]


def make_suite(dataset: Dataset, configuration: SuiteConfiguration, *, heard: Collection[str] = ()) -> Suite:
    """Draw the pairs of a suite.

    Contents take turns among the test pieces, so that none weighs more than another by more than one pair;
    the style is drawn among the clips of the other test pieces.

    Parameters
    ----------
    dataset : Dataset
        A dataset in which every piece is played by every instrument.
    configuration : SuiteConfiguration
        How many, on which soundfont, and the seed.
    heard : collection of str
        Pieces that a judge has learned from, which are left out. With the default shares of a dataset's
        splits none of the test pieces is among those of the content judge that comes with the package.

    Returns
    -------
    Suite
        The same for the same dataset and configuration.

    Raises
    ------
    DatasetError
        If there are fewer than two test pieces, not heard by a judge, or labels on that soundfont.
    """
    on_soundfont = dataset.select(split="test", soundfont=configuration.soundfont)
    clips = [clip for clip in on_soundfont.clips() if clip.program == programs_of(clip.instrument)[0]]
    clips = [clip for clip in clips if clip.piece not in heard]
    by_place = {(clip.label, clip.piece, clip.start_s): clip for clip in clips}
    labels = sorted({clip.label for clip in clips})
    places = sorted({(clip.piece, clip.start_s) for clip in clips})
    pieces = sorted({piece for piece, _ in places})
    if len(labels) < 2 or len(pieces) < 2:
        raise DatasetError(
            f"{dataset.root} has {len(labels)} labels and {len(pieces)} pieces in its test split on "
            f"{configuration.soundfont} that no judge has heard; pairs need two of each: use more pieces"
        )
    generator = np.random.default_rng(configuration.seed)
    contents = _turns(places, generator)
    directions = [pair for pair in permutations(labels, 2) for _ in range(configuration.pairs_per_direction)]
    pairs = []
    for number, (content_label, style_label) in enumerate(directions):
        piece, start = contents[number % len(contents)]
        others = [place for place in places if place[0] != piece]
        style_piece, style_start = others[generator.integers(len(others))]
        content = by_place[content_label, piece, start]
        style = by_place[style_label, style_piece, style_start]
        reference = by_place[style_label, piece, start]
        pair_id = f"{number:03d}-{content_label}-{style_label}"
        pairs.append(
            Pair(pair_id, content, style, reference, _pair_fingerprint(dataset, content, style, reference))
        )
    return Suite(configuration, tuple(pairs), tuple(clips))


def _turns(places: Sequence[tuple[str, float]], generator: np.random.Generator) -> list[tuple[str, float]]:
    """Order places so that pieces take turns, each with its windows in a drawn order."""
    pieces = sorted({piece for piece, _ in places})
    windows = {
        piece: list(generator.permutation([start for name, start in places if name == piece]))
        for piece in generator.permutation(pieces)
    }
    longest = max(len(starts) for starts in windows.values())
    return [
        (str(piece), float(starts[turn]))
        for turn in range(longest)
        for piece, starts in windows.items()
        if turn < len(starts)
    ]


def _pair_fingerprint(dataset: Dataset, content: Clip, style: Clip, reference: Clip) -> str:
    notes = dataset.description["files"][f"notes/{content.piece}.csv"]
    return fingerprint([content.sha256, style.sha256, reference.sha256, notes, content.start_s])
