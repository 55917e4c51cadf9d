"""The networks of methods: trained once on the same clips, with whole pieces held out."""

from __future__ import annotations

import pandas as pd
import pytest
import torch

from timbrebench.classifier.style import style_training
from timbrebench.classifier.style.judge_configuration import JudgeConfiguration
from timbrebench.classifier.style.style_augmentation import Augmentation
from timbrebench.classifier.style.style_front_end import StftFrontEnd
from timbrebench.core.errors import JudgeError
from timbrebench.datasets.dataset import Dataset
from timbrebench.transfer.algorithms.network_training import AdamConfiguration, hold_out, train_network

QUICK = JudgeConfiguration(
    front_end=StftFrontEnd(sample_rate=22_050, n_fft=256, win_length=256, hop_length=128),
    network="four-block",
    augmentation=Augmentation(crop=0.5, share=0, shift_semitones=0, masked_bands=0, masked_frames=0),
    max_epochs=1,
    seed=1,
)


@pytest.fixture(scope="module")
def workdir(tmp_path_factory):
    return tmp_path_factory.mktemp("networks")


@pytest.fixture(scope="module")
def network(training_music, workdir):
    return train_network(training_music, QUICK, workdir, "network")


def test_adams_steps_are_as_long_as_the_learning_rate_to_the_last():
    weight = torch.nn.Parameter(torch.zeros(1))
    optimiser, schedule = AdamConfiguration(learning_rate=0.25).make_optimiser([weight], steps=8)
    for step in range(1, 9):
        weight.grad = torch.ones(1)  # Adam moves by its learning rate under a gradient that stays the same
        optimiser.step()
        schedule.step()
        assert weight.item() == pytest.approx(-0.25 * step, rel=1e-5)


class TestTrainNetwork:
    def test_the_same_again_is_loaded(self, training_music, network, workdir, monkeypatch):
        monkeypatch.setattr(style_training, "train_judge", None)  # training again would fail
        again = train_network(training_music, QUICK, workdir, "network")
        assert again.weights_sha256 == network.weights_sha256

    def test_it_has_learned_from_the_clips_that_it_was_given(self, training_music, network):
        assert network.training_clips == set(training_music.manifest.sha256)
        assert set(network.labels) == {"reed", "string"}

    def test_another_seed_or_other_clips_give_other_weights(self, training_music, network, workdir):
        other_seed = train_network(training_music, QUICK.model_copy(update={"seed": 2}), workdir, "network")
        manifest = training_music.manifest.assign(sha256=training_music.manifest.sha256.str[::-1])
        other_clips = train_network(Dataset(training_music.root, {}, manifest), QUICK, workdir, "network")
        assert other_seed.weights_sha256 != network.weights_sha256
        assert other_clips.training_clips.isdisjoint(network.training_clips)

    def test_a_damaged_file_is_made_again_whatever_the_number_of_threads(
        self, training_music, network, tmp_path, capfd
    ):
        train_network(training_music, QUICK, tmp_path, "network")
        (path,) = tmp_path.iterdir()
        whole = path.read_bytes()
        path.write_bytes(whole[: len(whole) // 2])
        threads = torch.get_num_threads()
        torch.set_num_threads(2)
        try:
            again = train_network(training_music, QUICK, tmp_path, "network")
        finally:
            torch.set_num_threads(threads)
        assert again.weights_sha256 == network.weights_sha256
        assert path.read_bytes() == whole
        assert "trained again" in capfd.readouterr().err

    def test_one_label_is_not_enough(self, training_music, tmp_path):
        with pytest.raises(JudgeError, match="1 labels"):
            train_network(training_music.select(label="reed"), QUICK, tmp_path, "network")


class TestHoldOut:
    def manifest(self, labels_of):
        rows = [(piece, label) for piece, labels in labels_of.items() for label in labels]
        return pd.DataFrame(rows, columns=["piece", "label"])

    @pytest.mark.parametrize("seed", range(5))
    def test_a_piece_is_on_one_side_and_every_label_on_both(self, seed):
        # Each piece is played by one instrument only, as in a folder of recordings.
        manifest = self.manifest({f"{label}{number}": [label] for label in "abc" for number in range(4)})
        held = hold_out(manifest, seed)
        assert held.groupby("piece").split.nunique().max() == 1
        assert (held.groupby("label").split.nunique() == 2).all()
        assert (held.split == "judge").sum() == 9

    def test_a_tenth_is_held_out_and_which_is_the_seeds_choice(self):
        manifest = self.manifest({f"piece{number:02}": ["a", "b"] for number in range(40)})
        sides = [hold_out(manifest, seed).split for seed in (0, 0, 1)]
        assert [(side == "validation").sum() for side in sides] == [8, 8, 8]
        assert sides[0].equals(sides[1])
        assert not sides[0].equals(sides[2])

    def test_a_piece_is_held_out_with_its_copies(self):
        manifest = pd.DataFrame(
            [
                {"label": label, "piece": f"p{piece}{mark}", "source_piece": f"p{piece}"}
                for piece in range(10)
                for mark in ("", "~1")
                for label in ("piano", "clarinet")
            ]
        )
        held = hold_out(manifest, seed=0)
        assert held.groupby("source_piece").split.nunique().eq(1).all()
        assert set(held.split) == {"judge", "validation"}
        assert held[held.split == "validation"].groupby("label").size().gt(0).sum() == 2
