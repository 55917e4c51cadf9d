"""The kind ``melody``: one melody in several keys."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from timbrebench.core.workers.executors import Executor
from timbrebench.datasets.dataset import Dataset
from timbrebench.datasets.rendering.dataset_configuration import DatasetConfiguration
from timbrebench.datasets.rendering.piece_planning import PlannedPiece
from timbrebench.experiments.suites.frozen_pairs import FrozenPairs
from timbrebench.experiments.suites.kinds.rendered_clips import Planned, RenderedClips
from timbrebench.experiments.suites.melodies import star_spangled_banner
from timbrebench.experiments.suites.suite import OpenedSuite, Pair, SuiteConfiguration


class MelodyKind(RenderedClips):
    """One melody in several keys, of which content or style is in the home key.

    With the style transposed it is the experiment of Barry & Kim (submission to ICLR, 2018, section 4.2):
    content and style are the same music by the same instrument, so that a representation of the content that
    does not know its key leaves it to the style, and the style itself is the right answer. What is asked is
    how far an output is from it, :mod:`timbrebench.metrics.key_invariance`; nothing is ranked, since a copy
    of the style would win.

    With the content transposed, and another instrument for style, the content's own notes in its own key are
    right, so that a method that takes notes from the style is found out.

    Attributes
    ----------
    kind : "melody"
        Which kind this is.
    melody : "star-spangled-banner"
        What is played: its first 4 s (:mod:`timbrebench.experiments.suites.melodies`).
    transpositions : tuple of int
        Keys of what is transposed, in semitones above the home key.
    directions : tuple of (str, str)
        Instruments of content and style, which are one where the style is transposed.
    soundfont : str
        What plays.
    sample_rate : int
        Rate of the clips in hertz.
    clip_duration_s : float
        Their length in seconds.
    dataset : DatasetConfiguration
        What judges and methods of a run learn from, unless it has another one.
    transposed : {"content", "style"}
        Which of the two is in another key; the other is in the home key.
    """

    kind: Literal["melody"]
    melody: Literal["star-spangled-banner"] = "star-spangled-banner"
    transpositions: tuple[Annotated[int, Field(ge=-48, le=48)], ...] = Field(
        default=tuple(range(-6, 7)), min_length=1, max_length=97
    )
    directions: tuple[tuple[str, str], ...] = Field(min_length=1, max_length=1_000)
    soundfont: str = "FluidR3_GM"
    sample_rate: int = Field(default=22_050, ge=8_000, le=96_000)
    clip_duration_s: float = Field(default=4.0, ge=1.0, le=60.0)
    dataset: DatasetConfiguration = DatasetConfiguration()
    transposed: Literal["content", "style"] = "content"

    @model_validator(mode="after")
    def _check_directions(self) -> Self:
        for content, style in self.directions:
            if self.transposed == "style" and content != style:
                raise ValueError(
                    f"the style is the content's tune in another key, and cannot be played by another "
                    f"instrument: {content} and {style}"
                )
        return self

    @property
    def is_of_one_tune(self) -> bool:
        """Whether content and style are one tune by one instrument, so that the style is right."""
        return self.transposed == "style"

    @property
    def clips_configuration(self) -> DatasetConfiguration:
        """The instruments of all directions on the suite's soundfont."""
        return DatasetConfiguration(
            instruments=tuple(dict.fromkeys(label for direction in self.directions for label in direction)),
            soundfonts=(self.soundfont,),
            renderings=1,
            sample_rate=self.sample_rate,
            clip_duration_s=self.clip_duration_s,
        )

    def choose_pieces(self, executor: Executor, learned: Collection[str]) -> Planned:
        """Choose the melody in every key, the home key among them."""
        del executor, learned
        pieces = self._melodies()
        pitches = [pitch for piece in pieces for pitch in piece.notes.pitch]
        return pieces, (int(min(pitches)), int(max(pitches)))

    def plan_frozen(
        self, frozen: FrozenPairs, pitch_range: tuple[int, int], executor: Executor
    ) -> list[PlannedPiece]:
        """Plan the melody in every key: no corpus holds it."""
        del frozen, pitch_range, executor
        return self._melodies()

    def _melodies(self) -> list[PlannedPiece]:
        return [
            PlannedPiece(self._name(key), "traditional", "test", star_spangled_banner(key), (0.0,))
            for key in sorted({0, *self.transpositions})
        ]

    def _name(self, transposition: int) -> str:
        return f"{self.melody}.{transposition:+d}"

    def pair_clips(self, dataset: Dataset, pieces: Sequence[str], learned: Collection[str]) -> OpenedSuite:
        """Pair the melody in each key with the home key; the reference is always in the key that moves."""
        del pieces, learned
        clips = {(clip.label, clip.piece): clip for clip in dataset.clips()}
        pairs: list[Pair] = []
        for content_label, style_label in self.directions:
            for key in self.transpositions:
                content_key, style_key = (key, 0) if self.transposed == "content" else (0, key)
                content, style, reference = (
                    clips[content_label, self._name(content_key)],
                    clips[style_label, self._name(style_key)],
                    clips[style_label, self._name(key)],
                )
                pair_id = f"{len(pairs):03d}-{content_label}-{style_label}-{key:+d}"
                pairs.append(Pair(pair_id, content, style, reference, ""))
        configuration = SuiteConfiguration(soundfont=self.soundfont)
        return OpenedSuite(configuration, tuple(pairs), tuple(clips.values()), dataset=dataset)
