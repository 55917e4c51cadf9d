"""Networks that name the instrument in a standardised spectrogram."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor, nn

from timbrebench.classifier.style.style_front_end import BaseFrontEnd
from timbrebench.core.errors import JudgeError

NetworkKind = Literal["harmonic", "four-block", "separable", "alexnet", "alexnet-wide", "alexnet-narrow"]

#: Multiples of a frequency that lie one over the other before the first layer of :class:`HarmonicNetwork`.
HARMONICS = (0.5, 1, 2, 3, 4, 5, 6, 7, 8)


#: Filters of AlexNet's convolutions (Krizhevsky et al. 2012).
ALEXNET_CHANNELS = (96, 256, 384, 384, 256)

#: Rows of the last convolution's map of 257 bins, after four halvings.
ALEXNET_PLACES = 16


class FourBlockNetwork(nn.Module):
    """Four blocks of convolution, batch normalisation and ReLU, then the mean over time and frequency.

    The classifier of the multi-instrument report (2023): 8, 16, 32 and 64 filters, 5×5 in the first block
    and 3×3 in the others, stride 2, global average pooling and one linear layer.

    Parameters
    ----------
    n_labels : int
        Number of answers.
    channels : sequence of int, default (8, 16, 32, 64)
        Filters of each block.
    in_channels : int, default 1
        Of the input, which :class:`HarmonicNetwork` stacks.
    """

    def __init__(
        self, n_labels: int, channels: Sequence[int] = (8, 16, 32, 64), in_channels: int = 1
    ) -> None:
        super().__init__()
        blocks: list[nn.Module] = []
        before = in_channels
        for number, filters in enumerate(channels):
            size = 5 if number == 0 else 3
            blocks += [
                nn.Conv2d(before, filters, size, stride=2, padding=size // 2),
                nn.BatchNorm2d(filters),
                nn.ReLU(),
            ]
            before = filters
        self.blocks = nn.Sequential(*blocks)
        self.head = nn.Linear(before, n_labels)

    def forward(self, spectrograms: Tensor) -> Tensor:
        """Return logits, shape (clips, n_labels), of shape (clips, [channels,] bands, frames)."""
        logits: Tensor = self.head(self.embed(spectrograms))
        return logits

    def embed(self, spectrograms: Tensor) -> Tensor:
        """Return what the last layer decides by: shape (clips, channels[-1])."""
        inputs = spectrograms.unsqueeze(1) if spectrograms.dim() == 3 else spectrograms
        embedding: Tensor = self.blocks(inputs).mean(dim=(2, 3))
        return embedding


class HarmonicNetwork(nn.Module):
    """Four blocks over stacked spectrograms in which the harmonics of a note lie one over the other.

    Nine copies of the spectrogram, each moved down by one harmonic, are the channels (Bittner et al., "Deep
    salience representations", ISMIR 2017). What tells a clarinet from a trumpet, which harmonics are strong,
    is then seen in one place whatever note is played.

    Parameters
    ----------
    n_labels : int
        Number of answers.
    steps_per_octave : int
        Bands in an octave of the spectrogram.
    """

    #: Octaves of fundamentals, from the lowest band.
    _OCTAVES = 5.5

    def __init__(self, n_labels: int, steps_per_octave: int) -> None:
        super().__init__()
        self._offsets = [round(steps_per_octave * math.log2(harmonic)) for harmonic in HARMONICS]
        self._fundamentals = round(self._OCTAVES * steps_per_octave)
        trunk = FourBlockNetwork(n_labels, (24, 48, 96, 128), in_channels=len(HARMONICS))
        self.trunk = trunk.to(memory_format=torch.channels_last)  # type: ignore[call-overload] # lacks it

    def forward(self, spectrograms: Tensor) -> Tensor:
        """Return logits, shape (clips, n_labels), of shape (clips, bands, frames)."""
        logits: Tensor = self.head(self.embed(spectrograms))
        return logits

    @property
    def head(self) -> nn.Linear:
        """The last layer."""
        head: nn.Linear = self.trunk.head
        return head

    def embed(self, spectrograms: Tensor) -> Tensor:
        """Return what the last layer decides by: shape (clips, 128)."""
        # A fifth quicker on a CPU than with channels first.
        stacked = self.stack(spectrograms).contiguous(memory_format=torch.channels_last)
        embedding: Tensor = self.trunk.embed(stacked)
        return embedding

    def stack(self, spectrograms: Tensor) -> Tensor:
        """Return the stacked spectrograms: shape (clips, harmonics, fundamentals, frames).

        Beyond the spectrogram's ends they hold the clip's smallest value: nothing sounds there.
        """
        clips, bands, frames = spectrograms.shape
        before = -min(self._offsets)
        after = max(0, max(self._offsets) + self._fundamentals - bands)
        least = spectrograms.amin(dim=(1, 2), keepdim=True)
        padded = torch.cat(
            [least.expand(clips, before, frames), spectrograms, least.expand(clips, after, frames)], dim=1
        )
        starts = [before + offset for offset in self._offsets]
        return torch.stack([padded[:, start : start + self._fundamentals] for start in starts], dim=1)


class SeparableNetwork(nn.Module):
    """Convolutions that are separable into one over places and one over channels, on any spectrogram.

    A 5×5 convolution and six pairs of a 3×3 convolution within each channel and a 1×1 convolution across
    them (Howard et al., "MobileNets", 2017), each with batch normalisation and ReLU; the convolution and
    every other pair halve both axes. Their mean over time and frequency goes through one linear
    layer. A tenth of the multiplications of full 3×3 convolutions with as many filters.

    Parameters
    ----------
    n_labels : int
        Number of answers.
    channels : sequence of int, default (24, 48, 96, 128)
        Filters of the convolution and of each two pairs.
    """

    def __init__(self, n_labels: int, channels: Sequence[int] = (24, 48, 96, 128)) -> None:
        super().__init__()
        first = channels[0]
        layers: list[nn.Module] = [
            nn.Conv2d(1, first, 5, stride=2, padding=2, bias=False),
            nn.BatchNorm2d(first),
            nn.ReLU(),
        ]
        for before, filters in pairwise(channels):
            for inputs, stride in ((before, 2), (filters, 1)):
                layers += [
                    nn.Conv2d(inputs, inputs, 3, stride=stride, padding=1, groups=inputs, bias=False),
                    nn.Conv2d(inputs, filters, 1, bias=False),
                    nn.BatchNorm2d(filters),
                    nn.ReLU(),
                ]
        self.layers = nn.Sequential(*layers)
        self.head = nn.Linear(channels[-1], n_labels)

    def forward(self, spectrograms: Tensor) -> Tensor:
        """Return logits, shape (clips, n_labels), of shape (clips, bands, frames)."""
        logits: Tensor = self.head(self.embed(spectrograms))
        return logits

    def embed(self, spectrograms: Tensor) -> Tensor:
        """Return what the last layer decides by: shape (clips, channels[-1])."""
        inputs = spectrograms.unsqueeze(1).contiguous(memory_format=torch.channels_last)
        embedding: Tensor = self.layers(inputs).mean(dim=(2, 3))
        return embedding


class AlexNet(nn.Module):
    """AlexNet with 3×3 filters, after Verma & Smith (2017).

    The source gives six layers, 3×3 receptive fields and its input: 16 kHz, frames of 30 ms every 10 ms, a
    transform of 512, log magnitudes, 2.57 s. It pools by 2×2, but does not say where, names no strides, and
    no number of filters but that the architecture is AlexNet's, which has 96, 256, 384, 384 and 256. Here,
    there are five convolutions, the first with stride 2, pooled to half after the first, second and fifth,
    and one linear layer. AlexNet's own sees the whole map; this one sees its mean over time, so that clips of
    any length can be judged, in some places of the frequency axis.

    The kind "alexnet-wide" has AlexNet's filters and 16 places, as many as 257 bins have after the last
    pooling; "alexnet-narrow" has a tenth of its cost, and "alexnet" has narrow's filters and one place.

    The first weights of the convolutions are He's (He et al. 2015): no layer normalises, and torch's own, of
    a sixth of that variance, let the signal shrink from layer to layer.

    Parameters
    ----------
    n_labels : int
        Number of answers.
    channels : sequence of int, default (32, 64, 96, 96, 64)
        Filters of the five convolutions.
    places : int, default 1
        Parts of the frequency axis over which the last convolution is averaged one by one.
    """

    def __init__(
        self, n_labels: int, channels: Sequence[int] = (32, 64, 96, 96, 64), places: int = 1
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        before = 1
        for number, filters in enumerate(channels):
            convolution = nn.Conv2d(before, filters, 3, stride=2 if number == 0 else 1, padding=1)
            weight, bias = convolution.parameters()
            nn.init.kaiming_normal_(weight, nonlinearity="relu")
            nn.init.zeros_(bias)
            layers += [convolution, nn.ReLU()]
            if number in {0, 1, 4}:
                layers.append(nn.MaxPool2d(2))
            before = filters
        self.layers = nn.Sequential(*layers)
        self.pooling = nn.AdaptiveAvgPool2d((places, 1))
        self.head = nn.Linear(before * places, n_labels)

    def forward(self, spectrograms: Tensor) -> Tensor:
        """Return logits, shape (clips, n_labels), of shape (clips, bands, frames)."""
        logits: Tensor = self.head(self.embed(spectrograms))
        return logits

    def embed(self, spectrograms: Tensor) -> Tensor:
        """Return what the last layer decides by: shape (clips, channels[-1] * places)."""
        embedding: Tensor = self.pooling(self.layers(spectrograms.unsqueeze(1))).flatten(1)
        return embedding


#: What :func:`create_network` makes. Each is an `embed` followed by a linear `head`.
Network = FourBlockNetwork | HarmonicNetwork | SeparableNetwork | AlexNet


def create_network(kind: NetworkKind, n_labels: int, front_end: BaseFrontEnd) -> Network:
    """Create a network with weights drawn by torch's generator.

    From standardised spectrograms of the front end, shape (clips, bands, frames), to logits of shape (clips,
    n_labels). JudgeError if the harmonic network is asked for with a front end whose bands do not follow
    octaves.
    """
    if kind == "four-block":
        return FourBlockNetwork(n_labels)
    if kind == "separable":
        return SeparableNetwork(n_labels)
    if kind == "alexnet":
        return AlexNet(n_labels)
    if kind == "alexnet-wide":
        return AlexNet(n_labels, ALEXNET_CHANNELS, ALEXNET_PLACES)
    if kind == "alexnet-narrow":
        return AlexNet(n_labels, places=ALEXNET_PLACES)
    if front_end.steps_per_octave is None:
        raise JudgeError(
            "the harmonic network needs bands that are equally many in each octave: "
            'choose the front end "log-frequency" or "cqt", or the network "separable" or "four-block"'
        )
    return HarmonicNetwork(n_labels, front_end.steps_per_octave)
