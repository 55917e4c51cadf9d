"""The networks of DDSP: what a style clip sounds like, and how a voice is played like that.

As in the authors' autoencoder a recurrent network encodes the timbre from MFCCs; here it encodes the style
clip, and one vector stands for all of it. The decoder is theirs: perceptrons for pitch, loudness and timbre,
a recurrent network, another perceptron, and one layer for the sum of the amplitudes, their shares and the
magnitudes of the noise.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

#: Coefficients that describe a style clip, and numbers of its embedding, as published.
COEFFICIENTS, EMBEDDING = 30, 16

#: Bands of the noise, as published.
BANDS = 65

#: What a frame is described by: pitch, loudness, whether the note is held, whether loudness is the frame's
#: own.
FEATURES = 4

#: First value of what becomes the noise's magnitudes: quiet, as published.
_NOISE_START = -5.0

#: First values of what becomes the sum of the amplitudes, beside the loudness, and their shares: a note about
#: as loud as it should be, whose harmonics fall by about 2 dB each.
_LOUDNESS_START, _SLOPE_START = -1.7, -0.1


class StyleEncoder(nn.Module):
    """Embeds style clips: a recurrent network over their MFCCs, and the mean of its outputs.

    Parameters
    ----------
    channels : int
        Width.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.normalise = nn.LayerNorm(COEFFICIENTS)
        self.recurrent = nn.GRU(COEFFICIENTS, channels, batch_first=True)
        self.embedding = nn.Linear(channels, EMBEDDING)

    def forward(self, coefficients: Tensor) -> Tensor:
        """Take (clips, frames, 30) to (clips, 16)."""
        hidden, _ = self.recurrent(self.normalise(coefficients))
        embedding: Tensor = self.embedding(hidden).mean(1)
        return embedding


class Decoder(nn.Module):
    """Plays voices in the timbre of an embedding.

    Parameters
    ----------
    channels, layers : int
        Width of all networks, and layers of each perceptron.
    harmonics : int
        Harmonics of a voice.
    """

    def __init__(self, channels: int, layers: int, harmonics: int) -> None:
        super().__init__()
        self.harmonics = harmonics
        self.pitch = _perceptron(1, channels, layers)
        self.loudness = _perceptron(FEATURES - 1, channels, layers)
        self.timbre = _perceptron(EMBEDDING, channels, layers)
        self.recurrent = nn.GRU(3 * channels, channels)
        self.output = _perceptron(3 * channels, channels, layers)
        self.heads = nn.Linear(channels, 1 + harmonics + BANDS)
        with torch.no_grad():
            self.heads.bias[0] = _LOUDNESS_START
            self.heads.bias[1 : 1 + harmonics] = _SLOPE_START * torch.arange(harmonics)
            self.heads.bias[1 + harmonics :] = _NOISE_START

    def forward(self, voices: PackedSequence, embedding: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the outputs for each row, in the order of the packed sequence.

        Parameters
        ----------
        voices : PackedSequence
            Features of each voice over time, shape (rows, 4).
        embedding : torch.Tensor, shape (rows, 16)
            Of the style that each row is played in.

        Returns
        -------
        loudness, distribution, noise : torch.Tensor, shapes (rows,), (rows, harmonics) and (rows, 65)
            Without a scale (:func:`~timbrebench.transfer.methods.ddsp.ddsp_synthesis.scaled_sigmoid`).
        """
        pitch, loudness = self.pitch(voices.data[:, :1]), self.loudness(voices.data[:, 1:])
        inputs = torch.cat([pitch, loudness, self.timbre(embedding)], dim=1)
        hidden, _ = self.recurrent(voices._replace(data=inputs))
        outputs = self.heads(self.output(torch.cat([hidden.data, pitch, loudness], dim=1)))
        # 20 dB more make about ten times the amplitude.
        total = outputs[:, 0] + voices.data[:, 1]
        return total, outputs[:, 1 : 1 + self.harmonics], outputs[:, 1 + self.harmonics :]


class DdspNetwork(nn.Module):
    """Encoder and decoder, which are trained together.

    Parameters
    ----------
    channels, layers, harmonics : int
        As for :class:`Decoder`.
    """

    def __init__(self, channels: int, layers: int, harmonics: int) -> None:
        super().__init__()
        self.channels, self.layers, self.harmonics = channels, layers, harmonics
        self.encoder = StyleEncoder(channels)
        self.decoder = Decoder(channels, layers, harmonics)


def _perceptron(inputs: int, channels: int, layers: int) -> nn.Sequential:
    parts: list[nn.Module] = []
    for number in range(layers):
        width = inputs if number == 0 else channels
        parts += [nn.Linear(width, channels), nn.LayerNorm(channels), nn.LeakyReLU()]
    return nn.Sequential(*parts)
