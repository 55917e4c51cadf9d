"""Functions whose derivatives are written out, for torch to chain with those that it finds itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor

from timbrebench.transfer.algorithms.gram_loss import GramLoss

#: The constants of SELU, of Klambauer et al. 2017.
_ALPHA, _SCALE = 1.6732632423543772, 1.0507009873554805


class LinearMap(Protocol):
    """A linear map, and its transpose."""

    def __call__(self, features: Tensor) -> Tensor:
        """Map features."""

    def transpose(self, slopes: Tensor) -> Tensor:
        """Map derivatives by the output to those by the features."""


class _Context(Protocol):
    """What torch hands from a function to its derivative."""

    linear: LinearMap
    slope: Callable[[], Tensor]
    saved_tensors: tuple[Tensor, ...]

    def save_for_backward(self, *tensors: Tensor) -> None:
        """Keep tensors."""


def map_linearly(features: Tensor, linear: LinearMap) -> Tensor:
    """Apply a linear map."""
    return _map(features, linear)


def gram_distance(features: Tensor, loss: GramLoss) -> Tensor:
    """Evaluate a style loss, shape ()."""
    return _loss(features, loss)


def selu(features: Tensor) -> Tensor:
    """Return what ``torch.nn.functional.selu`` does, without keeping `features` for the gradient."""
    return _selu(features)


class _Map(torch.autograd.Function):
    @staticmethod
    def forward(ctx: _Context, features: Tensor, linear: LinearMap) -> Tensor:
        ctx.linear = linear
        return linear(features)

    @staticmethod
    def backward(ctx: _Context, *slopes: Tensor) -> tuple[Tensor, None]:
        return ctx.linear.transpose(slopes[0].contiguous()), None


class _Loss(torch.autograd.Function):
    @staticmethod
    def forward(ctx: _Context, features: Tensor, loss: GramLoss) -> Tensor:
        value, ctx.slope = loss(features)
        return features.new_tensor(value)

    @staticmethod
    def backward(ctx: _Context, *slopes: Tensor) -> tuple[Tensor, None]:
        return ctx.slope().mul_(slopes[0]), None


class _SELU(torch.autograd.Function):
    @staticmethod
    def forward(ctx: _Context, features: Tensor) -> Tensor:
        activations = torch.selu(features)
        ctx.save_for_backward(activations)
        return activations

    @staticmethod
    def backward(ctx: _Context, *slopes: Tensor) -> Tensor:
        (activations,) = ctx.saved_tensors
        slope: Tensor = torch.ops.aten.elu_backward(slopes[0], _ALPHA, _SCALE, 1.0, True, activations)
        return slope


_map: Callable[[Tensor, LinearMap], Tensor] = _Map.apply
_loss: Callable[[Tensor, GramLoss], Tensor] = _Loss.apply
_selu: Callable[[Tensor], Tensor] = _SELU.apply
