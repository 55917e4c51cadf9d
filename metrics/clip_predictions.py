"""The style judge's prediction for each clip of a trial, for people: label and probability."""

from __future__ import annotations

from dataclasses import dataclass

from timbrebench.metrics.contract import Score
from timbrebench.metrics.sound import Sound, Unscorable
from timbrebench.metrics.trial import Trial


@dataclass(frozen=True)
class ClipPrediction:
    """A judge's prediction for one clip.

    Attributes
    ----------
    label : str
        The most probable label.
    probability : float
        Its probability, from 0 to 1.
    is_unfamiliar : bool
        Whether the clip is known to resemble nothing that the judge has learned.
    """

    label: str
    probability: float
    is_unfamiliar: bool


@dataclass(frozen=True)
class FileScores:
    """The scores of one output, and the style judge's predictions for its clips.

    Attributes
    ----------
    scores : dict of str to Score
        By the metrics' names.
    predictions : dict of str to ClipPrediction
        By the clips' roles: output, content, style. Empty without a judge; a silent clip is left out.
    style_label, content_label : str or None
        The labels that the output was compared with.
    """

    scores: dict[str, Score]
    predictions: dict[str, ClipPrediction]
    style_label: str | None
    content_label: str | None


def clip_predictions(trial: Trial) -> dict[str, ClipPrediction]:
    """Return the style judge's predictions for output, content and style, without clips that have none."""
    sounds = {"output": trial.output, "content": trial.content, "style": trial.style}
    predicted = {role: _prediction(sound) for role, sound in sounds.items()}
    return {role: prediction for role, prediction in predicted.items() if prediction is not None}


def _prediction(sound: Sound) -> ClipPrediction | None:
    if sound.judge is None:
        return None
    try:
        prediction = sound.prediction
    except Unscorable:
        return None
    best = int(prediction.probabilities.argmax())
    return ClipPrediction(
        sound.judge.labels[best], float(prediction.probabilities[best]), bool(prediction.is_unfamiliar)
    )
