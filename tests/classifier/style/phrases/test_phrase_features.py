import pandas as pd
import pytest
import torch

from timbrebench.classifier import build_judge
from timbrebench.classifier.style.cross_validation import cross_validate
from timbrebench.classifier.style.phrases.phrase_configuration import PhraseConfiguration
from timbrebench.classifier.style.phrases.phrase_features import add_phrases
from timbrebench.classifier.style.sound_variation import SoundVariation
from timbrebench.classifier.style.style_training import sampling_weights
from timbrebench.core.errors import JudgeError

FEW = PhraseConfiguration(soundfonts=("sonivox",), clips=20)


def add(features, configuration, variation=None):
    return add_phrases(features, configuration, variation, duration_s=2.0, sample_rate=22_050)


@pytest.fixture(scope="module")
def added(features):
    return add(features, FEW)


def test_phrases_follow_the_clips(added, features):
    clips = len(features.manifest)
    assert torch.equal(added.spectrograms[:clips], features.spectrograms)
    phrases = added.manifest[clips:]
    assert len(phrases) == len(added.spectrograms) - clips
    counts = phrases.groupby(["label", "split"]).size()
    assert counts.between(1, 20).all()
    assert counts["piano", "judge"] + counts["trumpet", "judge"] == 40
    assert phrases.piece.isna().all()
    assert set(phrases.program) == {0, 1, 2, 3, 56, 59}
    assert phrases.sha256.is_unique


def test_varied_phrases_are_the_same_phrases_made_again(added, features):
    varied = add(features, FEW, SoundVariation())
    assert list(varied.manifest.sha256) == list(added.manifest.sha256)
    changed = (varied.spectrograms - added.spectrograms).abs().amax(dim=(1, 2)) > 1
    assert 0.4 < changed[len(features.manifest) :].float().mean() < 0.9


def test_another_seed_makes_other_phrases(added, features):
    other = add(features, FEW.model_copy(update={"seed": 1, "clips": 10}))
    assert not set(other.manifest.sha256[len(features.manifest) :]) & set(added.manifest.sha256)


@pytest.fixture(scope="module")
def with_strangers(features):
    configuration = PhraseConfiguration(
        soundfonts=("sonivox", "TimGM6mb"), clips=20, weights={"sonivox": 3}, strangers=40
    )
    return add(features, configuration).manifest[len(features.manifest) :]


def test_families_of_soundfonts_play_by_their_weights(with_strangers):
    piano = with_strangers[(with_strangers.label == "piano") & (with_strangers.split == "judge")]
    assert piano.soundfont_family.value_counts().to_dict() == {"sonivox": 15, "TimGM6mb": 5}


def test_strangers_are_of_families_that_hold_no_label(with_strangers):
    strangers = with_strangers[with_strangers.label.isna()]
    assert 30 <= len(strangers) <= 40
    assert set(strangers.split) == {"judge"}
    assert not {program // 8 for program in strangers.program} & {0, 7}  # piano and brass
    assert 128 in set(strangers.program)  # a drum kit


def test_phrases_take_their_share_of_each_labels_draws(features, with_strangers):
    manifest = pd.concat([features.manifest, with_strangers], ignore_index=True)
    manifest = manifest[manifest.split == "judge"]
    weights = pd.Series(sampling_weights(manifest, FEW.model_copy(update={"share": 0.8})), manifest.index)
    drawn = weights.groupby([manifest.label.fillna("none"), manifest.piece.notna()]).sum()
    expected = {("none", False): 1, ("piano", False): 0.8, ("piano", True): 0.2}
    assert {key: drawn[key] for key in expected} == pytest.approx(expected)
    alone = sampling_weights(features.manifest, None)
    assert pd.Series(alone).groupby(features.manifest.label).sum().tolist() == pytest.approx([1, 1])


def test_folds_are_tested_on_pieces_alone(added, features, brief, tmp_path):
    folds = cross_validate(added, brief.model_copy(update={"max_epochs": 1}), tmp_path, folds=2)
    assert sum(fold.clips for fold in folds) == len(features.first_programs().manifest)


def test_a_judge_learns_from_phrases_as_well(dataset, brief, tmp_path):
    judge = build_judge(dataset, brief.model_copy(update={"phrases": FEW, "max_epochs": 1}), tmp_path)
    assert judge.soundfonts == ("TimGM6mb", "sonivox")
    assert all(isinstance(piece, str) for piece in judge.training_pieces)
    # All phrases of the judges' split, and those of the validation split that first programs play.
    assert 40 < len(judge.training_clips) - len(features_of(dataset)) <= 44


def features_of(dataset):
    """Return the clips that a judge learns from or is chosen by without phrases."""
    learned = dataset.select(split=["judge", "validation"])
    return learned.manifest[(learned.manifest.split == "judge") | learned.manifest.program.isin([0, 56])]


def test_an_instrument_that_no_soundfont_has_is_said(features, tmp_path):
    (tmp_path / "manifest.csv").write_text("path,instrument,midi\n", encoding="utf-8")
    with pytest.raises(JudgeError, match="has piano"):
        add(features, FEW.model_copy(update={"soundfonts": (str(tmp_path),)}))
