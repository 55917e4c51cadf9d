"""The content of a frozen suite: its clips, notes and pairs, and what they were made with."""

from __future__ import annotations

from typing import Any, NamedTuple, Self

from pydantic import (
    Field,
    SerializerFunctionWrapHandler,
    field_serializer,
    model_serializer,
    model_validator,
)

from timbrebench.core.errors import ConfigurationError
from timbrebench.core.files import fingerprint
from timbrebench.core.frozen_model import FrozenModel
from timbrebench.core.identifiers import Identifier, RelativePath
from timbrebench.datasets.dataset import Clip
from timbrebench.datasets.instruments import is_first_program
from timbrebench.experiments.suites.suite import SEVERAL_SOUNDFONTS, OpenedSuite, notes_sha256, size_of


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
    soundfont : str
        What plays it; empty in a suite that one soundfont plays.
    program : int
        General MIDI program that plays it; -1 for the first of its label, or where no program plays.
    """

    piece: str
    label: str
    start_s: float
    sha256: str
    soundfont: str = ""
    program: int = -1

    @property
    def row(self) -> list[str | float]:
        """What files hold of it: without soundfont and program where these go without saying."""
        row: list[str | float] = [self.piece, self.label, self.start_s, self.sha256]
        row += [self.soundfont, self.program]
        return row[: 6 if self.program >= 0 else 5 if self.soundfont else 4]


class FrozenPair(NamedTuple):
    """A pair: its name, which becomes that of files, and the places of its clips in the list of them.

    The reference is the right answer, where it is known.
    """

    pair_id: Identifier
    content: int
    style: int
    reference: int | None


class FrozenNotes(NamedTuple):
    """The notes of a piece, by the SHA-256 of their table."""

    piece: str
    sha256: str


class FrozenFile(NamedTuple):
    """A file that users hold and clips are made of: its path below their folder, and its SHA-256."""

    path: RelativePath
    sha256: str


class FrozenPairs(FrozenModel):
    """Clips, notes and pairs that never change.

    Attributes
    ----------
    soundfont : str
        What plays; :data:`~timbrebench.experiments.suites.suite.SEVERAL_SOUNDFONTS` where clips name theirs.
    sample_rate : int
        Rate of the clips in hertz.
    duration_s : float
        Their length in seconds.
    pitch_range : tuple of int
        First and last MIDI pitch that the pieces were folded into; empty for recordings.
    sources : tuple of dict
        Corpus and soundfonts, with version or SHA-256, that the clips were made with.
    software : dict
        What they were made with, by name and version.
    identifiers : dict
        AudioSet's identifier of each label, for a suite over it.
    files : tuple of FrozenFile
        What the clips are made of, where users hold it; a suite without such files does not list them.
    notes : tuple of FrozenNotes
        The notes of each content.
    clips : tuple of FrozenClip
        All clips that the pairs were drawn from.
    pairs : tuple of FrozenPair
        The pairs.
    fingerprint : str
        SHA-256 of notes, clips and pairs.
    sample_of : int
        How many pairs the suite has that these are the first of; 0 for a whole suite, which does not list it.
    """

    soundfont: str
    sample_rate: int = Field(gt=0, le=384_000)
    duration_s: float = Field(gt=0, le=3_600)
    pitch_range: tuple[int, ...] = Field(default=(), max_length=2)
    sources: tuple[dict[str, str], ...] = ()
    software: dict[str, str] = Field(default={})
    identifiers: dict[str, str] = Field(default={})
    files: tuple[FrozenFile, ...] = ()
    notes: tuple[FrozenNotes, ...]
    clips: tuple[FrozenClip, ...]
    pairs: tuple[FrozenPair, ...]
    fingerprint: str = ""
    sample_of: int = Field(default=0, ge=0)

    @model_validator(mode="after")
    def _check_pairs(self) -> Self:
        places = [place for pair in self.pairs for place in pair[1:] if place is not None]
        if not self.pairs or not all(0 <= place < len(self.clips) for place in places):
            raise ValueError("it has no pairs, or pairs of clips that it does not have")
        if len({pair.pair_id for pair in self.pairs}) < len(self.pairs):
            raise ValueError("two pairs have one name")
        if self.fingerprint and self.fingerprint != self.content_fingerprint():
            raise ValueError("its fingerprint is not that of its pairs: it was changed after it was frozen")
        return self

    @field_serializer("clips")
    def _as_rows(self, clips: tuple[FrozenClip, ...]) -> list[list[str | float]]:
        return [clip.row for clip in clips]

    @model_serializer(mode="wrap")
    def _without_later_fields(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out what suites of before did not have, so that they keep their bytes."""
        content: dict[str, Any] = handler(self)
        return {key: value for key, value in content.items() if key not in {"files", "sample_of"} or value}

    def content_fingerprint(self) -> str:
        """Return the SHA-256 of notes, clips and pairs."""
        return fingerprint([self.notes, [clip.row for clip in self.clips], self.pairs])

    def with_fingerprint(self) -> Self:
        """Return the same with the fingerprint of its content."""
        return self.model_copy(update={"fingerprint": self.content_fingerprint()})

    def first(self, count: int) -> Self:
        """Return the first `count` pairs as a sample, with their clips and notes alone; itself for all.

        Raises ConfigurationError if there are not so many.
        """
        if count > len(self.pairs):
            raise ConfigurationError(f"the suite has {len(self.pairs)} pairs, and {count} are asked for")
        if count == len(self.pairs):
            return self
        pairs = self.pairs[:count]
        used = sorted({place for pair in pairs for place in pair[1:] if place is not None})
        place_of = {place: number for number, place in enumerate(used)}
        contents = {self.clips[pair.content].piece for pair in pairs}
        update = {
            "clips": tuple(self.clips[place] for place in used),
            "notes": tuple(row for row in self.notes if row.piece in contents),
            "pairs": tuple(
                FrozenPair(
                    pair.pair_id,
                    place_of[pair.content],
                    place_of[pair.style],
                    None if pair.reference is None else place_of[pair.reference],
                )
                for pair in pairs
            ),
            "sample_of": self.sample_of or len(self.pairs),
        }
        return self.model_copy(update=update).with_fingerprint()

    @property
    def size(self) -> str:
        """How many pairs it has, and of how many: ``"30 pairs"``, ``"30 of 360 pairs"``."""
        return size_of(len(self.pairs), self.sample_of)

    @property
    def is_hashed(self) -> bool:
        """Whether the clips' hashes are known, and not only to those who hold the audio."""
        return all(clip.sha256 for clip in self.clips)

    @property
    def has_truth(self) -> bool:
        """Whether the right answer to each pair is known."""
        return all(pair.reference is not None for pair in self.pairs)

    @property
    def has_notes(self) -> bool:
        """Whether the notes of every content are known."""
        contents = {self.clips[pair.content].piece for pair in self.pairs}
        return contents <= {row.piece for row in self.notes}

    @property
    def is_ranking(self) -> bool:
        """Whether methods can be ranked: the contents' notes are known, and no style is right itself."""
        return self.has_notes and not self.has_right_styles

    @property
    def has_right_styles(self) -> bool:
        """Whether the styles are the right answers themselves."""
        return all(pair.reference == pair.style for pair in self.pairs)

    @property
    def style_labels(self) -> frozenset[str]:
        """The labels that outputs are asked to have."""
        return frozenset(self.clips[pair.style].label for pair in self.pairs)


