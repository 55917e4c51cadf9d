"""Style transfer with one random convolution (Ulyanov & Lebedev, 2016).

The log-magnitude spectrogram of the output is optimised, from noise, so that the features of a shallow
network with random weights match those of the content, and their correlations over time (the Gram matrix)
those of the style. The network sees the spectrogram as a sequence of frames with one channel for each
frequency; it is one convolution over 11 frames, followed by a ReLU. The phase is estimated afterwards.

Published settings, all of them the defaults here: 22,050 Hz, n_fft 2048, hop_length 512, log(1 + magnitude),
4,096 filters over 11 frames, content weight 1e-2, L-BFGS with 300 iterations, Griffin-Lim with 500.

What the source leaves open, and how it is settled here:

- *Lengths.* The original cuts the style to the content's length and divides both Gram matrices by the number
  of frames they share. Here nothing is cut, and each matrix is divided by the number of spectrogram frames
  of its own clip: the same where the lengths are equal.
- *Range.* Nothing keeps the optimised log-magnitudes in the range of audio, and ``expm1`` makes negative or
  infinite magnitudes of those that leave it. They are clamped to [0, the highest of content and style].
- *Other rates.* Clips at another rate are resampled to the published one, and the output back.
- *Convergence.* L-BFGS keeps scipy's tolerances, so it may stop before the last iteration.
- *Level.* Output that exceeds full scale is scaled down as a whole.

References
----------
D. Ulyanov and V. Lebedev, "Audio texture synthesis and style transfer", blog post, 2016,
https://dmitryulyanov.github.io/audio-texture-synthesis-and-style-transfer/
"""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from scipy.optimize import minimize
from torch import Tensor
from torch.nn.functional import conv1d, conv_transpose1d

from timbrebench.audio.inversion import Inversion
from timbrebench.audio.progress import Tracker
from timbrebench.audio.spectra import Spectrogram
from timbrebench.transfer.spectrogram import SpectrogramMethod, SpectrogramParameters

#: Standard deviation of the noise that the optimisation starts from, as in the authors' code.
START_STD = 1e-3


class UlyanovParameters(SpectrogramParameters):
    """Settings of :class:`Ulyanov`; the defaults are the published ones.

    Attributes
    ----------
    inversion : Inversion
        500 iterations of Griffin-Lim from a random phase by default.
    n_filters : int
        Number of random filters.
    kernel_width : int
        Frames that each filter spans.
    content_weight : float
        Weight of the content loss; that of the style loss is 1.
    max_iterations : int
        Most iterations of L-BFGS.
    """

    inversion: Inversion = Inversion(algorithm="griffin-lim", iterations=500, start="random")
    n_filters: int = Field(default=4096, gt=0)
    kernel_width: int = Field(default=11, gt=0)
    content_weight: float = Field(default=1e-2, ge=0, allow_inf_nan=False)
    max_iterations: int = Field(default=300, gt=0)


