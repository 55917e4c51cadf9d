"""All builders by their names, and what follows: building a dataset again, and writing its card again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from timbrebench.core.errors import ConfigurationError, DatasetError, UnknownNameError
from timbrebench.core.workers.executors import Executor
from timbrebench.datasets.audioset.audioset_dataset import AUDIOSET, build_audioset
from timbrebench.datasets.building import Builder
from timbrebench.datasets.dataset import DESCRIPTION, Dataset
from timbrebench.datasets.dataset_card import dataset_card
from timbrebench.datasets.importing.imported_dataset import FOLDER_IMPORT, MIRDATA_IMPORT, import_dataset
from timbrebench.datasets.rendering.rendered_dataset import RENDERING, build_dataset

#: Each builder, and the function that builds from a configuration into a folder.
_BUILDERS: dict[str, tuple[Builder, Callable[..., Dataset]]] = {
    RENDERING.name: (RENDERING, build_dataset),
    AUDIOSET.name: (AUDIOSET, build_audioset),
    FOLDER_IMPORT.name: (FOLDER_IMPORT, import_dataset),
    MIRDATA_IMPORT.name: (MIRDATA_IMPORT, import_dataset),
}


def rebuild_dataset(root: Path | str, again: Path | str, *, executor: Executor | None = None) -> Dataset:
    """Build a dataset from the configuration that another one's description holds.

    Parameters
    ----------
    root : path-like
        The folder of the one that exists.
    again : path-like
        The folder of the new one.
    executor : Executor, optional
        As the builders take it.

    Returns
    -------
    Dataset
        The new one. It is the same to the byte where sources and software are.

    Raises
    ------
    ConfigurationError
        If this version does not take the configuration.
    DatasetError
        If there is no dataset, or both folders are the same.
    Exception
        What the builder raises.
    """
    if Path(root).resolve() == Path(again).resolve():
        raise DatasetError(f"{again} holds the dataset that is to be built again: choose another folder")
    description = Dataset.open(root).description
    name = str(description.get("builder"))
    if name not in _BUILDERS:
        raise UnknownNameError(f"builder in {Path(root) / DESCRIPTION}:", name, _BUILDERS)
    builder, build = _BUILDERS[name]
    try:
        configuration = builder.configuration.model_validate(description.get("configuration"))
    except ValidationError as error:
        raise ConfigurationError(
            f"{Path(root) / DESCRIPTION}: this version cannot build from its configuration ({error})"
        ) from error
    return build(configuration, again, executor=executor)


def card_of(dataset: Dataset) -> str:
    """Write the card of a dataset of any builder and any version: Markdown."""
    description: dict[str, Any] = dict(dataset.description)
    name = str(description["builder"])
    if name in _BUILDERS:
        return _BUILDERS[name][0].card(description)
    about = "A dataset of a builder that this version does not know."
    return dataset_card(description, title=name, about=about, rebuildable=False)
