"""What all builders share: reading a configuration, taking a folder for a build, finishing the dataset.

A builder describes itself (:class:`Builder`), returns early where :func:`is_finished`, works inside
:func:`build_folder`, and hands its clips over to :func:`finish_dataset`. A build can be stopped at any moment
and continues from there. Its journal is a folder inside the dataset's; ``dataset.json`` is written last, so a
folder that has it is whole.
"""

from __future__ import annotations

import contextlib
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pandas as pd
from pydantic import BaseModel, ValidationError

from timbrebench.core.documents import read_json, read_toml
from timbrebench.core.errors import ConfigurationError, DatasetError, describe_validation
from timbrebench.core.files import exclusive, file_sha256, write_json, write_text
from timbrebench.core.partial_files import remove_abandoned_parts
from timbrebench.core.tables import write_csv
from timbrebench.datasets.dataset import DESCRIPTION, FAILURES, MANIFEST, SCHEMA, Dataset
from timbrebench.datasets.dataset_card import CARD, dataset_card

#: The folder inside a dataset's that holds what a build that is not over needs to go on.
JOURNAL = ".build"

Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True)
class Builder:
    """What a builder's datasets say of it: its name in ``dataset.json``, the model of what it builds from.

    `title` and `about`, heading and first paragraph of the card, are part of each dataset's bytes.
    """

    name: str
    configuration: type[BaseModel]
    title: str
    about: str

    def card(self, description: Mapping[str, Any]) -> str:
        """Write the card of one of its datasets: Markdown."""
        rebuildable = configuration_of(description, self.configuration) is not None
        return dataset_card(description, title=self.title, about=self.about, rebuildable=rebuildable)


def configuration_of(description: Mapping[str, Any], model: type[Model]) -> Model | None:
    """Return the configuration that a ``dataset.json`` holds, if it is of a certain kind; else None.

    One builder's datasets can be made of several kinds of configuration: rendered clips are those of a whole
    dataset, of a suite, or of some of its splits. Each kind is recognised by its model, which takes no
    keys but its own. Settings that an earlier version did not have are at their defaults.
    """
    try:
        return model.model_validate(description.get("configuration"))
    except ValidationError:
        return None


def load_configuration(path: Path | str, model: type[Model]) -> Model:
    """Read a configuration from a TOML file.

    Parameters
    ----------
    path : path-like
        The file. Relative paths in it start from the working folder, as on the command line.
    model : type of pydantic.BaseModel
        What it holds.

    Returns
    -------
    pydantic.BaseModel
        Of the type `model`; the files that it names are not opened yet.

    Raises
    ------
    ConfigurationError
        If it cannot be read, or holds a key or value that is not allowed.
    """
    content = read_toml(Path(path), ConfigurationError)
    try:
        return model.model_validate(content)
    except ValidationError as error:
        schema = model.model_json_schema()
        parts = (schema, *schema.get("$defs", {}).values())
        known = {name for part in parts for name in part.get("properties", ())}
        raise describe_validation(error, str(path), known) from error


def is_finished(configuration: BaseModel, root: Path) -> bool:
    """Whether a folder, which need not exist, is a configuration's finished dataset.

    What a build that was killed at its end has left there is removed. Raises DatasetError if it holds another
    configuration's dataset.
    """
    if not (root / DESCRIPTION).is_file():
        return False
    _refuse_other(root, Dataset.open(root).description, configuration)
    remove_abandoned_parts(root)
    _remove_journal(root)
    return True


@contextlib.contextmanager
def build_folder(configuration: BaseModel, root: Path) -> Iterator[None]:
    """Take a folder for a build, or take up the build that was begun in it; afterwards the journal is gone.

    The folder is made where missing. Raises DatasetError if it holds something else, or another
    configuration's build, and StorageError if it cannot be written, or another process is building there;
    what is finished is kept.
    """
    path = root / JOURNAL / "configuration.json"
    if path.is_file():
        begun_with = read_json(path, DatasetError)
        _refuse_other(root, {"configuration": begun_with}, configuration)
    elif root.exists() and any(root.iterdir()) and not (root / JOURNAL).exists():
        raise DatasetError(f"{root} is not empty and holds no dataset: choose another folder")
    write_json(path, configuration.model_dump(mode="json"))
    with exclusive(root / JOURNAL / "lock"):
        remove_abandoned_parts(root)
        yield
        _remove_journal(root)


