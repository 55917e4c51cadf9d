"""What methods with a trained network share: what is learned, kept and owned up to; decibels and back."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import pytest
import torch

from timbrebench.audio.spectra import magnitude
from timbrebench.classifier.fitting import weights_sha256
from timbrebench.classifier.style import style_training
from timbrebench.core.errors import ConfigurationError, JudgeError, MethodError
from timbrebench.datasets.dataset import Dataset
from timbrebench.transfer import Learned, apply, create
from timbrebench.transfer.bases.trained_network_method import Pictures, decibels, hold_out, magnitudes

NAMES = ["verma-smith", "classifier-features"]


def tiny(name, seed=1, **parameters):
    return create(name, {"training": {"max_epochs": 1, "seed": seed}, **parameters})


@pytest.fixture(scope="module")
def workdir(tmp_path_factory):
    return tmp_path_factory.mktemp("networks")


@pytest.fixture(scope="module", params=NAMES)
def trained(request, training_music, workdir):
    method = tiny(request.param)
    method.prepare(training_music, workdir)
    return method


@pytest.fixture
def no_training(monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("a network is trained")

    monkeypatch.setattr(style_training, "train_judge", refuse)


class TestPrepare:
    def test_the_same_again_is_loaded(self, trained, training_music, workdir, no_training):
        again = tiny(trained.name, iterations=7)  # no setting of the network
        again.prepare(training_music, workdir)
        assert again.learned() == trained.learned()

    def test_a_folder_of_ones_own_gives_the_same_weights(self, trained, training_music, tmp_path):
        again = tiny(trained.name)
        again.prepare(training_music, tmp_path)
        assert again.learned() == trained.learned()

    def test_another_seed_or_other_clips_give_other_weights(self, trained, training_music, workdir):
        other_seed, other_clips = tiny(trained.name, seed=2), tiny(trained.name)
        other_seed.prepare(training_music, workdir)
        manifest = training_music.manifest.assign(sha256=training_music.manifest.sha256.str[::-1])
        other_clips.prepare(Dataset(training_music.root, {}, manifest), workdir)
        assert other_seed.learned().weights.isdisjoint(trained.learned().weights)
        assert other_clips.learned().clips.isdisjoint(trained.learned().clips)

    def test_a_damaged_file_is_made_again(self, trained, training_music, tmp_path, capfd):
        first = tiny(trained.name)
        first.prepare(training_music, tmp_path)
        (path,) = tmp_path.iterdir()
        whole = path.read_bytes()
        path.write_bytes(whole[: len(whole) // 2])
        again = tiny(trained.name)
        again.prepare(training_music, tmp_path)
        assert again.learned() == first.learned()
        assert path.read_bytes() == whole
        assert "trained again" in capfd.readouterr().err

    def test_it_owns_up_to_its_weights_and_its_clips(self, trained, training_music):
        learned = trained.learned()
        assert learned.weights == {weights_sha256(trained.network.network)}
        assert learned.clips == set(training_music.manifest.sha256)
        assert tiny(trained.name).learned() == Learned()

    def test_workers_get_the_network_with_the_method(self, trained):
        assert pickle.loads(pickle.dumps(trained)).learned() == trained.learned()  # noqa: S301 - our own

    def test_one_instrument_cannot_be_told_from_any_other(self, trained, training_music, tmp_path):
        with pytest.raises(JudgeError, match="1 labels"):
            tiny(trained.name).prepare(training_music.select(label="reed"), tmp_path)

    def test_a_transfer_without_it_is_refused(self, trained, pair):
        with pytest.raises(MethodError, match=f"'{trained.name}' has not been prepared"):
            apply(tiny(trained.name), **pair, seed=0)


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


class TestDecibels:
    def test_lead_back_to_the_magnitudes_and_whatever_is_inaudible_is_silent(self, content):
        spectrum = magnitude(content)
        back = magnitudes(decibels(spectrum, 80), float(spectrum.max()), 80)
        audible = spectrum > 1.0001e-4 * spectrum.max()
        np.testing.assert_allclose(back[audible], spectrum[audible], rtol=1e-4)
        assert not back[~audible].any()

    def test_are_what_the_network_has_learned_from(self, trained, content, sample_rate):
        front_end = trained.front_end
        if front_end.sample_rate != sample_rate:
            pytest.skip("works at another rate")
        ours = decibels(magnitude(content, front_end.n_fft, front_end.hop_length), front_end.range_db)
        np.testing.assert_allclose(ours, front_end.spectrogram(content, sample_rate), atol=1e-3)

    def test_nothing_that_is_optimised_leaves_the_range_of_audio(self):
        made = magnitudes(np.array([[-1e30, -81.0, -80.0, -20.0, 0.0, 3.0, 1e30]]), 50.0, 80)
        np.testing.assert_allclose(made, [[0, 0, 0, 5, 50, 50, 50]])


def test_a_pair_is_shown_by_one_mean_and_deviation():
    content, style = torch.rand(5, 8), torch.rand(5, 6) * 3 - 7
    pictures = Pictures.of(content, style)
    shown = torch.cat([pictures.standardise(picture).flatten() for picture in (content, style)])
    assert shown.mean().item() == pytest.approx(0, abs=1e-6)
    assert shown.std().item() == pytest.approx(1, abs=1e-6)
    assert torch.isfinite(Pictures.of(torch.ones(2, 2), torch.ones(2, 2)).standardise(content)).all()


@pytest.mark.parametrize("name", NAMES)
def test_a_step_for_lbfgs_is_refused(name):
    with pytest.raises(ConfigurationError, match="finds its steps by itself"):
        create(name, {"optimiser": "lbfgs", "learning_rate": 1.0})
