"""Verma & Smith: the four losses, what each of them brings into a spectrogram, and the way to audio."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from timbrebench.core.errors import ConfigurationError, MethodError
from timbrebench.transfer import apply
from timbrebench.transfer.algorithms.network_training import AdamConfiguration
from timbrebench.transfer.algorithms.perceptual_losses import (
    activations,
    gram,
    spectral_envelope,
    temporal_envelope,
)
from timbrebench.transfer.bases.trained_network_method import SpectrogramPair, convolutions
from timbrebench.transfer.methods.verma_smith import VermaSmith

QUICK = {"training": {"max_epochs": 2, "network": "alexnet-narrow"}, "inversion": {"iterations": 3}}
NONE = {"content_weight": 0, "style_weight": 0, "temporal_weight": 0, "spectral_weight": 0}


@pytest.fixture(scope="module")
def network(training_music, tmp_path_factory):
    method = VermaSmith(**QUICK)
    method.prepare(training_music, tmp_path_factory.mktemp("alexnet"))
    return method.network


@pytest.fixture
def made(network):
    def make(**parameters):
        method = VermaSmith(**{**QUICK, **parameters})
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
    def find(**parameters):
        method = made(iterations=30, **parameters)
        noise = torch.from_numpy(np.random.default_rng(0).standard_normal(spectrograms.content.shape)).float()
        layers = convolutions(network).requires_grad_(False)
        return method.minimise(method.loss(spectrograms, layers), method.start(spectrograms, noise))

    return find


@pytest.fixture
def features(network, spectrograms):
    def look(spectrogram):
        with torch.no_grad():
            return activations(convolutions(network), spectrograms.standardise(spectrogram), 5)

    return look


def test_the_loss_agrees_with_its_definition(made, network, spectrograms, features):
    method = made(
        content_weight=0.7, style_weight=1.3, temporal_weight=0.2, spectral_weight=0.4, content_layer=4
    )
    spectrogram = spectrograms.content.flip(1) - 3
    ours, content, style = map(features, (spectrogram, spectrograms.content, spectrograms.style))
    expected = 0.7 * (ours[3] - content[3]).square().sum() / content[3].square().sum()
    for layer, wanted in zip(ours, map(gram, style), strict=True):
        expected += 1.3 / 5 * (gram(layer) - wanted).square().sum() / wanted.square().sum()
    variance = spectrograms.deviation**2
    frames = torch.from_numpy(np.resize(temporal_envelope(spectrograms.style), spectrogram.shape[1]))
    expected += 0.2 * (temporal_envelope(spectrogram) - frames).square().mean() / variance
    bins = spectral_envelope(spectrograms.style)
    expected += 0.4 * (spectral_envelope(spectrogram) - bins).square().mean() / variance
    torch.testing.assert_close(method.loss(spectrograms, convolutions(network))(spectrogram), expected)


def test_each_loss_brings_what_it_asks_for(found, features, spectrograms):
    frames = torch.from_numpy(np.resize(temporal_envelope(spectrograms.style), spectrograms.content.shape[1]))

    def distances(spectrogram):
        ours, content, style = map(features, (spectrogram, spectrograms.content, spectrograms.style))
        return {
            "content_weight": float((ours[0] - content[0]).norm()),
            "style_weight": sum(
                float((gram(a) - gram(b)).norm() / gram(b).norm()) for a, b in zip(ours, style, strict=True)
            ),
            "temporal_weight": float((temporal_envelope(spectrogram) - frames).norm()),
            "spectral_weight": float(
                (spectral_envelope(spectrogram) - spectral_envelope(spectrograms.style)).norm()
            ),
        }

    start = distances(found(**NONE))  # nothing asked for, nothing moved
    reached = {weight: distances(found(**{**NONE, weight: 1.0})) for weight in NONE}
    for weight in NONE:
        assert reached[weight][weight] < 0.7 * start[weight], weight
        assert reached[weight][weight] == min(distance[weight] for distance in reached.values()), weight


def test_the_style_itself_has_no_style_loss(made, network, spectrograms):
    same = SpectrogramPair.of(spectrograms.style.flip(1), spectrograms.style)
    loss = made(content_weight=0).loss(same, convolutions(network))
    assert float(loss(spectrograms.style)) == pytest.approx(0, abs=1e-9)


def test_the_start_is_noise_as_loud_as_the_pair(made, spectrograms):
    noise = torch.from_numpy(np.random.default_rng(0).standard_normal(spectrograms.content.shape)).float()
    start = made().start(spectrograms, noise)
    assert start.mean().item() == pytest.approx(spectrograms.mean, abs=0.5)
    assert start.std().item() == pytest.approx(spectrograms.deviation, rel=0.02)


def test_the_published_settings_are_the_defaults():
    settings = VermaSmith().parameters
    assert settings.sample_rate == 16_000
    assert settings.n_fft == 512
    assert settings.win_length == 0.030 * 16_000
    assert settings.hop_length == 0.010 * 16_000
    assert settings.training.excerpt_s == VermaSmith(training={"max_epochs": 2}).parameters.training.excerpt_s
    assert settings.training.excerpt_s == 2.57
    assert VermaSmith().network_kind == "alexnet-wide"
    assert VermaSmith.configuration_type is AdamConfiguration


def test_a_window_is_as_long_as_a_shorter_transform():
    assert VermaSmith(n_fft=256, hop_length=128).parameters.win_length == 256


def test_a_frame_is_a_window_of_30_ms_in_a_transform_of_512(made):
    click = np.zeros(16_000, dtype=np.float32)
    click[50 * 160 + 240] = 1  # the first sample behind the window of frame 50
    frames = np.flatnonzero(np.abs(made().spectrum(click)).sum(axis=0) > 1e-6)
    assert frames.tolist() == [51, 52]
    assert made().front_end.win_length == 480


def test_only_the_layers_chosen_are_the_style(made, network, spectrograms, features):
    spectrogram = spectrograms.content - 3
    method = made(**{**NONE, "style_weight": 1, "style_layers": (2, 4)})
    ours, wanted = ([gram(layer) for layer in features(of)] for of in (spectrogram, spectrograms.style))
    errors = [((a - b).square().sum() / b.square().sum()) for a, b in zip(ours, wanted, strict=True)]
    expected = (errors[1] + errors[3]) / 2
    torch.testing.assert_close(method.loss(spectrograms, convolutions(network))(spectrogram), expected)


@pytest.mark.parametrize(
    ("parameters", "reason"),
    [
        ({"win_length": 513}, "longer than n_fft"),
        ({"hop_length": 241}, "more than half of win_length"),
        ({"style_layers": (1, 1)}, "twice"),
        ({"style_layers": (6,)}, "less than or equal to 5"),
        ({"style_layers": ()}, "style_layers"),
    ],
)
def test_settings_out_of_range_are_refused(parameters, reason):
    with pytest.raises(ConfigurationError, match=reason):
        VermaSmith(**parameters)


def test_lbfgs_does_it_too(made, pair):
    output = apply(made(optimiser="lbfgs", iterations=3), **pair, seed=0)
    assert np.isfinite(output).all()


def test_a_clip_too_short_for_the_network_is_refused(made, pair):
    with pytest.raises(MethodError, match=r"needs 0\.070 s"):
        apply(made(), **{**pair, "content": pair["content"][:1200]}, seed=0)
