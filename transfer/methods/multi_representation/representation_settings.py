"""The settings of the random networks of each representation: STFT, mel bands and CQT.

The defaults are those of Barry & Kim's experiment; see
:mod:`timbrebench.transfer.methods.multi_representation.multi_representation`. The CQT is gathered from an
STFT with the window that its own longest filter fits in, whatever that of the others is.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Self

import torch
from pydantic import Field, model_validator

from timbrebench.audio.constant_q import PseudoConstantQ
from timbrebench.audio.differentiable import MelBands
from timbrebench.core.frozen_model import FrozenModel
from timbrebench.transfer.methods.multi_representation.representations import (
    Network,
    Representation,
    ResidualBlocks,
    lecun_normal,
    reach,
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
    """Settings of the networks of one representation."""

    @property
    @abstractmethod
    def receptive_field(self) -> int:
        """Frames that a feature depends on."""

    @abstractmethod
    def draw(self, frames: Frames, generator: torch.Generator) -> Representation:
        """Draw the networks, in ``float32`` on the CPU.

        Raises :class:`AudioError` if the representation needs frequencies above half the sample rate.
        """


class STFTNetwork(RepresentationSettings):
    """The network on the STFT: one convolution over time.

    Attributes
    ----------
    n_filters : int
        Number of random filters.
    kernel_width : int
        Frames that each spans.
    """

    n_filters: int = Field(default=4096, gt=0, le=1 << 16)
    kernel_width: int = Field(default=5, gt=0, le=10_000)

    @property
    def receptive_field(self) -> int:
        """What a filter spans."""
        return self.kernel_width

    def draw(self, frames: Frames, generator: torch.Generator) -> Representation:
        """Draw the network; see :meth:`RepresentationSettings.draw`."""
        shape = (self.n_filters, 1 + frames.n_fft // 2, self.kernel_width)
        first = lecun_normal(shape, generator)
        network = Network(None, first, ResidualBlocks(self.n_filters, (1,), 0, generator))
        return Representation(frames.n_fft, network, network)


class MelNetwork(RepresentationSettings):
    """The network on mel bands: a long convolution over time and residual blocks.

    Attributes
    ----------
    n_filters : int
        Number of random filters of every layer.
    kernel_width : int
        Frames that each filter of the first layer spans.
    block_width : int
        Taps of the dilated filters in the blocks.
    n_blocks : int
        Number of blocks.
    content_bands, style_bands : int
        Mel bands that content and style are compared by.
    """

    n_filters: int = Field(default=1024, gt=0, le=1 << 16)
    kernel_width: int = Field(default=50, gt=0, le=10_000)
    block_width: int = Field(default=25, gt=0, le=10_000)
    n_blocks: int = Field(default=2, ge=0, le=10_000)
    content_bands: int = Field(default=16, gt=0, le=10_000)
    style_bands: int = Field(default=512, gt=0, le=10_000)

    @property
    def receptive_field(self) -> int:
        """What a filter and the blocks span."""
        return self.kernel_width + reach(self.block_width, self.n_blocks)

    def draw(self, frames: Frames, generator: torch.Generator) -> Representation:
        """Draw two networks, for content and style; see :meth:`RepresentationSettings.draw`."""
        blocks = ResidualBlocks(self.n_filters, (self.block_width,), self.n_blocks, generator)
        networks = []
        for bands in (self.content_bands, self.style_bands):
            first = lecun_normal((self.n_filters, bands, self.kernel_width), generator)
            networks.append(Network(MelBands(frames.sample_rate, frames.n_fft, bands).weights, first, blocks))
        return Representation(frames.n_fft, *networks)


class CQTNetwork(RepresentationSettings):
    """The network on the CQT: convolutions over time and pitch, a maximum over pitch, and residual blocks.

    Attributes
    ----------
    n_filters : int
        Number of random filters of every layer.
    kernel_bins, kernel_width : int
        Bins and frames, or taps, that each filter spans.
    n_blocks : int
        Number of blocks.
    pooling : int
        Bins that the maximum is taken over; 1 for no maximum.
    n_bins, bins_per_octave : int
        Bins from C1 upwards.
    filter_scale : float
        Length of the CQT's windows; see :class:`~timbrebench.audio.constant_q.PseudoConstantQ`.
    """

    n_filters: int = Field(default=256, gt=0, le=1 << 16)
    kernel_bins: int = Field(default=11, gt=0, le=10_000)
    kernel_width: int = Field(default=11, gt=0, le=10_000)
    n_blocks: int = Field(default=3, ge=0, le=10_000)
    pooling: int = Field(default=2, gt=0, le=10_000)
    n_bins: int = Field(default=84, gt=0, le=10_000)
    bins_per_octave: int = Field(default=12, gt=0, le=10_000)
    filter_scale: float = Field(default=0.1, gt=0, allow_inf_nan=False)

    @model_validator(mode="after")
    def _pool_fits(self) -> Self:
        left = self.n_bins if self.n_blocks else self.n_bins - self.kernel_bins + 1
        if left < self.pooling:
            raise ValueError(
                f"the {max(0, left)} bins that are left of {self.n_bins} after a kernel of "
                f"{self.kernel_bins} are fewer than the {self.pooling} of a pool"
            )
        return self

    @property
    def receptive_field(self) -> int:
        """What a filter and the blocks span."""
        return self.kernel_width + reach(self.kernel_width, self.n_blocks)

    def draw(self, frames: Frames, generator: torch.Generator) -> Representation:
        """Draw the network; see :meth:`RepresentationSettings.draw`."""
        transform = PseudoConstantQ(
            frames.sample_rate,
            hop_length=frames.hop_length,
            n_bins=self.n_bins,
            bins_per_octave=self.bins_per_octave,
            filter_scale=self.filter_scale,
        )
        kernel = (self.kernel_bins, self.kernel_width)
        first = lecun_normal((self.n_filters, 1, *kernel), generator)
        blocks = ResidualBlocks(self.n_filters, kernel, self.n_blocks, generator)
        network = Network(transform.weights, first, blocks, self.pooling)
        return Representation(transform.n_fft, network, network)
