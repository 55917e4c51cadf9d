"""What the kinds of suites share whose phrases are sequenced from recorded notes that users hold.

The notes are those of test pieces of a corpus, the takes those of one half of a folder of recorded notes, so
that judges and methods can learn from other pieces and, from the other half, from other takes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, field_validator

from timbrebench.core.errors import DatasetError
from timbrebench.core.frozen_model import FrozenModel
from timbrebench.core.identifiers import RelativePath
from timbrebench.datasets.dataset import Dataset
from timbrebench.datasets.excerpts import RECORDED
from timbrebench.datasets.instruments import instrument_name, programs_of
from timbrebench.datasets.rendering.dataset_configuration import DatasetConfiguration
from timbrebench.datasets.rendering.piece_planning import PlannedPiece, plan_named
from timbrebench.datasets.rendering.rendered_dataset import build_pieces, find_pieces
from timbrebench.datasets.soundfonts.recorded_takes import MANIFEST, join_reference, list_takes
from timbrebench.experiments.suites.kinds.suite_kind import ClipWork

#: Writes further clips below a folder, and returns their rows of the manifest.
MoreClips = Callable[[Path], list[dict[str, Any]]]


class RecordedPhrases(FrozenModel):
    """Phrases sequenced from recorded notes.

    Attributes
    ----------
    folder : str
        Where the folder of recorded notes lies below that of the users; by default it is theirs.
    half : {"even", "odd", ""}
        Which of its takes play; empty for all.
    instruments : tuple of str
        Who plays: names as :func:`timbrebench.datasets.instruments.instrument_name` takes them.
    """

    folder: RelativePath = ""
    half: Literal["even", "odd", ""] = "odd"
    instruments: tuple[str, ...] = Field(min_length=1, max_length=128)

    @field_validator("instruments")
    @classmethod
    def _known_instruments(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(instrument_name(name) for name in names)

    def notes_folder(self, held: Path) -> Path:
        """Return the folder of recorded notes; raise DatasetError if it is not one."""
        folder = held / self.folder
        if not (folder / MANIFEST).is_file():
            raise DatasetError(f"{folder}: not a folder of recorded notes, which holds a {MANIFEST}")
        return folder

    def files(self, held: Path) -> set[str]:
        """Return the paths, below the users' folder, of the takes that its manifest lists for the phrases.

        Raises DatasetError if an instrument has none.
        """
        folder = self.notes_folder(held)
        takes = list_takes(folder, self.half)
        names = set()
        for instrument in self.instruments:
            program = programs_of(instrument)[0]
            if program not in takes:
                raise DatasetError(f"{folder / MANIFEST}: lists no recording for {instrument}")
            names |= {take.path.relative_to(held).as_posix() for take in takes[program]}
        return names

    def configuration(self, held: Path, dataset: DatasetConfiguration) -> DatasetConfiguration:
        """Return how the phrases are rendered: a dataset's pieces, played by the recorded notes alone."""
        folder = self.notes_folder(held)
        return dataset.model_copy(
            update={
                "instruments": self.instruments,
                "soundfonts": (join_reference(folder, self.half),),
                "renderings": 1,
            }
        )


def choose_test_pieces(
    configuration: DatasetConfiguration, work: ClipWork
) -> tuple[list[PlannedPiece], tuple[int, int]]:
    """Choose the test pieces of a dataset, and return the MIDI pitches that they were folded into."""
    pieces, pitch_range = find_pieces(configuration, work.executor)
    return [piece for piece in pieces if piece.split == "test"], pitch_range


def render_phrases(
    work: ClipWork,
    configuration: DatasetConfiguration,
    pieces: Sequence[PlannedPiece],
    pitch_range: tuple[int, int],
    more: MoreClips | None = None,
) -> Dataset:
    """Render phrases into the suite's own dataset, with further clips; see :func:`as_recordings`."""
    built = build_pieces(
        work.about,
        configuration,
        pieces,
        work.root,
        pitch_range=pitch_range,
        executor=work.executor,
        more=more,
    )
    return as_recordings(built)


def plan_phrases(
    names: Sequence[str], configuration: DatasetConfiguration, pitch_range: tuple[int, ...], work: ClipWork
) -> tuple[list[PlannedPiece], tuple[int, int]]:
    """Plan the pieces of a frozen suite again; raise DatasetError if it does not say what they need."""
    if len(pitch_range) != 2:
        raise DatasetError(
            f"the suite {work.title} has no range of pitches: its clips cannot be made: get it again"
        )
    bounds = (pitch_range[0], pitch_range[1])
    return plan_named(sorted(set(names)), configuration, bounds, work.executor), bounds


def as_recordings(dataset: Dataset) -> Dataset:
    """Return a dataset whose clips are recordings, whatever their folder is called on this machine."""
    manifest = dataset.manifest.assign(soundfont=RECORDED, soundfont_family=RECORDED)
    return replace(dataset, manifest=manifest)
