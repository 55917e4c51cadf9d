"""Which invented phrases a judge learns from."""

from __future__ import annotations

from pydantic import Field

from timbrebench.core.frozen_model import FrozenModel
from timbrebench.datasets.rendering.soundfont_choice import SoundfontReference


class PhraseConfiguration(FrozenModel):
    """Which phrases a judge learns from beside the clips of its dataset.

    Attributes
    ----------
    soundfonts : tuple of str or PinnedSoundfont
        Names or paths of soundfonts, or of folders of recorded notes; each plays those of the instruments
        that it has, with all their programs.
    clips : int
        Phrases of each label, equally many of each family of soundfonts; a tenth as many again are for the
        choice of the judge.
    seed : int
        Seed of all that is drawn.
    """

    soundfonts: tuple[SoundfontReference, ...] = Field(min_length=1, max_length=100)
    clips: int = Field(default=800, ge=10, le=100_000)
    seed: int = Field(default=0, ge=0)