def _remove_journal(root: Path) -> None:
    """Remove the journal of a build that is over, which another process may be about to do as well."""
    shutil.rmtree(root / JOURNAL, ignore_errors=True)


def _refuse_other(root: Path, description: Mapping[str, Any], configuration: BaseModel) -> None:
    wanted = configuration.model_dump(mode="json")
    same_kind = configuration_of(description, type(configuration))
    present = description.get("configuration") if same_kind is None else same_kind.model_dump(mode="json")
    present = present if isinstance(present, dict) else {}
    if present != wanted:
        different = sorted(key for key in {*wanted, *present} if present.get(key) != wanted.get(key))
        raise DatasetError(
            f"{root} holds a dataset of another configuration ({', '.join(different)} differ): "
            "choose another folder or delete this one"
        )


def finish_dataset(
    root: Path,
    builder: Builder,
    configuration: BaseModel,
    *,
    manifest: pd.DataFrame,
    failures: Iterable[tuple[str, str]],
    sources: Iterable[Mapping[str, Any]],
    software: Mapping[str, str],
    tables: Mapping[str, pd.DataFrame] | None = None,
    counted: Iterable[str] = (),
    counts: Mapping[str, int] | None = None,
    facts: Mapping[str, Any] | None = None,
) -> None:
    """Write a dataset's tables, its card and, last, its description; remove audio that no row lists.

    The folder has the clips and notes already, the manifest a row for each clip in the order of the file. The
    configuration is of the builder's own kind, or another one whose clips it renders. `failures` are what
    could not be used, and why; `sources` have the name, SHA-256 or version, and licence of what the dataset
    is made from; `tables` are further ones by the names of their files; `counted` are columns whose values
    are counted besides those of every dataset, `counts` what else was counted; `facts` are what the
    description says besides. Raises StorageError if a file cannot be written.
    """
    rejected = pd.DataFrame(list(failures), columns=["source", "reason"])
    written = {MANIFEST: manifest, FAILURES: rejected, **(tables or {})}
    for name, table in written.items():
        write_csv(root / name, table)
    remove_abandoned_parts(root)
    _remove_unlisted(root, set(manifest.path))
    description: dict[str, Any] = {
        "schema": SCHEMA,
        "builder": builder.name,
        "configuration": configuration.model_dump(mode="json"),
        "sources": list(sources),
        "software": software,
        "counts": {
            **count_clips(manifest, ("label", "split", *counted)),
            **(counts or {}),
            "failures": len(rejected),
        },
        **(facts or {}),
    }
    write_text(root / CARD, builder.card(description))
    files = [*(root / name for name in (*written, CARD)), *(root / "notes").glob("*.csv")]
    digests = {path.relative_to(root).as_posix(): file_sha256(path) for path in files}
    write_json(root / DESCRIPTION, {**description, "files": digests})


def _remove_unlisted(root: Path, listed: set[str]) -> None:
    """Remove what a build that was stopped has left, and clips that lost their places to others."""
    for path in (root / "audio").rglob("*"):
        if path.is_file() and path.relative_to(root).as_posix() not in listed:
            path.unlink()
    for folder in sorted((path for path in (root / "audio").rglob("*") if path.is_dir()), reverse=True):
        if not any(folder.iterdir()):
            folder.rmdir()


def count_clips(manifest: pd.DataFrame, columns: Iterable[str]) -> dict[str, Any]:
    """Count a manifest's clips, hours and pieces, and the clips with each value of some columns.

    A clip with several labels, separated by ``|``, counts for each of them.
    """
    counts: dict[str, Any] = {
        "clips": len(manifest),
        "hours": round(float(manifest.duration_s.sum()) / 3600, 4),
        "pieces": int(manifest.piece.nunique()),
    }
    for column in columns:
        values = manifest[column].str.split("|").explode().value_counts().sort_index()
        counts[column] = {str(value): int(count) for value, count in values.items()}
    return counts


def commonest(reasons: Iterable[str]) -> str:
    """List the three commonest reasons of failures, for the message of a build that has no clip."""
    counts = Counter(reasons).most_common(3)
    return "; ".join(f"{reason} ({count} times)" for reason, count in counts) or "there is nothing to cut"
