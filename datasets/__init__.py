"""Datasets with known ground truth: building them, reading them, checking them.

A dataset is a folder: ``dataset.json`` says how it was made, ``manifest.csv`` has one row for each clip,
``audio/`` holds the clips, ``notes/`` the notes of each piece, ``failures.csv`` what could not be used.
"""

import contextlib
import io

# Where the variable CI is set, pyfluidsynth, which pretty_midi imports, prints that it has found its library.
# What a command prints for programs must not begin with that.
with contextlib.redirect_stdout(io.StringIO()):
    import pretty_midi  # noqa: F401

from timbrebench.datasets.dataset import Clip, Dataset
from timbrebench.datasets.importing.import_configuration import ImportConfiguration
from timbrebench.datasets.importing.imported_dataset import import_dataset
from timbrebench.datasets.rendering.dataset_configuration import DatasetConfiguration
from timbrebench.datasets.rendering.rendered_dataset import build_dataset
from timbrebench.datasets.verification import verify_dataset

__all__ = [
    "Clip",
    "Dataset",
    "DatasetConfiguration",
    "ImportConfiguration",
    "build_dataset",
    "import_dataset",
    "verify_dataset",
]