class Objective:
    """Loss and gradient of a log-magnitude spectrogram, for given content, style and filters.

    With F(x) the features of x (filters × positions) and G(x) = F(x) F(x)ᵀ / frames of x, the loss is

        content_weight · ‖F(x) − F(content)‖² + ‖G(x) − G(style)‖²,

    both norms sums of squares, computed in ``float32``. The gradient is written out rather than left to
    automatic differentiation, which would form the product of Gram matrix and features twice.

    Parameters
    ----------
    content : numpy.ndarray, shape (bins, frames), float32
        Log-magnitude spectrogram of the content.
    style : numpy.ndarray, shape (bins, frames of the style), float32
        Log-magnitude spectrogram of the style.
    filters : numpy.ndarray, shape (filters, bins, kernel_width), float32
        The random convolution.
    content_weight : float
        Weight of the content loss.
    """

    def __init__(
        self, content: Spectrogram, style: Spectrogram, filters: NDArray[np.float32], content_weight: float
    ) -> None:
        self._shape = content.shape
        self._filters = torch.from_numpy(filters)
        self._content_weight = content_weight
        self._content_features = self._features(torch.from_numpy(content))
        self._style_gram = _gram(self._features(torch.from_numpy(style)), style.shape[1])

    def __call__(self, x: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        """Evaluate a spectrogram.

        Parameters
        ----------
        x : numpy.ndarray, shape (bins * frames,)
            A log-magnitude spectrogram of the content's shape, flattened.

        Returns
        -------
        loss : float
            Its loss.
        gradient : numpy.ndarray, shape (bins * frames,), float64
            The derivative of the loss with respect to `x`.
        """
        frames = self._shape[1]
        features = self._features(torch.from_numpy(x.reshape(self._shape)).float())
        content_error = features - self._content_features
        gram_error = _gram(features, frames) - self._style_gram
        loss = self._content_weight * _sum_of_squares(content_error) + _sum_of_squares(gram_error)

        slope = (4 / frames) * (gram_error @ features) + (2 * self._content_weight) * content_error
        slope *= features > 0
        gradient = conv_transpose1d(slope[None], self._filters)[0]
        return loss, gradient.double().numpy().ravel()

    def _features(self, spectrogram: Tensor) -> Tensor:
        """Return the features of a spectrogram, shape (filters, frames - kernel_width + 1)."""
        return conv1d(spectrogram[None], self._filters)[0].relu()


def _gram(features: Tensor, frames: int) -> Tensor:
    return features @ features.T / frames


def _sum_of_squares(values: Tensor) -> float:
    return float(values.square().sum(dtype=torch.float64))


def minimise(objective: Objective, start: NDArray[np.float64], max_iterations: int) -> NDArray[np.float64]:
    """Minimise an objective with L-BFGS, at scipy's tolerances, and show how far it is.

    Parameters
    ----------
    objective : Objective
        What to minimise.
    start : numpy.ndarray, shape (bins, frames)
        The spectrogram to start from.
    max_iterations : int
        Most iterations.

    Returns
    -------
    numpy.ndarray, shape (bins, frames), float64
        The best spectrogram found; its values are not bounded.
    """
    with Tracker("ulyanov", max_iterations, "iterations") as tracker:
        result = minimize(
            objective,
            start.ravel(),
            method="L-BFGS-B",
            jac=True,
            callback=lambda _: tracker.advance(),
            # A line search may take up to 20 evaluations; only the iterations are to be limited.
            options={"maxiter": max_iterations, "maxfun": 100 * max_iterations},
        )
    optimised: NDArray[np.float64] = result.x.reshape(start.shape)
    return optimised


class Ulyanov(SpectrogramMethod):
    """Style transfer with one random convolution; see the module for what is published and what is not."""

    name = "ulyanov"
    version = 2
    summary = "optimises a spectrogram to match features and Gram matrix of one random convolution"
    source = "D. Ulyanov and V. Lebedev, Audio texture synthesis and style transfer, 2016"
    Parameters = UlyanovParameters
    parameters: UlyanovParameters

    @property
    def fewest_frames(self) -> int:
        """What a filter spans."""
        return self.parameters.kernel_width

    def transform(self, content: Spectrogram, style: Spectrogram, rng: np.random.Generator) -> Spectrogram:
        """Return the magnitudes whose logarithm minimises the objective, from noise."""
        settings = self.parameters
        content, style = np.log1p(content), np.log1p(style)
        filters_rng, start_rng = rng.spawn(2)
        objective = Objective(content, style, self._draw_filters(filters_rng), settings.content_weight)
        start = start_rng.standard_normal(content.shape) * START_STD
        optimised = minimise(objective, start, settings.max_iterations)
        magnitudes: Spectrogram = np.expm1(np.clip(optimised, 0, max(content.max(), style.max())))
        return magnitudes

    def _draw_filters(self, rng: np.random.Generator) -> NDArray[np.float32]:
        """Draw the weights, normal with the standard deviation √2·√(2 / ((bins + filters) · width))."""
        settings = self.parameters
        n_bins = 1 + settings.n_fft // 2
        std = 2 / math.sqrt((n_bins + settings.n_filters) * settings.kernel_width)
        shape = (settings.n_filters, n_bins, settings.kernel_width)
        return rng.standard_normal(shape, dtype=np.float32) * np.float32(std)
