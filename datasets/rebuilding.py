"""Build a dataset again from the description of one that exists."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from timbrebench.core.errors import ConfigurationError, DatasetError, UnknownNameError
from timbrebench.core.workers.executors import Executor
from timbrebench.datasets.dataset import DESCRIPTION, Dataset


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
        If there is no dataset, or both folders are one.
    Exception
        What the builder raises.
    """
    if Path(root).resolve() == Path(again).resolve():
        raise DatasetError(f"{again} holds the dataset that is to be built again: choose another folder")
    description = Dataset.open(root).description
    builders = _builders()
    name = str(description.get("builder"))
    if name not in builders:
        raise UnknownNameError(f"builder in {Path(root) / DESCRIPTION}:", name, builders)
    model, build = builders[name]
    try:
        configuration = model.model_validate(description["configuration"])
    except (KeyError, ValidationError) as error:
        raise ConfigurationError(
            f"{Path(root) / DESCRIPTION}: this version cannot build from its configuration ({error})"
        ) from error
    return build(configuration, again, executor=executor)


def can_rebuild(description: Mapping[str, Any]) -> bool:
    """Tell whether a description's configuration is all that its builder needs.

    Parameters
    ----------
    description : mapping
        The content of ``dataset.json``.

    Returns
    -------
    bool
        False for the audio of a suite, whose clips are chosen elsewhere, and for builders that are not known.
    """
    model, _ = _builders().get(str(description.get("builder")), (None, None))
    if model is None:
        return False
    try:
        model.model_validate(description.get("configuration"))
    except ValidationError:
        return False
    return True


def _builders() -> dict[str, tuple[Any, Callable[..., Dataset]]]:
    """Return what each builder takes, and what it is called with."""
    from timbrebench.datasets import DatasetConfiguration, build_dataset  # noqa: PLC0415 - they import this package
    from timbrebench.datasets.audioset import AudioSetConfiguration, build_audioset  # noqa: PLC0415
    from timbrebench.datasets.importing.import_configuration import ImportConfiguration  # noqa: PLC0415
    from timbrebench.datasets.importing.imported_dataset import import_dataset  # noqa: PLC0415

    return {
        "rendered-midi": (DatasetConfiguration, build_dataset),
        "audioset": (AudioSetConfiguration, build_audioset),
        "folder-import": (ImportConfiguration, import_dataset),
        "mirdata-import": (ImportConfiguration, import_dataset),
    }
