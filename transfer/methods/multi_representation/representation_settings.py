"""The settings of the random networks of each representation: STFT, mel bands and CQT.

The defaults are those of Barry & Kim's text; see
:mod:`timbrebench.transfer.methods.multi_representation.multi_representation`. Content and style have a
network each, of the depth that the text gives it. The CQT is gathered from an STFT with the window that its
own longest filter fits in, whatever that of the others is.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal, Self

import librosa
import torch
from pydantic import Field, model_validator
from torch import Tensor

from timbrebench.audio.constant_q import PseudoConstantQ
from timbrebench.audio.differentiable import MelBands
from timbrebench.core.frozen_model import FrozenModel
from timbrebench.transfer.methods.multi_representation.loss_configurations import Kind
from timbrebench.transfer.methods.multi_representation.representations import (
    Draw,
    Front,
    Network,
    PitchConvolution,
    TimeConvolution,
    dilations,
    draw_blocks,
)


@dataclass(frozen=True)
class Frames:
    """How sounds are cut into frames.

    Attributes
    ----------
    sample_rate : int
        Rate of the sounds in hertz.
    n_fft, hop_length : int
        Window of the short-time Fourier transform, and the step from one to the next, in samples.
    """

    sample_rate: int
    n_fft: int
    hop_length: int


class RepresentationSettings(FrozenModel, ABC):
    """Settings of the networks of one representation.

    Attributes
    ----------
    n_filters : int
        Number of random filters of every layer.
    """

    n_filters: int

    @abstractmethod
    def receptive_field(self, kind: Kind) -> int:
        """Return the frames that a feature of the content's or the style's network depends on."""

    @abstractmethod
    def draw(self, kinds: Collection[Kind], frames: Frames, draw: Draw) -> dict[Kind, Network]:
        """Draw the networks that are asked for, in the precision and on the device of the weights.

        Layers that content and style have in common are the same, and where all of them are, so is the
        network. Raises :class:`AudioError` if the representation needs frequencies above half the sample
        rate.
        """


class STFTNetwork(RepresentationSettings):
    """The network on the STFT: one convolution over time.

    Attributes
    ----------
    n_filters : int
        Number of random filters.
    kernel_width : int
        Frames that each spans; 11 in the text, 5 in the authors' script.
    """

    n_filters: int = Field(default=4096, gt=0, le=1 << 16)
    kernel_width: int = Field(default=11, gt=0, le=10_000)

    def receptive_field(self, kind: Kind) -> int:
        """Return what a filter spans."""
        return self.kernel_width

    def draw(self, kinds: Collection[Kind], frames: Frames, draw: Draw) -> dict[Kind, Network]:
        """Draw the network; see :meth:`RepresentationSettings.draw`."""
        weights = draw(0, (self.n_filters, 1 + frames.n_fft // 2, self.kernel_width))
        network = Network(Front(frames.n_fft, None, TimeConvolution(weights)))
        return dict.fromkeys(kinds, network)


class MelNetwork(RepresentationSettings):
    """The networks on mel bands: a long convolution over time, and residual blocks.

    Attributes
    ----------
    n_filters : int
        Number of random filters of every layer; 1,025 in the text, 1,024 in the script.
    kernel_width : int
        Frames that each filter of the first layer spans.
    block_width : int
        Taps of the dilated filters in the blocks.
    n_blocks : int
        Residual blocks for the style; by default 2, and 0 in the configurations 2 and 5.
    content_blocks : int
        Residual blocks for the content; 0 in the text, 2 in the script.
    first_dilation : int
        Distance between the taps of the first of several blocks, doubled by each further one. A single block
        is not dilated. 2 in the text, 1 in the script.
    content_bands, style_bands : int
        Mel bands that content and style are compared by: 8 to 16, and 16 to 512 in the text.
    content_fmax : float
        Where the content's bands end, in hertz, or half the sample rate where that is less. The style's end
        there always.
    mel_scale : {"htk", "slaney"}
        1125 ln(1 + f / 700) of the text, or the scale of Slaney's Auditory Toolbox, which is the script's.
    """

    n_filters: int = Field(default=1025, gt=0, le=1 << 16)
    kernel_width: int = Field(default=50, gt=0, le=10_000)
    block_width: int = Field(default=25, gt=0, le=10_000)
    n_blocks: int = Field(default=2, ge=0, le=30)
    content_blocks: int = Field(default=0, ge=0, le=30)
    first_dilation: int = Field(default=2, gt=0, le=10_000)
    content_bands: int = Field(default=16, gt=0, le=10_000)
    style_bands: int = Field(default=512, gt=0, le=10_000)
    content_fmax: float = Field(default=11_025.0, gt=0, allow_inf_nan=False)
    mel_scale: Literal["htk", "slaney"] = "htk"

    def _blocks(self, kind: Kind) -> int:
        return self.content_blocks if kind == "content" else self.n_blocks

    def receptive_field(self, kind: Kind) -> int:
        """Return what a filter and the blocks span."""
        apart = dilations(self._blocks(kind), self.first_dilation)
        return self.kernel_width + (self.block_width - 1) * sum(apart)

    def draw(self, kinds: Collection[Kind], frames: Frames, draw: Draw) -> dict[Kind, Network]:
        """Draw the networks; see :meth:`RepresentationSettings.draw`."""
        apart = dilations(max(map(self._blocks, kinds)), self.first_dilation)
        blocks = draw_blocks(self.n_filters, (1, self.block_width), apart, draw)
        networks = {}
        for kind in kinds:
            bands, depth = self._mel_bands(kind, frames), self._blocks(kind)
            weights = draw(0, (self.n_filters, len(bands), self.kernel_width))
            front = Front(frames.n_fft, bands.to(weights), TimeConvolution(weights))
            networks[kind] = Network(front, blocks[:depth])
        return networks

    def _mel_bands(self, kind: Kind, frames: Frames) -> Tensor:
        nyquist = frames.sample_rate / 2
        content = kind == "content"
        n_mels = self.content_bands if content else self.style_bands
        fmax = min(self.content_fmax, nyquist) if content else nyquist
        return MelBands(frames.sample_rate, frames.n_fft, n_mels, fmax, self.mel_scale).weights


class CQTNetwork(RepresentationSettings):
    """The networks on the CQT: convolutions over time and pitch, residual blocks, and a maximum over pitch.

    Attributes
    ----------
    n_filters : int
        Number of random filters of every layer.
    kernel_bins, kernel_width : int
        Bins and frames, or taps, that each filter spans.
    n_blocks : int
        Residual blocks for the style.
    content_blocks : int
        Residual blocks for the content; 0 in the text, 3 in the script.
    first_dilation : int
        As of :class:`MelNetwork`, over time and pitch. 2 in the text, 1 in the script.
    pooling : int
        Bins that the maximum is taken over, for the content alone, after its first layer; 1 for no maximum.
        2 in the text, 1 in the script's experiment.
    n_bins, bins_per_octave : int
        Bins from C1 upwards; 86 in the text, 84 in the script.
    filter_scale : float
        Length of the CQT's windows; see :class:`~timbrebench.audio.constant_q.PseudoConstantQ`. The script's;
        the text gives no length.
    gathered : {"magnitudes", "logarithms"}
        What the bins gather: magnitudes, as a pseudo-CQT is defined, or, as in the script, their logarithms,
        without the smallest weights, which make up a hundredth of a bin's sum, and times the root of the
        length of its window.
    """

    n_filters: int = Field(default=256, gt=0, le=1 << 16)
    kernel_bins: int = Field(default=11, gt=0, le=10_000)
    kernel_width: int = Field(default=11, gt=0, le=10_000)
    n_blocks: int = Field(default=3, ge=0, le=30)
    content_blocks: int = Field(default=0, ge=0, le=30)
    first_dilation: int = Field(default=2, gt=0, le=10_000)
    pooling: int = Field(default=2, gt=0, le=10_000)
    n_bins: int = Field(default=86, gt=0, le=10_000)
    bins_per_octave: int = Field(default=12, gt=0, le=10_000)
    filter_scale: float = Field(default=0.1, gt=0, allow_inf_nan=False)
    gathered: Literal["magnitudes", "logarithms"] = "magnitudes"

    @model_validator(mode="after")
    def _pool_fits(self) -> Self:
        left = self.n_bins if self.content_blocks else self.n_bins - self.kernel_bins + 1
        if left < self.pooling:
            raise ValueError(
                f"the {max(0, left)} bins that are left of {self.n_bins} after a kernel of "
                f"{self.kernel_bins} are fewer than the {self.pooling} of a pool"
            )
        return self

    def _blocks(self, kind: Kind) -> int:
        return self.content_blocks if kind == "content" else self.n_blocks

    def receptive_field(self, kind: Kind) -> int:
        """Return what a filter and the blocks span."""
        apart = dilations(self._blocks(kind), self.first_dilation)
        return self.kernel_width + (self.kernel_width - 1) * sum(apart)

    def draw(self, kinds: Collection[Kind], frames: Frames, draw: Draw) -> dict[Kind, Network]:
        """Draw the networks; see :meth:`RepresentationSettings.draw`."""
        transform = PseudoConstantQ(
            frames.sample_rate,
            hop_length=frames.hop_length,
            n_bins=self.n_bins,
            bins_per_octave=self.bins_per_octave,
            filter_scale=self.filter_scale,
        )
        kernel = (self.kernel_bins, self.kernel_width)
        weights = draw(0, (self.n_filters, 1, *kernel))
        apart = dilations(max(map(self._blocks, kinds)), self.first_dilation)
        blocks = draw_blocks(self.n_filters, kernel, apart, draw, self.n_bins)
        bands = (_script_bands(transform) if self.gathered == "logarithms" else transform.weights).to(weights)
        front = Front(transform.n_fft, bands, PitchConvolution(weights), self.gathered == "logarithms")
        depths = {kind: (self._blocks(kind), self.pooling if kind == "content" else 1) for kind in kinds}
        networks = {
            (depth, pooling): Network(front, blocks[:depth], pooling)
            for depth, pooling in set(depths.values())
        }
        return {kind: networks[settings] for kind, settings in depths.items()}


def _script_bands(transform: PseudoConstantQ) -> Tensor:
    """Return the weights of the authors' script, shape (n_bins, 1 + n_fft // 2)."""
    sparse = librosa.util.sparsify_rows(transform.weights.numpy(), quantile=0.01).toarray()
    return torch.from_numpy(sparse) * transform.lengths.sqrt()[:, None]
