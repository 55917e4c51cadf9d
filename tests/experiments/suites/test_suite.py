from collections import Counter
from dataclasses import replace

import pytest

from timbrebench.core.errors import DatasetError
from timbrebench.experiments.suites.suite import SuiteConfiguration, make_suite


@pytest.fixture
def dataset(run):
    from timbrebench.datasets import Dataset

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
