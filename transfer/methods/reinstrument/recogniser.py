"""Which timbre plays a clip: recognised by note templates and by a network that names labels.

Templates of the timbre that plays leave far less unexplained than all others, but where no template of it was
learned, the smallest divergence says little. A network trained to name labels on many soundfonts does name
them on an unseen one, but not the soundfont. A timbre's score is

    log p(label of the timbre) − 4 · log(divergence of the clip from its templates).

On clips of pieces that were not learned from, with FluidR3 among what was, all of 41 clips were given the
right timbre, the divergence alone doing it, too; without FluidR3, 0.93 the right label: with the network
alone 0.80, with the divergence alone 0.88. Weights from 3 to 8 do the same.
"""

from __future__ import annotations

import numpy as np
from pydantic import Field

from timbrebench.classifier.clip_preparation import SHORTEST_S
from timbrebench.classifier.style.style_judge import Judge
from timbrebench.transfer.algorithms.note_templates import NoteTemplates, divergences, label_of
from timbrebench.transfer.bases.spectrogram_method import AnalysedClip
from timbrebench.transfer.contract import Parameters

#: Weight of the logarithm of the divergence beside that of the probability.
_DIVERGENCE_WEIGHT = 4.0

#: Added to every probability: no network is sure enough to rule a label out.
_MIN_PROBABILITY = 1e-3


class RecogniserTraining(Parameters):
    """How the network is trained.

    Attributes
    ----------
    seed : int
        Of the first weights, the order of the clips and the pieces held out; not the judges'.
    max_epochs : int
        Maximum passes through the clips.
    """

    seed: int = Field(default=77, ge=0, lt=2**63)
    max_epochs: int = Field(default=26, ge=1, le=10_000)


def recognise(
    clip: AnalysedClip, sample_rate: int, templates: NoteTemplates, network: Judge
) -> tuple[int, float]:
    """Return the number of the timbre with the highest score, and how much its templates leave unexplained.

    The latter is one of :func:`~timbrebench.transfer.algorithms.note_templates.divergences`. `sample_rate` is
    that of the clip in hertz; `network` names the labels of the timbres. A clip that is too short for it is
    judged by divergence alone.
    """
    unexplained = divergences(clip.magnitude, templates)
    score = -_DIVERGENCE_WEIGHT * np.log(unexplained)
    if len(clip.samples) >= SHORTEST_S * sample_rate:
        of_label = dict(
            zip(network.labels, network.predict(clip.samples, sample_rate).probabilities, strict=True)
        )
        likely = np.array([of_label.get(label_of(name), 0.0) for name in templates.timbres])
        score += np.log(likely + _MIN_PROBABILITY)
    timbre = int(np.argmax(score))
    return timbre, float(unexplained[timbre])
