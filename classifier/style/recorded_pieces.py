"""Play a dataset's pieces with recorded notes: what a judge of renderings is worth on recordings."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from timbrebench.classifier.style.robustness import RECORDING_CONDITIONS, Robustness
from timbrebench.core.errors import JudgeError
from timbrebench.core.files import fingerprint
from timbrebench.core.frozen_model import FrozenModel
from timbrebench.core.tables import markdown_table
from timbrebench.core.workers.executors import executor_for
from timbrebench.datasets.building import configuration_of
from timbrebench.datasets.dataset import Dataset
from timbrebench.datasets.notes import fold, read_notes
from timbrebench.datasets.rendering.dataset_configuration import DatasetConfiguration
from timbrebench.datasets.rendering.piece_planning import PlannedPiece
from timbrebench.datasets.rendering.rendered_dataset import build_pieces
from timbrebench.datasets.rendering.soundfont_parts import (
    find_parts,
    find_sounding,
    require_programs,
    shared_pitches,
)
from timbrebench.datasets.soundfonts.soundfont_finding import Soundfont

#: Seconds in which the recordings of an instrument play a piece.
_PIECE_S = 0.5

#: In a judge's folder: what its card is made of.
EVIDENCE_FOLDER = "evidence"


class RecordedPieces(FrozenModel):
    """What a dataset of test pieces played with recorded notes is made of.

    Attributes
    ----------
    pieces : tuple of str
        The pieces.
    notes : str
        Fingerprint of their notes.
    configuration : DatasetConfiguration
        Of the dataset that they are test pieces of, with the recordings in place of its soundfonts.
    """

    pieces: tuple[str, ...]
    notes: str
    configuration: DatasetConfiguration


def play_recordings(dataset: Dataset, recorded: Sequence[Soundfont], folder: Path) -> Dataset:
    """Play the dataset's test pieces with folders of recorded notes, in a folder of these recordings' own.

    Parameters
    ----------
    dataset : Dataset
        Rendered from notes.
    recorded : sequence of Soundfont
        Folders of recorded notes, or halves of them; each plays the instruments that it holds, with the first
        source of each.
    folder : pathlib.Path
        Gets the dataset, which a later call with the same recordings takes up.

    Returns
    -------
    Dataset
        Its clips begin where the dataset's do; notes are folded into the pitches that all recordings sound.

    Raises
    ------
    JudgeError
        If the dataset was not rendered from notes.
    DatasetError
        If the recordings cannot play the dataset's instruments.
    """
    original = configuration_of(dataset.description, DatasetConfiguration)
    if original is None:
        raise JudgeError(
            f"{dataset.root}: was not rendered from notes, which recorded ones could play instead: "
            "leave the recordings out"
        )
    references = tuple(soundfont.reference for soundfont in recorded)
    configuration = original.model_copy(update={"soundfonts": references, "renderings": 1})
    with executor_for(_PIECE_S * original.pieces, [__name__]) as executor:
        parts = find_parts(configuration)
        require_programs(configuration, parts, executor)
        pitch_range = shared_pitches(configuration, find_sounding(configuration, parts, executor))
        pieces = _test_pieces(dataset, pitch_range)
        about = RecordedPieces(
            pieces=tuple(piece.name for piece in pieces),
            notes=fingerprint([piece.notes.to_numpy().tolist() for piece in pieces]),
            configuration=configuration,
        )
        root = folder / f"recordings-{fingerprint([soundfont.source() for soundfont in recorded])[:8]}"
        return build_pieces(about, configuration, pieces, root, pitch_range=pitch_range, executor=executor)


def _test_pieces(dataset: Dataset, pitch_range: tuple[int, int]) -> list[PlannedPiece]:
    """Return the test pieces as they were rendered, with notes that lie in a range of pitches."""
    test = dataset.select(split="test").manifest
    pieces = []
    for (name, composer), clips in test.groupby(["piece", "composer"]):
        notes = fold(read_notes(dataset.notes_path(str(name))), *pitch_range)
        starts_s = tuple(float(start_s) for start_s in sorted(clips.start_s.unique()))
        pieces.append(PlannedPiece(str(name), str(composer), "test", notes, starts_s))
    return pieces


def recordings_table(recordings: Robustness) -> str:
    """Return a table in Markdown: accuracy by instrument and source, as they are and as recordings differ."""
    conditions = [item for item in recordings.conditions if item.name in RECORDING_CONDITIONS]
    by_source = pd.DataFrame({item.name: item.accuracy_by_source for item in conditions})
    by_source.loc["**all**"] = [item.accuracy for item in conditions]
    texts = by_source.map(lambda share: "" if pd.isna(share) else f"{share:.2f}")
    return markdown_table(texts.rename_axis("source").reset_index())
