"""Weights that give losses of unlike scale equal gradients at the start of an optimisation.

Losses in features of different networks differ by orders of magnitude, and with them what a weight means.
With

    β_i = 1 / ‖∂L_i / ∂x‖    at the x where the optimisation starts,

every β_i L_i has a gradient of norm 1 there, and user's weights α_i on top, Σ α_i β_i L_i, say how much more
one term pulls than another.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from timbrebench.core.errors import MethodError

#: From a tensor to its losses, each a tensor with one value, by name.
Terms = Callable[[Tensor], dict[str, Tensor]]


def gradient_norms(terms: Terms, start: Tensor) -> dict[str, float]:
    """Return the Euclidean norm of the gradient of each loss at a tensor."""
    x = start.detach().requires_grad_()
    losses = terms(x)
    norms = {}
    for name in list(losses):
        loss = losses.pop(name)  # and with it what only its gradient needs
        (gradient,) = torch.autograd.grad(loss, x, retain_graph=bool(losses))
        norms[name] = float(gradient.norm())
    return norms


def normalising_weights(terms: Terms, start: Tensor) -> dict[str, float]:
    """Return the weights β that give each loss a gradient of norm 1 where the optimisation starts.

    Raises :class:`MethodError` if a loss has no gradient there, or one that is not finite.
    """
    weights = {}
    for name, norm in gradient_norms(terms, start).items():
        if not math.isfinite(norm) or norm == 0:
            raise MethodError(
                f"the loss {name!r} has a gradient of norm {norm} where the optimisation starts, so "
                "it cannot be given a weight: leave it out, or change what it compares"
            )
        weights[name] = 1 / norm
    return weights


def weighted_sum(terms: Terms, weights: Mapping[str, float]) -> Callable[[Tensor], Tensor]:
    """Return the function that adds up losses, each times its weight."""

    def total(x: Tensor) -> Tensor:
        return torch.stack([weights[name] * loss for name, loss in terms(x).items()]).sum()

    return total
