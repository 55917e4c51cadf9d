"""Style judges that come with the package, so that everybody who runs a suite is scored by the same one.

Training rounds differently on another processor: judges that two machines have trained in the same way have
other weights, and what they score cannot stand in one leaderboard. A published judge was trained once. It is
named after the frozen suite that it was trained for, and its version; ``instruments-6-mel-1`` is another
judge of the same suite, with another front end, network and pieces, so that two can be asked. Weights lie in
``weights/`` beside their cards.
"""

from __future__ import annotations

import importlib.resources
from functools import lru_cache
from importlib.resources.abc import Traversable
from typing import Any

from timbrebench.classifier.style.robustness import Robustness
from timbrebench.classifier.style.style_evaluation import Evaluation
from timbrebench.classifier.style.style_judge import Judge
from timbrebench.core.documents import parse_object
from timbrebench.core.errors import JudgeError, UnknownNameError
from timbrebench.core.frozen_model import FrozenModel


class PublishedCard(FrozenModel):
    """What a published judge is, and how far it can be believed.

    Attributes
    ----------
    name : str
        What configurations call it.
    fingerprint : str
        Of the judge (:attr:`~timbrebench.classifier.style.style_judge.Judge.fingerprint`).
    labels : tuple of str
        Its labels.
    parameters : int
        Weights of the network.
    temperature : float
        What its logits are divided by.
    soundfonts : tuple of str
        Soundfonts that it has learned from.
    training_pieces : tuple of str
        Pieces that it has learned from or was chosen by: no suite that it judges may hold them.
    training_clips : int
        How many clips of them.
    run : str
        Name of the run that has trained it: that of a profile, or of the suite.
    dataset, configuration : dict
        What it was trained on, and how.
    software : dict of str to str
        What the dataset was made with and the network was trained with, by name and version.
    evaluation : Evaluation
        On test pieces of that dataset, played by the labels' first programs.
    sources : tuple of dict
        Corpus, soundfonts and folders of recorded notes that it has learned from, with the SHA-256 of each
        and which takes of a folder; empty in cards of earlier versions.
    recordings : Robustness or None
        On the test pieces played with recorded notes, by source and condition; None where none were given,
        and in cards of earlier versions.
    """

    name: str
    fingerprint: str
    labels: tuple[str, ...]
    parameters: int
    temperature: float
    soundfonts: tuple[str, ...]
    training_pieces: tuple[str, ...]
    training_clips: int
    run: str
    dataset: dict[str, Any]
    configuration: dict[str, Any]
    software: dict[str, str]
    evaluation: Evaluation
    sources: tuple[dict[str, str], ...] = ()
    recordings: Robustness | None = None


def published_names() -> list[str]:
    """Return the names of the judges that come with the package, sorted."""
    names = [item.name for item in _weights().iterdir()]
    return sorted(name.removesuffix(".json") for name in names if name.endswith(".json"))


@lru_cache(maxsize=8)
def published_card(name: str) -> PublishedCard:
    """Return the card of a published judge.

    Raises
    ------
    UnknownNameError
        If there is none of that name; the nearest is suggested.
    JudgeError
        If the card is damaged.
    """
    if name not in published_names():
        raise UnknownNameError("published judge", name, published_names())
    try:
        text = (_weights() / f"{name}.json").read_text(encoding="utf-8")
        return PublishedCard.model_validate(parse_object(text, f"the card of {name}", JudgeError))
    except (OSError, ValueError, JudgeError) as error:
        raise JudgeError(f"the card of {name!r} is damaged: install timbrebench again") from error


def load_published(name: str) -> Judge:
    """Return a published judge.

    Raises
    ------
    UnknownNameError
        If there is none of that name.
    JudgeError
        If the installation lacks its file, or the file is damaged.
    """
    card = published_card(name)
    with importlib.resources.as_file(_weights() / f"{card.name}.pt") as path:
        return Judge.load(path)


def published_name(fingerprint: str) -> str:
    """Return the name of the published judge with a fingerprint, or an empty text where there is none."""
    return next((name for name in published_names() if published_card(name).fingerprint == fingerprint), "")


def _weights() -> Traversable:
    return importlib.resources.files("timbrebench.classifier.style") / "weights"
