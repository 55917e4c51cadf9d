"""Losses between spectrograms: gradients against finite differences, and what each sees and does not see."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from timbrebench.classifier.style.style_networks import AlexNet, FourBlockNetwork
from timbrebench.transfer.algorithms.perceptual_losses import (
    activations,
    content_loss,
    gram,
    relative_error,
    repeated,
    row_gram,
    spectral_envelope,
    style_loss,
    temporal_envelope,
    total_variation,
)


@pytest.fixture
def layers():
    torch.manual_seed(0)
    return FourBlockNetwork(2).double().eval().blocks


@pytest.fixture
def spectrograms():
    rng = np.random.default_rng(0)
    return [torch.from_numpy(rng.uniform(-80, 0, (33, frames))) for frames in (40, 56, 40)]


def check_gradient(loss, spectrogram):
    """Compare the gradient along random directions with central differences, in float64."""
    x = spectrogram.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(loss(x), x)
    assert gradient.abs().max() > 0
    for seed in range(3):
        direction = torch.from_numpy(np.random.default_rng(seed).standard_normal(spectrogram.shape))
        ahead, behind = (loss(spectrogram + step * direction).item() for step in (1e-5, -1e-5))
        assert float((gradient * direction).sum()) == pytest.approx((ahead - behind) / 2e-5, rel=1e-4)


class TestGradients:
    def test_of_the_content_loss(self, layers, spectrograms):
        wanted = activations(layers, spectrograms[0] / 20, 3)[2]
        check_gradient(
            lambda x: content_loss(activations(layers, x / 20, 3)[2], wanted),
            spectrograms[2],
        )

    def test_of_the_style_loss(self, layers, spectrograms):
        wanted = [gram(layer) for layer in activations(layers, spectrograms[1] / 20, 4)]
        check_gradient(lambda x: style_loss(activations(layers, x / 20, 4), wanted), spectrograms[2])

    @pytest.mark.parametrize("envelope", [temporal_envelope, spectral_envelope])
    def test_of_energies(self, envelope, spectrograms):
        wanted = envelope(spectrograms[0])
        check_gradient(lambda spectrogram: relative_error(envelope(spectrogram), wanted), spectrograms[2])

    def test_of_total_variation(self, spectrograms):
        check_gradient(total_variation, spectrograms[0])


class TestActivations:
    def test_are_what_the_classifier_decides_by(self):
        torch.manual_seed(0)
        network = FourBlockNetwork(2).eval()
        spectrogram = torch.rand(33, 40)
        (*_, last) = activations(network.blocks, spectrogram, 4)
        torch.testing.assert_close(last.mean(dim=(1, 2)), network.embed(spectrogram[None])[0])

    @pytest.mark.parametrize(
        ("layers", "filters"),
        [(FourBlockNetwork(2).blocks, [8, 16, 32, 64]), (AlexNet(2).layers, [32, 64, 96, 96, 64])],
    )
    def test_come_after_every_relu_that_is_asked_for(self, layers, filters):
        layers = layers.eval()
        for count in (1, len(filters)):
            found = activations(layers, torch.rand(33, 40), count)
            assert [len(features) for features in found] == filters[:count]
            assert all((features >= 0).all() for features in found)

    def test_what_follows_the_last_one_is_not_run(self):
        class Unwanted(nn.Module):
            def forward(self, x):
                raise AssertionError

        assert len(activations(nn.Sequential(nn.ReLU(), Unwanted()), torch.rand(3, 4), 1)) == 1


class TestGram:
    def test_agrees_with_its_definition(self):
        features = np.random.default_rng(0).standard_normal((3, 4, 5))
        expected = np.einsum("aij,bij->ab", features, features) / 20
        np.testing.assert_allclose(gram(torch.from_numpy(features)), expected)

    def test_does_not_see_where_things_are_nor_how_often_they_return(self):
        features = torch.rand(3, 4, 5)
        torch.testing.assert_close(gram(features.flip(2).roll(1, 1)), gram(features))
        torch.testing.assert_close(gram(torch.cat([features, features], dim=2)), gram(features))

    def test_the_style_loss_agrees_with_the_definition_of_gatys_et_al(self):
        ours, style = torch.rand(3, 4, 5), torch.rand(3, 4, 5)
        grams = [layer.flatten(1) @ layer.flatten(1).T for layer in (ours, style)]
        expected = (grams[0] - grams[1]).square().sum() / (4 * 3**2 * 20**2)
        torch.testing.assert_close(style_loss([ours], [gram(style)]), expected)

    def test_a_loss_of_nothing_is_nothing(self, spectrograms):
        features = spectrograms[0][None]
        assert content_loss(features, features) == style_loss([features], [gram(features)]) == 0


def test_total_variation_is_of_steps_and_not_of_levels(spectrograms):
    assert total_variation(torch.full((4, 5), -30.0)) == 0
    stairs, ramp = torch.zeros(4, 5), torch.linspace(0, 8, 5).repeat(4, 1)
    stairs[:, 2:] = 8
    assert total_variation(stairs) == pytest.approx(3 * 8**2.5)
    assert total_variation(ramp) == pytest.approx(3 * 4 * 2**2.5)
    assert total_variation(spectrograms[0]) > total_variation(torch.sort(spectrograms[0]).values)


def test_total_variation_agrees_with_a_loop():
    values = np.random.default_rng(0).standard_normal((4, 5))
    expected = sum(
        ((values[i + 1, j] - values[i, j]) ** 2 + (values[i, j + 1] - values[i, j]) ** 2) ** 1.25
        for i in range(3)
        for j in range(4)
    )
    assert float(total_variation(torch.from_numpy(values))) == pytest.approx(expected)


def test_products_of_rows_agree_with_their_definition():
    features = np.random.default_rng(0).standard_normal((3, 4, 5))
    expected = np.einsum("aiw,bjw->aibj", features, features).reshape(12, 12) / 60
    np.testing.assert_allclose(row_gram(torch.from_numpy(features)), expected)


class TestEnergies:
    def test_are_those_of_the_powers(self, spectrograms):
        power = 10 ** (spectrograms[0].numpy() / 10)
        np.testing.assert_allclose(temporal_envelope(spectrograms[0]), 10 * np.log10(power.mean(axis=0)))
        np.testing.assert_allclose(spectral_envelope(spectrograms[0]), 10 * np.log10(power.mean(axis=1)))

    def test_frames_keep_their_energy_whatever_is_played_and_bins_whenever_it_is(self, spectrograms):
        spectrogram = spectrograms[0]
        order = torch.from_numpy(np.random.default_rng(0).permutation(33))
        torch.testing.assert_close(temporal_envelope(spectrogram[order]), temporal_envelope(spectrogram))
        torch.testing.assert_close(spectral_envelope(spectrogram.flip(1)), spectral_envelope(spectrogram))
        assert not torch.allclose(temporal_envelope(spectrogram.flip(1)), temporal_envelope(spectrogram))
        assert not torch.allclose(spectral_envelope(spectrogram[order]), spectral_envelope(spectrogram))

    def test_a_gain_is_a_gain(self, spectrograms):
        for envelope in (temporal_envelope, spectral_envelope):
            torch.testing.assert_close(envelope(spectrograms[0] + 6), envelope(spectrograms[0]) + 6)

    def test_what_is_far_under_the_loudest_hardly_counts(self):
        frame = torch.full((33, 1), -80.0)
        frame[4] = 0
        assert temporal_envelope(frame).item() == pytest.approx(-10 * np.log10(33), abs=1e-4)


def test_repeated_values_begin_again_and_are_cut():
    torch.testing.assert_close(repeated(torch.arange(3), 5), torch.tensor([0, 1, 2, 0, 1]))
    torch.testing.assert_close(repeated(torch.arange(6).reshape(2, 3), 2), torch.tensor([[0, 1], [3, 4]]))


def test_a_relative_error_knows_no_unit():
    values, target = torch.rand(5, 6), torch.rand(5, 6)
    torch.testing.assert_close(relative_error(7 * values, 7 * target), relative_error(values, target))
    assert relative_error(torch.zeros(3), target[0, :3]) == pytest.approx(1)
    assert torch.isfinite(relative_error(values, torch.zeros(5, 6)))
