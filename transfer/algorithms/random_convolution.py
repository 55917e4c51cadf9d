"""One random convolution over all channels of a spectrogram, and its losses (Ulyanov & Lebedev, 2016)."""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from timbrebench.audio.spectra import Spectrogram
from timbrebench.transfer.algorithms.block_convolution import BlockConvolution
from timbrebench.transfer.algorithms.gram_loss import gram_loss, sum_of_squares

#: Standard deviation of the noise that an optimisation starts from, as in the authors' code.
START_STD = 1e-3


def draw_filters(
    rng: np.random.Generator, *, n_filters: int, n_bins: int, kernel_width: int, n_parts: int = 1
) -> NDArray[np.float32]:
    """Draw the weights.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of the draws.
    n_filters : int
        Number of filters.
    n_bins : int
        Frequencies that each of them gathers.
    kernel_width : int
        Frames that each of them spans.
    n_parts : int, default 1
        How many channels each frequency has: 3 for its real part, imaginary part and magnitude.

    Returns
    -------
    numpy.ndarray, shape (n_filters, n_parts * n_bins, kernel_width), float32
        Normal with the standard deviation √2 · √(2 / ((n_bins + n_filters) · kernel_width)), in which, as in
        the authors' code, the parts do not count.
    """
    std = 2 / math.sqrt((n_bins + n_filters) * kernel_width)
    shape = (n_filters, n_parts * n_bins, kernel_width)
    return rng.standard_normal(shape, dtype=np.float32) * np.float32(std)


class Objective:
    """Loss and gradient of a log-magnitude spectrogram, for given content, style and filters.

    With F(x) the features of x (filters × positions) and G(x) = F(x) F(x)ᵀ / frames of x, the loss is

        content_weight · ‖F(x) − F(content)‖² + ‖G(x) − G(style)‖²,

    both norms sums of squares, computed in ``float32`` but for what would cancel in it. The gradient is
    written out rather than left to automatic differentiation, the convolution is made block by block
    (:mod:`timbrebench.transfer.algorithms.block_convolution`), and the Gram matrices are not formed where
    that is dearer (:mod:`timbrebench.transfer.algorithms.gram_loss`).

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
    device : torch.device or str, default "cpu"
        Where to compute; spectrograms and gradients are passed on the CPU all the same.
    """

    def __init__(
        self,
        content: Spectrogram,
        style: Spectrogram,
        filters: NDArray[np.float32],
        content_weight: float,
        device: torch.device | str = "cpu",
    ) -> None:
        self._shape, self._device, self._content_weight = content.shape, device, content_weight
        self._convolve = BlockConvolution(torch.from_numpy(filters).to(device))
        self._content_features = self._features(torch.from_numpy(content))
        self._style_loss = gram_loss(
            self._features(torch.from_numpy(style)),
            style.shape[1],
            positions=len(self._content_features),
            divisor=content.shape[1],
        )

    def __call__(self, x: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        """Return the loss of a log-magnitude spectrogram, and its gradient in ``float64``, as scipy asks.

        Both spectrogram and gradient have the content's shape, flattened: (bins * frames,).
        """
        loss, gradient = self.evaluate(torch.from_numpy(x.reshape(self._shape)))
        return loss, gradient.double().cpu().numpy().ravel()

    def evaluate(self, spectrogram: Tensor) -> tuple[float, Tensor]:
        """Evaluate a spectrogram, shape (bins, frames); return its loss and the gradient of that shape."""
        features = self._features(spectrogram)
        loss, style_slope = self._style_loss(features)
        slope = style_slope()
        content_error = features - self._content_features
        loss += self._content_weight * sum_of_squares(content_error)
        slope.add_(content_error, alpha=2 * self._content_weight)
        slope *= features > 0
        return loss, self._convolve.transpose(slope).contiguous()

    def _features(self, spectrogram: Tensor) -> Tensor:
        """Return the features of a spectrogram, shape (frames - kernel_width + 1, filters)."""
        return self._convolve(spectrogram.float().to(self._device)).relu_()
