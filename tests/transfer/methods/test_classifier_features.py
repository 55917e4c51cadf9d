"""Gatys' losses on a trained classifier: what the weights, starts and optimisers do to a spectrogram."""

from __future__ import annotations

import copy

import librosa
import numpy as np
import pytest
import torch
from torch import nn

from timbrebench.audio.spectra import magnitude
from timbrebench.core.errors import ConfigurationError
from timbrebench.transfer import apply
from timbrebench.transfer.algorithms.perceptual_losses import activations, gram, repeated, total_variation
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
        return method.minimise(method.loss(spectrograms, layers), method.start(spectrograms, noise))

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


def frozen(network):
    """A copy of the network's convolutions, without gradients."""
    return copy.deepcopy(convolutions(network)).requires_grad_(False)


def grams_of(features):
    """Products of filters, summed over all positions."""
    return np.einsum("aij,bij->ab", features, features)


def normalised_features(layers, picture):
    """Features after each ReLU where every filter's map is normalised by itself, in double precision."""
    hidden, features = picture[None, None].double(), []
    for layer in layers:
        match layer:
            case nn.Conv2d():
                hidden = nn.functional.conv2d(
                    hidden,
                    layer.weight.double(),
                    layer.bias.double(),
                    stride=layer.stride,
                    padding=layer.padding,
                )
            case nn.BatchNorm2d():
                mean, variance = hidden.mean(dim=(2, 3)), hidden.var(dim=(2, 3), correction=0)
                scale = (layer.weight.double() / (variance + layer.eps).sqrt())[..., None, None]
                hidden = (hidden - mean[..., None, None]) * scale + layer.bias.double()[:, None, None]
            case nn.ReLU():
                hidden = hidden.clamp(min=0)
                features.append(hidden[0].numpy())
    return features


class TestLoss:
    """Against the definitions in double precision."""

    def terms(self, made, network, spectrograms, **parameters):
        """Return the method's terms for a spectrogram, and the features of that, content and style."""
        method, layers = made(**parameters), frozen(network).double()
        pair = SpectrogramPair(
            spectrograms.content.double(),
            spectrograms.style.double(),
            spectrograms.mean,
            spectrograms.deviation,
        )
        spectrogram = pair.content.flip(1)
        features = [
            [layer.numpy() for layer in activations(layers, pair.standardise(each), 4)]
            for each in (spectrogram, pair.content, pair.style)
        ]
        return method.terms(pair, layers)(spectrogram), features, spectrogram

    def test_has_the_factors_of_gatys_et_al(self, made, network, spectrograms):
        terms, (ours, content, style), spectrogram = self.terms(
            made, network, spectrograms, content_layer=2, total_variation_weight=1e-6
        )
        assert float(terms.content) == pytest.approx(((ours[1] - content[1]) ** 2).sum() / 2)
        expected = []
        for layer, wanted in zip(ours, style, strict=True):
            filters, positions = len(layer), layer[0].size
            # M is the number of positions of one picture: clips of other lengths are scaled to the same.
            target = grams_of(wanted) * positions / wanted[0].size
            expected.append(((grams_of(layer) - target) ** 2).sum() / (4 * filters**2 * positions**2))
        assert float(terms.style) == pytest.approx(np.mean(expected))
        assert float(terms.variation) == pytest.approx(float(total_variation(spectrogram / 2)))

    def test_is_the_weighted_sum_of_its_terms(self, made, network, spectrograms):
        weights = {"content_weight": 0.3, "style_weight": 2.0, "total_variation_weight": 1e-4}
        method, layers = made(**weights), frozen(network)
        spectrogram = spectrograms.content.flip(1)
        terms = method.terms(spectrograms, layers)(spectrogram)
        expected = 0.3 * terms.content + 2.0 * terms.style + 1e-4 * terms.variation
        torch.testing.assert_close(method.loss(spectrograms, layers)(spectrogram), expected)

    def test_of_the_code_compares_spectrograms_and_rows_of_normalised_features(
        self, made, network, spectrograms
    ):
        method, layers = made(preset="code", layout="whole"), frozen(network)
        content = spectrograms.content
        spectrogram = content.flip(1)
        before = {name: value.clone() for name, value in layers.state_dict().items()}
        terms = method.terms(spectrograms, layers)(spectrogram)
        assert float(terms.content) == pytest.approx(
            float(((spectrogram - content).double() / 2).square().mean() / 4), rel=1e-5
        )
        expected = 0.0
        ours, style = (
            normalised_features(layers, spectrograms.standardise(each))
            for each in (spectrogram, repeated(spectrograms.style, content.shape[1]))
        )
        for layer, wanted in zip(ours, style, strict=True):
            rows = [features.reshape(-1, features.shape[2]) for features in (layer, wanted)]
            difference = rows[0] @ rows[0].T - rows[1] @ rows[1].T
            expected += ((difference / layer.size) ** 2).sum() / (4 * 16 * len(content) ** 2)
        assert float(terms.style) == pytest.approx(expected, rel=1e-3)
        for name, value in layers.state_dict().items():
            assert torch.equal(value, before[name])

    def test_of_the_code_does_not_see_levels_nor_contrast(self, made, network, spectrograms):
        def style(preset):
            terms = made(preset=preset, layout="whole").terms(spectrograms, frozen(network))
            louder = 0.5 * repeated(spectrograms.style, spectrograms.content.shape[1]) - 40
            return float(terms(louder).style / terms(spectrograms.content).style)

        assert style("code") < 0.05
        assert style("text") > 0.5

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


