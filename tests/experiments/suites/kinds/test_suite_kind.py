"""What holds for every kind of suite."""

from __future__ import annotations

from typing import get_args

import pytest

from timbrebench.core.errors import ConfigurationError
from timbrebench.core.workers.executors import InlineExecutor
from timbrebench.experiments.suites.frozen_suite import freeze_recipe, load_frozen
from timbrebench.experiments.suites.kinds.aligned_kind import AlignedKind
from timbrebench.experiments.suites.kinds.audioset_kind import AudioSetKind
from timbrebench.experiments.suites.kinds.performances_kind import PerformancesKind
from timbrebench.experiments.suites.kinds.recorded_notes_kind import RecordedNotesKind
from timbrebench.experiments.suites.kinds.suite_kind import SuiteKind
from timbrebench.experiments.suites.recipes import AnyKind, Recipe, load_recipe, packaged_suites
from timbrebench.experiments.suites.suite import SuiteConfiguration
from timbrebench.experiments.suites.suite_opening import open_frozen, render_frozen

KINDS = get_args(get_args(AnyKind)[0])
HELD = (AudioSetKind, RecordedNotesKind, PerformancesKind, AlignedKind)
RECIPES = sorted(name.removesuffix(".toml") for name in packaged_suites() if name.endswith(".toml"))


def test_every_kind_is_in_a_suite_of_the_project():
    assert {type(load_recipe(name).made) for name in RECIPES} == set(KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_has_its_name_first_and_says_what_is_learned_from(kind):
    assert issubclass(kind, SuiteKind)
    names = list(kind.model_fields)
    assert names[0] == "kind"
    assert "dataset" in names


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_survives_being_written_and_read(name):
    recipe = load_recipe(name)
    assert Recipe.model_validate(recipe.model_dump(mode="json")) == recipe


@pytest.mark.parametrize("name", RECIPES)
def test_a_source_and_audio_are_for_kinds_that_need_them(name, tmp_path):
    recipe, frozen = load_recipe(name), load_frozen(name)
    is_held = isinstance(recipe.made, HELD)
    source, audio = (None, "") if is_held else (tmp_path, str(tmp_path))
    here = InlineExecutor()
    with pytest.raises(ConfigurationError, match=f"{recipe.title}.*--source"):
        freeze_recipe(recipe, tmp_path / "clips", here, source=source, learned=())
    configuration = SuiteConfiguration(name=name, audio=audio)
    with pytest.raises(ConfigurationError, match=f"{frozen.title}.*audio"):
        open_frozen(frozen, configuration, tmp_path / "clips")
    with pytest.raises(ConfigurationError, match=f"{frozen.title}.*audio"):
        render_frozen(frozen, configuration, tmp_path / "clips", here)
    assert list(tmp_path.iterdir()) == []
