"""What methods with a trained network share: what is learned, kept and owned up to; decibels and back."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import torch

from timbrebench.audio.spectra import magnitude
from timbrebench.classifier.fitting import weights_sha256
from timbrebench.core.errors import ConfigurationError, JudgeError, MethodError
from timbrebench.transfer import Learned, apply, create
from timbrebench.transfer.bases.trained_network_method import SpectrogramPair, decibels, magnitudes

#: Settings of each method with which training takes least time.
TRAINING = {"verma-smith": {"network": "alexnet-narrow"}, "classifier-features": {}}
NAMES = list(TRAINING)


def tiny(name, seed=1, **parameters):
    return create(name, {"training": {**TRAINING[name], "max_epochs": 1, "seed": seed}, **parameters})


@pytest.fixture(scope="module")
def workdir(tmp_path_factory):
    return tmp_path_factory.mktemp("networks")


@pytest.fixture(scope="module", params=NAMES)
def trained(request, training_music, workdir):
    method = tiny(request.param)
    method.prepare(training_music, workdir)
    return method


class TestPrepare:
    def test_the_seed_of_the_training_decides_the_weights_and_the_iterations_do_not(
        self, trained, training_music, workdir
    ):
        other_seed, more_iterations = tiny(trained.name, seed=2), tiny(trained.name, iterations=7)
        for method in (other_seed, more_iterations):
            method.prepare(training_music, workdir)
        assert other_seed.learned().weights.isdisjoint(trained.learned().weights)
        assert more_iterations.learned() == trained.learned()

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


def test_a_pair_is_standardised_by_one_mean_and_deviation():
    content, style = torch.rand(5, 8), torch.rand(5, 6) * 3 - 7
    pair = SpectrogramPair.of(content, style)
    standardised = torch.cat([pair.standardise(spectrogram).flatten() for spectrogram in (content, style)])
    assert standardised.mean().item() == pytest.approx(0, abs=1e-6)
    assert standardised.std().item() == pytest.approx(1, abs=1e-6)
    assert torch.isfinite(SpectrogramPair.of(torch.ones(2, 2), torch.ones(2, 2)).standardise(content)).all()


@pytest.mark.parametrize("name", NAMES)
def test_a_step_for_lbfgs_is_refused(name):
    with pytest.raises(ConfigurationError, match="finds its steps by itself"):
        create(name, {"optimiser": "lbfgs", "learning_rate": 1.0})
