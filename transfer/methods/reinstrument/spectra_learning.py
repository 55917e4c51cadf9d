"""How the note spectra that come with the package were learned, and can be learned again."""

from __future__ import annotations

from pathlib import Path

from timbrebench.classifier.style.judge_configuration import JudgeConfiguration
from timbrebench.core.files import file_sha256, write_json
from timbrebench.datasets.rendering.rendered_dataset import build_dataset
from timbrebench.transfer.algorithms.network_training import train_network
from timbrebench.transfer.methods.reinstrument.packaged_notes import ANALYSIS, DATASET
from timbrebench.transfer.methods.reinstrument.packaged_spectra import (
    RECOGNISER_FILE,
    SPECTRA_CARD_FILE,
    SPECTRA_FILE,
    PackagedSpectra,
)
from timbrebench.transfer.methods.reinstrument.reinstrument import ReinstrumentParameters
from timbrebench.transfer.methods.reinstrument.trained_notes import learn_templates

#: Whose spectra are learned: its licence (MIT) lets them be given on.
SOUNDFONT = "FluidR3_GM"


def learn_packaged_spectra(folder: Path, *, dataset: Path | None = None) -> PackagedSpectra:
    """Learn the note spectra that come with the package again: 5 minutes on one core.

    Templates are those of one soundfont; the network that names labels hears all of them.

    Parameters
    ----------
    folder : pathlib.Path
        Gets ``spectra.npz``, ``recogniser.pt``, and ``spectra.json`` with what they were learned from.
        Interrupted, it goes on.
    dataset : pathlib.Path, optional
        Where the default dataset is, or is to be built; by default ``dataset`` in `folder`.

    Returns
    -------
    PackagedSpectra
        The templates.
    """
    built = build_dataset(DATASET, dataset or folder / "dataset")
    clips = built.select(split="train")
    rendered = clips.select(soundfont=SOUNDFONT)
    settings = ReinstrumentParameters()
    reading, playing = learn_templates(
        rendered,
        ANALYSIS,
        iterations=settings.learning_iterations,
        clips_per_timbre=settings.clips_per_timbre,
        folder=folder / "templates",
    )
    training = settings.recogniser
    recogniser = train_network(
        clips,
        JudgeConfiguration(seed=training.seed, max_epochs=training.max_epochs),
        folder / "training",
        "recogniser",
    )
    recogniser.save(folder / RECOGNISER_FILE)
    spectra = PackagedSpectra(reading, playing, frozenset(rendered.manifest.sha256))
    spectra.save(folder / SPECTRA_FILE)
    card = {
        "dataset": DATASET.model_dump(mode="json"),
        "soundfont": SOUNDFONT,
        "timbres": reading.timbres,
        "clips": len(spectra.clips),
        "recogniser_clips": len(clips.manifest),
        "sha256": {name: file_sha256(folder / name) for name in (SPECTRA_FILE, RECOGNISER_FILE)},
    }
    write_json(folder / SPECTRA_CARD_FILE, card)
    return spectra
