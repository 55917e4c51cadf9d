"""How frozen suites are made: what is played, by what, and which clips are paired."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from timbrebench.datasets.rendering.dataset_configuration import DatasetConfiguration
from timbrebench.experiments.suites.suite import SuiteConfiguration


class RenderedRecipe(BaseModel):
    """Pairs drawn from the test pieces of a rendered dataset.

    Attributes
    ----------
    kind : "rendered"
        Which recipe this is.
    dataset : DatasetConfiguration
        The dataset. Judges and methods of a run learn from it as well, unless the run has another one.
    draw : SuiteConfiguration
        How pairs are drawn.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["rendered"] = "rendered"
    dataset: DatasetConfiguration = DatasetConfiguration()
    draw: SuiteConfiguration = SuiteConfiguration()


class MelodyRecipe(BaseModel):
    """One melody in several keys: the content in each of them, the style in the home key.

    It is the experiment of Barry & Kim (submission to ICLR, 2018, section 4.2): content and style are the
    same music in two keys, so that a method that takes notes from the style is found out. In the home key
    itself the style is the right answer.

    Attributes
    ----------
    kind : "melody"
        Which recipe this is.
    melody : "star-spangled-banner"
        What is played: its first 4 s (:mod:`timbrebench.experiments.suites.melodies`).
    transpositions : tuple of int
        Keys of the content, in semitones above the home key.
    directions : tuple of (str, str)
        Instruments of content and style.
    soundfont : str
        What plays.
    sample_rate : int
        Rate of the clips in hertz.
    clip_duration_s : float
        Their length in seconds.
    dataset : DatasetConfiguration
        What judges and methods of a run learn from, unless it has another one.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["melody"]
    melody: Literal["star-spangled-banner"] = "star-spangled-banner"
    transpositions: tuple[int, ...] = Field(default=tuple(range(-6, 7)), min_length=1)
    directions: tuple[tuple[str, str], ...] = Field(min_length=1)
    soundfont: str = "FluidR3_GM"
    sample_rate: int = 22_050
    clip_duration_s: float = 4.0
    dataset: DatasetConfiguration = DatasetConfiguration()


class AudioSetRecipe(BaseModel):
    """Pairs of AudioSet's segments, whose audio is with its users.

    A segment qualifies if it lasts 10 s and carries exactly one of the wanted classes. Nobody knows what one
    genre sounds like as another: there is no reference, and there are no notes.

    Attributes
    ----------
    kind : "audioset"
        Which recipe this is.
    segments : str
        Name of the table of segments. That of the evaluation set has the videos that AudioSet itself sets
        apart for tests.
    classes : str
        A subtree of the ontology.
    pairs : int
        How many pairs are drawn. Each class is as often content and style as any other, as far as it goes,
        and no video is in two pairs.
    seed : int
        Seed of the draw.
    dataset : DatasetConfiguration
        What judges and methods of a run learn from, unless it has another one.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["audioset"]
    segments: str = "eval_segments.csv"
    classes: Literal["genres", "moods"]
    pairs: int = Field(default=60, ge=1)
    seed: int = 0
    dataset: DatasetConfiguration = DatasetConfiguration()


class TextureRecipe(BaseModel):
    """Sounds that are to be made anew out of noise, so that they are like the style and copy nothing.

    The content is white noise, which has no notes: what is asked of an output is rhythm and timbre of the
    style, without its order. That is the experiment of Barry & Kim (submission to ICLR, 2018, section 4.1).
    There is no right answer, as any other such sound would do.

    Attributes
    ----------
    kind : "texture"
        Which recipe this is.
    soundfont : str
        What plays the styles.
    clip_duration_s : float
        Length of the clips in seconds. A distribution of the times between onsets needs more of them than 5 s
        hold.
    pieces : int
        How many test pieces are played by each instrument; those of one piece share their noise, so that
        figures of one piece are resampled together.
    seed : int
        Seed of the noise.
    dataset : DatasetConfiguration
        Gives instruments and pieces. Judges and methods of a run learn from it, unless it has another one.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["texture"]
    soundfont: str = "FluidR3_GM"
    clip_duration_s: float = 10.0
    pieces: int = Field(default=10, ge=1)
    seed: int = 0
    dataset: DatasetConfiguration = DatasetConfiguration()


AnyRecipe = Annotated[
    RenderedRecipe | MelodyRecipe | TextureRecipe | AudioSetRecipe, Field(discriminator="kind")
]


class Recipe(BaseModel):
    """A suite before it is frozen, as ``frozen/NAME.toml`` has it.

    Attributes
    ----------
    name : str
        Lower-case letters, digits and hyphens; the version follows it in the file's name.
    version : int
        Raised with every change of a pair or clip.
    summary : str
        What it measures, in a sentence.
    attribution : str
        Whose data it lists, and under which licence, where that has to be said.
    made : RenderedRecipe or MelodyRecipe or TextureRecipe or AudioSetRecipe
        How.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[a-z][a-z0-9-]*$")
    version: int = Field(ge=1)
    summary: str
    attribution: str = ""
    made: AnyRecipe
