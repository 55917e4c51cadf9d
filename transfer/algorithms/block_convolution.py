"""A convolution over time with fixed filters, and its transpose, block by block as products of polynomials.

A filter that spans 11 frames costs 11 products for every frame, bin and filter. Frames and filter are
coefficients of polynomials, whose product follows from its values at as many points as it has coefficients.
At the 20th roots of unity, 0 and infinity, blocks of 12 output frames cost 31 real products, 2.6 for each: a
complex root and its conjugate cost three (Gauss), the others one. What is paid for it is memory: the values
of the filters take 2.8 times what the filters do, and on the CPU twice that where it is not too much
(:mod:`timbrebench.transfer.algorithms.fixed_products`). Where memory is short, where taps are dilated, and
over two axes, :mod:`timbrebench.transfer.algorithms.tiled_convolution` takes its place.

Values at roots of unity are a Fourier transform, so little is lost by rounding. A spectrogram is not
negative, so most of a block is its mean, whose rounding all features of the block would share, and errors
that are shared do not average out in a Gram matrix. The means are convolved in ``float64``.

References
----------
S. Winograd, "Arithmetic complexity of computations", SIAM, 1980: products of polynomials by their values,
and the transposed form, which is the convolution.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.functional import pad

from timbrebench.transfer.algorithms.fixed_products import fixed_products


class BlockConvolution:
    """What ``torch.nn.functional.conv1d`` does to a spectrogram, for many spectrograms and the same filters.

    Features are laid out frame by frame here, positions × filters, as the products that follow want them.

    Parameters
    ----------
    filters : torch.Tensor, shape (filters, bins, kernel_width)
        The weights; their precision is that of the computation, their device the place. They are not stored.
    """

    def __init__(self, filters: Tensor) -> None:
        n_filters, n_bins, self._width = filters.shape
        # Longer blocks save fewer products than the growing values take time to be read.
        n_roots = max(2, 2 * self._width - 2)
        self._length = n_roots + 2
        self._step = self._length - self._width + 1
        of_filter, of_slopes, self._interpolate = (
            matrix.to(filters) for matrix in _product_matrices(n_roots, self._width, self._step)
        )
        self._evaluate = of_slopes
        self._sums = filters.sum(2, dtype=torch.float64)
        flat = filters.reshape(-1, self._width)
        values = ((flat @ row).view(n_filters, n_bins) for row in of_filter)
        self._products = fixed_products(values, count=len(of_filter), like=filters[:, :, 0])

    def __call__(self, spectrogram: Tensor) -> Tensor:
        """Return the features, shape (frames - kernel_width + 1, filters), of a spectrogram (bins, frames).

        That is ``sum over b, w of filters[n, b, w] * spectrogram[b, t + w]`` for every position t and filter
        n; there have to be at least as many frames as the filters span.
        """
        positions = spectrogram.shape[1] - self._width + 1
        blocks = -(-positions // self._step)
        missing = (blocks - 1) * self._step + self._length - spectrogram.shape[1]
        cut = pad(spectrogram.T, (0, 0, 0, missing)).unfold(0, self._length, self._step)
        means = cut.mean(2, dtype=torch.float64)
        centred = (cut - means[:, :, None]).to(cut.dtype).permute(2, 0, 1).flatten(1)
        values = (self._interpolate.T @ centred).view(-1, *means.shape)
        products = self._products.forward(values)
        made = (self._evaluate.T @ products.flatten(1)).view(self._step, blocks, -1)
        features = made.new_empty(blocks, self._step, made.shape[2])
        torch.add(made.transpose(0, 1), (means @ self._sums.T).to(made)[:, None], out=features)
        return features.flatten(0, 1)[:positions]

    def transpose(self, slopes: Tensor) -> Tensor:
        """Apply the transpose: from derivatives by the features to those by the spectrogram.

        Parameters
        ----------
        slopes : torch.Tensor, shape (frames - kernel_width + 1, filters)
            Derivatives with respect to the output of a call.

        Returns
        -------
        torch.Tensor, shape (bins, frames)
            Derivatives with respect to its spectrogram.
        """
        positions = len(slopes)
        blocks = -(-positions // self._step)
        whole = pad(slopes, (0, 0, 0, blocks * self._step - positions))
        cut = whole.view(blocks, self._step, -1).transpose(0, 1).flatten(1)
        values = (self._evaluate @ cut).view(-1, blocks, slopes.shape[1])
        products = self._products.transpose(values)
        parts = (self._interpolate @ products.flatten(1)).view(self._length, blocks, -1).transpose(0, 1)
        # Each part runs on into the next one's place by one frame less than a filter spans.
        total = parts.new_zeros(blocks + 1, self._step, parts.shape[2])
        total[:-1] = parts[:, : self._step]
        total[1:, : self._width - 1] += parts[:, self._step :]
        frames: Tensor = total.flatten(0, 1)[: positions + self._width - 1]
        return frames.T


def _product_matrices(n_roots: int, n_filter: int, n_block: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return F, B and C such that ``C @ ((F @ f) * (B @ b))`` are the coefficients of the product of f and b.

    `n_roots`, even, is the order of the roots of unity; `n_filter` and `n_block` are the numbers of
    coefficients of the factors, whose product has ``n_filter + n_block - 1 = n_roots + 2``. All ``float64``,
    with shapes (products, n_filter), (products, n_block) and (n_roots + 2, products).
    """
    of_filter, of_block, weights = [], [], []
    angles = 2 * math.pi * torch.arange(n_roots + 2, dtype=torch.float64) / n_roots
    inside = torch.arange(n_roots + 2) < n_roots
    for root in range(n_roots // 2 + 1):
        real, imaginary = torch.cos(root * angles), -torch.sin(root * angles)
        if root in {0, n_roots // 2}:
            of_filter.append(real)
            of_block.append(real)
            weights.append(real / n_roots * inside)
            continue
        # Re = p - r and Im = p + q, for the products p, q and r in this order.
        of_filter += [real, imaginary - real, real + imaginary]
        of_block += [real + imaginary, real, imaginary]
        back = [2 / n_roots * part * inside for part in (real, imaginary)]
        weights += [back[0] + back[1], back[1], -back[0]]
    first, last = torch.eye(n_roots + 2, dtype=torch.float64)[[0, -1]]
    # The product of the lowest coefficients is taken from what the roots wrap around to, and that of the
    # highest from what it was wrapped around onto.
    wrapped = torch.stack(weights, 1)
    wrapped[n_roots] = wrapped[0]
    wrapped[0] = wrapped[n_roots + 1] = 0
    lowest, highest = first.clone(), last.clone()
    lowest[n_roots] -= 1
    highest[1] -= 1
    return (
        torch.stack([*of_filter, first, last.roll(n_filter)])[:, :n_filter],
        torch.stack([*of_block, first, last.roll(n_block)])[:, :n_block],
        torch.column_stack([wrapped, lowest, highest]),
    )
