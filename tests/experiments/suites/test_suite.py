import time
from collections import Counter
from dataclasses import replace
from itertools import permutations

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from timbrebench.core.errors import ConfigurationError, DatasetError
from timbrebench.datasets.dataset import Dataset
from timbrebench.experiments.suites.kinds.rendered_kind import RenderedKind
from timbrebench.experiments.suites.suite import SuiteConfiguration, make_suite


@pytest.fixture
def dataset(run):
    return Dataset.open(run.root / "dataset")


@pytest.fixture
def suite(dataset):
    return make_suite(dataset, SuiteConfiguration(soundfont="TimGM6mb", pairs_per_direction=2))


def test_pairs_are_what_the_word_means(suite):
    for pair in suite.pairs:
        assert pair.content.label != pair.style.label == pair.reference.label
        assert pair.content.piece != pair.style.piece
        assert (pair.content.piece, pair.content.start_s) == (pair.reference.piece, pair.reference.start_s)
        assert {clip.split for clip in (pair.content, pair.style, pair.reference)} == {"test"}
        assert {clip.soundfont for clip in (pair.content, pair.style, pair.reference)} == {"TimGM6mb"}


def test_every_direction_and_every_piece_has_its_turn(suite):
    directions = Counter((pair.content.label, pair.style.label) for pair in suite.pairs)
    assert set(directions.values()) == {2}
    assert len(directions) == 2
    pieces = Counter(pair.content.piece for pair in suite.pairs)
    assert max(pieces.values()) - min(pieces.values()) <= 1


def test_a_suite_is_frozen(dataset, suite):
    assert make_suite(dataset, suite.configuration) == suite
    other = make_suite(dataset, suite.configuration.model_copy(update={"seed": 1}))
    assert other.version != suite.version


def test_the_version_changes_with_the_audio(dataset, suite):
    manifest = dataset.manifest.copy()
    manifest.loc[manifest.clip_id == suite.pairs[0].style.clip_id, "sha256"] = "0" * 64
    changed = make_suite(replace(dataset, manifest=manifest), suite.configuration)
    assert changed.version != suite.version


def test_pieces_that_a_judge_has_learned_from_are_left_out(dataset):
    pieces = sorted(set(dataset.select(split="test").manifest.piece))
    left = make_suite(dataset, SuiteConfiguration(soundfont="TimGM6mb"), learned=pieces[:1])
    used = {clip.piece for pair in left.pairs for clip in (pair.content, pair.style)}
    assert used == set(pieces[1:])
    with pytest.raises(DatasetError, match="no judge has learned from"):
        make_suite(dataset, SuiteConfiguration(soundfont="TimGM6mb"), learned=pieces)


def test_too_few_pieces_are_refused(dataset):
    one = dataset.select(piece=dataset.select(split="test").manifest.piece.iloc[0])
    with pytest.raises(DatasetError, match="1 pieces"):
        make_suite(one, SuiteConfiguration(soundfont="TimGM6mb"))


def listed_dataset(tmp_path, pieces: int, windows: int) -> Dataset:
    """A dataset of two labels whose audio nobody opens; pieces have 1 to `windows` clips of each label."""
    places = [
        (f"piece-{7919 * n % 100_003:06}", 5.0 * w) for n in range(pieces) for w in range(1 + n % windows)
    ]
    rows = [
        {"clip_id": f"{piece}-{start}-{label}", "path": "", "label": label, "piece": piece, "start_s": start}
        | {"instrument": label, "program": program, "sha256": f"{label} {piece} {start}"}
        for piece, start in places
        for label, program in (("piano", 0), ("violin", 40))
    ]
    shared = {"soundfont": "TimGM6mb", "soundfont_family": "", "split": "test", "duration_s": 5.0}
    manifest = pd.DataFrame(rows).assign(**shared, sample_rate=22_050)
    return Dataset(tmp_path, {"files": {}}, manifest)


def drawn_by_definition(dataset: Dataset, seed: int, count: int) -> list[tuple]:
    """Content's and style's places, straight from the definition, in a time that grows with the square."""
    places = sorted({(clip.piece, clip.start_s) for clip in dataset.clips()})
    generator = np.random.default_rng(seed)
    pieces = sorted({piece for piece, _ in places})
    turns = {
        piece: list(generator.permutation([start for name, start in places if name == piece]))
        for piece in generator.permutation(pieces)
    }
    rounds = range(max(map(len, turns.values())))
    contents = [
        (piece, starts[turn]) for turn in rounds for piece, starts in turns.items() if turn < len(starts)
    ]
    drawn = []
    for number in range(2 * count):
        content = contents[number % len(contents)]
        others = [place for place in places if place[0] != content[0]]
        drawn.append((content, others[generator.integers(len(others))]))
    return drawn