def frozen_clip(clip: Clip, *, names_soundfont: bool) -> FrozenClip:
    """Return what a suite holds of a clip; the soundfont only where several play the suite."""
    soundfont = clip.soundfont if names_soundfont else ""
    program = -1 if is_first_program(clip.label, clip.program) else int(clip.program)
    return FrozenClip(clip.piece, clip.label, float(clip.start_s), clip.sha256, soundfont, program)


def freeze_pairs(suite: OpenedSuite) -> FrozenPairs:
    """Freeze the pairs of a suite, with their notes and its clips (those of pairs if it has no others)."""
    description = suite.dataset.description
    clips = suite.every_clip
    place = {clip: number for number, clip in enumerate(clips)}
    first = suite.pairs[0].content
    soundfonts = {clip.soundfont for clip in clips}
    contents = sorted({pair.content.piece: pair.content for pair in suite.pairs}.items())
    notes = [FrozenNotes(name, notes_sha256(suite.dataset, clip)) for name, clip in contents]
    return FrozenPairs(
        soundfont=first.soundfont if len(soundfonts) == 1 else SEVERAL_SOUNDFONTS,
        sample_rate=int(first.sample_rate),
        duration_s=float(first.duration_s),
        pitch_range=tuple(description.get("pitch_range", ())),
        sources=tuple(
            {key: str(value) for key, value in source.items()} for source in description.get("sources", ())
        ),
        software=dict(description.get("software", {})),
        notes=tuple(row for row in notes if row.sha256),
        clips=tuple(frozen_clip(clip, names_soundfont=len(soundfonts) > 1) for clip in clips),
        pairs=tuple(
            FrozenPair(
                pair.pair_id,
                place[pair.content],
                place[pair.style],
                None if pair.reference is None else place[pair.reference],
            )
            for pair in suite.pairs
        ),
        sample_of=suite.sample_of,
    ).with_fingerprint()
