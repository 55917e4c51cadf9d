"""How frozen suites are made: name, version, and the configuration of one of the kinds."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import Annotated

from pydantic import Field, ValidationError

from timbrebench.core.documents import parse_toml, read_toml
from timbrebench.core.errors import ConfigurationError, UnknownNameError, describe_validation
from timbrebench.core.frozen_model import FrozenModel
from timbrebench.experiments.suites.kinds.aligned_kind import AlignedKind
from timbrebench.experiments.suites.kinds.audioset_kind import AudioSetKind
from timbrebench.experiments.suites.kinds.melody_kind import MelodyKind
from timbrebench.experiments.suites.kinds.performances_kind import PerformancesKind
from timbrebench.experiments.suites.kinds.recorded_notes_kind import RecordedNotesKind
from timbrebench.experiments.suites.kinds.rendered_kind import RenderedKind
from timbrebench.experiments.suites.kinds.stratified_kind import StratifiedKind
from timbrebench.experiments.suites.kinds.texture_kind import TextureKind

#: All kinds of suites; a recipe's key ``kind`` says which it is.
AnyKind = Annotated[
    RenderedKind
    | StratifiedKind
    | MelodyKind
    | TextureKind
    | AudioSetKind
    | RecordedNotesKind
    | PerformancesKind
    | AlignedKind,
    Field(discriminator="kind"),
]


class Recipe(FrozenModel):
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
    made : SuiteKind
        How: the configuration of one of the kinds.
    """

    name: str = Field(pattern=r"^[a-z][a-z0-9-]*$", max_length=80)
    version: int = Field(ge=1, le=1_000_000)
    summary: str
    attribution: str = ""
    made: AnyKind

    @property
    def title(self) -> str:
        """Name and version, as configurations name the suite."""
        return f"{self.name}-{self.version}"


class SuiteClips(FrozenModel):
    """What a suite's own dataset is made of; its suite has no fingerprint while it is being frozen."""

    suite: str
    fingerprint: str
    recipe: Recipe


def load_recipe(name: str) -> Recipe:
    """Read a recipe: one of the project's by its suite's name, or a file whose name ends in ``.toml``.

    Raises
    ------
    UnknownNameError
        If no recipe has that name.
    ConfigurationError
        If it cannot be read, or holds a key or value that is not allowed.
    """
    known = sorted(path.removesuffix(".toml") for path in packaged_suites() if path.endswith(".toml"))
    if not name.endswith(".toml") and name not in known:
        raise UnknownNameError("suite to freeze (files end in .toml)", name, known)
    if name.endswith(".toml"):
        content = read_toml(Path(name), ConfigurationError)
    else:
        content = parse_toml(read_packaged(f"{name}.toml"), name, ConfigurationError)
    try:
        return Recipe.model_validate(content)
    except ValidationError as error:
        raise describe_validation(error, name, Recipe.model_fields) from error


def packaged_suites() -> list[str]:
    """Return the names of the files of the project's suites."""
    return [item.name for item in (resources.files("timbrebench.experiments.suites") / "frozen").iterdir()]


def read_packaged(name: str) -> str:
    """Return the text of a file of the project's suites."""
    path = resources.files("timbrebench.experiments.suites") / "frozen" / name
    return path.read_text(encoding="utf-8")