@pytest.mark.parametrize(("pieces", "windows", "count"), [(2, 1, 3), (7, 3, 20), (40, 5, 10)])
def test_pairs_are_drawn_as_defined(tmp_path, pieces, windows, count):
    dataset = listed_dataset(tmp_path, pieces, windows)
    for seed in range(5):
        suite = make_suite(
            dataset, SuiteConfiguration(soundfont="TimGM6mb", pairs_per_direction=count, seed=seed)
        )
        drawn = [
            tuple((clip.piece, clip.start_s) for clip in (pair.content, pair.style)) for pair in suite.pairs
        ]
        assert drawn == drawn_by_definition(dataset, seed, count)
        directions = [(pair.content.label, pair.style.label) for pair in suite.pairs]
        assert directions == [d for d in permutations(("piano", "violin"), 2) for _ in range(count)]


def test_the_time_to_draw_pairs_grows_with_the_clips_and_not_with_their_square(tmp_path):
    def seconds(pieces: int) -> float:
        dataset = listed_dataset(tmp_path, pieces, 1)
        configuration = SuiteConfiguration(soundfont="TimGM6mb", pairs_per_direction=pieces // 4)
        started = time.process_time()
        make_suite(dataset, configuration)
        return time.process_time() - started

    assert min(seconds(4000) for _ in range(2)) < 8 * min(seconds(1000) for _ in range(3))


def test_a_soundfont_that_is_given_by_its_path_plays_the_pairs(dataset):
    named, given = (
        make_suite(dataset, SuiteConfiguration(soundfont=soundfont))
        for soundfont in ("TimGM6mb", "banks/TimGM6mb.sf2")
    )
    assert given.pairs == named.pairs


def test_pairs_of_own_soundfonts_are_of_what_plays_each_instrument(dataset):
    """As where the dataset gives each instrument one: a label is then on one soundfont alone."""
    manifest = dataset.manifest[dataset.manifest.soundfont == "TimGM6mb"]
    labels = sorted(manifest.label.unique())
    manifest = manifest.assign(soundfont=manifest.label.map({labels[0]: "A", labels[1]: "B"}))
    suite = make_suite(replace(dataset, manifest=manifest), SuiteConfiguration(soundfont="own"))
    assert {pair.pair_id for pair in suite.pairs} == {
        f"{number:03d}-{content}-{style}" for number, (content, style) in enumerate(permutations(labels, 2))
    }
    for pair in suite.pairs:
        assert pair.content.soundfont != pair.style.soundfont == pair.target.soundfont
    with pytest.raises(ConfigurationError, match="played by several soundfonts"):
        _ = suite.configuration.playing_soundfont


def test_a_frozen_suite_has_one_soundfont():
    own = {"instruments": ["piano", "organ"], "soundfonts": {"piano": "sonivox", "organ": "TimGM6mb"}}
    for made in ({"dataset": own}, {"draw": {"soundfont": "own"}}):
        with pytest.raises(ValidationError, match="a frozen suite is played by one soundfont"):
            RenderedKind.model_validate(made)


def test_few_pairs_have_every_label_in_both_roles(suite):
    first = suite.pairs[0]
    pairs = tuple(
        replace(first, content=replace(first.content, label=own), style=replace(first.style, label=other))
        for own, other in permutations("abcdef", 2)
    )
    chosen = replace(suite, pairs=pairs).spread_pairs(6)
    assert chosen == sorted(chosen, key=pairs.index)
    for role in ("content", "style"):
        assert sorted(getattr(pair, role).label for pair in chosen) == list("abcdef")


def test_pairs_of_the_same_labels_are_of_other_pieces(suite):
    first, others = suite.pairs[0], "xxyz"
    pairs = tuple(replace(first, content=replace(first.content, piece=piece)) for piece in others)
    chosen = replace(suite, pairs=pairs).spread_pairs(3)
    assert "".join(pair.content.piece for pair in chosen) == "xyz"
    assert suite.spread_pairs(10**6) == list(suite.pairs)
