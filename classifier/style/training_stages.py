"""Long measurements in stages: finished stages are stored, so that an interrupted measurement resumes."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pandas as pd
from pydantic import BaseModel

from timbrebench.classifier.style.judge_configuration import JudgeConfiguration
from timbrebench.classifier.style.phrases.phrase_configuration import phrase_sources
from timbrebench.core.documents import read_json
from timbrebench.core.errors import JudgeError
from timbrebench.core.files import fingerprint, write_json

Figures = TypeVar("Figures", bound=BaseModel)

#: What of a clip decides what a judge learns from it, or is tested on.
_DECISIVE = ("sha256", "label", "split", "piece", "soundfont", "soundfont_family", "program")


def stage(path: Path, key: str, kind: type[Figures], measure: Callable[[Path], Figures]) -> Figures:
    """Return figures measured once: just now, or stored before.

    `path` is the JSON file that keeps them under `key`, the fingerprint of all that decides them: what a file
    keeps under another one is measured again. `measure` is given a folder of its own for what it needs to go
    on after an interruption, which goes when it returns. StorageError if the file cannot be written.
    """
    stored = _stored(path, key, kind)
    if stored is not None:
        return stored
    scratch = path.parent / f"{path.stem}-{key[:8]}"
    figures = measure(scratch)
    write_json(path, {"key": key, "figures": figures.model_dump(mode="json")})
    shutil.rmtree(scratch, ignore_errors=True)
    return figures


def training_key(manifest: pd.DataFrame, configuration: JudgeConfiguration) -> str:
    """Return the fingerprint of all that decides what a judge learns.

    The clips, the configuration, and the bytes of the soundfonts that its phrases are played with.
    MissingResourceError if one of those is missing.
    """
    clips = manifest[list(_DECISIVE)].astype(object)
    clips = clips.where(clips.notna(), None)  # JSON has no NaN, which stands for no label
    decisive = [clips.to_numpy().tolist(), configuration.model_dump(mode="json", exclude={"name"})]
    return fingerprint([*decisive, *phrase_sources(configuration.phrases)])


def _stored(path: Path, key: str, kind: type[Figures]) -> Figures | None:
    """Return the figures stored under this key, or None where they are missing or unreadable."""
    try:
        content = read_json(path, JudgeError)
        return kind.model_validate(content["figures"]) if content["key"] == key else None
    except (JudgeError, ValueError, KeyError):
        return None
