"""The networks of `paired`: what a style clip sounds like, and how a spectrogram is played like that.

Both see magnitudes in bands of equal musical width, where the partials of a note lie equally far apart
whatever its pitch. A U-Net (Ronneberger et al. 2015) maps the content to two values for each band and frame,
a gain and a level: magnitudes of the content are multiplied by the one, and what the content lacks is added
by the other. Both are interpolated from bands to the bins of the transform. So partials of the content keep
their resolution. In each of its blocks the style's embedding scales and shifts the channels (FiLM,
Perez et al. 2018).
"""

from __future__ import annotations

import itertools
import math

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, leaky_relu, pad

from timbrebench.audio.spectra import log_frequency_bands

#: Centre of the lowest band, E1, and bands in an octave: two for each semitone.
FMIN, BINS_PER_OCTAVE = 41.2, 24

#: Numbers that describe a style clip.
EMBEDDING = 32

#: Magnitude that counts as nothing, where a sine as loud as the whole clip has 1.4.
FLOOR = 1e-3

#: Partials, and fractions of a frequency, that the network sees beside each band.
HARMONICS = (1 / 3, 1 / 2, 1, 2, 3, 4, 5)

#: Maps over the bands that the embedding draws beside them: what is where in the style's spectrum.
STYLE_MAPS = 4

#: Halvings of bands and frames.
_DEPTH = 3

#: First value of the level that is added, in nepers: little against what counts as nothing.
_LEVEL_START = -9.0

#: Maximum gain in nepers: 60 dB.
_MAX_GAIN = 6.9


