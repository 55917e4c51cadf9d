"""Tests of the report's classifier as it was published."""

from __future__ import annotations

import math

import librosa
import numpy as np
import pytest
import torch

from timbrebench.classifier.clip_preparation import prepare_clip
from timbrebench.experiments.studies.review_classifier import (
    REVIEW_FRONT_END,
    LabelledClips,
    ReviewTraining,
    fit_review_network,
    given_labels,
    review_figures,
    review_input,
    review_loss,
)


@pytest.fixture(scope="module")
def clips():
    """Two labels that differ in where their energy lies."""
    generator = torch.Generator().manual_seed(0)
    targets = torch.arange(24) % 2
    spectrograms = -80 * torch.rand(24, 65, 32, generator=generator)
    spectrograms[targets == 1, :20] /= 4
    return LabelledClips(spectrograms.half(), targets, torch.arange(24))


def test_the_input_is_librosas_of_magnitudes_taken_as_powers(generator):
    samples = generator.standard_normal(220_500).astype(np.float32) * np.linspace(1e-6, 0.3, 220_500)
    samples = samples.astype(np.float32)
    magnitude = np.abs(librosa.stft(prepare_clip(samples, 22_050, 22_050), n_fft=2048))
    expected = librosa.power_to_db(magnitude, ref=np.max)
    seen = review_input(torch.from_numpy(REVIEW_FRONT_END.spectrogram(samples, 22_050)))
    assert seen.shape == (1025, 431)
    assert seen.numpy() == pytest.approx(expected, abs=1e-3)


def test_the_second_softmax_is_under_the_loss_as_well():
    logits, targets = torch.tensor([[2.0, -1.0, 0.5]]), torch.tensor([0])
    once = np.exp(logits.numpy()[0]) / np.exp(logits.numpy()[0]).sum()
    twice = np.exp(once) / np.exp(once).sum()
    assert float(review_loss(logits, targets, 1)) == pytest.approx(-math.log(once[0]))
    assert float(review_loss(logits, targets, 2)) == pytest.approx(-math.log(twice[0]))


def test_two_softmaxes_have_a_floor():
    sure = 1e4 * torch.nn.functional.one_hot(torch.tensor([3]), 6).float()
    assert float(review_loss(sure, torch.tensor([3]), 2)) == pytest.approx(math.log(math.e + 5) - 1)
    assert float(review_loss(sure, torch.tensor([3]), 1)) == 0


def test_training_is_adams_without_schedule_or_early_end(clips):
    """Against the same steps written out."""
    training = ReviewTraining(epochs=3, batch_size=8, softmaxes=2)
    fit = fit_review_network(clips, clips, 2, training, seed=5)
    torch.manual_seed(5)
    from timbrebench.classifier.style.style_networks import FourBlockNetwork

    network = FourBlockNetwork(2)
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
    for _ in range(3):
        for batch in torch.randperm(24).split(8):
            logits = network(clips.spectrograms[batch].float() / 2)
            loss = torch.nn.functional.cross_entropy(torch.softmax(logits, dim=1), clips.targets[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    for (name, ours), theirs in zip(
        fit.network.state_dict().items(), network.state_dict().values(), strict=True
    ):
        assert torch.allclose(ours, theirs, atol=1e-6), name
    assert [len(column) for column in fit.curve.values()] == [3] * 4


def test_some_clips_are_those_of_their_rows(clips):
    some = LabelledClips(clips.spectrograms, clips.targets, torch.tensor([5, 2, 7]))
    inputs, targets = some.batch(torch.tensor([2, 0]), "cpu")
    assert torch.equal(inputs, clips.spectrograms[[7, 5]].float() / 2)
    assert torch.equal(targets, clips.targets[[7, 5]])
    assert len(some) == 3


@pytest.mark.parametrize("softmaxes", [1, 2])
def test_what_can_be_learned_is_learned(clips, softmaxes):
    fit = fit_review_network(clips, clips, 2, ReviewTraining(epochs=25, batch_size=8, softmaxes=softmaxes), 0)
    loss, accuracy = review_figures(fit.network, clips, softmaxes)
    assert accuracy == 1
    assert (loss, accuracy) == (fit.curve["validation_loss"][-1], fit.curve["validation_accuracy"][-1])
    assert (given_labels(fit.network, clips) == clips.targets.numpy()).all()
    assert fit.curve["train_loss"][-1] < fit.curve["train_loss"][0]
