"""Tests of the study of the report's classifier."""

from __future__ import annotations

import pytest

from timbrebench.classifier.style.style_front_end import StftFrontEnd
from timbrebench.core.errors import ConfigurationError
from timbrebench.datasets import DatasetConfiguration
from timbrebench.experiments.studies import judge_study
from timbrebench.experiments.studies.judge_study import JudgeSettings, moved_soundfonts
from timbrebench.experiments.studies.review_classifier import ReviewTraining


@pytest.fixture(scope="module")
def settings(corpus_of_tunes):
    """Two instruments with a soundfont each, and four short tunes."""
    own = DatasetConfiguration(
        corpus=str(corpus_of_tunes(beat_s=0.2)),
        pieces=4,
        instruments=("piano", "organ"),
        soundfonts={"piano": "TimGM6mb", "organ": "sonivox"},
        renderings=1,
        clip_duration_s=1.0,
    )
    return JudgeSettings(
        own=own,
        shared="sonivox",  # moved, it plays the piano, whose clips are left out there
        front_end=StftFrontEnd(n_fft=256, win_length=256, range_db=160.0),
        training=ReviewTraining(epochs=2, batch_size=4),
        folds=2,
        seeds=2,
    )


@pytest.fixture(scope="module")
def result(context, settings, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        return judge_study.run(context, settings)


def test_every_clip_is_tested_once_for_each_seed_as_it_is_and_moved(result):
    trainings = result.further["trainings"]
    assert trainings.groupby(["timbres", "softmaxes"]).size().tolist() == [4, 4, 2]
    assert result.further["confusion"].set_index("true_label").to_numpy().sum() == 2 * 4 * 2
    assert result.table.trainings.tolist() == [4, 4, 2]
    pieces = result.further["pieces"]
    assert pieces.groupby(["timbres", "softmaxes"]).answers.sum().tolist() == [16, 16, 8]
    assert (pieces.moved_right + pieces.moved_by_soundfont).eq(1).all()


def test_each_network_has_a_curve_of_all_epochs(result):
    curves = result.further["curves"]
    assert (curves.groupby(["timbres", "softmaxes", "seed", "fold"]).epoch.apply(list).map(len) == 2).all()
    last = curves[curves.epoch == 2]
    assert last.validation_accuracy.tolist() == result.further["trainings"].precision.round(4).tolist()


def test_what_is_trained_is_not_trained_again(result, context, settings, monkeypatch):
    def fail(*_):
        raise AssertionError

    monkeypatch.setattr(judge_study, "fit_review_network", fail)
    again = judge_study.run(context, settings)
    assert again.table.equals(result.table)
    assert again.findings == result.findings


def test_another_training_is_another_result(result, context, settings, monkeypatch):
    def fail(*_):
        raise InterruptedError

    monkeypatch.setattr(judge_study, "fit_review_network", fail)
    other = JudgeSettings(**{**vars(settings), "training": ReviewTraining(epochs=1, batch_size=4)})
    with pytest.raises(InterruptedError):
        judge_study.run(context, other)


@pytest.mark.parametrize("settings", [judge_study.SMALL, judge_study.PAPER])
def test_the_settings_move_every_soundfont(settings):
    own, moved, shared = settings.datasets.values()
    assert own.has_own_soundfonts
    assert moved.has_own_soundfonts
    assert all(own.soundfonts[name] != moved.soundfonts[name] for name in own.instruments)
    assert sorted(own.soundfonts.values()) == sorted(moved.soundfonts.values())
    assert shared.soundfonts == (settings.shared,)


def test_the_papers_setting_is_the_reports():
    paper = judge_study.PAPER
    assert (paper.own.pieces, paper.own.clips_per_piece, paper.own.clip_duration_s) == (226, "all", 10.0)
    assert (paper.front_end.height, 1 + 220_500 // paper.front_end.hop_length) == (1025, 431)
    assert paper.training == ReviewTraining(epochs=100, batch_size=512, softmaxes=2, learning_rate=1e-3)
    assert paper.folds == 4


def test_soundfonts_that_cannot_be_moved_are_an_error():
    own = DatasetConfiguration(instruments=("piano", "organ"), soundfonts={"piano": "A", "organ": "A"})
    with pytest.raises(ConfigurationError, match="cannot be moved"):
        moved_soundfonts(own)
