"""What a style judge hears in each clip of a trial, for people: the label and how probable it is."""

from __future__ import annotations

from dataclasses import dataclass

from timbrebench.metrics.contract import Score
from timbrebench.metrics.sound import Sound, Unscorable
from timbrebench.metrics.trial import Trial


@dataclass(frozen=True)
class Heard:
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
    """The scores of one output, and what the style judge hears in its clips.

    Attributes
    ----------
    scores : dict of str to Score
        By the metrics' names.
    heard : dict of str to Heard
        By the clips' roles: output, content, style. Empty without a judge; a silent clip is left out.
    style_label, content_label : str or None
        The labels that the output was compared with.
    """

    scores: dict[str, Score]
    heard: dict[str, Heard]
    style_label: str | None
    content_label: str | None


def heard_in(trial: Trial) -> dict[str, Heard]:
    """Return what the trial's style judge hears in output, content and style, as far as it hears anything."""
    sounds = {"output": trial.output, "content": trial.content, "style": trial.style}
    return {role: heard for role, sound in sounds.items() if (heard := _heard(sound)) is not None}


def _heard(sound: Sound) -> Heard | None:
    if sound.judge is None:
        return None
    try:
        prediction = sound.prediction
    except Unscorable:
        return None
    best = int(prediction.probabilities.argmax())
    return Heard(
        sound.judge.labels[best], float(prediction.probabilities[best]), bool(prediction.is_unfamiliar)
    )
