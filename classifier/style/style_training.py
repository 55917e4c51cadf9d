"""Train a style judge."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy
from torch.utils.data import DataLoader, TensorDataset

from timbrebench.classifier.lightning import EpochSampler, FittedModule, fit
from timbrebench.classifier.style.familiarity import learn_familiarity
from timbrebench.classifier.style.judge_configuration import JudgeConfiguration
from timbrebench.classifier.style.phrases.phrase_configuration import PhraseConfiguration
from timbrebench.classifier.style.style_features import StyleFeatures
from timbrebench.classifier.style.style_front_end import standardise
from timbrebench.classifier.style.style_judge import Judge
from timbrebench.classifier.style.style_networks import create_network
from timbrebench.classifier.trained_judge import learned_from
from timbrebench.core.errors import JudgeError
from timbrebench.datasets.instruments import is_first_program

#: Sampling weight of the first program of a label, which suites are made of, relative to its others.
_FIRST_PROGRAM_WEIGHT = 3.0


@dataclass(frozen=True)
class Training:
    """A judge and how its training went.

    Attributes
    ----------
    judge : Judge
        With the weights of the epoch whose validation loss was lowest. What is familiar to it is learned by
        :func:`with_familiarity`, which takes a pass over all clips.
    curve : pandas.DataFrame
        One row for each epoch: ``epoch, train_loss, validation_accuracy, validation_loss``.
    """

    judge: Judge
    curve: pd.DataFrame


def train_judge(
    features: StyleFeatures,
    configuration: JudgeConfiguration,
    *,
    description: str = "training the judge",
    folder: Path | None = None,
) -> Training:
    """Train on the judges' split, and stop, choose and calibrate by the validation split.

    Each label is drawn equally often, and within it each program of each soundfont; the label's first program
    three times as often as others. Invented phrases take the share of each label's draws that the
    configuration gives them; those without a label are drawn as often as one label, and are to be answered
    with all labels alike.

    Parameters
    ----------
    features : StyleFeatures
        Clips with the splits "judge" and, of the labels' first programs, "validation"; others are not
        used.
    configuration : JudgeConfiguration
        How.
    description : str
        Shown with the progress.
    folder : pathlib.Path, optional
        Gets checkpoints, which a later call goes on from, and events for TensorBoard.

    Returns
    -------
    Training
        The same on the same machine for the same features and configuration.

    Raises
    ------
    JudgeError
        If there is only one label, one is missing in a split, the augmentation does not suit the front end,
        or training diverges.
    KeyboardInterrupt
        When interrupted.
    """
    configuration.augmentation.check(features.front_end)
    train = features.where(split=["judge"])
    validation = features.where(split=["validation"]).first_programs()
    labels = _labels(train, validation, multi_label=configuration.multi_label)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(configuration.seed)
        network = create_network(configuration.network, len(labels), features.front_end)
        loader = _loader(train, labels, configuration, learning=True)
        fitted = fit(
            _StyleModule(network, configuration, len(loader)),
            loader,
            _loader(validation, labels, configuration, learning=False),
            configuration,
            description=description,
            folder=folder,
        )
    judge = Judge(
        labels=labels,
        front_end=features.front_end,
        network_kind=configuration.network,
        network=network,
        multi_label=configuration.multi_label,
        temperature=1.0,
        **learned_from(train.manifest, validation.manifest),
    )
    return Training(replace(judge, temperature=_temperature(judge, validation)), fitted.curve)


def with_familiarity(judge: Judge, features: StyleFeatures) -> Judge:
    """Return a judge that can tell what resembles nothing that it has learned, given what it was trained on.

    A multi-label judge stays as it is: clips with several labels lie around no label's mean.
    """
    if judge.multi_label:
        return judge
    train = features.where(split=["judge"])
    validation = features.where(split=["validation"]).first_programs()
    targets, traits = train.targets(judge.labels), judge.traits_of(train.spectrograms)
    familiarity = learn_familiarity(
        traits[targets >= 0],
        targets[targets >= 0],
        judge.traits_of(validation.spectrograms),
        traits[targets < 0],
    )
    return replace(judge, familiarity=familiarity)


def _labels(train: StyleFeatures, validation: StyleFeatures, *, multi_label: bool) -> tuple[str, ...]:
    labels, others = train.labels(multi_label=multi_label), validation.labels(multi_label=multi_label)
    if len(labels) < 2:
        raise JudgeError(f"the judges' split has {len(labels)} labels: a judge needs at least two")
    missing = sorted(set(labels) ^ set(others))
    if missing:
        raise JudgeError(f"{', '.join(missing)} is not in both training and validation: use more pieces")
    return labels


def _temperature(judge: Judge, validation: StyleFeatures) -> float:
    """Find the temperature under which the validation clips are most probable (Guo et al. 2017)."""
    logits = judge.logits_of(validation.spectrograms)
    targets = validation.targets(judge.labels, multi_label=judge.multi_label)

    def loss(logarithm: float) -> float:
        return float(_loss(logits / np.exp(logarithm), targets))

    # Bounded, since without an error on the validation clips the optimum is 0.
    optimum = minimize_scalar(loss, bounds=(np.log(0.2), np.log(5.0)), method="bounded")
    return float(np.exp(optimum.x))


def _loss(logits: Tensor, targets: Tensor) -> Tensor:
    """Cross-entropy on logits: a softmax before it would put a floor under the loss.

    What has no label, -1, is to be answered with all labels alike.
    """
    if targets.dim() == 2:
        return binary_cross_entropy_with_logits(logits, targets)
    labelled = targets >= 0
    if labelled.all():
        return cross_entropy(logits, targets)
    flat = -logits[~labelled].log_softmax(dim=1).mean(dim=1)
    return (cross_entropy(logits[labelled], targets[labelled], reduction="sum") + flat.sum()) / len(targets)


class _StyleModule(FittedModule):
    """Learns from augmented clips, and is validated on clips as they are."""

    def __init__(self, network: torch.nn.Module, configuration: JudgeConfiguration, steps: int) -> None:
        super().__init__(network, configuration, steps)
        self._front_end, self._augmentation = configuration.front_end, configuration.augmentation

    def training_step(self, batch: list[Tensor], _: int) -> Tensor:
        spectrograms, targets = batch
        varied = self._augmentation.vary(spectrograms.float(), self._front_end)
        loss = _loss(self.network(varied), targets)
        self.log("train_loss", loss, on_step=False, on_epoch=True, batch_size=len(targets))
        return loss

    def validation_step(self, batch: list[Tensor], _: int) -> None:
        spectrograms, targets = batch
        logits = self.averaged(standardise(spectrograms.float()))
        right = (logits > 0) == targets.bool() if targets.dim() == 2 else logits.argmax(dim=1) == targets
        self.log("validation_loss", _loss(logits, targets), batch_size=len(targets))
        self.log("validation_accuracy", right.float().mean(), batch_size=len(targets))


def _loader(
    features: StyleFeatures, labels: tuple[str, ...], configuration: JudgeConfiguration, *, learning: bool
) -> DataLoader[tuple[Tensor, ...]]:
    targets = features.targets(labels, multi_label=configuration.multi_label)
    data = TensorDataset(features.spectrograms, targets)
    weights = torch.tensor(sampling_weights(features.manifest, configuration.phrases))
    sampler = EpochSampler(data, configuration.seed, weights) if learning else None
    return DataLoader(data, batch_size=configuration.batch_size, sampler=sampler)


def sampling_weights(manifest: pd.DataFrame, phrases: PhraseConfiguration | None) -> NDArray[np.float64]:
    """Return the sampling weight of each clip of a manifest, shape (clips,).

    They add up to 1 for each label, and to 1 for the phrases that have none. `phrases` is None where the
    manifest holds none.
    """
    weights = np.empty(len(manifest))
    is_stranger = manifest.label.isna().to_numpy()
    weights[is_stranger] = 1 / max(1, is_stranger.sum())
    if phrases is None or phrases.share is None:
        weights[~is_stranger] = _source_weights(manifest[~is_stranger])
        return weights
    is_clip = manifest.piece.notna().to_numpy()
    is_phrase = ~is_clip & ~is_stranger
    labels = manifest.label[is_phrase]
    weights[is_clip] = (1 - phrases.share) * _source_weights(manifest[is_clip])
    weights[is_phrase] = phrases.share / labels.groupby(labels).transform("size")
    return weights


def _source_weights(manifest: pd.DataFrame) -> NDArray[np.float64]:
    """Return weights by which each program of each soundfont is drawn alike, its label's first more often."""
    sources = manifest[["label", "soundfont", "program"]].drop_duplicates()
    first = [
        is_first_program(label, program)
        for label, program in zip(sources.label, sources.program, strict=True)
    ]
    sources["share"] = np.where(first, _FIRST_PROGRAM_WEIGHT, 1.0)
    sources["share"] /= sources.groupby("label").share.transform("sum")
    clips = manifest.merge(sources, on=["label", "soundfont", "program"], how="left")
    per_source = clips.groupby(["label", "soundfont", "program"]).share.transform("size")
    return (clips.share / per_source).to_numpy(dtype=np.float64)
