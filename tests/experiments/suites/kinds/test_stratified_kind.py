"""Stratified suites: that every beginning is a fair sample, and that a sample is told from the whole."""

from __future__ import annotations

from collections import Counter
from itertools import permutations

import pytest

from timbrebench.core.errors import ConfigurationError
from timbrebench.core.workers.executors import InlineExecutor
from timbrebench.datasets.instruments import SIX_INSTRUMENTS, programs_of
from timbrebench.datasets.rendering.dataset_configuration import Shares
from timbrebench.datasets.soundfonts.soundfont_finding import family_of
from timbrebench.experiments.suites.frozen_suite import (
    freeze_recipe,
    load_configured,
    load_frozen,
    parse_frozen,
)
from timbrebench.experiments.suites.kinds.stratified_kind import StratifiedKind
from timbrebench.experiments.suites.recipes import Recipe, load_recipe
from timbrebench.experiments.suites.suite import SuiteConfiguration
from timbrebench.experiments.suites.suite_opening import render_frozen
from timbrebench.transfer.methods.reinstrument.trained_notes import PACKAGED_PROGRAMS

SIX = ("known-timbre", "new-timbre")
STRATIFIED = (*SIX, "one-shot")


def planned(name):
    made = load_recipe(name).made
    return made, made.plan_pairs([f"piece-{number:03d}" for number in range(made.pieces)])


@pytest.mark.parametrize("name", STRATIFIED)
def test_any_first_pairs_have_all_labels_and_soundfonts_as_often(name):
    made, pairs = planned(name)
    for count in (24, 30, 50, 96, len(pairs)):
        for role in (0, 1):
            labels = Counter(pair[role].label for pair in pairs[:count])
            assert max(labels.values()) - min(labels.values()) <= 1
            soundfonts = Counter(pair[role].soundfont for pair in pairs[:count])
            assert set(soundfonts) == set(made.soundfonts)
            assert max(soundfonts.values()) - min(soundfonts.values()) <= 4
        pieces = {rendering.piece for pair in pairs[:count] for rendering in pair}
        assert len(pieces) <= count + len(made.style_programs)


@pytest.mark.parametrize("name", STRATIFIED)
def test_a_style_is_of_another_piece_and_label_and_its_player_plays_the_reference(name):
    _, pairs = planned(name)
    for content, style, reference in pairs:
        assert style.piece != content.piece == reference.piece
        assert style.label != content.label
        assert reference[1:] == style[1:]
    assert len(set(pairs)) == len(pairs)


@pytest.mark.parametrize("name", SIX)
def test_six_instruments_go_each_to_each_half_of_them_across_soundfonts(name):
    _, pairs = planned(name)
    apart = Counter(
        (content.label, style.label, content.soundfont == style.soundfont) for content, style, _ in pairs
    )
    assert apart == {
        (*direction, alike): 6 for direction in permutations(SIX_INSTRUMENTS, 2) for alike in (True, False)
    }
    assert len({content.piece for content, _, _ in pairs}) == 240


def test_both_tracks_of_six_instruments_ask_for_the_same_notes_by_the_same_instruments():
    known, new = (load_frozen(f"{name}-1") for name in SIX)
    for one, other in zip(known.pairs, new.pairs, strict=True):
        assert one.pair_id == other.pair_id
        for place in (1, 2, 3):
            clips = known.clips[one[place]], new.clips[other[place]]
            assert clips[0][:2] == clips[1][:2]


@pytest.mark.parametrize("name", STRATIFIED)
def test_frozen_pairs_are_as_planned_on_test_pieces(name):
    frozen = load_frozen(name)
    made = frozen.recipe.made
    assert {Shares().split_of(clip.piece) for clip in frozen.clips} == {"test"}
    pieces = [frozen.clips[pair.content].piece for pair in frozen.pairs[: made.pieces]]
    for pair, planned_pair in zip(frozen.pairs, made.plan_pairs(_in_order(pieces, made)), strict=True):
        for place, rendering in zip(pair[1:], planned_pair, strict=True):
            clip = frozen.clips[place]
            assert (clip.piece, clip.label) == rendering[:2]
            assert clip.soundfont in {"", rendering.soundfont}
            assert clip.program in {-1, rendering.program}


def _in_order(contents, made):
    """Undo the turning of pieces within groups."""
    size = len(made.style_programs)
    ordered = [""] * len(contents)
    for number, piece in enumerate(contents):
        group, place = divmod(number, size)
        ordered[(group * size + (place + group) % size) % len(contents)] = piece
    return ordered


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A suite of two instruments on two soundfonts, frozen."""
    dataset = {"pieces": 8, "instruments": ["piano", "trumpet"], "clip_duration_s": 2.0}
    made = StratifiedKind.model_validate(
        {
            "kind": "stratified",
            "soundfonts": ["TimGM6mb", "sonivox"],
            "pieces": 3,
            "pairs": 6,
            "dataset": dataset | {"soundfonts": ["sonivox"], "selection": {"folders": ["ryansMammoth"]}},
        }
    )
    recipe = Recipe(name="small", version=1, summary="Two.", made=made)
    return freeze_recipe(recipe, tmp_path_factory.mktemp("small") / "clips", InlineExecutor(), learned=())


def test_clips_of_several_soundfonts_survive_writing_and_rendering_again(small, tmp_path):
    assert parse_frozen(small.text(), "small") == small
    assert {clip.soundfont for clip in small.clips} == {"TimGM6mb", "sonivox"}
    sample = small.first(2)
    suite = render_frozen(sample, SuiteConfiguration(name="small-1", pairs=2), tmp_path, InlineExecutor())
    assert [pair.pair_id for pair in suite.pairs] == [pair.pair_id for pair in small.pairs[:2]]
    whole = small.suite(SuiteConfiguration())
    assert [pair.fingerprint for pair in suite.pairs] == [pair.fingerprint for pair in whole.pairs[:2]]
    assert len(suite.dataset) == len(sample.clips) < len(small.clips)
    assert suite.size == "2 of 6 pairs"
    assert suite.version != whole.version
    assert "2 of 6 pairs" in suite.title


def test_a_sample_is_refused_of_suites_without_an_order_and_beyond_the_end():
    with pytest.raises(ConfigurationError, match="no fair sample"):
        load_configured(SuiteConfiguration(name="instruments-6-1", pairs=10))
    with pytest.raises(ConfigurationError, match="has 360 pairs, and 361 are asked for"):
        load_configured(SuiteConfiguration(name="known-timbre", pairs=361))
    assert load_configured(SuiteConfiguration(name="known-timbre", pairs=360)).sample_of == 0


def test_one_shot_has_69_programs_that_no_first_program_and_no_packaged_network_has_met():
    made, pairs = planned("one-shot")
    uses = Counter(style.program for _, style, _ in pairs)
    assert len(uses) == 69
    assert min(uses.values()) >= 4
    learned = {programs_of(label)[0] for label in made.dataset.instruments} | PACKAGED_PROGRAMS
    assert not learned & set(uses)
    assert not set(map(family_of, made.soundfonts)) & set(map(family_of, made.dataset.soundfont_names))
