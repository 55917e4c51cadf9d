"""Frozen suites on disk: pairs that never change, each clip with its SHA-256.

A suite is a JSON file, ``NAME-VERSION.json``. Its fingerprint is that of all its clips, notes and pairs, its
digest that of all that the file says, so a file that was changed by hand is refused. Those of the project lie
in ``frozen/``, each beside the recipe that it was made by.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Self

from pydantic import ValidationError, model_validator

from timbrebench.core.documents import parse_object
from timbrebench.core.errors import ConfigurationError, UnknownNameError, describe_validation
from timbrebench.core.files import fingerprint, read_text, write_text
from timbrebench.core.workers.executors import Executor
from timbrebench.datasets.dataset import Clip, Dataset
from timbrebench.experiments.suites.frozen_pairs import FrozenClip, FrozenPairs, freeze_pairs
from timbrebench.experiments.suites.kinds.suite_kind import ClipWork
from timbrebench.experiments.suites.recipes import Recipe, SuiteClips, packaged_suites, read_packaged
from timbrebench.experiments.suites.suite import (
    OpenedSuite,
    Pair,
    Suite,
    SuiteConfiguration,
    pair_fingerprint,
)

#: Version of the layout; readers refuse others.
FORMAT = 1

#: Maximum bytes of a suite's file. The largest of the project, 1,025 clips and 360 pairs, has 200,000.
SUITE_BYTES = 16 << 20

#: Key of the SHA-256 of all else in a file. It is that of the text, not of what is read out of it: a recipe
#: may get new settings, and the files of before stay whole. Files of the first suites were without it.
_DIGEST = "digest"


class FrozenSuite(FrozenPairs):
    """A suite as its file has it: pairs with their recipe.

    Attributes
    ----------
    format : int
        Version of the layout.
    recipe : Recipe or None
        Name and version, and how it was made; None for the suite of a run that draws its pairs.
    """

    format: int = FORMAT
    recipe: Recipe | None = None

    @model_validator(mode="after")
    def _check_format(self) -> Self:
        if self.format != FORMAT:
            raise ValueError(f"layout {self.format}, this version reads {FORMAT}")
        return self

    @property
    def title(self) -> str:
        """Name and version, as configurations name it; empty for the suite of a run that draws its pairs."""
        return self.recipe.title if self.recipe else ""

    def suite(self, configuration: SuiteConfiguration) -> Suite:
        """Return the list of pairs as a run with this configuration has it, whoever holds the audio."""
        clips = [self._clip(clip) for clip in self.clips]
        return Suite(
            configuration,
            self._pairs(clips),
            self._real(clips),
            name=self.title,
            has_notes=self.has_notes,
            sample_of=self.sample_of,
        )

    def opened(
        self, configuration: SuiteConfiguration, clips: Sequence[Clip], dataset: Dataset
    ) -> OpenedSuite:
        """Return the pairs with their audio; the clips of the dataset are in the order of this suite's."""
        return OpenedSuite(
            configuration,
            self._pairs(clips),
            self._real(clips),
            name=self.title,
            has_notes=self.has_notes,
            sample_of=self.sample_of,
            dataset=dataset,
        )

    def _pairs(self, clips: Sequence[Clip]) -> tuple[Pair, ...]:
        notes = dict(self.notes)
        pairs = []
        for pair in self.pairs:
            content, style = clips[pair.content], clips[pair.style]
            reference = None if pair.reference is None else clips[pair.reference]
            of_files = pair_fingerprint(content, style, reference, notes.get(content.piece, ""))
            pairs.append(Pair(pair.pair_id, content, style, reference, of_files))
        return tuple(pairs)

    def _real(self, clips: Sequence[Clip]) -> tuple[Clip, ...]:
        return tuple(clip for clip in clips if clip.label in self.style_labels)

    def _clip(self, clip: FrozenClip) -> Clip:
        return Clip(
            clip_id=f"{clip.piece}--{clip.label}--{clip.start_s:g}",
            path="",
            label=clip.label,
            piece=clip.piece,
            instrument=clip.label,
            program=clip.program,
            soundfont=clip.soundfont or self.soundfont,
            soundfont_family="",
            start_s=clip.start_s,
            duration_s=self.duration_s,
            sample_rate=self.sample_rate,
            split="test",
            sha256=clip.sha256,
        )

    def text(self) -> str:
        """Return the file's content: a line for each clip, pair and table of notes, and the digest of all."""
        # The recipe comes first, for those who read the file.
        content = {"format": FORMAT, "recipe": None} | self.model_dump(mode="json")
        parts = []
        for key, value in {**content, _DIGEST: fingerprint(content)}.items():
            if key in {"files", "notes", "clips", "pairs"}:
                rows = ",\n".join(f"    {json.dumps(row, ensure_ascii=False)}" for row in value)
                written = f"[\n{rows}\n  ]" if rows else "[]"
            else:
                written = json.dumps(value, indent=2, ensure_ascii=False).replace("\n", "\n  ")
            parts.append(f'  "{key}": {written}')
        return "{\n" + ",\n".join(parts) + "\n}\n"


