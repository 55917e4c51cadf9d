"""VGGish is made from a file in the format of torchvggish; here a small one with random weights."""

import numpy as np
import pytest
import torch
from torch import nn

from timbrebench.classifier.embeddings.vggish import VGGish, log_mel_windows
from timbrebench.core.errors import JudgeError

RATE = 16_000
WIDTHS = (2, 3, 4, 4, 5, 5)


class Torchvggish(nn.Module):
    """The network with torchvggish's names, narrower."""

    def __init__(self):
        super().__init__()
        layers, channels = [], 1
        for number, width in enumerate(WIDTHS):
            layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU()]
            channels = width
            if number in {0, 1, 3, 5}:
                layers.append(nn.MaxPool2d(2, 2))
        self.features = nn.Sequential(*layers)
        linear = [
            nn.Linear(channels * 24, 7),
            nn.ReLU(),
            nn.Linear(7, 7),
            nn.ReLU(),
            nn.Linear(7, 6),
            nn.ReLU(),
        ]
        self.embeddings = nn.Sequential(*linear)

    def forward(self, levels):
        return self.embeddings(self.features(levels).transpose(1, 3).transpose(1, 2).flatten(1))


@pytest.fixture
def network():
    torch.manual_seed(0)
    return Torchvggish().eval()


@pytest.fixture
def embedding(network, tmp_path):
    torch.save(network.state_dict(), tmp_path / "vggish.pth")
    return VGGish(tmp_path / "vggish.pth")


def test_a_clip_is_the_mean_of_what_the_network_gives_for_its_windows(embedding, network, generator):
    clip = generator.normal(scale=0.1, size=2 * 15_360 + 5_000).astype(np.float32)
    windows = torch.from_numpy(log_mel_windows(clip)).unsqueeze(1)
    assert windows.shape == (2, 1, 96, 64)
    with torch.no_grad():
        expected = network(windows).numpy()
    assert (expected > 0).any()
    np.testing.assert_allclose(embedding.embed(clip, RATE), expected.mean(axis=0), rtol=1e-4, atol=1e-6)


def test_a_short_clip_is_filled_up_to_one_window(embedding, generator):
    clip = generator.normal(scale=0.1, size=RATE // 2).astype(np.float32)
    assert log_mel_windows(clip).shape == (1, 96, 64)
    padded = np.pad(clip, (0, RATE // 2))
    np.testing.assert_array_equal(embedding.embed(clip, RATE), embedding.embed(padded, RATE))


def test_bands_lie_on_the_mel_scale():
    times = np.arange(RATE) / RATE
    edges = np.linspace(1127 * np.log1p(125 / 700), 1127 * np.log1p(7500 / 700), 66)
    for band in (10, 30, 60):
        hertz = 700 * np.expm1(edges[band + 1] / 1127)
        levels = log_mel_windows(np.sin(2 * np.pi * hertz * times).astype(np.float32))[0].mean(axis=0)
        assert abs(int(levels.argmax()) - band) <= 1
    assert log_mel_windows(np.zeros(RATE, dtype=np.float32)) == pytest.approx(np.log(0.01))


def test_weights_of_something_else_are_refused(network, tmp_path):
    state = network.state_dict()
    del state["embeddings.4.bias"]
    torch.save(state, tmp_path / "other.pth")
    with pytest.raises(JudgeError, match=r"vggish-10086976.pth: it lacks embeddings\.4\.bias"):
        VGGish(tmp_path / "other.pth").embed(np.ones(RATE, dtype=np.float32), RATE)
