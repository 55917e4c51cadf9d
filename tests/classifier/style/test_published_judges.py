"""Judges that come with the package: that they are what their cards say, and how configurations take one."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from timbrebench.classifier import Judge, JudgeConfiguration, build_judge, evaluate_judge, find_judge
from timbrebench.classifier.clip_changes import UNCHANGED
from timbrebench.classifier.style.judge_publishing import publish_judge
from timbrebench.classifier.style.published_judges import (
    load_published,
    published_card,
    published_name,
    published_names,
)
from timbrebench.classifier.style.robustness import RECORDING_CONDITIONS
from timbrebench.classifier.style.style_pipeline import CURVE_FILE, EVALUATION_FILE, JUDGE_FILE
from timbrebench.core.errors import JudgeError, UnknownNameError
from timbrebench.datasets.rendering.dataset_configuration import Shares
from timbrebench.datasets.soundfonts.soundfont_finding import family_of

SIX = "instruments-6-1"


@pytest.mark.parametrize("name", published_names())
def test_a_card_is_of_its_judge(name):
    card, judge = published_card(name), load_published(name)
    assert card.name == name
    assert card.fingerprint == judge.fingerprint
    assert card.labels == judge.labels == card.evaluation.labels
    assert card.training_pieces == judge.training_pieces
    assert card.training_clips == len(judge.training_clips)
    assert published_name(judge.fingerprint) == name


@pytest.mark.parametrize("name", published_names())
def test_no_judge_has_learned_from_test_pieces_or_from_those_of_methods(name):
    assert {Shares().split_of(piece) for piece in published_card(name).training_pieces} == {
        "judge",
        "validation",
    }


def test_a_judge_knows_the_instruments_on_pieces_that_it_has_never_heard(dataset):
    """Clips of 2 s from TimGM6mb, where its card has 0.99 on clips of 5 s."""
    firsts = dataset.select(program=[0, 56])
    assert evaluate_judge(load_published(SIX), firsts).accuracy >= 0.9


def test_the_second_version_is_better_on_recordings_and_says_by_source_how_good():
    card = published_card("instruments-6-2")
    conditions = {item.name: item for item in card.recordings.conditions}
    assert set(RECORDING_CONDITIONS) <= set(conditions)
    assert min(item.accuracy for item in conditions.values()) > 0.8
    unchanged = conditions[UNCHANGED].accuracy_by_source
    assert {source.split(", ")[0] for source in unchanged} == set(card.labels)
    assert card.recordings.conditions[0].clips == 28 * len(unchanged)
    learned = {source["name"] for source in card.sources}
    for source in unchanged:
        name = source.split(", ")[1]
        assert name.endswith("-odd")
        assert name.replace("-odd", "-even") in learned
        assert not learned & {name, name.removesuffix("-odd")}


def test_the_second_judge_shares_nothing_with_the_first_ones_but_the_question():
    second = published_card("instruments-6-mel-1")
    for name in (SIX, "instruments-6-2"):
        first = published_card(name)
        assert second.labels == first.labels
        assert not set(second.training_pieces) & set(first.training_pieces)
        for part in ("network", "seed"):
            assert second.configuration[part] != first.configuration[part]
        assert second.configuration["front_end"]["kind"] != first.configuration["front_end"]["kind"]
    families = {source.get("family") for source in second.sources}
    assert "TimGM6mb" in families
    assert family_of("FluidR3_GM") not in families
    assert second.recordings is not None


def test_names_that_there_are_not_are_told():
    with pytest.raises(UnknownNameError, match="did you mean 'instruments-6-"):
        JudgeConfiguration(name="instruments-6")
    with pytest.raises(UnknownNameError, match="instruments-6-1"):
        published_card("../judge")
    assert published_name("0" * 64) == ""


def test_a_judge_that_is_trained_already_takes_no_settings():
    with pytest.raises(ValidationError, match="trained already: leave out max_epochs, seed"):
        JudgeConfiguration(name=SIX, max_epochs=3, seed=1)
    configuration = JudgeConfiguration(name=SIX)
    assert JudgeConfiguration.model_validate(configuration.model_dump(mode="json")) == configuration


class TestInAFolder:
    def test_nothing_is_trained(self, dataset, tmp_path):
        wanted = JudgeConfiguration(name=SIX)
        assert find_judge(dataset, wanted, tmp_path) is None
        judge = build_judge(dataset, wanted, tmp_path)
        assert (
            judge.fingerprint
            == Judge.load(tmp_path / JUDGE_FILE).fingerprint
            == published_card(SIX).fingerprint
        )
        assert (tmp_path / EVALUATION_FILE).is_file()
        assert not (tmp_path / CURVE_FILE).exists()
        before = (tmp_path / JUDGE_FILE).stat().st_mtime_ns
        assert find_judge(dataset, wanted, tmp_path).fingerprint == judge.fingerprint
        build_judge(dataset, wanted, tmp_path)
        assert (tmp_path / JUDGE_FILE).stat().st_mtime_ns == before

    def test_it_takes_the_place_of_one_that_was_trained_and_the_other_way_round(
        self, dataset, brief, tmp_path
    ):
        own = build_judge(dataset, brief, tmp_path).fingerprint
        published = build_judge(dataset, JudgeConfiguration(name=SIX), tmp_path).fingerprint
        assert own != published
        assert find_judge(dataset, brief, tmp_path) is None
        assert not (tmp_path / CURVE_FILE).exists()
        assert build_judge(dataset, brief, tmp_path).fingerprint == own

    def test_a_judge_is_published_with_what_it_was_trained_on(self, dataset, brief, tmp_path):
        judge = build_judge(dataset, brief, tmp_path / "judge")
        out = tmp_path / "out"
        about = {"name": "mine-1", "run": "a test", "out": out}
        card = publish_judge(tmp_path / "judge", dataset, brief, **about)
        assert sorted(path.name for path in out.iterdir()) == ["mine-1.json", "mine-1.pt"]
        assert Judge.load(out / "mine-1.pt").fingerprint == card.fingerprint == judge.fingerprint
        assert card.configuration["max_epochs"] == brief.max_epochs
        assert card.dataset["instruments"] == ["piano", "trumpet"]
        with pytest.raises(JudgeError, match="holds no judge that was trained on"):
            publish_judge(tmp_path / "judge", dataset.select(split=["judge", "test"]), brief, **about)
