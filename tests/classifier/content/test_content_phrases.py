import numpy as np
import pandas as pd
import pytest
import soundfile
import torch

from timbrebench.classifier import load_content_judge
from timbrebench.classifier.content.content_features import compute_features, concatenate
from timbrebench.classifier.content.content_front_end import PitchFrontEnd
from timbrebench.classifier.content.content_phrases import phrase_features
from timbrebench.classifier.content.content_training import (
    ContentConfiguration,
    _sampling_weights,
    train_content_judge,
)
from timbrebench.classifier.style.phrases.phrase_configuration import PhraseConfiguration
from timbrebench.classifier.style.phrases.phrase_making import PhraseSound
from timbrebench.classifier.style.sound_variation import SoundVariation

RATE = 22_050


@pytest.fixture(scope="module")
def phrases(tmp_path_factory):
    """Phrases on a folder of synthetic notes of a clarinet, three semitones apart."""
    folder = tmp_path_factory.mktemp("notes")
    rows = []
    times = np.arange(2 * RATE) / RATE
    for pitch in range(52, 77, 3):
        f0 = 440 * 2 ** ((pitch - 69) / 12)
        tone = sum(np.sin(2 * np.pi * h * f0 * times) / h for h in (1, 3, 5)) * np.minimum(1, times / 0.02)
        soundfile.write(folder / f"{pitch}.wav", 0.3 * tone, RATE)
        rows.append({"path": f"{pitch}.wav", "instrument": "clarinet", "midi": pitch})
    pd.DataFrame(rows).to_csv(folder / "manifest.csv", index=False)
    configuration = PhraseConfiguration(soundfonts=(str(folder),), clips=10, share=0.25)
    return configuration, phrase_features(PitchFrontEnd(), configuration, PhraseSound(None, 2.0, RATE))


def test_phrases_are_of_the_families_that_the_recordings_hold(phrases):
    manifest = phrases[1].manifest
    assert set(manifest.label) == {"reed-family"}
    assert set(manifest.split) == {"judge", "validation"}
    assert manifest.piece.isna().all()


def test_the_notes_of_phrases_sound_where_they_are_said_to(phrases):
    """The bin of each key that sounds, well inside the note, is loud."""
    features = phrases[1]
    sharp = features.levels[:, 0, 1::3][:, :88].numpy() / 255
    held = np.stack(
        [np.minimum(np.roll(roll, 4, 1), np.roll(roll, -4, 1)) for roll in features.notes.numpy()]
    )
    inside = held.astype(bool) & features.notes.numpy().astype(bool)
    assert np.median(sharp[inside]) > 0.6
    assert np.median(sharp[~inside]) < 0.4
    assert all((notes.onset_s >= 0).any() for notes in features.truth)


def test_phrases_have_their_share_of_the_draws(phrases, features):
    manifest = concatenate([features, phrases[1]]).manifest
    weights = _sampling_weights(manifest, phrases[0])
    assert weights.sum() == pytest.approx(1)
    assert weights[manifest.piece.isna()].sum() == pytest.approx(0.25)
    by_label = pd.Series(weights)[manifest.piece.notna()].groupby(manifest.label).sum()
    assert by_label.to_numpy() == pytest.approx([0.375, 0.375])


def test_varied_copies_have_the_notes_of_their_clips(dataset):
    few = dataset.select(split="validation")
    varied = compute_features(few, PitchFrontEnd(), SoundVariation(cents=0))
    assert len(varied.manifest) == 2 * len(few)
    own, copies = varied.levels.split(len(few))
    assert not torch.equal(own, copies)
    assert torch.equal(*varied.onsets.split(len(few)))
    assert torch.equal(own, compute_features(few, PitchFrontEnd()).levels)


def test_a_copy_that_would_be_played_faster_is_refused():
    with pytest.raises(ValueError, match="cents have to be 0"):
        ContentConfiguration(variation=SoundVariation())


def test_training_that_starts_from_a_judge_counts_what_that_has_learned(features, quick):
    first = load_content_judge()
    started = quick.model_copy(
        update={"start": "timbrebench", "channels": 32, "blocks": 3, "max_epochs": 1, "learning_rate": 1e-9}
    )
    judge = train_content_judge(features, started).judge
    assert set(first.training_pieces) < set(judge.training_pieces)
    assert first.training_clips < judge.training_clips
    # With next to no learning it is the first judge still.
    for name, weights in first.network.named_parameters():
        assert torch.allclose(dict(judge.network.named_parameters())[name], weights, atol=1e-5), name
