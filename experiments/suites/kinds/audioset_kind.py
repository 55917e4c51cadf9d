"""Frozen suites over AudioSet: which segments are paired. The audio is with those who hold it.

AudioSet's tables of segments are by Google, under CC BY 4.0, so lists of their rows may be passed on with
that said.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from timbrebench.core.errors import DatasetError
from timbrebench.core.files import file_sha256
from timbrebench.datasets.audioset import Ontology, read_segments
from timbrebench.datasets.excerpts import RECORDED
from timbrebench.experiments.suites.frozen_suite import FrozenClip, FrozenPair, FrozenSuite
from timbrebench.experiments.suites.recipes import AudioSetRecipe, Recipe

#: Length of AudioSet's segments in seconds.
_DURATION_S = 10.0

#: Rate in hertz at which AudioSet's audio is usually kept; that of a user's clips may be another.
_SAMPLE_RATE = 44_100

_ONTOLOGY, _LABELS = "ontology.json", "class_labels_indices.csv"


def freeze_segments(recipe: Recipe, tables: Path) -> FrozenSuite:
    """Draw the pairs of a suite over AudioSet and freeze them.

    Parameters
    ----------
    recipe : Recipe
        How.
    tables : pathlib.Path
        A folder with the recipe's table of segments, ``ontology.json`` and ``class_labels_indices.csv``.

    Returns
    -------
    FrozenSuite
        Without hashes of clips.

    Raises
    ------
    DatasetError
        If a table cannot be read, or holds too few segments.
    """
    made = recipe.made
    if not isinstance(made, AudioSetRecipe):
        raise DatasetError(f"{recipe.name}: its clips are rendered, no tables are needed")
    ontology = Ontology.read(tables / _ONTOLOGY, tables / _LABELS)
    segments = read_segments([tables / made.segments])
    wanted = set(ontology.select([made.classes], descendants=True))
    carried = [[label for label in labels if label in wanted] for labels in segments.label_sets]
    candidates: dict[str, list[FrozenClip]] = {}
    columns = (segments.table[name].tolist() for name in ("ytid", "start_ms", "end_ms", "labels"))
    for ytid, start_ms, end_ms, labels in zip(*columns, strict=True):
        only = carried[labels]
        if len(only) == 1 and end_ms - start_ms == round(1000 * _DURATION_S):
            clip = FrozenClip(ytid, ontology.names[only[0]], start_ms / 1000, "")
            candidates.setdefault(only[0], []).append(clip)
    drawn = _draw(candidates, made.pairs, made.seed)
    clips = sorted({clip for pair in drawn for clip in pair})
    place = {clip: number for number, clip in enumerate(clips)}
    pairs = tuple(
        FrozenPair(f"{number:03d}-{content.piece}-{style.piece}", place[content], place[style], None)
        for number, (content, style) in enumerate(drawn)
    )
    frozen = FrozenSuite(
        recipe=recipe,
        soundfont=RECORDED,
        sample_rate=_SAMPLE_RATE,
        duration_s=_DURATION_S,
        sources=tuple(
            {"name": name, "sha256": file_sha256(tables / name)}
            for name in (made.segments, _ONTOLOGY, _LABELS)
        ),
        identifiers={ontology.names[identifier]: identifier for identifier in sorted(candidates)},
        notes=(),
        clips=tuple(clips),
        pairs=pairs,
    )
    return frozen.model_copy(update={"fingerprint": frozen.content_fingerprint()})


def _draw(
    candidates: dict[str, list[FrozenClip]], pairs: int, seed: int
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


def segments_table(frozen: FrozenSuite) -> str:
    """Return the segments of a suite over AudioSet as a table that an AudioSet dataset can be built of.

    Raises
    ------
    DatasetError
        If the suite is over something else.
    """
    if not frozen.identifiers:
        raise DatasetError(f"{frozen.title}: is no suite over AudioSet, its clips are rendered")
    rows = [
        f"{clip.piece},{clip.start_s:.3f},{clip.start_s + frozen.duration_s:.3f},"
        f'"{frozen.identifiers[clip.label]}"'
        for clip in frozen.clips
    ]
    return "\n".join(["YTID,start_seconds,end_seconds,positive_labels", *rows]) + "\n"
