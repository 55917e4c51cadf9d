"""What all builders share: whose folder it is, and whether it is finished.

A build can be stopped at any moment and goes on where it was. Its journal is a folder inside the dataset's;
``dataset.json`` is written last, so a folder that has it is whole.
"""

from __future__ import annotations

import contextlib
import json
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TypeVar

import pandas as pd
from pydantic import BaseModel, ValidationError

from timbrebench.core.errors import ConfigurationError, DatasetError, describe_validation
from timbrebench.core.files import write_json
from timbrebench.datasets.dataset import DESCRIPTION, Dataset

#: The folder inside a dataset's that holds what a build that is not over needs to go on.
JOURNAL = ".build"

Model = TypeVar("Model", bound=BaseModel)


def read_configuration(path: Path | str, model: type[Model], parts: Iterable[type[BaseModel]]) -> Model:
    """Read a configuration from a TOML file.

    Parameters
    ----------
    path : path-like
        The file.
    model : type of pydantic.BaseModel
        What it holds.
    parts : iterable of type of pydantic.BaseModel
        What that is made of: unknown keys are compared with the fields of all of them.

    Returns
    -------
    pydantic.BaseModel
        Of the type `model`.

    Raises
    ------
    ConfigurationError
        If it cannot be read, or holds a key or value that is not allowed.
    """
    try:
        content = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationError(f"{path}: cannot be read ({error.strerror})") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path}: not valid TOML ({error})") from error
    try:
        return model.model_validate(content)
    except ValidationError as error:
        models: tuple[type[BaseModel], ...] = (model, *parts)
        known = {name for one in models for name in one.model_fields}
        raise describe_validation(error, str(path), known) from error


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
    present = found if isinstance(found, dict) else {}
    with contextlib.suppress(ValidationError):
        # What an earlier version had no setting for was as the default is now.
        present = type(configuration).model_validate(present).model_dump(mode="json")
    if present != wanted:
        different = sorted(key for key in {*wanted, *present} if present.get(key) != wanted.get(key))
        raise DatasetError(
            f"{root} holds a dataset of another configuration ({', '.join(different)} differ): "
            "choose another folder or delete this one"
        )


def tally(column: pd.Series[Any]) -> dict[str, int]:
    """Count how often each value stands in a column."""
    return {str(name): int(count) for name, count in column.value_counts().sort_index().items()}
