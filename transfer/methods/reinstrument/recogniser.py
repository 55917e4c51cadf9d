"""Which timbre plays a clip: the one whose notes explain it, if a network agrees that it sounds like it.

Two witnesses are heard. Templates of the timbre that plays leave far less unexplained than all others, but
where no template of it was learned, the smallest remainder says little. A network that has learned to name
labels from many soundfonts does name them on one that it has never heard, but not the soundfont. A timbre's
score is

    log p(label of the timbre) − 4 · log(divergence of the clip from its templates).

On clips of pieces that were not learned from, with FluidR3 among what was, all of 41 clips were given the
right timbre, the divergence alone doing it, too; without FluidR3, 0.93 the right label: with the network
alone 0.80, with the divergence alone 0.88. Weights from 3 to 8 do the same.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from pydantic import Field

from timbrebench.classifier.listening import SHORTEST_S
from timbrebench.classifier.style.judge_configuration import JudgeConfiguration
from timbrebench.classifier.style.style_features import compute_features
from timbrebench.classifier.style.style_judge import Judge
from timbrebench.classifier.style.training_stages import training_key
from timbrebench.core.errors import JudgeError
from timbrebench.core.progress import log
from timbrebench.datasets.dataset import Dataset
from timbrebench.transfer.algorithms.note_templates import NoteTemplates, divergences, label_of
from timbrebench.transfer.bases.spectrogram_method import AnalysedClip
from timbrebench.transfer.bases.trained_network_method import hold_out
from timbrebench.transfer.contract import Parameters

#: How much the logarithm of the divergence counts beside that of the probability.
_DIVERGENCE_WEIGHT = 4.0

#: No network is sure enough to rule a label out.
_LEAST_PROBABILITY = 1e-3


class RecogniserTraining(Parameters):
    """How the network is trained.

    Attributes
    ----------
    seed : int
        Of the first weights, the order of the clips and the pieces held out; not the judges'.
    max_epochs : int
        Most passes through the clips.
    """

    seed: int = Field(default=77, ge=0)
    max_epochs: int = Field(default=26, ge=1)


def train_recogniser(dataset: Dataset, training: RecogniserTraining, workdir: Path) -> Judge:
    """Train the network that names labels, or load the one that was trained on the same clips before.

    It is made as style judges are, of clips and from a seed of its own.

    Parameters
    ----------
    dataset : Dataset
        Clips of two labels or more, each in two pieces or more.
    training : RecogniserTraining
        How.
    workdir : pathlib.Path
        Holds the network. A file that is damaged is made again.

    Returns
    -------
    Judge
        The network, with the clips that it has learned from.

    Raises
    ------
    JudgeError
        If there are too few labels or pieces, or the training diverges.
    StorageError
        If the network cannot be written.
    """
    held = hold_out(dataset.manifest, training.seed)
    configuration = JudgeConfiguration(seed=training.seed, max_epochs=training.max_epochs)
    path = workdir / f"recogniser-{training_key(held, configuration)[:16]}.pt"
    try:
        return Judge.load(path)
    except JudgeError:
        if path.exists():
            log(f"{path}: cannot be read, so the network is trained again")
    features = replace(compute_features(dataset, configuration.front_end), manifest=held)
    from timbrebench.classifier.style.style_training import (  # noqa: PLC0415 - takes seconds
        train_judge,
    )

    network = train_judge(features, configuration, description="training the recogniser").judge
    network.save(path)
    return network


@dataclass(frozen=True)
class Recognised:
    """What was recognised.

    Attributes
    ----------
    timbre : int
        Number of the timbre among the templates'.
    unexplained : float
        What its templates leave unexplained:
        :func:`~timbrebench.transfer.algorithms.note_templates.divergences`.
    """

    timbre: int
    unexplained: float


def recognise(clip: AnalysedClip, sample_rate: int, templates: NoteTemplates, network: Judge) -> Recognised:
    """Find the timbre with the highest score; see the module.

    Parameters
    ----------
    clip : AnalysedClip
        Samples and spectrogram. A clip that is too short for the network is judged by divergence alone.
    sample_rate : int
        Rate of the clip in hertz.
    templates : NoteTemplates
        Of the timbres to choose from.
    network : Judge
        Knows their labels.

    Returns
    -------
    Recognised
        The timbre, and how well its templates explain the clip.
    """
    unexplained = divergences(clip.magnitude, templates)
    score = -_DIVERGENCE_WEIGHT * np.log(unexplained)
    if len(clip.samples) >= SHORTEST_S * sample_rate:
        of_label = dict(
            zip(network.labels, network.predict(clip.samples, sample_rate).probabilities, strict=True)
        )
        likely = np.array([of_label.get(label_of(name), 0.0) for name in templates.timbres])
        score += np.log(likely + _LEAST_PROBABILITY)
    timbre = int(np.argmax(score))
    return Recognised(timbre, float(unexplained[timbre]))
