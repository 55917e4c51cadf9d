"""The configuration of fitting a network, and what needs no fitting library.

The fitting itself is in :mod:`timbrebench.classifier.lightning`, whose library takes seconds to import.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Literal

import torch
from pydantic import Field
from torch import nn
from torch.optim import AdamW, Optimizer
from torch.optim.lr_scheduler import LRScheduler, OneCycleLR

from timbrebench.core.frozen_model import FrozenModel


class FitConfiguration(FrozenModel):
    """How a network is fitted.

    Attributes
    ----------
    max_epochs : int
        Maximum passes through the training data; the learning rate runs through one cycle in as many.
    patience : int
        Passes without a better validation loss after which fitting ends.
    batch_size : int
        Clips in one step.
    learning_rate : float
        Highest learning rate of the cycle.
    averaging : float
        Share of the old in the running average of the weights at each step, which is what is validated and
        kept: it does better than any single step on what is unlike the training data (Izmailov et al. 2018).
        In the first steps, where the average would lag behind, it is less.
    seed : int
        Seed of the first weights, the order of the clips and all that is drawn to vary them.
    accelerator, devices, strategy
        As Lightning's Trainer takes them. One CPU core is the default: it is the one setting that gives the
        same weights on every run.
    """

    max_epochs: int = Field(default=24, ge=1, le=100_000)
    patience: int = Field(default=8, ge=1, le=100_000)
    batch_size: int = Field(default=32, ge=2, le=65_536)
    learning_rate: float = Field(default=3e-3, gt=0, allow_inf_nan=False)
    averaging: float = Field(default=0.99, ge=0, lt=1)
    seed: int = Field(default=0, ge=0, lt=2**63)
    accelerator: Literal["cpu", "gpu", "auto"] = "cpu"
    devices: int = Field(default=1, ge=1, le=1_024)
    strategy: str = "auto"

    def make_optimiser(self, weights: Iterable[nn.Parameter], steps: int) -> tuple[Optimizer, LRScheduler]:
        """Return AdamW and one cycle of its learning rate, which takes so many steps."""
        optimiser = AdamW(weights, lr=self.learning_rate)
        return optimiser, OneCycleLR(optimiser, self.learning_rate, total_steps=steps)


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Keep torch to one thread: on networks this small more of them wait for each other most of the time.

    It also makes the weights independent of the number of cores.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def weights_sha256(network: nn.Module) -> str:
    """Return the SHA-256 of a network's weights, which equal networks share whatever file they are in."""
    return state_sha256(network.state_dict())


def state_sha256(state: Mapping[str, torch.Tensor]) -> str:
    """Return the same for the weights alone, by their names in the network."""
    digest = hashlib.sha256()
    for name, tensor in sorted(state.items()):
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().numpy().tobytes())
    return digest.hexdigest()
