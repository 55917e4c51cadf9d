"""Cnn14 is made from a checkpoint in the format of its authors; here a small one with random weights."""

import librosa
import numpy as np
import pytest
import torch
from torch import nn

from timbrebench.classifier.embeddings.panns import Cnn14
from timbrebench.core.errors import JudgeError

RATE = 32_000
WIDTHS = (1, 2, 3, 4, 4, 5, 6)


class Block(nn.Module):
    def __init__(self, before, after):
        super().__init__()
        self.conv1 = nn.Conv2d(before, after, 3, padding=1, bias=False)
        self.conv2 = nn.Conv2d(after, after, 3, padding=1, bias=False)
        self.bn1, self.bn2 = nn.BatchNorm2d(after), nn.BatchNorm2d(after)

    def forward(self, levels):
        return self.bn2(self.conv2(self.bn1(self.conv1(levels)).relu())).relu()


class Authors(nn.Module):
    """The network with its authors' names, narrower, from decibels of mel bands on."""

    def __init__(self):
        super().__init__()
        self.logmel_extractor = nn.Module()
        filters = librosa.filters.mel(sr=RATE, n_fft=1024, n_mels=64, fmin=50, fmax=14_000).T
        self.logmel_extractor.melW = nn.Parameter(torch.from_numpy(filters))
        self.bn0 = nn.BatchNorm2d(64)
        for number in range(1, 7):
            setattr(self, f"conv_block{number}", Block(WIDTHS[number - 1], WIDTHS[number]))
        self.fc1 = nn.Linear(WIDTHS[-1], 7)
        self.fc_audioset = nn.Linear(7, 3)

    def forward(self, levels):
        levels = self.bn0(levels.transpose(1, 3)).transpose(1, 3)
        for number in range(1, 7):
            levels = getattr(self, f"conv_block{number}")(levels)
            levels = nn.functional.avg_pool2d(levels, 2) if number < 6 else levels
        over_time = levels.mean(3)
        return self.fc1(over_time.max(2).values + over_time.mean(2)).relu()


@pytest.fixture
def network():
    torch.manual_seed(0)
    network = Authors()
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm2d):
            nn.init.uniform_(layer.running_mean, -1, 1)
            nn.init.uniform_(layer.running_var, 0.5, 2)
    network.bn0.running_mean -= 40
    return network.eval()


@pytest.fixture
def embedding(network, tmp_path):
    torch.save({"iteration": 600_000, "model": network.state_dict()}, tmp_path / "cnn14.pth")
    return Cnn14(tmp_path / "cnn14.pth")


def test_a_clip_is_what_the_network_gives_for_its_mel_spectrogram(embedding, network, generator):
    clip = generator.normal(scale=0.1, size=RATE).astype(np.float32)
    power = librosa.feature.melspectrogram(
        y=clip, sr=RATE, n_fft=1024, hop_length=320, n_mels=64, fmin=50, fmax=14_000, pad_mode="reflect"
    )
    levels = librosa.power_to_db(power, ref=1.0, amin=1e-10, top_db=None).T
    with torch.no_grad():
        expected = network(torch.from_numpy(levels)[None, None])[0].numpy()
    assert (expected > 0).any()
    np.testing.assert_allclose(embedding.embed(clip, RATE), expected, rtol=1e-3, atol=1e-4)


def test_a_short_clip_has_an_embedding(embedding, generator):
    assert embedding.embed(generator.normal(scale=0.1, size=3_000), RATE).shape == (7,)


def test_the_network_for_another_rate_is_refused(network, tmp_path):
    network.logmel_extractor.melW = nn.Parameter(torch.zeros(257, 64))
    torch.save({"model": network.state_dict()}, tmp_path / "cnn14_16k.pth")
    with pytest.raises(JudgeError, match=r"have shape \(257, 64\)"):
        Cnn14(tmp_path / "cnn14_16k.pth").embed(np.ones(RATE, dtype=np.float32), RATE)
