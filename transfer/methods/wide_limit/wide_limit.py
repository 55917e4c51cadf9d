"""Style transfer with infinitely many random filters.

The objective of Ulyanov & Lebedev (2016), in the limit that it approaches as filters are added: the inner
products of their features are those of the arc-cosine kernel of order 1 (Cho & Saul 2009), and content and
style loss need nothing else. No filter is ever drawn, so the output depends on the seed by its starting noise
alone, and a loss with its gradient costs a few products of spectrograms.

With x, c and s the patches of 11 frames of output, content and style, T the numbers of frames, k the kernel
(:mod:`timbrebench.transfer.methods.wide_limit.arc_cosine`) and g = 4/11 what the published variance of the
weights tends to for many filters, the loss is

    content_weight · g · Σ_t [k(x_t, x_t) − 2 k(x_t, c_t) + k(c_t, c_t)]
    + g² · [Σ_tt' k(x_t, x_t')² / T² − 2 Σ_tt' k(x_t, s_t')² / (T T_s) + Σ_tt' k(s_t, s_t')² / T_s²].

All settings are those of :mod:`timbrebench.transfer.methods.ulyanov`, where the source left them open too,
but for the phase: it is estimated by fast Griffin-Lim, which reaches in a tenth of the iterations what the
published algorithm does.

What each costs, for content and style of 10 s: two products of spectrogram and spectrogram, two of
spectrogram and derivative, each 1,025 × 431 × 431 multiplications, 0.8 · 10⁹ in all. A content of more than
30 s is worked on in blocks that overlap by a second, since the products grow with the square of its length.

References
----------
D. Ulyanov and V. Lebedev, "Audio texture synthesis and style transfer", blog post, 2016.

Y. Cho and L. Saul, "Kernel methods for deep learning", Advances in Neural Information Processing Systems 22,
2009.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor

from timbrebench.audio.spectra import Spectrogram
from timbrebench.transfer.algorithms.gram_loss import sum_of_squares
from timbrebench.transfer.algorithms.optimisation import Device, find_device, minimise_lbfgs
from timbrebench.transfer.algorithms.random_convolution import START_STD
from timbrebench.transfer.bases.convolution_parameters import KernelParameters
from timbrebench.transfer.bases.spectrogram_method import SpectrogramMethod, SpectrogramParameters
from timbrebench.transfer.methods.wide_limit.arc_cosine import (
    kernel,
    spread_diagonals,
    spread_windows,
    sum_diagonals,
    sum_windows,
)


class WideObjective:
    """Loss and gradient of a log-magnitude spectrogram, in the limit of infinitely many filters.

    It is used as :class:`~timbrebench.transfer.algorithms.random_convolution.Objective` is, without filters.

    Parameters
    ----------
    content : numpy.ndarray, shape (bins, frames), float32 or float64
        Log-magnitude spectrogram of the content; its precision is that of the computation.
    style : numpy.ndarray, shape (bins, frames of the style), the same
        Log-magnitude spectrogram of the style.
    kernel_width : int
        Frames in a patch.
    content_weight : float
        Weight of the content loss.
    device : torch.device or str, default "cpu"
        Where to compute.
    """

    def __init__(
        self,
        content: Spectrogram,
        style: Spectrogram,
        kernel_width: int,
        content_weight: float,
        device: torch.device | str = "cpu",
    ) -> None:
        self._width, self._gain = kernel_width, 4 / kernel_width
        # A frame after the other: products of spectrograms then run along memory, up to twice as fast.
        self._content, self._style = (torch.from_numpy(bins.T.copy()).to(device) for bins in (content, style))
        self._content_weight = content_weight
        self._content_norms = self._norms(self._content)
        self._style_norms = self._norms(self._style)
        self._style_term = self._mean_square(self._style, self._style_norms)
        self._content_term = float(self._content_norms.double().square().sum()) / 2

    def __call__(self, x: NDArray[np.floating]) -> tuple[float, NDArray[np.float64]]:
        """Return the loss of a log-magnitude spectrogram, and its gradient in ``float64``, as scipy asks.

        Both spectrogram and gradient have the content's shape, flattened: (bins * frames,).
        """
        bins = torch.from_numpy(x.reshape(self._content.T.shape))
        loss, gradient = self.evaluate(bins.T.contiguous().to(self._content))
        return loss, gradient.T.double().cpu().numpy().ravel()

    def evaluate(self, output: Tensor) -> tuple[float, Tensor]:
        """Evaluate a spectrogram where the objective computes.

        Parameters
        ----------
        output : torch.Tensor, shape (frames, bins)
            A log-magnitude spectrogram of the content's shape transposed, its precision and device.

        Returns
        -------
        loss : float
            Its loss.
        gradient : torch.Tensor, shape (frames, bins)
            The derivative of the loss with respect to `output`.
        """
        norms = self._norms(output)
        style_loss, gradient, by_norm = self._style_loss(output, norms)
        content_loss, by_product, content_by_norm = self._content_loss(output, norms)
        by_norm += content_by_norm
        gradient.addcmul_(self._content, by_product[:, None])
        gradient.addcmul_(output, spread_windows(by_norm / norms, self._width)[:, None])
        return style_loss + content_loss, gradient

    def _style_loss(self, output: Tensor, norms: Tensor) -> tuple[float, Tensor, Tensor]:
        """Return the loss, its gradient with norms fixed, and its derivatives by the norms."""
        width, squared_gain = self._width, self._gain**2
        frames, style_frames = len(output), len(self._style)
        own, by_product, sine = kernel(sum_diagonals(output @ output.T, width), norms[:, None], norms)
        loss = sum_of_squares(own) / frames**2
        own *= 4 * squared_gain / frames**2
        by_norm = sine.mul_(own) @ norms
        gradient = spread_diagonals(by_product.mul_(own), width) @ output
        del own, by_product, sine  # half of what the method holds at a time
        shared, by_product, sine = kernel(
            sum_diagonals(output @ self._style.T, width), norms[:, None], self._style_norms
        )
        loss += self._style_term - 2 * sum_of_squares(shared) / (frames * style_frames)
        shared *= -4 * squared_gain / (frames * style_frames)
        by_norm += sine.mul_(shared) @ self._style_norms
        gradient.addmm_(spread_diagonals(by_product.mul_(shared), width), self._style)
        return squared_gain * loss, gradient, by_norm

    def _content_loss(self, output: Tensor, norms: Tensor) -> tuple[float, Tensor, Tensor]:
        """Return the loss, its derivatives by the products of frames and targets, and those by the norms."""
        weight = self._content_weight * self._gain
        products = sum_windows((output * self._content).sum(dim=1), self._width)
        values, by_product, sine = kernel(products, norms, self._content_norms)
        loss = float((norms.square() / 2 - 2 * values).sum(dtype=torch.float64)) + self._content_term
        by_frame = spread_windows(-2 * weight * by_product, self._width)
        return weight * loss, by_frame, weight * (norms - 2 * self._content_norms * sine)

    def _norms(self, frames: Tensor) -> Tensor:
        """Return the length of each patch."""
        squares = sum_windows(frames.square().sum(dim=1), self._width)
        # A patch of silence has no direction; what this adds is far below audibility.
        return squares.clamp(min=1e-12).sqrt()

    def _mean_square(self, frames: Tensor, norms: Tensor) -> float:
        values, _, _ = kernel(sum_diagonals(frames @ frames.T, self._width), norms[:, None], norms)
        return sum_of_squares(values) / len(frames) ** 2


class WideLimitParameters(SpectrogramParameters, KernelParameters):
    """Settings of :class:`WideLimit`.

    Attributes
    ----------
    content_weight : float
        Weight of the content loss; that of the style loss is 1.
    device : {"auto", "cpu", "cuda"}
        Where the optimisation computes; "auto", a GPU where there is one, by default.
    """

    content_weight: float = Field(default=1e-2, ge=0, allow_inf_nan=False)
    device: Device = "auto"


class WideLimit(SpectrogramMethod):
    """Style transfer with infinitely many random filters; see the module."""

    name = "wide-limit"
    version = 3
    summary = "the objective of ulyanov for infinitely many filters, in closed form"
    source = "this benchmark, after Ulyanov & Lebedev 2016 and Cho & Saul 2009"
    Parameters = WideLimitParameters
    parameters: WideLimitParameters
    block_s = 30.0

    def transform(self, content: Spectrogram, style: Spectrogram, rng: np.random.Generator) -> Spectrogram:
        """Return the magnitudes whose logarithm minimises the objective, from noise."""
        settings = self.parameters
        content, style = np.log1p(content), np.log1p(style)
        device = find_device(settings.device)
        objective = WideObjective(content, style, settings.kernel_width, settings.content_weight, device)
        start = rng.standard_normal(content.shape, dtype=np.float32) * np.float32(START_STD)
        log_magnitude = minimise_lbfgs(
            objective.evaluate,
            torch.from_numpy(start.T.copy()).to(device),
            max_iterations=settings.max_iterations,
            name=self.name,
        )
        optimised = np.clip(log_magnitude.T.cpu().numpy(), 0, max(content.max(), style.max()))
        magnitudes: Spectrogram = np.expm1(optimised)
        return magnitudes
