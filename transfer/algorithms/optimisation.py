"""Minimising the loss of a method, with its progress shown: L-BFGS or Adam, on the CPU or a GPU.

An objective is a function from a tensor to its loss and gradient; :func:`with_gradient` makes one of a loss
that torch can differentiate.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor

from timbrebench.core.errors import ConfigurationError, MethodError
from timbrebench.core.progress import Tracker

#: Where a method computes: "auto" is a GPU where there is one.
Device = Literal["auto", "cpu", "cuda"]

Objective = Callable[[Tensor], tuple[float, Tensor]]


def find_device(device: Device) -> torch.device:
    """Return the device asked for: "auto" is "cuda" where torch finds a GPU, else "cpu".

    Raises :class:`ConfigurationError` if "cuda" is asked for and torch finds no GPU.
    """
    available = torch.cuda.is_available()
    if device == "cuda" and not available:
        raise ConfigurationError('device "cuda" is asked for and torch finds no GPU: use "auto" or "cpu"')
    return torch.device("cuda" if device != "cpu" and available else "cpu")


def with_gradient(loss: Callable[[Tensor], Tensor]) -> Objective:
    """Turn a differentiable loss, from a tensor to a tensor with one value, into an objective."""

    def objective(x: Tensor) -> tuple[float, Tensor]:
        x = x.detach().requires_grad_()
        value = loss(x)
        (gradient,) = torch.autograd.grad(value, x)
        return float(value.detach()), gradient

    return objective


def minimise_lbfgs(
    objective: Objective, start: Tensor, *, max_iterations: int, name: str, history_size: int = 10
) -> Tensor:
    """Minimise an objective by L-BFGS with a line search that keeps to the strong Wolfe conditions.

    `start` is left as it is; its precision and device are those of the arithmetic. The search stops before
    `max_iterations` only if no step is possible. `name` labels the progress; `history_size` past gradients
    are what the curvature is estimated from. Raises :class:`MethodError` if the optimisation diverges.
    """
    x = start.detach().clone().requires_grad_()
    # scipy's implementation spends three times as long on its own arithmetic as this one.
    optimiser = torch.optim.LBFGS(
        [x],
        max_iter=max_iterations,
        max_eval=25 * max_iterations,  # only the iterations are to be limited
        history_size=history_size,
        line_search_fn="strong_wolfe",
        tolerance_grad=0,
        tolerance_change=0,
    )
    with Tracker(name, max_iterations, "iterations") as tracker:
        done = 0

        def closure() -> float:
            nonlocal done
            reached = optimiser.state[x].get("n_iter", 0)
            tracker.advance(reached - done)
            done = reached
            loss, gradient = objective(x.detach())
            x.grad = gradient.to(x.dtype)
            return loss

        optimiser.step(closure)  # type: ignore[no-untyped-call] # torch has no types for it
    return _finite(x.detach(), name)


def minimise_adam(
    objective: Objective, start: Tensor, *, iterations: int, learning_rate: float, name: str
) -> Tensor:
    """Minimise an objective by Adam, and return where the last step led.

    `start` is left as it is; `learning_rate`, the length of a step, is in its unit. `name` labels the
    progress. Raises :class:`MethodError` if the optimisation diverges.
    """
    x = start.detach().clone().requires_grad_()
    optimiser = torch.optim.Adam([x], lr=learning_rate)
    with Tracker(name, iterations, "iterations") as tracker:
        for _ in range(iterations):
            _, x.grad = objective(x.detach())
            optimiser.step()
            tracker.advance()
    return _finite(x.detach(), name)


def _finite(minimiser: Tensor, name: str) -> Tensor:
    if not bool(torch.isfinite(minimiser).all()):
        raise MethodError(
            f"the optimisation of {name} diverged: lower the weights of its losses, or its learning rate"
        )
    return minimiser