class TestLayout:
    def test_reshaped_reads_on_where_a_transposed_picture_would_turn(self, made):
        spectrogram = torch.arange(15.0).reshape(5, 3)  # five bins of three frames
        seen = made(layout="reshaped").arrange(spectrogram)
        assert seen.tolist() == np.arange(15).reshape(3, 5).tolist()
        assert not torch.equal(seen, spectrogram.T)
        assert made().arrange(spectrogram) is spectrogram

    def test_the_presets_have_their_own(self):
        assert ClassifierFeatures().layout == "whole"
        assert ClassifierFeatures(preset="code").layout == "reshaped"
        assert ClassifierFeatures(preset="code", layout="whole").layout == "whole"

    def test_the_network_learns_from_what_it_will_see(self, training_music, tmp_path):
        networks = []
        for layout in ("whole", "reshaped"):
            method = ClassifierFeatures(**{**QUICK, "training": {"max_epochs": 1}}, layout=layout)
            method.prepare(training_music, tmp_path)
            networks.append(method.learned().weights)
        assert networks[0] != networks[1]
        assert len(list(tmp_path.iterdir())) == 2

    def test_the_network_answers_for_spectrograms_as_for_their_clips(self, made, content, sample_rate):
        method = made()
        spectrogram = torch.from_numpy(method.front_end.spectrogram(content, sample_rate))
        expected = method.network.predict(content, sample_rate).probabilities
        np.testing.assert_allclose(method.probabilities(spectrogram), expected)


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

    def test_only_the_ratio_of_the_weights_matters(self, found):
        first, second = (
            found(content_weight=scale * 1e-3, style_weight=scale, iterations=10, start="content")
            for scale in (1, 2**10)  # a power of two rounds nothing
        )
        assert torch.equal(first, second)

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
        assert (starts["noise"] == 180).all()  # 90 where power_to_db is taken of magnitudes
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
        assert (settings.preset, settings.inversion.algorithm) == ("text", "griffin-lim")

    def test_the_range_is_that_of_power_to_db_of_magnitudes(self, made, content):
        spectrum = magnitude(content, 256, 128)
        published = librosa.power_to_db(spectrum, ref=np.max)
        ours = made().front_end.spectrogram(content, 22050)
        np.testing.assert_allclose(ours / 2, published, atol=0.01)

    def test_the_code_takes_no_content_layer(self):
        with pytest.raises(ConfigurationError, match="leave out content_layer"):
            ClassifierFeatures(preset="code", content_layer=3)

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
