"""Networks that name labels, trained as style judges are, for methods that learn.

They are a method's own: trained on other clips than the judges (runs give methods the training split alone)
and from another seed. Some pieces are held out, to choose the epoch by.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from pydantic import Field
from torch import Tensor, nn
from torch.optim import Adam, Optimizer
from torch.optim.lr_scheduler import ConstantLR, LRScheduler

from timbrebench.classifier.style.judge_configuration import JudgeConfiguration
from timbrebench.classifier.style.style_features import compute_features
from timbrebench.classifier.style.style_judge import Judge
from timbrebench.classifier.style.training_stages import training_key
from timbrebench.core.errors import JudgeError
from timbrebench.core.progress import log
from timbrebench.datasets.dataset import Dataset, source_pieces

#: Share of the pieces that the epoch is chosen by.
HELD_OUT = 0.1


class AdamConfiguration(JudgeConfiguration):
    """A network trained by Adam at one learning rate, without an average of its weights.

    The attributes are those of :class:`JudgeConfiguration`; `learning_rate` is the one of all steps.
    """

    batch_size: int = Field(default=16, ge=2, le=65_536)
    averaging: float = Field(default=0.0, ge=0, lt=1)

    def make_optimiser(self, weights: Iterable[nn.Parameter], steps: int) -> tuple[Optimizer, LRScheduler]:
        """Return Adam, and a schedule that leaves its learning rate as it is."""
        del steps
        optimiser = Adam(weights, lr=self.learning_rate)
        return optimiser, ConstantLR(optimiser, factor=1.0)


def as_they_are(spectrograms: Tensor) -> Tensor:
    """Return spectrograms unchanged."""
    return spectrograms


def train_network(
    dataset: Dataset,
    configuration: JudgeConfiguration,
    workdir: Path,
    name: str,
    arrange: Callable[[Tensor], Tensor] = as_they_are,
) -> Judge:
    """Train a network, or load the one that was trained on the same clips before.

    There have to be two labels or more, each in two pieces or more. The seed of the configuration also draws
    the pieces held out. `name` is that of the network's file in `workdir` and of the progress; a damaged file
    is made again. `arrange` maps the spectrograms of the front end, shape (clips, bands, frames), to what the
    network is trained on; networks that differ in it need different names. Raises :class:`JudgeError` if
    there are too few labels or pieces, a clip is silent, or the training diverges, and :class:`StorageError`
    if the network cannot be written.
    """
    manifest = hold_out(dataset.manifest, configuration.seed)
    path = workdir / f"{name}-{training_key(manifest, configuration)[:16]}.pt"
    try:
        return Judge.load(path)
    except JudgeError:
        if path.exists():
            log(f"{path}: cannot be read, so the network is trained again")
    features = compute_features(dataset, configuration.front_end)
    features = replace(features, spectrograms=arrange(features.spectrograms), manifest=manifest)
    from timbrebench.classifier.style.style_training import train_judge  # noqa: PLC0415 - takes seconds

    checkpoints = path.with_suffix("")  # which an interrupted training goes on from
    network = train_judge(
        features, configuration, description=f"training the {name}", folder=checkpoints
    ).judge
    network.save(path)
    shutil.rmtree(checkpoints, ignore_errors=True)
    return network


def hold_out(manifest: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Divide the pieces of a manifest into those to learn from and those to choose the epoch by.

    Returns the same rows, numbered from 0, whose ``split`` is "validation" for about :data:`HELD_OUT` of the
    pieces, with each label among them where it can be, and "judge" for the others.
    """
    sources = source_pieces(manifest)  # copies of a piece are held out with it
    pieces = np.random.default_rng(seed).permutation(sorted(sources.unique()))
    held: set[str] = set()
    for _, having in sorted(sources.groupby(manifest.label).unique().items()):
        if held.isdisjoint(having):
            held.add(next(piece for piece in pieces if piece in having))
    others = [piece for piece in pieces if piece not in held]
    held.update(others[: max(0, round(HELD_OUT * len(pieces)) - len(held))])
    split = np.where(sources.isin(held), "validation", "judge")
    return manifest.assign(split=split).reset_index(drop=True)
