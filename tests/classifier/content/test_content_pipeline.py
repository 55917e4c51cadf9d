import functools
import shutil

import pytest

from timbrebench.classifier.content import content_pipeline
from timbrebench.classifier.content.content_card import ContentCard
from timbrebench.classifier.content.content_pipeline import build_content_judge
from timbrebench.classifier.content.content_recipe import SHIPPED_FAMILIES, SHIPPED_INSTRUMENTS
from timbrebench.datasets import DatasetConfiguration


@pytest.fixture(scope="module")
def brief(quick):
    return quick.model_copy(update={"max_epochs": 1})


@pytest.fixture(scope="module")
def build(dataset, brief):
    return functools.partial(build_content_judge, [dataset], brief, tests={"the same": dataset})


@pytest.fixture(scope="module")
def built(build, tmp_path_factory):
    folder = tmp_path_factory.mktemp("judge")
    return folder, build(folder)


def test_the_card_has_the_figures_of_every_test_and_left_out_family(built):
    folder, judge = built
    card = ContentCard.model_validate_json((folder / content_pipeline.CARD_FILE).read_text())
    assert card.fingerprint == judge.fingerprint
    assert card.training_clips == len(judge.training_clips)
    assert card.tests["own"] == card.tests["the same"]
    assert set(card.without_soundfont) == {"TimGM6mb", "FluidR3"}
    for family, evaluations in card.without_soundfont.items():
        assert all(name.startswith(family) for name in evaluations["own"].by_soundfont)
    assert (folder / content_pipeline.PAGE_FILE).read_text() == card.markdown()
    assert "Trained without FluidR3" in card.markdown()


def test_what_was_built_is_used_again(built, build, monkeypatch):
    folder, judge = built
    monkeypatch.setattr(content_pipeline, "train_content_judge", None)  # would fail if it was called
    assert build(folder).fingerprint == judge.fingerprint


@pytest.mark.parametrize("name", [content_pipeline.JUDGE_FILE, content_pipeline.CARD_FILE])
def test_a_damaged_file_is_not_used(built, build, tmp_path, monkeypatch, name):
    folder = shutil.copytree(built[0], tmp_path / "judge")
    (folder / name).write_bytes(b"")

    def begun(*_, **__):
        raise InterruptedError

    monkeypatch.setattr(content_pipeline, "train_content_judge", begun)
    with pytest.raises(InterruptedError):
        build(folder)


def test_the_shipped_judge_learns_from_melodic_families_only():
    unpitched = {"percussive-family", "sound-effects-family", "synth-effects-family"}
    assert len(SHIPPED_FAMILIES.instruments) == 13
    assert not unpitched & set(SHIPPED_FAMILIES.instruments)
    assert SHIPPED_INSTRUMENTS.instruments == DatasetConfiguration().instruments
    assert SHIPPED_INSTRUMENTS.seed == SHIPPED_FAMILIES.seed