def freeze(suite: OpenedSuite, recipe: Recipe | None = None) -> FrozenSuite:
    """Freeze a suite; a recipe, which says how it was made, gives it its name."""
    return FrozenSuite(recipe=recipe, **dict(freeze_pairs(suite)))


def freeze_recipe(
    recipe: Recipe,
    folder: Path,
    executor: Executor,
    *,
    source: Path | None = None,
    learned: Collection[str],
) -> FrozenSuite:
    """Make a suite by a recipe and freeze it.

    The folder gets the clips, where they can be made; what is there already is used. `source` is a folder of
    what the suite is drawn from, for kinds that need one, `learned` the pieces that the content judge has
    learned from, which are left out. The suite is the same wherever the same corpus, soundfont, software and
    source are.

    Raises
    ------
    ConfigurationError, DatasetError
        If the recipe cannot be followed.
    """
    about = SuiteClips(suite=recipe.title, fingerprint="", recipe=recipe)
    pairs = recipe.made.freeze(ClipWork(recipe.title, about, folder, executor), source, learned)
    return FrozenSuite(recipe=recipe, **dict(pairs))


def write_frozen(frozen: FrozenSuite, folder: Path) -> Path:
    """Write a suite as ``NAME-VERSION.json``, whole or not at all.

    A `ConfigurationError` is raised if the file is there already and holds other pairs: a frozen suite does
    not change, raise its version.
    """
    path = folder / f"{frozen.title}.json"
    if path.exists():
        present = load_frozen(str(path))
        if present.fingerprint != frozen.fingerprint:
            raise ConfigurationError(
                f"{path}: holds other pairs or clips, and a frozen suite does not change: raise the version"
            )
    write_text(path, frozen.text())
    return path


def parse_frozen(text: str, where: str) -> FrozenSuite:
    """Read the text of a suite's file.

    A `ConfigurationError` is raised if it is not a suite, has another layout, or was changed.
    """
    changed = "it was changed after it was frozen: get it again"
    content = parse_object(text, where, ConfigurationError)
    digest = content.pop(_DIGEST, None)
    try:
        frozen = FrozenSuite.model_validate(content)
    except ValidationError as error:
        raise describe_validation(error, where, FrozenSuite.model_fields) from error
    if not frozen.fingerprint or digest != fingerprint(content):
        raise ConfigurationError(f"{where}: its digest is missing, or not that of what it says; {changed}")
    return frozen


def frozen_names() -> list[str]:
    """Return the suites that come with the project, as ``NAME-VERSION``, sorted by name and version."""
    names = [path.removesuffix(".json") for path in packaged_suites() if path.endswith(".json")]
    return sorted(names, key=_name_and_version)


def load_frozen(name: str) -> FrozenSuite:
    """Read a frozen suite.

    The name is ``NAME`` for the newest version of one that comes with the project, ``NAME-VERSION``, or the
    path of a file, which ends in ``.json``.

    Raises
    ------
    UnknownNameError
        If no suite has that name.
    ConfigurationError
        If the file cannot be read, or was changed.
    """
    if name.endswith(".json"):
        return parse_frozen(read_text(Path(name), SUITE_BYTES, ConfigurationError), name)
    names = frozen_names()
    versions = [known for known in names if name in {known, _name_and_version(known)[0]}]
    if not versions:
        short = {_name_and_version(known)[0] for known in names}
        raise UnknownNameError("suite (files end in .json)", name, [*names, *short])
    return parse_frozen(read_packaged(f"{versions[-1]}.json"), f"suite {versions[-1]}")


def load_configured(configuration: SuiteConfiguration) -> FrozenSuite:
    """Read the frozen suite that a configuration names, or the sample of it that it asks for.

    Raises as :func:`load_frozen`, and ConfigurationError if a sample is asked for of a suite that is too
    short, or whose order is not stratified.
    """
    frozen = load_frozen(configuration.name)
    if configuration.pairs is None:
        return frozen
    if frozen.recipe is None or not frozen.recipe.made.is_nested:
        raise ConfigurationError(
            f"the first pairs of the suite {configuration.name!r} are no fair sample of it: leave out pairs"
        )
    return frozen.first(configuration.pairs)


def _name_and_version(name: str) -> tuple[str, int]:
    parts = re.fullmatch(r"(.+)-(\d+)", name)
    return (parts[1], int(parts[2])) if parts else (name, 0)
