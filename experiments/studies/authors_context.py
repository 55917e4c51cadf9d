"""What studies of authors' outputs work on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from timbrebench.experiments.studies.published_outputs import PublishedOutput, read_outputs
from timbrebench.experiments.studies.study import StudySetting


@dataclass(frozen=True)
class AuthorsContext:
    """What a study of authors' outputs works on.

    The setting says how much work is done; our own outputs are kept in `workdir`, so that a study that was
    stopped continues.
    """

    outputs: tuple[PublishedOutput, ...]
    setting: StudySetting
    workdir: Path

    @classmethod
    def of_folder(cls, folder: Path, setting: StudySetting, workdir: Path) -> AuthorsContext:
        """Read a folder as :func:`~timbrebench.experiments.studies.published_outputs.read_outputs` does."""
        return cls(tuple(read_outputs(folder)), setting, workdir)
