"""Frozen suites on disk: pairs that never change, each clip with its SHA-256.

A suite is a JSON file, ``NAME-VERSION.json``. Its fingerprint is that of all its clips, notes and pairs, its
digest that of all that the file says, so a file that was changed by hand is refused. Those of the project lie
in ``frozen/``, each beside the recipe that it was made by.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable, Sequence
from importlib import resources
from pathlib import Path
from typing import NamedTuple, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from timbrebench.core.errors import ConfigurationError, UnknownNameError, describe_validation
from timbrebench.core.files import fingerprint, write_text
from timbrebench.datasets.dataset import Clip, Dataset
from timbrebench.experiments.suites.recipes import Recipe
from timbrebench.experiments.suites.suite import (
    OpenedSuite,
    Pair,
    Suite,
    SuiteConfiguration,
    notes_sha256,
    pair_fingerprint,
)

#: Version of the layout; readers refuse others.
FORMAT = 1

#: Key of the SHA-256 of all else in a file. It is that of the text, not of what is read out of it: a recipe
#: may get new settings, and the files of before stay whole. Files of the first suites were without it.
_DIGEST = "digest"


class FrozenClip(NamedTuple):
    """A clip of a frozen suite.

    Attributes
    ----------
    piece, label : str
        What is played, and by what.
    start_s : float
        Where the clip begins in the piece, in seconds.
    sha256 : str
        Of the file; empty where users hold the audio.
    """

    piece: str
    label: str
    start_s: float
    sha256: str


class FrozenPair(NamedTuple):
    """A pair of a frozen suite.

    Attributes
    ----------
    pair_id : str
        Its name.
    content, style : int
        Places in the list of clips.
    reference : int or None
        Place of the right answer, where it is known.
    """

    pair_id: str
    content: int
    style: int
    reference: int | None


class FrozenNotes(NamedTuple):
    """The notes of a piece, by the SHA-256 of their table."""

    piece: str
    sha256: str


class FrozenSuite(BaseModel):
    """A suite as its file has it.

    Attributes
    ----------
    format : int
        Version of the layout.
    recipe : Recipe or None
        Name and version, and how it was made; None for the suite of a run that draws its pairs.
    soundfont : str
        What plays.
    sample_rate : int
        Rate of the clips in hertz.
    duration_s : float
        Their length in seconds.
    pitch_range : tuple of int
        First and last MIDI pitch that the pieces were folded into.
    sources : tuple of dict
        Corpus and soundfonts, with version or SHA-256, that the clips were made with.
    software : dict
        What they were made with, by name and version.
    identifiers : dict
        AudioSet's identifier of each label, for a suite over it.
    notes : tuple of FrozenNotes
        The notes of each content.
    clips : tuple of FrozenClip
        All clips that the pairs were drawn from.
    pairs : tuple of FrozenPair
        The pairs.
    fingerprint : str
        SHA-256 of notes, clips and pairs.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: int = FORMAT
    recipe: Recipe | None = None
    soundfont: str
    sample_rate: int = Field(gt=0)
    duration_s: float = Field(gt=0, allow_inf_nan=False)
    pitch_range: tuple[int, ...] = ()
    sources: tuple[dict[str, str], ...] = ()
    software: dict[str, str] = {}
    identifiers: dict[str, str] = {}
    notes: tuple[FrozenNotes, ...]
    clips: tuple[FrozenClip, ...]
    pairs: tuple[FrozenPair, ...]
    fingerprint: str = ""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.format != FORMAT:
            raise ValueError(f"layout {self.format}, this version reads {FORMAT}")
        places = [place for pair in self.pairs for place in pair[1:] if place is not None]
        if not self.pairs or not all(0 <= place < len(self.clips) for place in places):
            raise ValueError("it has no pairs, or pairs of clips that it does not have")
        if len({pair.pair_id for pair in self.pairs}) < len(self.pairs):
            raise ValueError("two pairs have one name")
        if self.fingerprint and self.fingerprint != self.content_fingerprint():
            raise ValueError("its fingerprint is not that of its pairs: it was changed after it was frozen")
        return self

    def content_fingerprint(self) -> str:
        """Return the SHA-256 of notes, clips and pairs."""
        return fingerprint([self.notes, self.clips, self.pairs])

    @property
    def title(self) -> str:
        """Name and version, as configurations name it; empty for the suite of a run that draws its pairs."""
        return f"{self.recipe.name}-{self.recipe.version}" if self.recipe else ""

    @property
    def is_hashed(self) -> bool:
        """Whether the clips' hashes are known, and not only to those who hold the audio."""
        return all(clip.sha256 for clip in self.clips)

    @property
    def has_truth(self) -> bool:
        """Whether the right answer to each pair is known."""
        return all(pair.reference is not None for pair in self.pairs)

    @property
    def style_labels(self) -> frozenset[str]:
        """The labels that outputs are asked to have."""
        return frozenset(self.clips[pair.style].label for pair in self.pairs)

    def suite(self, configuration: SuiteConfiguration) -> Suite:
        """Return the list of pairs as a run with this configuration has it, whoever holds the audio."""
        clips = [self._clip(clip) for clip in self.clips]
        return Suite(configuration, self._pairs(clips), self._real(clips), name=self.title)

    def opened(
        self, configuration: SuiteConfiguration, clips: Sequence[Clip], dataset: Dataset
    ) -> OpenedSuite:
        """Return the pairs with their audio.

        Parameters
        ----------
        configuration : SuiteConfiguration
            Of the run.
        clips : sequence of Clip
            Clips of the dataset, in the order of this suite's.
        dataset : Dataset
            Holds the clips.
        """
        return OpenedSuite(
            configuration, self._pairs(clips), self._real(clips), name=self.title, dataset=dataset
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
            program=-1,
            soundfont=self.soundfont,
            soundfont_family="",
            start_s=clip.start_s,
            duration_s=self.duration_s,
            sample_rate=self.sample_rate,
            split="test",
            sha256=clip.sha256,
        )

    def text(self) -> str:
        """Return the file's content: a line for each clip, pair and table of notes, and the digest of all."""
        content = self.model_dump(mode="json")
        parts = []
        for key, value in {**content, _DIGEST: fingerprint(content)}.items():
            if key in {"notes", "clips", "pairs"}:
                rows = ",\n".join(f"    {json.dumps(row, ensure_ascii=False)}" for row in value)
                written = f"[\n{rows}\n  ]" if rows else "[]"
            else:
                written = json.dumps(value, indent=2, ensure_ascii=False).replace("\n", "\n  ")
            parts.append(f'  "{key}": {written}')
        return "{\n" + ",\n".join(parts) + "\n}\n"