class Bands(nn.Module):
    """Log-frequency bands of a short-time Fourier transform, and the way back to its bins.

    Parameters
    ----------
    sample_rate : int
        Rate in hertz.
    n_fft : int
        Window of the transform in samples.
    """

    weights: Tensor
    interpolation: Tensor

    def __init__(self, sample_rate: int, n_fft: int) -> None:
        super().__init__()
        count = math.floor(BINS_PER_OCTAVE * math.log2(sample_rate / 2 / FMIN))
        count -= count % 2**_DEPTH
        weights = log_frequency_bands(
            sample_rate, n_fft, fmin=FMIN, bins_per_octave=BINS_PER_OCTAVE, n_bands=count
        )
        frequencies = np.maximum(np.arange(n_fft // 2 + 1) * sample_rate / n_fft, FMIN)
        places = np.clip(BINS_PER_OCTAVE * np.log2(frequencies / FMIN), 0, count - 1)
        interpolation = np.clip(1 - np.abs(places[:, None] - np.arange(count)), 0, None).astype(np.float32)
        self.register_buffer("weights", torch.from_numpy(weights), persistent=False)
        self.register_buffer("interpolation", torch.from_numpy(interpolation), persistent=False)
        self.count = count

    def forward(self, magnitudes: Tensor) -> Tensor:
        """Take magnitudes, shape (clips, bins, frames), to logarithms in bands, shape (clips, bands, frames).

        They are 0 where nothing sounds, and about 1 for a sine as loud as the clip.
        """
        return torch.log1p(self.gather(magnitudes) / FLOOR) / math.log(1 / FLOOR)

    def gather(self, magnitudes: Tensor) -> Tensor:
        """Take magnitudes to their weighted sums in bands: the same shapes."""
        return self.weights @ magnitudes


class FilmBlock(nn.Module):
    """Two convolutions with batch normalisation; the embedding scales and shifts the channels between them.

    Parameters
    ----------
    inputs, channels : int
        Channels before and after.
    """

    def __init__(self, inputs: int, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(inputs, channels, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(channels, affine=False)
        self.film = nn.Linear(EMBEDDING, 2 * channels)
        self.second = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.second_norm = nn.BatchNorm2d(channels)

    def forward(self, maps: Tensor, embedding: Tensor) -> Tensor:
        """Take (clips, inputs, bands, frames) to (clips, channels, bands, frames)."""
        scale, shift = self.film(embedding)[:, :, None, None].chunk(2, dim=1)
        hidden = leaky_relu((1 + scale) * self.norm(self.first(maps)) + shift, 0.1)
        return leaky_relu(self.second_norm(self.second(hidden)), 0.1)


class StyleEncoder(nn.Module):
    """Embeds a style clip: convolutions over its bands, and the mean over time.

    Parameters
    ----------
    bands, channels : int
        Bands of the clip; channels of the first convolution.
    """

    def __init__(self, bands: int, channels: int) -> None:
        super().__init__()
        widths = [1, channels, 2 * channels, 4 * channels]
        layers: list[nn.Module] = []
        for inputs, outputs in itertools.pairwise(widths):
            layers += [
                nn.Conv2d(inputs, outputs, 3, stride=2, padding=1, bias=False),
                nn.BatchNorm2d(outputs),
                nn.LeakyReLU(0.1),
            ]
        self.layers = nn.Sequential(*layers)
        self.embedding = nn.Linear(widths[-1] * bands // 2 ** (len(widths) - 1), EMBEDDING)

    def forward(self, bands: Tensor) -> Tensor:
        """Take (clips, bands, frames) to (clips, 32)."""
        embedding: Tensor = self.embedding(self.layers(bands[:, None]).mean(3).flatten(1))
        return embedding


class PairedNetwork(nn.Module):
    """Style encoder and U-Net, which are trained together.

    Parameters
    ----------
    channels : int
        Channels at the finest level; each halving of bands and frames doubles them, up to four times as many.
    sample_rate, n_fft : int
        Rate in hertz, and window of the transform in samples.
    """

    places: Tensor

    def __init__(self, channels: int, sample_rate: int, n_fft: int) -> None:
        super().__init__()
        self.channels, self.sample_rate, self.n_fft = channels, sample_rate, n_fft
        self.bands = Bands(sample_rate, n_fft)
        self.encoder = StyleEncoder(self.bands.count, channels)
        widths = [channels * 2 ** min(level, 2) for level in range(_DEPTH + 1)]
        inputs = [len(HARMONICS) + STYLE_MAPS + 1, *widths]
        self.down = nn.ModuleList(map(FilmBlock, inputs, widths))
        self.up = nn.ModuleList(FilmBlock(coarse, fine) for fine, coarse in itertools.pairwise(widths))
        self.style_maps = nn.Linear(EMBEDDING, STYLE_MAPS * self.bands.count)
        self.heads = nn.Conv2d(channels, 2, 1)
        nn.init.zeros_(self.heads.weight)
        self.heads.bias = nn.Parameter(torch.tensor([0.0, _LEVEL_START]))
        self.register_buffer("places", torch.linspace(-1, 1, self.bands.count), persistent=False)

    def embed(self, style: Tensor) -> Tensor:
        """Embed magnitudes of style clips, shape (clips, bins, frames): shape (clips, 32)."""
        embedding: Tensor = self.encoder(self.bands(style))
        return embedding

    def forward(self, content: Tensor, embedding: Tensor) -> Tensor:
        """Play contents in styles.

        Parameters
        ----------
        content : torch.Tensor, shape (clips, bins, frames)
            Magnitudes of clips of equal level.
        embedding : torch.Tensor, shape (clips, 32)
            Of the styles.

        Returns
        -------
        torch.Tensor, shape of `content`
            Magnitudes, positive.
        """
        outputs: Tensor = self.heads(self._u_net(self._arranged(self.bands(content), embedding), embedding))
        outputs = outputs[..., : content.shape[-1]]
        gain, level = (self.bands.interpolation @ part for part in outputs.unbind(1))
        return content * gain.clamp(-_MAX_GAIN, _MAX_GAIN).exp() + level.clamp(max=_MAX_GAIN).exp()

    def _arranged(self, bands: Tensor, embedding: Tensor) -> Tensor:
        """Return what the U-Net sees: each band beside its partials, its place, and the style's maps.

        Frames are filled up to a number that can be halved.
        """
        bands = pad(bands, (0, -bands.shape[-1] % 2**_DEPTH))
        shifts = [round(BINS_PER_OCTAVE * math.log2(harmonic)) for harmonic in HARMONICS]
        maps = self.style_maps(embedding).unflatten(1, (STYLE_MAPS, -1))
        still = torch.cat([maps, self.places.expand(len(bands), 1, -1)], dim=1)
        return torch.cat(
            [
                torch.stack([_shifted(bands, shift) for shift in shifts], dim=1),
                still[..., None].expand(-1, -1, -1, bands.shape[-1]),
            ],
            dim=1,
        )

    def _u_net(self, maps: Tensor, embedding: Tensor) -> Tensor:
        finer = []
        for block in self.down[:-1]:
            maps = block(maps, embedding)
            finer.append(maps)
            maps = nn.functional.avg_pool2d(maps, 2)
        maps = self.down[-1](maps, embedding)
        for block, skipped in zip(reversed(self.up), reversed(finer), strict=True):
            maps = skipped + interpolate(block(maps, embedding), scale_factor=2)
        return maps


def _shifted(bands: Tensor, shift: int) -> Tensor:
    """Return bands whose value lies `shift` bands higher in the original; 0 beyond the last."""
    return pad(bands, (0, 0, -shift, shift))
