"""Which invented phrases a judge learns from."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from timbrebench.core.frozen_model import FrozenModel
from timbrebench.datasets.rendering.soundfont_choice import SoundfontReference
from timbrebench.datasets.soundfonts.soundfont_finding import find_soundfont


class PhraseConfiguration(FrozenModel):
    """Which phrases a judge learns from beside the clips of its dataset.

    Attributes
    ----------
    soundfonts : tuple of str or PinnedSoundfont
        Names or paths of soundfonts, or of folders of recorded notes; each plays those of the instruments
        that it has, with all their programs.
    clips : int
        Phrases of each label, shared out among the families of soundfonts; a tenth as many again are for the
        choice of the judge.
    weights : dict of str to float
        How many phrases a family of soundfonts plays relative to others, by its name (a folder's is the
        folder's); 1 where it is not named. Recordings deserve more than their number among the soundfonts.
    share : float or None
        Share of a label's draws in training that are phrases, all alike; the rest are clips of the dataset.
        None draws each program of each soundfont equally often, in clips and phrases, the label's first three
        times as often as others.
    strangers : int
        Phrases that have no label, which a judge learns to answer with all labels alike, and to tell from
        those that have one: of programs in those of General MIDI's families that hold none of the labels'
        programs, and of drum kits. Together they are drawn as often as one label.
    seed : int
        Seed of all that is drawn.
    """

    soundfonts: tuple[SoundfontReference, ...] = Field(min_length=1, max_length=100)
    clips: int = Field(default=800, ge=10, le=100_000)
    weights: dict[str, Annotated[float, Field(gt=0, le=100)]] = Field(default={})
    share: float | None = Field(default=None, gt=0, lt=1)
    strangers: int = Field(default=0, ge=0, le=100_000)
    seed: int = Field(default=0, ge=0)


def phrase_sources(configuration: PhraseConfiguration | None) -> list[dict[str, str]]:
    """Return name, family, SHA-256 and takes of each of the soundfonts; nothing where there are no phrases.

    MissingResourceError if one is missing.
    """
    soundfonts = configuration.soundfonts if configuration else ()
    return [find_soundfont(reference).source() for reference in soundfonts]
