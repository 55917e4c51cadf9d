"""Suites over AudioSet: which segments are paired, and how their list is passed on."""

from __future__ import annotations

import json

import pytest

from timbrebench.core.errors import DatasetError
from timbrebench.core.workers.executors import InlineExecutor
from timbrebench.datasets.audioset.segments import read_segments
from timbrebench.experiments.suites.frozen_suite import freeze_recipe, load_frozen
from timbrebench.experiments.suites.kinds.audioset_kind import segments_table
from timbrebench.experiments.suites.recipes import Recipe

HAPPY, SAD, MOODS, OTHER = "/m/happy", "/m/sad", "/t/dd00030", "/m/other"


@pytest.fixture
def tables(tmp_path):
    """Tables of four videos of each of two moods, and of segments that do not qualify."""
    names = {MOODS: "Music mood", HAPPY: "Happy music", SAD: "Sad music", OTHER: "Dog"}
    nodes = [
        {"id": key, "name": name, "child_ids": [HAPPY, SAD] if key == MOODS else []}
        for key, name in names.items()
    ]
    (tmp_path / "ontology.json").write_text(json.dumps(nodes))
    labels = [f'{index},{key},"{name}"' for index, (key, name) in enumerate(names.items())]
    (tmp_path / "class_labels_indices.csv").write_text("\n".join(["index,mid,display_name", *labels]) + "\n")
    segments = [
        *(f'happy-{number:05d}, {number}.000, {number + 10}.000, "{HAPPY},{OTHER}"' for number in range(4)),
        *(f'sad---{number:05d}, {number}.000, {number + 10}.000, "{SAD}"' for number in range(4)),
        f'both--00000, 0.000, 10.000, "{HAPPY},{SAD}"',
        f'short-00000, 0.000, 9.000, "{HAPPY}"',
        f'other-00000, 0.000, 10.000, "{OTHER}"',
    ]
    (tmp_path / "eval_segments.csv").write_text("\n".join(segments) + "\n")
    return tmp_path


def freeze(tables, pairs):
    made = {"kind": "audioset", "classes": "moods", "pairs": pairs}
    recipe = Recipe.model_validate({"name": "two", "version": 1, "summary": "Two moods.", "made": made})
    return freeze_recipe(recipe, tables / "clips", InlineExecutor(), source=tables, learned=())


def test_segments_of_one_wanted_class_are_paired_once_each(tables):
    frozen = freeze(tables, pairs=4)
    assert {clip.piece[:5] for clip in frozen.clips} == {"happy", "sad--"}
    assert {clip.label for clip in frozen.clips} == {"Happy music", "Sad music"}
    used = [place for pair in frozen.pairs for place in (pair.content, pair.style)]
    assert sorted(used) == list(range(8))
    for pair in frozen.pairs:
        assert frozen.clips[pair.content].label != frozen.clips[pair.style].label
    assert frozen.identifiers == {"Happy music": HAPPY, "Sad music": SAD}
    assert not frozen.is_hashed
    assert freeze(tables, pairs=4) == frozen


def test_too_few_segments_are_refused(tables):
    with pytest.raises(DatasetError, match="too few segments of"):
        freeze(tables, pairs=5)


def test_segments_can_be_read_as_audioset_writes_them(tmp_path):
    suite = load_frozen("moods")
    path = tmp_path / "moods.csv"
    path.write_text(segments_table(suite), encoding="utf-8")
    table = read_segments([path]).table
    assert set(table.ytid) == {clip.piece for clip in suite.clips}
    with pytest.raises(DatasetError, match="rendered"):
        segments_table(load_frozen("instruments-6"))
