"""Style transfer in the time domain, without phase reconstruction (Mital, 2017).

The samples of the output are optimised from noise. One random convolution with a ReLU sees their windows with
three channels for each frequency: real part, imaginary part and magnitude. Because it sees the phase, the
phase need not be estimated afterwards. With P the channels of a sound, M the magnitudes among them, F the
features of the convolution and G(A) = A Aᵀ / frames, the loss is

    content_weight · [‖P(x) − P(content)‖² + ‖F(x) − F(content)‖²]
    + ‖G(M(x)) − G(M(style))‖² + ‖G(F(x)) − G(F(style))‖²,

all norms sums of squares. There is no logarithm.

The paper and its author's script are not the same method, and both are here:

============================  =========================  ============================================
`preset`                      ``text`` (the default)     ``code``
============================  =========================  ============================================
what is optimised             the samples                a matrix of overlapping windows, each free of
                                                         its neighbours, which are added up at the end
optimiser                     150 iterations of Adam     300 iterations of L-BFGS
content weight                0.01                       0.05
discrete Fourier transform    of the window, 2048        of the window filled up with zeros, 4096
filters span                  8 frames                   15 frames
style                         all of it                  cut to the content's length
at the end                                               the script's limiter
============================  =========================  ============================================

In both: 22,050 Hz, Hann windows of 2,048 samples that begin at the first one, the lower half of the
frequencies, 4,096 filters.

What the text leaves open: it tried filters over 4, 8 and 16 frames and hops of 128, 256 and 512 samples, of
which those in the middle are taken, and gives neither the number of filters nor Adam's learning rate, which
are the script's. "Half the frame size" is read as the number of frequencies.

Windows that disagree with their neighbours do not survive their addition: with 512 filters on windows of 512
samples, 100 iterations of L-BFGS brought the loss of such windows to 9.1 · 10⁴, and adding them up put it
back to 5.1 · 10⁵. The sum is four times as loud as the content, which is why the script needs its limiter.

Not as published, under either preset:

- *Frequencies* are those of a discrete Fourier transform, k / n_fft; the script spaces as many of them evenly
  from 0 to half the sample rate inclusive.
- *L-BFGS* keeps to the strong Wolfe conditions and stops at its last iteration; the script's is scipy's, with
  its tolerances.
- *Lengths.* The script cuts the content to the style's length too; here the output is as long as the content.
  Each Gram matrix is divided by the number of frames of its own clip.
- *Level.* The loss has no scale of its own, but a Gram matrix grows with the square of the level and its loss
  with the fourth power: louder clips weigh style more. Clips are taken as they are. Output that exceeds full
  scale is scaled down as a whole.
- *Zero.* The magnitude of an empty frequency bin has no slope: as in the script, squares are kept above
  1e-15.
- *Long contents.* More than 30 s are made in blocks that are cross-faded over a second.

Other inputs and networks that the text tried without success are not here: phases and their differences,
several layers, WaveNet, NSynth.

References
----------
P. Mital, "Time domain neural audio style transfer", NIPS Workshop on Machine Learning for Creativity and
Design, 2017, https://arxiv.org/abs/1711.11160, and its code,
https://github.com/pkmital/time-domain-neural-audio-style-transfer
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, Self

import numpy as np
import torch
from pydantic import Field, model_validator
from scipy.signal.windows import hann
from torch import Tensor
from torch.nn.functional import pad

from timbrebench.audio.clips import Samples
from timbrebench.transfer.algorithms.block_convolution import BlockConvolution
from timbrebench.transfer.algorithms.gram_loss import GramLoss, gram_loss, sum_of_squares
from timbrebench.transfer.algorithms.optimisation import (
    Device,
    find_device,
    minimise_adam,
    minimise_lbfgs,
)
from timbrebench.transfer.algorithms.random_convolution import START_STD, draw_filters
from timbrebench.transfer.bases.block_method import BlockMethod
from timbrebench.transfer.bases.convolution_parameters import ConvolutionParameters

#: Squares of magnitudes are kept above this, as in the author's code.
TINY = 1e-15

#: Samples of a window, in the text and in the author's script.
WIN_LENGTH = 2048

#: Where the author's script differs from the text: values of the method's parameters.
CODE: Mapping[str, object] = {
    "n_fft": 4096,
    "kernel_width": 15,
    "content_weight": 0.05,
    "max_iterations": 300,
}


class TimeDomainParameters(ConvolutionParameters):
    """Settings of :class:`TimeDomain`; the defaults are those of the text.

    Attributes
    ----------
    preset : {"text", "code"}
        The paper's method or that of its author's script; see the table in the module. What else is set
        replaces what the preset says.
    win_length : int
        Samples of a window, twice the hop or more; 2,048 by default, or `n_fft` where that is less.
    n_fft : int
        Length of the discrete Fourier transform: windows are filled up with zeros.
    learning_rate : float
        Of Adam: how far a sample moves in one step at most. Not for the preset "code".
    device : {"auto", "cpu", "cuda"}
        Where to compute; "auto", a GPU where there is one, by default.
    """

    preset: Literal["text", "code"] = "text"
    sample_rate: int = Field(default=22_050, ge=1000, le=384_000)
    hop_length: int = Field(default=256, gt=0, le=1 << 20)
    win_length: int = Field(default=WIN_LENGTH, ge=4, le=1 << 20)
    n_fft: int = Field(default=2048, ge=4, multiple_of=2, le=1 << 20)
    kernel_width: int = Field(default=8, gt=0, le=10_000)
    max_iterations: int = Field(default=150, gt=0, le=1_000_000)
    learning_rate: float = Field(default=1e-3, gt=0, allow_inf_nan=False)
    device: Device = "auto"

    @model_validator(mode="before")
    @classmethod
    def _take_preset(cls, given: Mapping[str, Any]) -> dict[str, Any]:
        of_code = given.get("preset") == "code"
        if of_code and "learning_rate" in given:
            raise ValueError("the preset 'code' takes L-BFGS, which has no learning_rate: leave it out")
        settings = {**CODE, **given} if of_code else dict(given)
        n_fft = given.get("n_fft")
        if isinstance(n_fft, int) and n_fft < WIN_LENGTH:
            settings.setdefault("win_length", n_fft)
        return settings

    @model_validator(mode="after")
    def _windows_fit(self) -> Self:
        if self.hop_length > self.win_length // 2:
            raise ValueError(
                f"hop_length {self.hop_length} is more than half of win_length {self.win_length}: "
                "some samples would hardly count"
            )
        if self.n_fft < self.win_length:
            raise ValueError(
                f"n_fft {self.n_fft} is less than win_length {self.win_length}: a window would be cut"
            )
        return self


class WindowLoss:
    """Loss and gradient of windows, for those of content and style.

    Parameters
    ----------
    content, style : torch.Tensor, shapes (n, win_length) and (m, win_length)
        Windows; their precision is that of the computation, their device the place.
    filters : torch.Tensor, shape (n_filters, 3 * (n_fft // 2), kernel_width)
        The random convolution.
    n_fft : int
        Length of the transform.
    content_weight : float
        Weight of the content losses.
    """

    def __init__(
        self, content: Tensor, style: Tensor, filters: Tensor, *, n_fft: int, content_weight: float
    ) -> None:
        self._n_fft, self._bins, self._content_weight = n_fft, n_fft // 2, content_weight
        self._convolve = BlockConvolution(filters)
        self._channels, style_channels = self._transform(content), self._transform(style)
        self._features = self._convolve(self._channels.T).relu_()
        self._magnitude_style = self._style_loss(style_channels[:, -self._bins :], style, content)
        self._feature_style = self._style_loss(self._convolve(style_channels.T).relu_(), style, content)

    def _style_loss(self, features: Tensor, style: Tensor, content: Tensor) -> GramLoss:
        positions = len(features) - len(style) + len(content)
        return gram_loss(features, len(style), positions=positions, divisor=len(content))

    def __call__(self, windows: Tensor) -> tuple[float, Tensor]:
        """Return the loss of windows, as many as the content has, and its derivatives by them."""
        windows = windows.detach().requires_grad_()
        channels = self._transform(windows)
        features = self._convolve(channels.detach().T).relu_()
        feature_style, feature_slope = self._feature_style(features)
        magnitude_style, magnitude_slope = self._magnitude_style(channels.detach()[:, -self._bins :])
        errors = features - self._features, channels.detach() - self._channels
        slope = feature_slope().add_(errors[0], alpha=2 * self._content_weight).mul_(features > 0)
        channel_slope = self._convolve.transpose(slope).T.add(errors[1], alpha=2 * self._content_weight)
        channel_slope[:, -self._bins :] += magnitude_slope()
        (gradient,) = torch.autograd.grad(channels, windows, channel_slope)
        return feature_style + magnitude_style + self._content_weight * sum(
            map(sum_of_squares, errors)
        ), gradient

    def _transform(self, windows: Tensor) -> Tensor:
        """Return the channels, shape (windows, 3 * bins)."""
        spectrum = torch.fft.rfft(windows, self._n_fft)[:, : self._bins]
        square = spectrum.real.square() + spectrum.imag.square()
        return torch.cat([spectrum.real, spectrum.imag, square.clamp(min=TINY).sqrt()], dim=1)


class TimeDomain(BlockMethod):
    """Style transfer in the time domain; see the module for what is published and what is not."""

    name = "time-domain"
    version = 2
    summary = (
        "optimises samples to match features and Gram matrices of one random convolution that sees phase"
    )
    source = "P. Mital, Time domain neural audio style transfer, 2017"
    Parameters = TimeDomainParameters
    parameters: TimeDomainParameters

    def min_length(self, sample_rate: int) -> int:
        """Return the samples of as many hops as a filter spans frames."""
        return self.parameters.kernel_width * self.parameters.hop_length

    def make(self, content: Samples, style: Samples, rng: np.random.Generator) -> Samples:
        """Return the samples that minimise the loss, from noise."""
        settings = self.parameters
        make = self._of_text if settings.preset == "text" else self._of_code
        device = find_device(settings.device)
        filters_rng, start_rng = rng.spawn(2)
        filters = draw_filters(
            filters_rng,
            n_filters=settings.n_filters,
            n_bins=settings.n_fft // 2,
            kernel_width=settings.kernel_width,
            n_parts=3,
        )
        of_content, of_style, of_filters = (
            torch.from_numpy(array).to(device) for array in (content, style, filters)
        )
        return make(of_content, of_style, of_filters, start_rng)

    def _of_text(self, content: Tensor, style: Tensor, filters: Tensor, rng: np.random.Generator) -> Samples:
        settings = self.parameters
        loss = self._loss(self.windows(content), self.windows(style), filters)

        def objective(samples: Tensor) -> tuple[float, Tensor]:
            samples = samples.requires_grad_()
            windows = self.windows(samples)
            value, slope = loss(windows)
            return value, torch.autograd.grad(windows, samples, slope)[0]

        samples = minimise_adam(
            objective,
            self._noise(rng, content.shape).to(content.device),
            iterations=settings.max_iterations,
            learning_rate=settings.learning_rate,
            name=self.name,
        )
        made: Samples = samples.cpu().numpy()
        return made

    def _of_code(self, content: Tensor, style: Tensor, filters: Tensor, rng: np.random.Generator) -> Samples:
        settings = self.parameters
        windows = self.windows(content)
        loss = self._loss(windows, self.windows(style)[: len(windows)], filters)
        made = minimise_lbfgs(
            loss,
            self._noise(rng, windows.shape).to(content.device),
            max_iterations=settings.max_iterations,
            name=self.name,
        )
        return limited(added(made, settings.hop_length)[: len(content)].cpu().numpy())

    def _loss(self, content: Tensor, style: Tensor, filters: Tensor) -> WindowLoss:
        settings = self.parameters
        return WindowLoss(
            content, style, filters, n_fft=settings.n_fft, content_weight=settings.content_weight
        )

    def _noise(self, rng: np.random.Generator, shape: tuple[int, ...]) -> Tensor:
        return torch.from_numpy(rng.standard_normal(shape, dtype=np.float32) * np.float32(START_STD))

    def windows(self, samples: Tensor) -> Tensor:
        """Cut samples, shape (n,), into windows, shape (n // hop_length, win_length); zeros fill the last."""
        settings = self.parameters
        window = torch.from_numpy(hann(settings.win_length)).to(samples)
        hop = settings.hop_length
        whole = pad(samples, (0, settings.win_length))
        return whole.unfold(0, settings.win_length, hop)[: len(samples) // hop] * window


def added(windows: Tensor, hop_length: int) -> Tensor:
    """Add up windows, shape (n, win_length), `hop_length` apart: ``n * hop_length + win_length`` samples."""
    count, length = windows.shape
    total = windows.new_zeros(count * hop_length + length)
    for number, window in enumerate(windows):
        total[number * hop_length :][:length] += window
    return total


def limited(samples: Samples) -> Samples:
    """Limit samples, shape (n,), as the author's script does: softly beyond 0.9, 40 samples late.

    The gain follows 0.9 over the envelope, which falls by a factor of 0.9995 from one sample to the next.
    """
    delay, threshold, release, attack = 40, 0.9, 0.9995, 0.9
    made = np.zeros(len(samples), dtype=np.float32)
    envelope, gain = 0.0, 1.0
    for index, sample in enumerate(samples.tolist()):
        envelope = max(abs(sample), envelope * release)
        target = threshold / envelope if envelope > threshold else 1.0
        gain = gain * attack + target * (1 - attack)
        if index >= delay - 1:
            made[index] = samples[index - delay + 1] * gain
    return made
