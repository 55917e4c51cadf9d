"""How the note network that comes with the package was made, and can be made again."""

from __future__ import annotations

from pathlib import Path

from timbrebench.core.files import write_json
from timbrebench.datasets.rendering.dataset_configuration import DatasetConfiguration
from timbrebench.datasets.rendering.rendered_dataset import build_dataset
from timbrebench.datasets.soundfonts.soundfont_finding import family_of
from timbrebench.transfer.algorithms.note_templates import Analysis
from timbrebench.transfer.methods.reinstrument.note_configuration import NoteTraining
from timbrebench.transfer.methods.reinstrument.trained_notes import TrainedNotes, learn_templates, train_notes

#: The default dataset, of which the training pieces are learned from. Judges choose their epochs by the
#: validation pieces, so those are left alone.
DATASET = DatasetConfiguration()

#: Excluded from training: the soundfont that the default suites are played by, and its relatives.
LEFT_OUT = "FluidR3_GM"

ANALYSIS = Analysis(sample_rate=22_050, n_fft=2048, hop_length=512)

#: Files that are written.
NOTES_FILE, CARD_FILE = "notes.pt", "notes.json"


def build_packaged_notes(folder: Path, *, dataset: Path | None = None) -> TrainedNotes:
    """Train the note network that comes with the package again: 15 minutes on one core.

    Parameters
    ----------
    folder : pathlib.Path
        Gets ``notes.pt``, and ``notes.json`` with what it was learned from and the learning curve.
        Interrupted, it goes on.
    dataset : pathlib.Path, optional
        Where the default dataset is, or is to be built; by default ``dataset`` in `folder`.

    Returns
    -------
    TrainedNotes
        The same as the one that comes with the package, on the machine that it was trained on.
    """
    built = build_dataset(DATASET, dataset or folder / "dataset")
    families = set(built.manifest.soundfont_family) - {family_of(LEFT_OUT)}
    learned = built.select(split="train", soundfont_family=families)
    pieces = sorted(learned.manifest.piece.unique())
    training = NoteTraining()
    notes, curve = train_notes(
        learned,
        learned.select(piece=pieces[::5]),  # for the learning curve: after the last epoch it is lowest
        ANALYSIS,
        training,
        templates=learn_templates(
            learned, ANALYSIS, iterations=10, clips_per_timbre=64, folder=folder / "templates"
        ),
        folder=folder / "training",
    )
    notes.save(folder / NOTES_FILE)
    card = {
        "dataset": DATASET.model_dump(mode="json"),
        "families": sorted(families),
        "training": training.model_dump(mode="json"),
        "clips": len(notes.training_clips),
        "weights": sum(weights.numel() for weights in notes.network.parameters()),
        "curve": curve.round(4).to_dict(orient="list"),
    }
    write_json(folder / CARD_FILE, card)
    return notes
