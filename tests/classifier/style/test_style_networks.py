import numpy as np
import pytest
import torch

from timbrebench.classifier.style.style_front_end import LogFrequencyFrontEnd, MelFrontEnd
from timbrebench.classifier.style.style_networks import HARMONICS, AlexNet, HarmonicNetwork, create_network
from timbrebench.core.errors import JudgeError

RATE = 22_050
KINDS = ["harmonic", "four-block", "separable", "alexnet", "alexnet-narrow"]


def network_of(kind, n_labels=6):
    torch.manual_seed(0)
    return create_network(kind, n_labels, LogFrequencyFrontEnd()).eval()


def harmonic_tone(f0):
    time = np.arange(RATE) / RATE
    return np.sum([np.sin(2 * np.pi * f0 * k * time) / k for k in range(1, 7)], axis=0).astype(np.float32)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("frames", [22, 108, 431])
def test_clips_of_any_length_get_a_logit_for_each_label(kind, frames):
    assert network_of(kind)(torch.zeros(2, 191, frames)).shape == (2, 6)


@pytest.mark.parametrize("kind", KINDS)
def test_logits_are_not_normalised(kind):
    logits = network_of(kind)(torch.randn(4, 191, 64))
    assert (logits < 0).any()
    assert not torch.allclose(logits.sum(dim=1), torch.ones(4), atol=1e-3)


@pytest.mark.parametrize("kind", KINDS)
def test_a_clip_is_judged_by_itself_whatever_the_batch(kind):
    network, batch = network_of(kind, 3), torch.randn(4, 191, 64)
    torch.testing.assert_close(network(batch)[2:3], network(batch[2:3]), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize(
    ("kind", "filters", "places"),
    [
        ("alexnet", [32, 64, 96, 96, 64], 1),
        ("alexnet-narrow", [32, 64, 96, 96, 64], 16),
        ("alexnet-wide", [96, 256, 384, 384, 256], 16),
    ],
)
def test_an_alexnet_has_the_filters_of_its_kind_and_answers_by_places_of_the_frequency_axis(
    kind, filters, places
):
    network = network_of(kind)
    assert [len(layer.weight) for layer in network.layers if isinstance(layer, torch.nn.Conv2d)] == filters
    assert network.embed(torch.zeros(2, 257, 40)).shape == (2, places * filters[-1])


def test_signals_do_not_shrink_from_layer_to_layer_of_an_untrained_alexnet():
    torch.manual_seed(0)
    sizes, signal = [], torch.randn(2, 1, 128, 128)
    for layer in AlexNet(2).layers:
        signal = layer(signal).detach()
        sizes += [signal.square().mean().item()] if isinstance(layer, torch.nn.ReLU) else []
    assert len(sizes) == 5
    assert all(size > 0.5 for size in sizes)


def test_a_transposed_tone_is_a_shifted_spectrogram():
    front_end = LogFrequencyFrontEnd()
    octave = front_end.steps_per_octave
    spectrograms = [front_end.spectrogram(harmonic_tone(f0), RATE) for f0 in (220, 440)]
    low, high = HarmonicNetwork(2, octave).stack(torch.from_numpy(np.stack(spectrograms)))
    # Which harmonics sound, and how strongly, is seen at the fundamental, an octave higher.
    fundamental = round(octave * np.log2(220 / front_end.lowest_hz))
    sounding = [HARMONICS.index(harmonic) for harmonic in (1, 2, 3, 4, 5, 6)]
    higher, lower = high[sounding, fundamental + octave, 10:30], low[sounding, fundamental, 10:30]
    torch.testing.assert_close(higher, lower, atol=3.0, rtol=0)


def test_the_harmonics_of_a_note_lie_over_its_fundamental():
    front_end = LogFrequencyFrontEnd()
    spectrogram = torch.from_numpy(front_end.spectrogram(harmonic_tone(220), RATE))
    stacked = HarmonicNetwork(2, front_end.steps_per_octave).stack(spectrogram[None])[0, :, :, 20]
    fundamental = round(front_end.steps_per_octave * np.log2(220 / front_end.lowest_hz))
    sounding = [HARMONICS.index(harmonic) for harmonic in (1, 2, 3, 4, 5, 6)]
    silent = [HARMONICS.index(harmonic) for harmonic in (0.5, 7, 8)]
    assert (stacked[sounding, fundamental] > -25).all()
    assert (stacked[silent, fundamental] < -50).all()


def test_beyond_the_spectrogram_nothing_sounds():
    # Quiet clips hold nothing at the floor: what is filled in is their own least value.
    spectrograms = torch.rand(2, 191, 30) * 10 - torch.tensor([20.0, 60.0]).view(2, 1, 1)
    pictures = HarmonicNetwork(2, 24).stack(spectrograms)
    torch.testing.assert_close(pictures.amin(dim=(1, 2, 3)), spectrograms.amin(dim=(1, 2)))


def test_the_harmonic_network_needs_octaves_of_equal_height():
    with pytest.raises(JudgeError, match="four-block"):
        create_network("harmonic", 2, MelFrontEnd())
