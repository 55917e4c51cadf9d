"""The squared distance of two Gram matrices, and its gradient, by the cheaper of two arrangements.

With F the features of a sound and S those of a style (filters × positions), T and U the numbers their Gram
matrices are divided by, the loss and its gradient by F are

    ‖F Fᵀ / T − S Sᵀ / U‖²,    4/T · (F Fᵀ / T − S Sᵀ / U) F.

Multiplied out, neither needs a matrix of filters × filters:

    ‖Fᵀ F‖² / T² − 2 ‖Sᵀ F‖² / (T U) + ‖Sᵀ S‖² / U²,    4/T · [F (Fᵀ F) / T − S (Sᵀ F) / U].

For each position and filter, that takes as many products as both sounds have positions, instead of as many
as there are filters. The terms of loss and gradient cancel where the two matrices are near each other, so
their products are in ``float64``, which takes twice the time. The definition needs no more than ``float32``.
"""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor


class GramLoss(Protocol):
    """A style loss, made by :func:`gram_loss`."""

    def __call__(self, features: Tensor) -> tuple[float, Tensor]:
        """Return the squared distance of the Gram matrices, and its derivative by the features.

        Features have the shape (positions, filters), and the precision and device of the style's.
        """


def gram_loss(style: Tensor, style_divisor: int, *, positions: int, divisor: int) -> GramLoss:
    """Choose the arrangement that takes fewer multiplications.

    `style` are features, shape (positions of the style, filters), and `style_divisor` what their Gram matrix
    is divided by, such as the frames. `positions` and `divisor` are those of the features that will be
    evaluated.
    """
    double_products = 2 * (positions + len(style))
    return (ByPositions if double_products < style.shape[1] else ByFilters)(style, style_divisor, divisor)


class ByFilters:
    """The loss as it is defined, with matrices of filters × filters; see :func:`gram_loss` for parameters."""

    def __init__(self, style: Tensor, style_divisor: int, divisor: int) -> None:
        self._divisor = divisor
        self._target = style.T @ style / style_divisor

    def __call__(self, features: Tensor) -> tuple[float, Tensor]:
        """Evaluate features; see :class:`GramLoss`."""
        error = (features.T @ features).div_(self._divisor).sub_(self._target)
        return sum_of_squares(error), features @ error.mul_(4 / self._divisor)


class ByPositions:
    """The loss multiplied out, with matrices of positions × positions; parameters as :func:`gram_loss`."""

    def __init__(self, style: Tensor, style_divisor: int, divisor: int) -> None:
        self._divisor, self._style_divisor = divisor, style_divisor
        self._style = style.double()
        self._constant = sum_of_squares(self._style @ self._style.T) / style_divisor**2

    def __call__(self, features: Tensor) -> tuple[float, Tensor]:
        """Evaluate features; see :class:`GramLoss`."""
        double = features.double()
        own = (double @ double.T).div_(self._divisor)
        shared = (double @ self._style.T).div_(self._style_divisor)
        loss = sum_of_squares(own) + self._constant
        loss -= 2 * sum_of_squares(shared) * self._style_divisor / self._divisor
        slope = (own @ double).addmm_(shared, self._style, alpha=-1).mul_(4 / self._divisor)
        return loss, slope.to(features.dtype)


def sum_of_squares(values: Tensor) -> float:
    """Add squares up in ``float64``."""
    return float(values.square().sum(dtype=torch.float64))
