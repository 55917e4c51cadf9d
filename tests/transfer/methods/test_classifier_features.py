"""Gatys' losses on a trained classifier: what the weights, starts and optimisers do to a spectrogram."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from timbrebench.core.errors import ConfigurationError
from timbrebench.transfer import apply
from timbrebench.transfer.algorithms.perceptual_losses import activations, gram, total_variation
from timbrebench.transfer.bases.trained_network_method import SpectrogramPair, convolutions
from timbrebench.transfer.methods.classifier_features import ClassifierFeatures

QUICK = {
    "n_fft": 256,
    "hop_length": 128,
    "training": {"max_epochs": 4},
    "inversion": {"iterations": 5},
}


@pytest.fixture(scope="module")
def network(training_music, tmp_path_factory):
    method = ClassifierFeatures(**QUICK)
    method.prepare(training_music, tmp_path_factory.mktemp("classifier"))
    return method.network


@pytest.fixture
def made(network):
    def make(**parameters):
        method = ClassifierFeatures(**{**QUICK, **parameters})
        method.network = network
        return method

    return make


@pytest.fixture
def spectrograms(made, content, style):
    front_end = made().front_end
    return SpectrogramPair.of(
        *(torch.from_numpy(front_end.spectrogram(clip, 22050)) for clip in (content, style))
    )


@pytest.fixture
def found(made, network, spectrograms):
    """Optimise the pair under given settings, from a fixed draw of noise."""

    def find(**parameters):
        method = made(**parameters)
        noise = torch.from_numpy(np.random.default_rng(0).standard_normal(spectrograms.content.shape)).float()
        layers = convolutions(network).requires_grad_(False)
        return method._minimise(method.loss(spectrograms, layers), method.start(spectrograms, noise))

    return find


@pytest.fixture
def gram_distance(network, spectrograms):
    def grams(spectrogram):
        return [
            gram(layer)
            for layer in activations(convolutions(network), spectrograms.standardise(spectrogram), 4)
        ]

    @torch.no_grad()
    def distance(spectrogram):
        pairs = zip(grams(spectrogram), grams(spectrograms.style), strict=True)
        return float(sum(((ours - wanted).norm() / wanted.norm()) ** 2 for ours, wanted in pairs))

    return distance


class TestLoss:
    def test_agrees_with_a_sum_of_the_definitions(self, made, network, spectrograms):
        method = made(content_weight=0.3, style_weight=2.0, total_variation_weight=1e-4, content_layer=2)
        layers = convolutions(network)
        spectrogram = spectrograms.content.flip(1)
        ours, content, style = (
            activations(layers, spectrograms.standardise(each), 4)
            for each in (spectrogram, spectrograms.content, spectrograms.style)
        )
        expected = 0.3 * 0.5 * (ours[1] - content[1]).square().sum() + 1e-4 * total_variation(spectrogram)
        for layer, wanted in zip(ours, style, strict=True):
            difference = (gram(layer) - gram(wanted)).square().sum()
            expected = expected + 2.0 / 4 * difference / (4 * len(layer) ** 2)
        torch.testing.assert_close(method.loss(spectrograms, layers)(spectrogram), expected)

    @pytest.mark.parametrize(
        ("weights", "start"),
        [
            ({"style_weight": 0}, "content"),
            ({"content_weight": 0}, "style"),
        ],
    )
    def test_who_starts_where_it_wants_to_be_stays(self, made, network, content, weights, start):
        front_end = made().front_end
        spectrogram = torch.from_numpy(front_end.spectrogram(content, 22050))
        spectrograms = SpectrogramPair.of(spectrogram, spectrogram.flip(1))
        method = made(start=start, **weights)
        layers = convolutions(network)
        beginning = method.start(spectrograms, torch.zeros_like(spectrogram))
        assert method.loss(spectrograms, layers)(beginning).item() == 0


class TestOptimisation:
    def test_more_weight_on_style_brings_the_gram_matrices_of_the_style(
        self, found, gram_distance, spectrograms
    ):
        distances = [
            gram_distance(found(content_weight=1e-3, style_weight=weight, start="content", iterations=40))
            for weight in (0, 1e3, 1e6)
        ]
        assert distances[0] == pytest.approx(gram_distance(spectrograms.content))
        assert distances[1] < 0.9 * distances[0]
        assert distances[2] < 0.8 * distances[1]

    def test_total_variation_makes_smooth_pictures(self, found):
        rough, smooth = (found(total_variation_weight=weight, iterations=60) for weight in (0, 1))
        assert total_variation(smooth) < 0.9 * total_variation(rough)

    def test_both_optimisers_lower_the_loss_from_every_start(self, found, made, network, spectrograms):
        loss = made().loss(spectrograms, convolutions(network))
        for start in ("noise", "content", "style"):
            losses = [
                float(loss(found(start=start, optimiser=optimiser, iterations=count)))
                for optimiser, count in (("adam", 1), ("adam", 40), ("lbfgs", 20))
            ]
            assert losses[1] < losses[0]
            assert losses[2] < losses[0]

    def test_starts_are_what_they_are_called(self, made, spectrograms):
        noise = torch.ones_like(spectrograms.content)
        starts = {name: made(start=name).start(spectrograms, noise) for name in ("noise", "content", "style")}
        assert (starts["noise"] == 90).all()
        assert (made(noise_db=9.5).start(spectrograms, noise) == 9.5).all()
        torch.testing.assert_close(starts["content"], spectrograms.content)
        shared = min(spectrograms.content.shape[1], spectrograms.style.shape[1])
        torch.testing.assert_close(starts["style"][:, :shared], spectrograms.style[:, :shared])
        assert starts["style"].shape == spectrograms.content.shape


class TestSettings:
    def test_the_defaults_are_the_published_ones(self):
        settings = ClassifierFeatures().parameters
        assert (settings.content_weight, settings.style_weight, settings.total_variation_weight) == (
            1e-3,
            1,
            0,
        )
        assert (settings.start, settings.optimiser, settings.iterations) == ("noise", "adam", 300)

    def test_noise_for_another_start_is_refused(self):
        with pytest.raises(ConfigurationError, match="a start from the content takes no noise"):
            ClassifierFeatures(start="content", noise_db=90.0)

    @pytest.mark.parametrize("layers", [{"content_layer": 5}, {"style_layers": ()}, {"style_layers": (0, 1)}])
    def test_blocks_that_do_not_exist_are_refused(self, layers):
        with pytest.raises(ConfigurationError, match="layer"):
            ClassifierFeatures(**layers)


def test_only_the_seed_of_a_noisy_start_shows(made, pair):
    def output(seed, **parameters):
        inversion = {"iterations": 2, "start": "given"}  # nothing else is drawn
        return apply(made(iterations=3, inversion=inversion, **parameters), **pair, seed=seed)

    assert not np.allclose(output(0), output(1), atol=1e-3)
    np.testing.assert_array_equal(output(0, start="content"), output(1, start="content"))
