"""Style transfer in the time domain, without phase reconstruction (Mital, 2017).

The samples of the output are optimised by L-BFGS, from noise. One random convolution with a ReLU sees their
short-time Fourier transform with three channels for each frequency: real part, imaginary part and magnitude.
Because it sees the phase, the phase need not be estimated afterwards. With P the channels of a sound, M the
magnitudes among them, F the features of the convolution and G(A) = A Aᵀ / frames, the loss is

    content_weight · [‖P(x) − P(content)‖² + ‖F(x) − F(content)‖²]
    + ‖G(M(x)) − G(M(style))‖² + ‖G(F(x)) − G(F(style))‖²,

all norms sums of squares. There is no logarithm.

Published settings, as in the author's code, all of them the defaults here: 22,050 Hz, n_fft 4096 with
Hann windows of half that length, hop_length 256, 4,096 filters over 15 frames, content weight 0.05, L-BFGS
with 300 iterations. The text of the paper names a content weight of 0.01 and 150 iterations of Adam, and
filters over 4, 8 and 16 frames.

What paper and code leave open or disagree on, and how it is settled here:

- *What is optimised.* The paper says the audio signal; the code a matrix of overlapping windows, each free of
  its neighbours, which are added up at the end. Windows that disagree do not survive that: with 512 filters
  on windows of 512 samples, 100 iterations brought the loss of the spectra of such windows to 9.1 · 10⁴,
  and adding the windows up put it back to 5.1 · 10⁵. Optimising the samples themselves ended at 1.0 · 10⁵,
  and that is the loss of the output.
- *Transform.* Windows are centred, with silence before and after, as everywhere in this project, and
  frequencies are those of a discrete Fourier transform, 0 and half the sample rate included.
- *Lengths.* The code cuts both clips to the shorter. Here nothing is cut, and each Gram matrix is divided by
  the number of frames of its own clip.
- *Level.* The loss has no scale of its own, but a Gram matrix grows with the square of the level and its loss
  with the fourth power: louder clips weigh style more. Clips are taken as they are. The code's limiter is
  left out; output that exceeds full scale is scaled down as a whole.
- *Zero.* The magnitude of an empty frequency bin has no slope: as in the code, squares are kept above
  1e-15.
- *Long contents.* More than 30 s are made in blocks that are cross-faded over a second.

An evaluation of the loss with its gradient takes 9 s for content and style of 5 s on one core (AMD EPYC), so
that 300 iterations should take about three quarters of an hour; filters and features need 3.6 GB. With n_fft
1024, 256 filters over 8 frames and 60 iterations a pair takes 6 s, with 512 filters over 4 frames 7 s. A GPU
is used where there is one.

References
----------
P. Mital, "Time domain neural audio style transfer", NIPS Workshop on Machine Learning for Creativity and
Design, 2017, https://arxiv.org/abs/1711.11160
"""

from __future__ import annotations

from typing import Self

import numpy as np
import torch
from pydantic import Field, model_validator
from torch import Tensor
from torch.nn.functional import conv1d

from timbrebench.audio.clips import Samples
from timbrebench.transfer.algorithms.optimisation import Device, find_device, minimise_lbfgs, with_gradient
from timbrebench.transfer.algorithms.random_convolution import START_STD, draw_filters
from timbrebench.transfer.bases.block_method import BlockMethod
from timbrebench.transfer.bases.convolution_parameters import ConvolutionParameters

#: Squares of magnitudes are kept above this, as in the author's code.
TINY = 1e-15


class TimeDomainParameters(ConvolutionParameters):
    """Settings of :class:`TimeDomain`; the defaults are the published ones.

    Attributes
    ----------
    n_fft : int
        Length of the discrete Fourier transform. Windows are half as long, filled up with zeros, and twice
        the hop or longer.
    device : {"auto", "cpu", "cuda"}
        Where to compute; "auto", a GPU where there is one, by default.
    """

    sample_rate: int = Field(default=22_050, ge=1000, le=384_000)
    hop_length: int = Field(default=256, gt=0, le=1 << 20)
    n_fft: int = Field(default=4096, ge=8, multiple_of=4, le=1 << 20)
    kernel_width: int = Field(default=15, gt=0, le=10_000)
    content_weight: float = Field(default=0.05, ge=0, allow_inf_nan=False)
    device: Device = "auto"

    @model_validator(mode="after")
    def _windows_overlap(self) -> Self:
        if self.hop_length > self.n_fft // 4:
            raise ValueError(
                f"hop_length {self.hop_length} is more than a quarter of n_fft {self.n_fft}, half a window: "
                "some samples would hardly count"
            )
        return self


