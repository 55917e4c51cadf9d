"""What a content judge is made of: which datasets, which phrases, and on what it is tested."""

from __future__ import annotations

from pydantic import Field

from timbrebench.classifier.content.content_phrases import PITCHED_FAMILIES
from timbrebench.classifier.content.content_training import ContentConfiguration
from timbrebench.core.frozen_model import FrozenModel
from timbrebench.datasets.instruments import SIX_INSTRUMENTS
from timbrebench.datasets.rendering.dataset_configuration import DatasetConfiguration
from timbrebench.datasets.rendering.soundfont_choice import SoundfontReference


class ContentRecipe(FrozenModel):
    """What a content judge is made of.

    Attributes
    ----------
    datasets : dict of str to DatasetConfiguration
        What it learns from and is tested on, by names of folders: several are taken as one. Clips of one
        duration.
    tests : dict of str to DatasetConfiguration
        Further datasets of whose test splits the card has figures, by names of folders.
    recordings : tuple of str
        Folders of recorded notes, or halves of them, that play the test pieces of the first of `tests`, or of
        `datasets` where there is none; the card then says how the judge fares on them, changed as recordings
        are.
    training : ContentConfiguration
        How it is trained.
    leave_out : bool
        Whether another judge is trained for each family of soundfonts, without it, to say what a new timbre
        costs.
    """

    datasets: dict[str, DatasetConfiguration] = Field(min_length=1, max_length=20)
    tests: dict[str, DatasetConfiguration] = Field(default={}, max_length=20)
    recordings: tuple[SoundfontReference, ...] = Field(default=(), max_length=100)
    training: ContentConfiguration = ContentConfiguration()
    leave_out: bool = True


#: What the first judge that comes with the package has learned from: all melodic families of General MIDI,
#: two programs of each for every piece, on three soundfonts that share no samples.
SHIPPED_FAMILIES = DatasetConfiguration(
    pieces=180,
    instruments=PITCHED_FAMILIES,
    renderings=2,
    soundfonts=("FluidR3_GM", "TimGM6mb", "sonivox"),
    clips_per_piece=1,
    seed=1,
)

#: The same pieces on the six instruments of the default dataset, most of which no family begins with.
SHIPPED_INSTRUMENTS = SHIPPED_FAMILIES.model_copy(
    update={"instruments": tuple(SIX_INSTRUMENTS), "renderings": 1}
)

#: What it is tested on besides: the first programs of the default dataset's instruments, in other tempi and
#: windows.
SHIPPED_TEST = DatasetConfiguration(renderings=1, soundfonts=("FluidR3_GM", "TimGM6mb"))

#: The recipe of ``timbrebench``: an hour and more on two cores.
FIRST_RECIPE = ContentRecipe(
    datasets={"families": SHIPPED_FAMILIES, "instruments": SHIPPED_INSTRUMENTS},
    tests={"six instruments": SHIPPED_TEST},
)
