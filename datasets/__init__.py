"""Datasets with known ground truth: building them, reading them, checking them.

A dataset is a folder: ``dataset.json`` says how it was made, ``manifest.csv`` has one row for each clip,
``audio/`` holds the clips, ``notes/`` the notes of each piece, ``failures.csv`` what could not be used.
"""

from typing import TYPE_CHECKING

import lazy_loader as lazy

if TYPE_CHECKING:
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

# Every import of a module below comes through here, and whoever reads a dataset needs none of the builders.
__getattr__, __dir__, _ = lazy.attach(
    __name__,
    submod_attrs={
        "dataset": ["Clip", "Dataset"],
        "importing.import_configuration": ["ImportConfiguration"],
        "importing.imported_dataset": ["import_dataset"],
        "rendering.dataset_configuration": ["DatasetConfiguration"],
        "rendering.rendered_dataset": ["build_dataset"],
        "verification": ["verify_dataset"],
    },
)
