"""Weights that give losses of unlike scale equal gradients at the start of an optimisation.

Losses in features of different networks differ by orders of magnitude, and with them what a weight means.
With

    β_i = 1 / ‖∂L_i / ∂x‖    at the x where the optimisation starts,

every β_i L_i has a gradient of norm 1 there, and user's weights α_i on top, Σ α_i β_i L_i, say how much more
one term pulls than another. That is the rule of the text, :func:`normalising_weights`; that of the authors'
script is :func:`script_weights`.
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
    return {name: 1 / norm for name, norm in _usable_norms(terms, start).items()}


def script_weights(terms: Terms, start: Tensor, units: Mapping[str, float]) -> dict[str, float]:
    """Return the weights that the authors' script gives losses where the optimisation starts.

    The content loss stays as it is, and each style loss gets the norm of its gradient; of several content
    losses, that of the STFT is the measure, then that of mel bands. Beside one of mel bands, that of the CQT
    gets its norm. Without content, the STFT's style loss is the measure, and without that the norm is 1. The
    sparsity stays as it is.

    Parameters
    ----------
    terms, start
        As of :func:`normalising_weights`, whose error is raised as well.
    units : mapping of str to float
        By term, what the script's loss is of this one, where that is not 1.
    """
    norms = {name: units.get(name, 1.0) * norm for name, norm in _usable_norms(terms, start).items()}
    measures = ("stft_content", "mel_content", "cqt_content", "stft_style")
    level = next((norms[name] for name in measures if name in norms), 1.0)
    weights = {name: level / norms[name] if name.endswith("_style") else 1.0 for name in norms}
    if {"mel_content", "cqt_content"} <= norms.keys():
        weights["cqt_content"] = norms["mel_content"] / norms["cqt_content"]
    return {name: units.get(name, 1.0) * weight for name, weight in weights.items()}


def _usable_norms(terms: Terms, start: Tensor) -> dict[str, float]:
    norms = gradient_norms(terms, start)
    for name, norm in norms.items():
        if not math.isfinite(norm) or norm == 0:
            raise MethodError(
                f"the loss {name!r} has a gradient of norm {norm} where the optimisation starts, so "
                "it cannot be given a weight: leave it out, or change what it compares"
            )
    return norms


def weighted_sum(terms: Terms, weights: Mapping[str, float]) -> Callable[[Tensor], Tensor]:
    """Return the function that adds up losses, each times its weight."""

    def total(x: Tensor) -> Tensor:
        return torch.stack([weights[name] * loss for name, loss in terms(x).items()]).sum()

    return total