def freeze(suite: OpenedSuite, recipe: Recipe | None = None) -> FrozenSuite:
    """Freeze a suite.

    Parameters
    ----------
    suite : OpenedSuite
        Pairs and clips, with the dataset that holds them and their notes.
    recipe : Recipe, optional
        How it was made; it gives the name.

    Returns
    -------
    FrozenSuite
        With its fingerprint.
    """
    description = suite.dataset.description
    of_pairs = [
        clip
        for pair in suite.pairs
        for clip in (pair.content, pair.style, pair.reference)
        if clip is not None
    ]
    clips = list(dict.fromkeys([*suite.clips, *of_pairs]))
    place = {clip: number for number, clip in enumerate(clips)}
    first = suite.pairs[0].content
    contents = sorted({pair.content.piece: pair.content for pair in suite.pairs}.items())
    notes = [FrozenNotes(name, notes_sha256(suite.dataset, clip)) for name, clip in contents]
    frozen = FrozenSuite(
        recipe=recipe,
        soundfont=first.soundfont,
        sample_rate=int(first.sample_rate),
        duration_s=float(first.duration_s),
        pitch_range=tuple(description.get("pitch_range", ())),
        sources=tuple(
            {key: str(value) for key, value in source.items()} for source in description.get("sources", ())
        ),
        software=dict(description.get("software", {})),
        notes=tuple(row for row in notes if row.sha256),
        clips=tuple(FrozenClip(clip.piece, clip.label, float(clip.start_s), clip.sha256) for clip in clips),
        pairs=tuple(
            FrozenPair(
                pair.pair_id,
                place[pair.content],
                place[pair.style],
                None if pair.reference is None else place[pair.reference],
            )
            for pair in suite.pairs
        ),
    )
    return frozen.model_copy(update={"fingerprint": frozen.content_fingerprint()})