class WaveformLoss:
    """The loss of samples, for given content and style, which torch can differentiate.

    Parameters
    ----------
    content, style : torch.Tensor, shapes (n,) and (m,)
        Samples; their precision is that of the computation, their device the place.
    filters : torch.Tensor, shape (n_filters, 3 * (1 + n_fft // 2), kernel_width)
        The random convolution.
    n_fft, hop_length : int
        Transform, and samples from one window to the next.
    content_weight : float
        Weight of the content losses.
    """

    def __init__(
        self,
        content: Tensor,
        style: Tensor,
        filters: Tensor,
        *,
        n_fft: int,
        hop_length: int,
        content_weight: float,
    ) -> None:
        self._filters, self._content_weight = filters, content_weight
        self._n_fft, self._hop_length = n_fft, hop_length
        self._window = torch.hann_window(n_fft // 2, dtype=content.dtype, device=content.device)
        self._content = self._analyse(content)
        self._style = self._grams(self._analyse(style))

    def __call__(self, samples: Tensor) -> Tensor:
        """Return the loss of samples, shape (n,), as many as the content has."""
        made = self._analyse(samples)
        content = [_squares(own - wanted) for own, wanted in zip(made, self._content, strict=True)]
        style = [_squares(own - wanted) for own, wanted in zip(self._grams(made), self._style, strict=True)]
        return self._content_weight * torch.stack(content).sum() + torch.stack(style).sum()

    def _analyse(self, samples: Tensor) -> tuple[Tensor, Tensor]:
        """Return the channels, shape (3 * bins, frames), and the features of the convolution."""
        spectrum = torch.stft(
            samples,
            self._n_fft,
            self._hop_length,
            win_length=len(self._window),
            window=self._window,
            pad_mode="constant",
            return_complex=True,
        )
        square = spectrum.real.square() + spectrum.imag.square()
        channels = torch.cat([spectrum.real, spectrum.imag, square.clamp(min=TINY).sqrt()])
        return channels, conv1d(channels[None], self._filters)[0].relu()

    def _grams(self, analysed: tuple[Tensor, Tensor]) -> list[Tensor]:
        """Return the Gram matrices of the magnitudes and of the features."""
        channels, features = analysed
        magnitude = channels[-(1 + self._n_fft // 2) :]
        return [values @ values.T / channels.shape[1] for values in (magnitude, features)]


def _squares(values: Tensor) -> Tensor:
    return values.square().sum()


class TimeDomain(BlockMethod):
    """Style transfer in the time domain; see the module for what is published and what is not."""

    name = "time-domain"
    version = 1
    summary = (
        "optimises samples to match features and Gram matrices of one random convolution that sees phase"
    )
    source = "P. Mital, Time domain neural audio style transfer, 2017"
    Parameters = TimeDomainParameters
    parameters: TimeDomainParameters

    def make(self, content: Samples, style: Samples, rng: np.random.Generator) -> Samples:
        """Return the samples that minimise the loss, from noise."""
        settings = self.parameters
        device = find_device(settings.device)
        filters_rng, start_rng = rng.spawn(2)
        filters = draw_filters(
            filters_rng,
            n_filters=settings.n_filters,
            n_bins=1 + settings.n_fft // 2,
            kernel_width=settings.kernel_width,
            n_parts=3,
        )
        start = start_rng.standard_normal(len(content), dtype=np.float32) * np.float32(START_STD)
        content_, style_, filters_, start_ = (
            torch.from_numpy(array).to(device) for array in (content, style, filters, start)
        )
        loss = WaveformLoss(
            content_,
            style_,
            filters_,
            n_fft=settings.n_fft,
            hop_length=settings.hop_length,
            content_weight=settings.content_weight,
        )
        samples = minimise_lbfgs(
            with_gradient(loss), start_, max_iterations=settings.max_iterations, name=self.name
        )
        return samples.cpu().numpy()
