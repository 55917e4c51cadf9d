"""The squared distance of two Gram matrices, and its gradient, by the cheaper of two arrangements.

With F the features of a sound and S those of a style (filters × positions), T and U the numbers their Gram
matrices are divided by, the loss and its gradient by F are

    ‖F Fᵀ / T − S Sᵀ / U‖²,    4/T · (F Fᵀ / T − S Sᵀ / U) F.

Multiplied out, neither needs a matrix of filters × filters:

    ‖Fᵀ F‖² / T² − 2 ‖Sᵀ F‖² / (T U) + ‖Sᵀ S‖² / U²,    4/T · [F (Fᵀ F) / T − S (Sᵀ F) / U].

For each position and filter, that takes as many products as both sounds have positions, instead of as many as
there are filters. The terms of loss and gradient cancel where the two matrices are near each other, and then
the rounding of large products would be most of what is left. A spectrogram is not negative, so the means of
random features are far from zero, and nearly all of S lies along few directions, its leading singular vectors
V (filters × rank). With F = A Vᵀ + F′ and S = B Vᵀ + S′, where F′ V = S′ V = 0, and features laid out
positions × filters,

    F Fᵀ = A Aᵀ + F′ F′ᵀ,    F Sᵀ = A Bᵀ + F′ S′ᵀ, and the bracket of the gradient is
    (F Fᵀ A / T − F Sᵀ B / U) Vᵀ + A (Aᵀ F′ / T − Bᵀ S′ / U) + F′ F′ᵀ F′ / T − F′ S′ᵀ S′ / U.

All that has A or B in it is cheap, and computed in ``float64``; the rest is small, and ``float32`` will do.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor

#: Directions of the style in which products are in ``float64``: on music one is enough.
_RANK = 4


class GramLoss(Protocol):
    """A style loss, made by :func:`gram_loss`."""

    def __call__(self, features: Tensor) -> tuple[float, Callable[[], Tensor]]:
        """Return the squared distance of the Gram matrices, and what computes its derivative by the features.

        Features have the shape (positions, filters), and the precision and device of the style's. The
        derivative has their shape, and is to be asked for once.
        """


def gram_loss(style: Tensor, style_divisor: int, *, positions: int, divisor: int) -> GramLoss:
    """Choose the arrangement that takes fewer multiplications.

    `style` are features, shape (positions of the style, filters), and `style_divisor` what their Gram matrix
    is divided by, such as the frames. `positions` and `divisor` are those of the features that will be
    evaluated.
    """
    arrangement = ByPositions if positions + len(style) < style.shape[1] else ByFilters
    return arrangement(style, style_divisor, divisor)


class ByFilters:
    """The loss as it is defined, with matrices of filters × filters; see :func:`gram_loss` for parameters."""

    def __init__(self, style: Tensor, style_divisor: int, divisor: int) -> None:
        self._divisor = divisor
        self._target = style.T @ style / style_divisor

    def __call__(self, features: Tensor) -> tuple[float, Callable[[], Tensor]]:
        """Evaluate features; see :class:`GramLoss`."""
        error = (features.T @ features).div_(self._divisor).sub_(self._target)
        return sum_of_squares(error), lambda: features @ error.mul_(4 / self._divisor)


class ByPositions:
    """The loss multiplied out, with matrices of positions × positions; parameters as :func:`gram_loss`."""

    def __init__(self, style: Tensor, style_divisor: int, divisor: int) -> None:
        self._divisor, self._style_divisor = divisor, style_divisor
        double = style.double()
        inner = double @ double.T
        self._constant = sum_of_squares(inner) / style_divisor**2
        leading = torch.linalg.eigh(inner)[1][:, -_RANK:]
        self._directions = torch.linalg.qr(double.T @ leading)[0]
        self._weights, self._rest = self._split(style)
        self._cross = self._weights.T @ self._rest.double() / style_divisor

    def __call__(self, features: Tensor) -> tuple[float, Callable[[], Tensor]]:
        """Evaluate features; see :class:`GramLoss`."""
        weights, rest = self._split(features)
        own_rest, shared_rest = rest @ rest.T / self._divisor, rest @ self._rest.T / self._style_divisor
        own = (weights @ weights.T / self._divisor).add_(own_rest)
        shared = (weights @ self._weights.T / self._style_divisor).add_(shared_rest)
        loss = sum_of_squares(own) + self._constant
        loss -= 2 * sum_of_squares(shared) * self._style_divisor / self._divisor

        def slope() -> Tensor:
            cross = (weights.T @ rest.double() / self._divisor).sub_(self._cross)
            double = (own @ weights).addmm_(shared, self._weights, alpha=-1) @ self._directions.T
            single: Tensor = double.addmm_(weights, cross).to(features.dtype)
            single.addmm_(own_rest, rest).addmm_(shared_rest, self._rest, alpha=-1)
            return single.mul_(4 / self._divisor)

        return loss, slope

    def _split(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Return what features are along the directions, in ``float64``, and what is left of them."""
        double = features.double()
        weights = double @ self._directions
        return weights, double.addmm_(weights, self._directions.T, alpha=-1).to(features.dtype)


def sum_of_squares(values: Tensor) -> float:
    """Square in the precision of the values, and add up in ``float64``."""
    return float(values.square().sum(dtype=torch.float64))