def write_frozen(frozen: FrozenSuite, folder: Path) -> Path:
    """Write a suite as ``NAME-VERSION.json``, whole or not at all.

    Raises
    ------
    ConfigurationError
        If the file is there already and holds other pairs: a frozen suite does not change, raise its version.
    """
    path = folder / f"{frozen.title}.json"
    if path.exists():
        found = parse_frozen(path.read_text(encoding="utf-8"), str(path))
        if found.fingerprint != frozen.fingerprint:
            raise ConfigurationError(
                f"{path}: holds other pairs or clips, and a frozen suite does not change: raise the version"
            )
    write_text(path, frozen.text())
    return path


def parse_frozen(text: str, where: str) -> FrozenSuite:
    """Read the text of a suite's file.

    Raises
    ------
    ConfigurationError
        If it is no suite, one of another layout, or one that was changed.
    """
    changed = "it was changed after it was frozen: get it again"
    try:
        content = json.loads(text)
        digest = content.pop(_DIGEST, None) if isinstance(content, dict) else None
        frozen = FrozenSuite.model_validate(content)
    except ValidationError as error:
        raise describe_validation(error, where, FrozenSuite.model_fields) from error
    except (ValueError, RecursionError) as error:
        raise ConfigurationError(f"{where}: cannot be read as a suite ({error})") from error
    if not frozen.fingerprint or digest != fingerprint(content):
        raise ConfigurationError(f"{where}: its digest is missing, or not that of what it says; {changed}")
    return frozen


def frozen_names() -> list[str]:
    """Return the suites that come with the project, as ``NAME-VERSION``, sorted by name and version."""
    names = [path.removesuffix(".json") for path in _packaged() if path.endswith(".json")]
    return sorted(names, key=_name_and_version)


def load_frozen(name: str) -> FrozenSuite:
    """Read a frozen suite.

    Parameters
    ----------
    name : str
        ``NAME`` for the newest version of one that comes with the project, ``NAME-VERSION``, or the path of a
        file, which ends in ``.json``.

    Raises
    ------
    UnknownNameError
        If there is none of that name.
    ConfigurationError
        If the file cannot be read, or was changed.
    """
    if name.endswith(".json"):
        try:
            return parse_frozen(Path(name).read_text(encoding="utf-8"), name)
        except OSError as error:
            raise ConfigurationError(f"{name}: cannot be read ({error.strerror})") from error
    names = frozen_names()
    versions = [known for known in names if name in {known, _name_and_version(known)[0]}]
    if not versions:
        short = {_name_and_version(known)[0] for known in names}
        raise UnknownNameError("suite (files end in .json)", name, [*names, *short])
    return parse_frozen(_read(f"{versions[-1]}.json"), f"suite {versions[-1]}")


def load_recipe(name: str) -> Recipe:
    """Read a recipe: one of the project's by its suite's name, or a file whose name ends in ``.toml``.

    Raises
    ------
    UnknownNameError
        If there is none of that name.
    ConfigurationError
        If it cannot be read, or holds a key or value that is not allowed.
    """
    known = sorted(path.removesuffix(".toml") for path in _packaged() if path.endswith(".toml"))
    if not name.endswith(".toml") and name not in known:
        raise UnknownNameError("suite to freeze (files end in .toml)", name, known)
    read: Callable[[], str] = (
        (lambda: Path(name).read_text(encoding="utf-8"))
        if name.endswith(".toml")
        else (lambda: _read(f"{name}.toml"))
    )
    try:
        return Recipe.model_validate(tomllib.loads(read()))
    except OSError as error:
        raise ConfigurationError(f"{name}: cannot be read ({error.strerror})") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"{name}: not valid TOML ({error})") from error
    except ValidationError as error:
        raise describe_validation(error, name, Recipe.model_fields) from error


def _name_and_version(name: str) -> tuple[str, int]:
    found = re.fullmatch(r"(.+)-(\d+)", name)
    return (found[1], int(found[2])) if found else (name, 0)


def _packaged() -> list[str]:
    return [item.name for item in (resources.files("timbrebench.experiments.suites") / "frozen").iterdir()]


def _read(name: str) -> str:
    path = resources.files("timbrebench.experiments.suites") / "frozen" / name
    return path.read_text(encoding="utf-8")
