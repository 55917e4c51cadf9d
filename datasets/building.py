"""What all builders share: whose folder it is, and whether it is finished.

A build can be stopped at any moment and goes on where it was. Its journal is a folder inside the dataset's;
``dataset.json`` is written last, so a folder that has it is whole.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
from pydantic import BaseModel

from timbrebench.audio.errors import DatasetError
from timbrebench.audio.storage import write_json
from timbrebench.datasets.dataset import DESCRIPTION, Dataset

#: The folder inside a dataset's that holds what a build that is not over needs to go on.
JOURNAL = ".build"


def is_finished(configuration: BaseModel, root: Path) -> bool:
    """Tell whether a folder is a configuration's finished dataset.

    Parameters
    ----------
    configuration : pydantic.BaseModel
        What the dataset is made of.
    root : pathlib.Path
        The folder; it need not exist.

    Raises
    ------
    DatasetError
        If it is another configuration's dataset.
    """
    if not (root / DESCRIPTION).is_file():
        return False
    _refuse_other(root, Dataset.open(root).description.get("configuration"), configuration)
    return True


def begin(configuration: BaseModel, root: Path) -> None:
    """Take a folder for a build, or take up the build that was begun in it.

    Parameters
    ----------
    configuration : pydantic.BaseModel
        What the dataset is made of.
    root : pathlib.Path
        The folder; it is made where missing.

    Raises
    ------
    DatasetError
        If it holds something else, or another configuration's build.
    """
    path = root / JOURNAL / "configuration.json"
    if path.is_file():
        _refuse_other(root, json.loads(path.read_text(encoding="utf-8")), configuration)
    elif root.exists() and any(root.iterdir()) and not (root / JOURNAL).exists():
        raise DatasetError(f"{root} is not empty and no dataset: choose another folder")
    write_json(path, configuration.model_dump(mode="json"))


def _refuse_other(root: Path, found: object, configuration: BaseModel) -> None:
    wanted = configuration.model_dump(mode="json")
    if found != wanted:
        present = found if isinstance(found, dict) else {}
        different = sorted(key for key in wanted if present.get(key) != wanted[key])
        raise DatasetError(
            f"{root} holds a dataset of another configuration ({', '.join(different)} differ): "
            "choose another folder or delete this one"
        )


def tally(column: pd.Series[Any]) -> dict[str, int]:
    """Count how often each value stands in a column."""
    return {str(name): int(count) for name, count in column.value_counts().sort_index().items()}
